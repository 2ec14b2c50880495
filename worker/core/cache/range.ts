// Byte ranges (RFC 9110 §14, RFC 9111 §3.3-3.4): what a request asks for, what a stored answer holds of it, and when two
// parts may be put together. One range at a time: a request for several gets the whole, as any server may do (§14.2).

/** Inclusive positions, as on the wire. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export interface HeldRange extends ByteRange {
  /** Of the whole representation; -1: unknown. */
  readonly total: number;
}

/** As written: `a-b`, `a-` (last -1) or `-n` (first -1). */
type RangeSpec = ByteRange;

const NUMBER = /^\d{1,15}$/;

/** Undefined for what is ignored: another unit, several ranges, or no range at all (§14.2). */
export function requestedRange(field: string): RangeSpec | undefined {
  const equals = field.indexOf("=");
  if (field.slice(0, equals).trim().toLowerCase() !== "bytes") return undefined;
  const spec = field.slice(equals + 1).trim();
  const dash = spec.indexOf("-");
  if (dash < 0) return undefined;
  const from = spec.slice(0, dash);
  const to = spec.slice(dash + 1);
  if (from === "") return NUMBER.test(to) ? { first: -1, last: Number(to) } : undefined;
  if (!NUMBER.test(from) || (to !== "" && !NUMBER.test(to))) return undefined;
  const range = { first: Number(from), last: to === "" ? -1 : Number(to) };
  return range.last >= 0 && range.last < range.first ? undefined : range;
}

/** Of a representation of `total` bytes; undefined when it has none of what is asked for: 416 (§14.1.2, §15.5.17). */
export function resolveRange({ first, last }: RangeSpec, total: number): ByteRange | undefined {
  if (first < 0) return last === 0 || total === 0 ? undefined : { first: Math.max(0, total - last), last: total - 1 };
  if (first >= total) return undefined;
  return { first, last: last < 0 ? total - 1 : Math.min(last, total - 1) };
}

/** The bytes asked for, when a stored part holds all of them (RFC 9111 §3.3: only then). */
export function rangeWithin(spec: RangeSpec, held: HeldRange): ByteRange | undefined {
  if (held.total < 0 && (spec.first < 0 || spec.last < 0)) return undefined;
  const wanted = held.total < 0 ? spec : resolveRange(spec, held.total);
  return wanted !== undefined && wanted.first >= held.first && wanted.last <= held.last ? wanted : undefined;
}

/** `bytes 0-4/10`; undefined for what is none, `bytes *\/10` among it. */
export function contentRange(field: string | null): HeldRange | undefined {
  const parts = field === null ? null : /^bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(field.trim());
  if (parts === null) return undefined;
  const held = { first: Number(parts[1]), last: Number(parts[2]), total: parts[3] === "*" ? -1 : Number(parts[3]) };
  return held.last < held.first || (held.total >= 0 && held.last >= held.total) ? undefined : held;
}

export const contentRangeField = ({ first, last }: ByteRange, total: number): string =>
  `bytes ${first}-${last}/${total < 0 ? "*" : total}`;

/**
 * What a part of `bytes` bytes holds, whose Content-Range says `held`. A part that claims to reach the end is believed where
 * it begins and where its bytes end; any other that does not hold what it says is none.
 */
export function heldBy(held: HeldRange, bytes: number): HeldRange | undefined {
  if (bytes === held.last - held.first + 1) return held;
  if (bytes === 0 || held.last !== held.total - 1 || bytes > held.last - held.first + 1) return undefined;
  const last = held.first + bytes - 1;
  return { first: held.first, last, total: last + 1 };
}

/** What two parts of one representation are together; undefined when a gap stays between them (RFC 9110 §15.3.7.3). */
export function joined(a: HeldRange, b: HeldRange): HeldRange | undefined {
  const total = a.total < 0 ? b.total : a.total;
  if (b.total >= 0 && b.total !== total) return undefined;
  if (a.first > b.last + 1 || b.first > a.last + 1) return undefined;
  return { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last), total };
}

/** Whether `held` is the whole. */
export const isWhole = ({ first, last, total }: HeldRange): boolean => first === 0 && last === total - 1;
