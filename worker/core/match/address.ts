// IP addresses as numbers: reading them, blocks (CIDR), and whether a host name may be somewhere inside (RFC 6890).
// Hosts come as the URL parser writes them: it has already turned `0x7f.1`, `017700000001` and `[::FFFF:7F00:1]` into
// one form, so only that form is read here, and what cannot be read is no address.

/** 128 bits as eight groups of 16; an IPv4 address is its mapped form, ::ffff:a.b.c.d. */
export type Address = readonly number[];

export interface AddressRange {
  readonly address: Address;
  /** Leading bits that count, of 128. */
  readonly bits: number;
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff] as const;

export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): Address | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map(Number);
  // A leading zero reads as octal to some: refuse it rather than choose.
  if (match.slice(1).some((part) => part.length > 1 && part.startsWith("0"))) return undefined;
  if (parts.some((part) => part > 255)) return undefined;
  return [...MAPPED_PREFIX, parts[0]! * 256 + parts[1]!, parts[2]! * 256 + parts[3]!];
}

function parseV6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group (RFC 4291 §2.2).
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** Groups of hex digits, the last of the whole address perhaps a dotted IPv4 one; undefined when one is neither. */
function groups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const out: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(parseInt(part, 16));
    else {
      const v4 = endsAddress && index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      out.push(v4[6]!, v4[7]!);
    }
  }
  return out;
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const isV4 = !text.includes(":");
  if (slash < 0) return { address, bits: 128 };
  const written = text.slice(slash + 1);
  const bits = Number(written);
  if (!/^(0|[1-9]\d{0,2})$/.test(written) || bits > (isV4 ? 32 : 128)) return undefined;
  return { address, bits: isV4 ? bits + 96 : bits };
}

export function inRange(address: Address, range: AddressRange): boolean {
  let left = range.bits;
  for (let group = 0; group < 8 && left > 0; group++, left -= 16) {
    const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff;
    if ((address[group]! & mask) !== (range.address[group]! & mask)) return false;
  }
  return true;
}

const range = (text: string): AddressRange => {
  const parsed = parseRange(text);
  if (parsed === undefined) throw new TypeError(`not an address range: ${text}`);
  return parsed;
};

/** IPv4 blocks that are not the public internet (IANA special-purpose registry, multicast, reserved). */
const V4_INSIDE = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
].map(range);

/** Only 2000::/3 is handed out; these blocks of it are special (Teredo, ORCHID, documentation). */
const V6_OUTSIDE = range("2000::/3");
const V6_INSIDE = ["2001::/23", "2001:db8::/32", "3fff::/20"].map(range);
const MAPPED = range("::ffff:0:0/96");
/** Blocks that carry an IPv4 address within: NAT64 (RFC 6052) in the last two groups, 6to4 (RFC 3056) behind the first. */
const NAT64 = range("64:ff9b::/96");
const SIX_TO_FOUR = range("2002::/16");

function isInsideAddress(address: Address): boolean {
  if (inRange(address, MAPPED)) return V4_INSIDE.some((each) => inRange(address, each));
  if (inRange(address, NAT64)) return isInsideAddress([...MAPPED_PREFIX, address[6]!, address[7]!]);
  if (inRange(address, SIX_TO_FOUR)) return isInsideAddress([...MAPPED_PREFIX, address[1]!, address[2]!]);
  return !inRange(address, V6_OUTSIDE) || V6_INSIDE.some((each) => inRange(address, each));
}

/** Names that are never public: RFC 6761, RFC 6762, RFC 8375, ICANN's .internal, and what networks use for themselves. */
const INSIDE_SUFFIXES = [
  ".localhost",
  ".local",
  ".internal",
  ".home.arpa",
  ".intranet",
  ".private",
  ".corp",
  ".home",
  ".lan",
  ".localdomain",
] as const;

export type HostKind = "public" | "literal" | "inside";

/**
 * What a URL's `hostname` is: a public name, a public address written out, or somewhere inside (private, loopback,
 * link-local, metadata services, names without a dot). A public name may still resolve to the inside; that is for
 * whoever connects to see.
 */
export function hostKind(hostname: string): HostKind {
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  const address = parseAddress(bare);
  if (address !== undefined) return isInsideAddress(address) ? "inside" : "literal";
  const name = hostname.toLowerCase().replace(/\.+$/, "");
  if (!name.includes(".") || INSIDE_SUFFIXES.some((suffix) => name.endsWith(suffix))) return "inside";
  return "public";
}
