// What a rule adds to the key of its entries (SEEDS P14): the fields it varies by, hashed wherever a value may be a secret, and
// its part of the query. A part says its own length, so that no value can pass for another part; what a client may send
// without bound is hashed, so that keys are bounded. Nothing here reads a body: its hash is handed in.
import { sha256Hex } from "../stats/sha256.ts";
import { queryValue } from "./query.ts";

/** One of a rule's `varyBy`, read once per policy. */
export type VaryPart =
  | { readonly kind: "payload" }
  | { readonly kind: "dates" }
  | { readonly kind: "header" | "query" | "cookie" | "either"; readonly name: string };

export interface KeySource {
  /** Value of a field; null when it was not sent. */
  header(name: string): string | null;
  /** As received, with its `?`. */
  readonly query: string;
  /** Of the whole body, hexadecimal; "" without a body. */
  readonly payloadHash: string;
}

/** 128 bits: two different values share an entry once in 2^64. */
const HASH_DIGITS = 32;
/** Longer values are told apart by their hash. */
const PLAIN_LENGTH = 64;
/** Fields whose value is worth something to whoever reads a key. */
const SECRET = /auth|token|secret|cookie|key|session|credential|signature|jwt/;

/** Names of query parameters that say which days are meant, in pairs. */
const DATE_NAMES = [
  ["from", "to"],
  ["start", "end"],
  ["since", "until"],
  ["start_date", "end_date"],
  ["startDate", "endDate"],
  ["date_from", "date_to"],
] as const;

/** From the words of a policy. */
export function varyPart(written: string): VaryPart {
  const colon = written.indexOf(":");
  const [kind, name] = [written.slice(0, Math.max(colon, 0)), written.slice(colon + 1)];
  if (kind === "query" || kind === "cookie") return { kind, name };
  if (kind === "header") return { kind, name: name.toLowerCase() };
  if (name === "payload_hash") return { kind: "payload" };
  if (name === "date_range") return { kind: "dates" };
  return name.toLowerCase() === "authorization" ? { kind: "header", name: "authorization" } : { kind: "either", name };
}

/** The parts of one request, in the order of the rule. */
export function keyParts(parts: readonly VaryPart[], source: KeySource): string {
  let key = "";
  for (const part of parts) key += keyPart(part, source);
  return key;
}

function keyPart(part: VaryPart, source: KeySource): string {
  switch (part.kind) {
    case "payload":
      return written("payload", source.payloadHash, false);
    case "dates":
      return written("dates", dateRange(source.query), false);
    case "query":
      return written(`query:${part.name}`, queryValue(source.query, part.name), false);
    case "cookie":
      return written(`cookie:${part.name}`, cookieValue(source.header("cookie"), part.name), true);
    case "header":
      return written(`header:${part.name}`, source.header(part.name), SECRET.test(part.name));
    case "either": {
      const lower = part.name.toLowerCase();
      const field = written(`header:${lower}`, source.header(lower), SECRET.test(lower));
      return field + written(`query:${part.name}`, queryValue(source.query, part.name), SECRET.test(lower));
    }
  }
}

/** `name=8:the text;`, `name=#hash;`, or `name;` where there is no value: absent and empty are two things. */
function written(name: string, value: string | null | undefined, isSecret: boolean): string {
  if (value === null || value === undefined) return `${name};`;
  const hidden = isSecret || value.length > PLAIN_LENGTH;
  return hidden ? `${name}=#${sha256Hex(value, HASH_DIGITS)};` : `${name}=${value.length}:${value};`;
}

/** `date_range` as the seed names it, or the two ends under one of their usual names; "default" when none is given. */
export function dateRange(query: string): string {
  const named = queryValue(query, "date_range");
  if (named !== undefined) return named;
  for (const [from, to] of DATE_NAMES) {
    const [first, last] = [queryValue(query, from), queryValue(query, to)];
    if (first !== undefined || last !== undefined) return `${first ?? ""}..${last ?? ""}`;
  }
  return "default";
}

/** The first cookie of that name, as RFC 6265 §5.4 orders them; its value is not decoded. */
function cookieValue(cookies: string | null, name: string): string | undefined {
  if (cookies === null) return undefined;
  for (const pair of cookies.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
