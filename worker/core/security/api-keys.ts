// API keys, `id.secret`: made from random bytes that are given, kept as an HMAC under a pepper and never as themselves. The id
// carries a tag made with the pepper, so that an id somebody has thought up is found out by one hash, and nobody is asked
// about it. Secrets have 256 random bits: no guessing, so no slow hash is needed, and the pepper guards a stolen store.
import * as v from "valibot";
import { name, permission } from "../protocol/fields.ts";
import { fromBase64url, toBase64url, toUtf8 } from "./encoding.ts";

/** Makes keys known to people and to secret scanners. */
const PREFIX = "sk_";
const ID_BYTES = 12;
const SECRET_BYTES = 32;
const TAG_LETTERS = 8;
const ID_LETTERS = (ID_BYTES / 3) * 4;
const KEY = /^(sk_[A-Za-z0-9_-]{24})\.([A-Za-z0-9_-]{43})$/;
const KEY_LETTERS = PREFIX.length + ID_LETTERS + TAG_LETTERS + 1 + 43;

/** Random bytes that a new key is made of. */
export const RANDOM_BYTES = ID_BYTES + SECRET_BYTES;

export type Pepper = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

export const pepperOf = (text: string): Promise<Pepper> =>
  crypto.subtle.importKey("raw", toUtf8(text), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

/** Undefined for what has not the shape of a key: no hash is spent on it. */
export function readApiKey(text: string): ApiKey | undefined {
  if (text.length !== KEY_LETTERS || !text.startsWith(PREFIX)) return undefined;
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Meant as one of our keys, well formed or not. */
export const isLikeKey = (text: string): boolean => text.startsWith(PREFIX);

export const isKeyId = (text: string): boolean => /^sk_[A-Za-z0-9_-]{24}$/.test(text);

const mac = async (pepper: Pepper, words: string): Promise<string> =>
  toBase64url(new Uint8Array(await crypto.subtle.sign("HMAC", pepper, toUtf8(words))));

/** The key, to be shown once, and what is kept of it. */
export async function makeApiKey(
  random: Uint8Array,
  pepper: Pepper,
): Promise<{ readonly id: string; readonly key: string; readonly hash: string }> {
  if (random.length !== RANDOM_BYTES) throw new RangeError(`a key takes ${RANDOM_BYTES} random bytes`);
  const chosen = toBase64url(random.subarray(0, ID_BYTES));
  const id = PREFIX + chosen + (await mac(pepper, `id:${chosen}`)).slice(0, TAG_LETTERS);
  const key = `${id}.${toBase64url(random.subarray(ID_BYTES))}`;
  return { id, key, hash: await mac(pepper, `key:${key}`) };
}

/** The id was made here: worth asking the store about. */
export async function isOurs(id: string, pepper: Pepper): Promise<boolean> {
  const chosen = id.slice(PREFIX.length, PREFIX.length + ID_LETTERS);
  // Who can measure this comparison learns a tag, that is: an id, which is no secret.
  return (await mac(pepper, `id:${chosen}`)).startsWith(id.slice(PREFIX.length + ID_LETTERS));
}

/** In constant time: the runtime compares. */
export async function isKeyOf({ id, secret }: ApiKey, hash: string, pepper: Pepper): Promise<boolean> {
  const expected = fromBase64url(hash);
  if (expected === undefined) return false;
  return crypto.subtle.verify("HMAC", pepper, expected, toUtf8(`key:${id}.${secret}`));
}

const short = (maximum: number) =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(maximum), v.regex(/^[^\p{Cc}]*$/u, "must hold no control characters"));
const grants = v.optional(v.pipe(v.array(permission), v.maxLength(64)), []);

/** What an operator says of a key to be made. */
export const newKeySchema = v.strictObject({
  name: short(128),
  /** Whom it speaks for; absent: its own name. */
  user: v.optional(short(256)),
  tenant: v.optional(short(256)),
  roles: grants,
  permissions: grants,
  /** One of `security.rateLimits`. */
  rateLimit: v.optional(name),
  /** An RFC 3339 time, or epoch ms; absent: it does not end. */
  expiresAt: v.optional(
    v.union([
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(8.64e15)),
      v.pipe(v.string(), v.maxLength(40), v.isoTimestamp()),
    ]),
  ),
});

export type NewKey = v.InferOutput<typeof newKeySchema>;

/** What is kept of a key. Times are epoch ms, 0 for never. */
export interface KeyRecord {
  readonly id: string;
  /** HMAC-SHA-256 under the pepper, base64url. */
  readonly hash: string;
  readonly name: string;
  readonly user: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** "" for the route's own. */
  readonly rateLimit: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number;
}

const texts = v.array(v.string());
const recordSchema = v.object({
  ...{ id: v.string(), hash: v.string(), name: v.string(), user: v.string(), tenant: v.string() },
  ...{ roles: texts, permissions: texts, rateLimit: v.string() },
  ...{ createdAt: v.number(), expiresAt: v.number(), revokedAt: v.number() },
});

/** A record as it came out of a store; undefined when it is none. */
export function readKeyRecord(text: string): KeyRecord | undefined {
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export const isLive = ({ expiresAt, revokedAt }: KeyRecord, now: number): boolean =>
  revokedAt === 0 && (expiresAt === 0 || now < expiresAt);
