// Signed tokens in their compact form (RFC 7515 §7.1), verified by the book of RFC 8725: the caller says which algorithms
// it takes, the key says which one it is for, and the token may only agree. Nothing a header says is ever fetched or
// trusted: keys come from the caller alone. No input makes it throw, and its time is bounded by the size of the token.
import { readJson, type JsonLimits } from "../protocol/json.ts";
import { fromBase64url, fromUtf8, toUtf8 } from "./encoding.ts";
import { ALGORITHMS, importKey, isAlgorithm, readKeys, type JwsAlgorithm, type VerifyKey } from "./jwk.ts";

export const MAX_TOKEN_BYTES = 16 * 1024;
const HEADER_LIMITS: JsonLimits = { maxBytes: 4_096, maxDepth: 8, maxMembers: 64 };
/** Keys tried for one token: a set whose keys have no names must not cost a verification each. */
const MOST_TRIED = 8;

export type JwsHeader = Readonly<Record<string, unknown>> & { readonly alg: string };

export type JwsCode =
  /** Longer than a token may be. */
  | "too_large"
  /** Not three canonical segments. */
  | "malformed"
  /** Its header is no JSON object of the kind it has to be. */
  | "header_invalid"
  /** It says that something must be understood which is not (RFC 7515 §4.1.11, RFC 7797). */
  | "crit_not_understood"
  /** Signed by an algorithm, or by none, that is not taken. */
  | "alg_not_allowed"
  /** No key that it names, or that could verify it. */
  | "no_key"
  | "bad_signature";

export interface JwsOptions {
  /** Epoch ms: keys may say until when they are good. Absent: they are not asked. */
  readonly now?: number;
  /** What is taken; empty: nothing is. */
  readonly algorithms: readonly string[];
}

export type JwsResult =
  | { readonly ok: true; readonly header: JwsHeader; readonly payload: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly code: JwsCode };

/** A token taken apart, nothing of it believed. */
export interface ParsedJws {
  readonly header: JwsHeader;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** RFC 7515 §5.1: header and payload as they stand in the token. */
  readonly signed: string;
}

const fail = (code: JwsCode): { readonly ok: false; readonly code: JwsCode } => ({ ok: false, code });

/**
 * Whether one of `keys` (a JWK, a list or a set of them, or keys that `readKeys` has read) has signed `token`. The payload
 * is bytes: what it means is another question (claims.ts). Never throws and never rejects, whatever it is given.
 */
export async function verifyJws(token: unknown, keys: unknown, options: JwsOptions): Promise<JwsResult> {
  try {
    const parsed = parseJws(token);
    if ("code" in parsed) return parsed;
    return await verifyParsed(parsed, keys, options);
  } catch {
    // Whatever the runtime refuses to work with has not signed anything.
    return fail("bad_signature");
  }
}

/** Takes a token apart without believing any of it. Never throws. */
export function parseJws(token: unknown): ParsedJws | { readonly ok: false; readonly code: JwsCode } {
  if (typeof token !== "string") return fail("malformed");
  if (token.length > MAX_TOKEN_BYTES) return fail("too_large");
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  if (first <= 0 || second < 0 || token.includes(".", second + 1)) return fail("malformed");
  const headerBytes = fromBase64url(token.slice(0, first));
  const payload = fromBase64url(token.slice(first + 1, second));
  const signature = fromBase64url(token.slice(second + 1));
  if (headerBytes === undefined || payload === undefined || signature === undefined) return fail("malformed");
  const header = readHeader(headerBytes);
  if (header === undefined) return fail("header_invalid");
  // RFC 7515 §4.1.11: what is critical must be understood, and no extension is; RFC 7797 §6 for b64.
  if (Object.hasOwn(header, "crit") || Object.hasOwn(header, "b64")) return fail("crit_not_understood");
  return { header, payload, signature, signed: token.slice(0, second) };
}

const TEXTS = ["alg", "kid", "typ", "cty"];

/** One JSON object in UTF-8, no name twice (RFC 7515 §4), the members used here texts. */
function readHeader(bytes: Uint8Array): JwsHeader | undefined {
  const text = fromUtf8(bytes);
  if (text === undefined) return undefined;
  const json = readJson(text, HEADER_LIMITS);
  if (!json.ok || typeof json.value !== "object" || json.value === null || Array.isArray(json.value)) return undefined;
  const header = json.value as Record<string, unknown>;
  if (TEXTS.some((name) => Object.hasOwn(header, name) && typeof header[name] !== "string")) return undefined;
  // Absent, it is refused as an algorithm that is not taken.
  return Object.hasOwn(header, "alg") ? (header as JwsHeader) : { ...header, alg: "" };
}

/** RFC 8725 §3.10: a key that a token brings along proves only that whoever made the token has a key. */
export const bringsKey = (header: JwsHeader): boolean =>
  ["jku", "jwk", "x5u", "x5c"].some((name) => Object.hasOwn(header, name));

export async function verifyParsed(parsed: ParsedJws, keys: unknown, options: JwsOptions): Promise<JwsResult> {
  const { header, signature } = parsed;
  const { alg } = header;
  // Exact text: "none", "NONE" and "hs256" are no names of algorithms.
  if (!isAlgorithm(alg) || !options.algorithms.includes(alg)) return fail("alg_not_allowed");
  const { signatureBytes } = ALGORITHMS[alg];
  const candidates = candidatesFor(readKeys(keys).keys, header, alg, options.now);
  if (candidates.length === 0) return fail("no_key");
  // RFC 7518 §3.4: r and s side by side, each of full length. DER is another text for the same signature.
  const fitting = candidates.filter((key) => signature.length === (signatureBytes || key.modulusBytes));
  const data = toUtf8(parsed.signed);
  for (const key of fitting.slice(0, MOST_TRIED)) {
    if (await hasSigned(key, alg, signature, data)) return { ok: true, header, payload: parsed.payload };
  }
  return fail("bad_signature");
}

/** Keys of the name that the token gives, else those without a name; without one in the token, all that could be meant. */
function candidatesFor(
  keys: readonly VerifyKey[],
  header: JwsHeader,
  alg: JwsAlgorithm,
  now: number | undefined,
): readonly VerifyKey[] {
  const able = keys.filter(
    (key) =>
      key.algorithms.includes(alg) &&
      (now === undefined || (now >= key.notBefore * 1_000 && now < key.expires * 1_000)),
  );
  const kid = header["kid"];
  if (kid === undefined) return able;
  const named = able.filter((key) => key.kid === kid);
  return named.length > 0 ? named : able.filter((key) => key.kid === undefined);
}

async function hasSigned(
  key: VerifyKey,
  alg: JwsAlgorithm,
  signature: Uint8Array<ArrayBuffer>,
  data: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const { kind, hash, hashBytes } = ALGORITHMS[alg];
  const parameters =
    kind === "ECDSA"
      ? { name: kind, hash }
      : kind === "RSA-PSS"
        ? { name: kind, saltLength: hashBytes }
        : { name: kind };
  try {
    return await crypto.subtle.verify(parameters, await importKey(key, alg), signature, data);
  } catch {
    // No key after all (a point beside its curve, say), or a signature that the runtime does not even look at.
    return false;
  }
}
