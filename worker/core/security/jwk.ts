// Keys as others publish them (RFC 7517, RFC 7518 §6, RFC 8037), checked before anything is verified with them. One key,
// one kind of algorithm (RFC 8725 §3.1, §3.2): what a key may do is decided here, by the key, and never by the token.
// Weak keys are refused with a reason that can be reported: it names the rule, never the key.
import { fromBase64url } from "./encoding.ts";

export type JwsAlgorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA";

type Kind = "HMAC" | "RSASSA-PKCS1-v1_5" | "RSA-PSS" | "ECDSA" | "Ed25519";

interface Algorithm {
  readonly kind: Kind;
  readonly hash: "SHA-256" | "SHA-384" | "SHA-512";
  readonly hashBytes: number;
  /** The one curve of an ES algorithm (RFC 7518 §3.4). */
  readonly curve: string;
  /** Of a signature, where the algorithm fixes it; 0 where the key does. */
  readonly signatureBytes: number;
}

const algorithm = (kind: Kind, bits: 256 | 384 | 512, curve = "", signatureBytes = 0): Algorithm => ({
  kind,
  hash: `SHA-${bits}`,
  hashBytes: bits / 8,
  curve,
  signatureBytes,
});

export const ALGORITHMS: Readonly<Record<JwsAlgorithm, Algorithm>> = {
  HS256: algorithm("HMAC", 256, "", 32),
  HS384: algorithm("HMAC", 384, "", 48),
  HS512: algorithm("HMAC", 512, "", 64),
  RS256: algorithm("RSASSA-PKCS1-v1_5", 256),
  RS384: algorithm("RSASSA-PKCS1-v1_5", 384),
  RS512: algorithm("RSASSA-PKCS1-v1_5", 512),
  PS256: algorithm("RSA-PSS", 256),
  PS384: algorithm("RSA-PSS", 384),
  PS512: algorithm("RSA-PSS", 512),
  ES256: algorithm("ECDSA", 256, "P-256", 64),
  ES384: algorithm("ECDSA", 384, "P-384", 96),
  ES512: algorithm("ECDSA", 512, "P-521", 132),
  EdDSA: algorithm("Ed25519", 512, "Ed25519", 64),
};

export const isAlgorithm = (name: unknown): name is JwsAlgorithm =>
  typeof name === "string" && Object.hasOwn(ALGORITHMS, name);

const NAMES = Object.keys(ALGORITHMS) as JwsAlgorithm[];
/** Key types and the algorithms each can serve. */
const SERVED: Readonly<Record<string, readonly JwsAlgorithm[]>> = {
  oct: NAMES.filter((name) => name.startsWith("HS")),
  RSA: NAMES.filter((name) => name.startsWith("RS") || name.startsWith("PS")),
  EC: NAMES.filter((name) => name.startsWith("ES")),
  OKP: ["EdDSA"],
};

/** Octets of a coordinate (RFC 7518 §6.2.1.2: leading zeros are written). */
const COORDINATE_BYTES: Readonly<Record<string, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };

const LEAST_RSA_BITS = 2_048;
/** Verification gets slower with the modulus; nobody's own key is longer. */
const MOST_RSA_BITS = 8_192;
/** FIPS 186-5 §5.1: 2^16 < e. Smaller ones are what padding attacks live on. */
const LEAST_EXPONENT = 65_537;
const MOST_SECRET_BYTES = 4_096;
const LONGEST_KID = 512;
const MOST_KEYS = 128;

/** Public members of a key, as the runtime imports them. */
export interface PublicJwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly k?: string;
}

type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A key that may verify. */
export interface VerifyKey {
  readonly kid: string | undefined;
  /** What it may be used with, never empty. */
  readonly algorithms: readonly JwsAlgorithm[];
  readonly jwk: PublicJwk;
  /** Bytes of an RSA signature; 0 for other keys. */
  readonly modulusBytes: number;
  /** Epoch seconds between which it is good, where it says so. */
  readonly notBefore: number;
  readonly expires: number;
  /** It came with its private half. */
  readonly hasPrivate: boolean;
  /** By algorithm, as imported at first use. */
  readonly imported: Map<JwsAlgorithm, ImportedKey>;
}

/** Why a key is not used. */
export interface KeyProblem {
  /** Place in its set. */
  readonly index: number;
  readonly kid: string | undefined;
  readonly problem: string;
}

/** Keys ready for use, and those that were refused. */
export class KeyRing {
  readonly keys: readonly VerifyKey[];
  readonly problems: readonly KeyProblem[];
  constructor(keys: readonly VerifyKey[], problems: readonly KeyProblem[]) {
    this.keys = keys;
    this.problems = problems;
  }
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of a JWK, a list of them, or a JWK set. Never throws: a key that cannot be used is one that is not there (RFC 7517 §5). */
export function readKeys(given: unknown): KeyRing {
  if (given instanceof KeyRing) return given;
  const list: unknown = Array.isArray(given)
    ? given
    : isObject(given) && Array.isArray(given["keys"])
      ? given["keys"]
      : [given];
  const keys: VerifyKey[] = [];
  const problems: KeyProblem[] = [];
  for (const [index, each] of (list as unknown[]).entries()) {
    const key = index < MOST_KEYS ? readKey(each) : "stands behind the last key that is read";
    if (typeof key !== "string") keys.push(key);
    else problems.push({ index, kid: isObject(each) ? kidOf(each) : undefined, problem: key });
    if (index >= MOST_KEYS) break;
  }
  return new KeyRing(keys, problems);
}

const kidOf = (jwk: Members): string | undefined =>
  typeof jwk["kid"] === "string" && jwk["kid"].length <= LONGEST_KID ? jwk["kid"] : undefined;

/** The key, or what is wrong with it. */
function readKey(jwk: unknown): VerifyKey | string {
  if (!isObject(jwk)) return "is no JSON object";
  const { kty, alg, use, key_ops: operations, kid } = jwk;
  if (typeof kty !== "string" || !Object.hasOwn(SERVED, kty)) return "has a key type that signs nothing";
  if (kid !== undefined && kidOf(jwk) === undefined) return "has a kid that is no short text";
  // RFC 7517 §4.2, §4.3: a key says what it is for, and is used for nothing else.
  if (use !== undefined && use !== "sig") return "is not for signatures";
  if (operations !== undefined) {
    if (!Array.isArray(operations) || !operations.includes("verify")) return "is not for verifying";
    if (new Set(operations).size !== operations.length) return "names an operation twice";
  }
  let algorithms = SERVED[kty]!;
  if (alg !== undefined) {
    if (!isAlgorithm(alg)) return "is for an algorithm that verifies nothing here";
    if (!algorithms.includes(alg)) return "has a type that its algorithm does not use";
    algorithms = [alg];
  }
  const material = MATERIAL[kty]!(jwk, algorithms);
  if (typeof material === "string") return material;
  return {
    kid: kidOf(jwk),
    algorithms: material.algorithms,
    jwk: material.jwk,
    modulusBytes: material.modulusBytes ?? 0,
    notBefore: secondsOf(jwk["nbf"], Number.NEGATIVE_INFINITY),
    expires: secondsOf(jwk["exp"], Number.POSITIVE_INFINITY),
    hasPrivate: kty !== "oct" && jwk["d"] !== undefined,
    imported: new Map(),
  };
}

/** OpenID Federation §5.2.1.1 lets a key say how long it is good. */
const secondsOf = (value: unknown, absent: number): number =>
  typeof value === "number" && Number.isFinite(value) ? value : absent;

interface Material {
  readonly jwk: PublicJwk;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly modulusBytes?: number;
}

type ReadMaterial = (jwk: Members, algorithms: readonly JwsAlgorithm[]) => Material | string;

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === "string" ? fromBase64url(value) : undefined;

const MATERIAL: Readonly<Record<string, ReadMaterial>> = {
  oct(jwk, algorithms) {
    const secret = bytesOf(jwk["k"]);
    if (secret === undefined) return "has no canonical k";
    if (secret.length > MOST_SECRET_BYTES) return "is longer than any secret";
    // RFC 7518 §3.2: at least as long as the hash.
    const long = algorithms.filter((name) => secret.length >= ALGORITHMS[name].hashBytes);
    if (long.length === 0) return "is shorter than its algorithm's hash";
    return { jwk: { kty: "oct", k: jwk["k"] as string }, algorithms: long };
  },
  RSA(jwk, algorithms) {
    const modulus = withoutZeros(bytesOf(jwk["n"]));
    const exponent = withoutZeros(bytesOf(jwk["e"]));
    if (modulus === undefined || exponent === undefined) return "has no canonical n and e";
    const bits = modulus.length * 8 - Math.clz32(modulus[0]!) + 24;
    if (bits < LEAST_RSA_BITS) return `is shorter than ${LEAST_RSA_BITS} bits`;
    if (bits > MOST_RSA_BITS) return `is longer than ${MOST_RSA_BITS} bits`;
    if (exponent.length > 4) return "has an exponent that is too large";
    const value = exponent.reduce((sum, byte) => sum * 256 + byte, 0);
    if (value < LEAST_EXPONENT || value % 2 === 0 || modulus.at(-1)! % 2 === 0) return "has a weak exponent or modulus";
    const { n, e } = jwk as { n: string; e: string };
    return { jwk: { kty: "RSA", n, e }, algorithms, modulusBytes: modulus.length };
  },
  EC(jwk, algorithms) {
    const { crv, x, y } = jwk;
    if (typeof crv !== "string" || !Object.hasOwn(COORDINATE_BYTES, crv)) return "has a curve that is not used";
    const bound = algorithms.filter((name) => ALGORITHMS[name].curve === crv);
    if (bound.length === 0) return "has a curve that its algorithm does not use";
    const size = COORDINATE_BYTES[crv]!;
    if (bytesOf(x)?.length !== size || bytesOf(y)?.length !== size) return "has coordinates of the wrong length";
    return { jwk: { kty: "EC", crv, x: x as string, y: y as string }, algorithms: bound };
  },
  OKP(jwk, algorithms) {
    const { crv, x } = jwk;
    if (crv !== "Ed25519") return "has a curve that is not used";
    if (bytesOf(x)?.length !== 32) return "has a point of the wrong length";
    return { jwk: { kty: "OKP", crv, x: x as string }, algorithms };
  },
};

/** Undefined for nothing but zeros. */
function withoutZeros(bytes: Uint8Array | undefined): Uint8Array | undefined {
  const first = bytes?.findIndex((byte) => byte !== 0) ?? -1;
  return first < 0 ? undefined : bytes!.subarray(first);
}

/** As the runtime verifies with it; rejects when the key is none, such as a point beside its curve. */
export async function importKey(key: VerifyKey, name: JwsAlgorithm): Promise<ImportedKey> {
  const known = key.imported.get(name);
  if (known !== undefined) return known;
  const { kind, hash, curve } = ALGORITHMS[name];
  const parameters =
    kind === "ECDSA" ? { name: kind, namedCurve: curve } : kind === "Ed25519" ? { name: kind } : { name: kind, hash };
  const imported = await crypto.subtle.importKey("jwk", key.jwk, parameters, false, ["verify"]);
  key.imported.set(name, imported);
  return imported;
}
