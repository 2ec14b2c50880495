// Whose requests are counted together: one text for each caller, by the dimension the policy names. Tenants never mix, nor do
// dimensions: every text begins with its own word, and a tenant's name is written so that it cannot run into what follows.
// Names, addresses and key ids may be stored; the value of a header may be a secret and is stored as a hash (`storedAs`).
import { parseAddress } from "../match/address.ts";

/** Who asks for what, as far as a limit may count by it. "" for what is not known. */
export interface Caller {
  readonly tenant: string;
  /** One text for one caller within its tenant. */
  readonly identity: string;
  /** Public part of an API key. */
  readonly key: string;
  /** As the edge vouches for it. */
  readonly address: string;
  readonly route: string;
  readonly model: string;
  header(name: string): string | null;
}

export type CountedBy = "identity" | "key" | "address" | "route" | "model" | `header:${string}`;

const HEADER = "header:";
const LONGEST_STORED = 160;

export function counted(by: CountedBy, caller: Caller): string {
  switch (by) {
    case "identity":
      return caller.identity === "" ? byAddress(caller) : `identity:${tenantOf(caller)}${caller.identity}`;
    case "key":
      return caller.key === "" ? byAddress(caller) : `key:${tenantOf(caller)}${caller.key}`;
    case "address":
      return byAddress(caller);
    case "route":
      return `route:${caller.route}`;
    case "model":
      return `model:${caller.model}`;
    default: {
      const value = caller.header(by.slice(HEADER.length));
      return value === null ? byAddress(caller) : `${by.toLowerCase()}:${tenantOf(caller)}${value}`;
    }
  }
}

const byAddress = ({ address }: Caller): string => `address:${network(address)}`;

function tenantOf({ tenant }: Caller): string {
  if (tenant === "") return "/";
  return `${tenant.includes("/") || tenant.includes("%") ? encodeURIComponent(tenant.toWellFormed()) : tenant}/`;
}

/** A home has a /64 of IPv6 at least, and may come from any address of it. */
export function network(address: string): string {
  if (!address.includes(":")) return address === "" ? "unknown" : address;
  const groups = parseAddress(address);
  if (groups === undefined) return "unknown";
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join(".");
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

/** What goes into storage and names: as it is, or its beginning and a hash where it may be a secret or is too long. */
export async function storedAs(who: string): Promise<string> {
  if (!who.startsWith(HEADER) && who.length <= LONGEST_STORED) return who;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(who));
  const hex = [...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const prefix = who.startsWith(HEADER)
    ? who.slice(0, who.indexOf(":", HEADER.length))
    : who.slice(0, who.indexOf(":"));
  return `${prefix}:sha256:${hex}`;
}
