// Makes tokens, good and bad, with Node's own cryptography: another implementation than the one under test. Whatever is
// not said is made well, so that a test says only what is wrong with its token.
import { constants, createHmac, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

export type Jwk = Record<string, unknown>;

export interface Signer {
  readonly alg: string;
  /** As a key set publishes it; for HS the secret itself. */
  readonly jwk: Jwk;
  sign(data: string): Buffer;
  readonly privateKey: KeyObject | undefined;
}

const HASH: Readonly<Record<string, string>> = { "256": "sha256", "384": "sha384", "512": "sha512" };
const CURVE: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

export interface SignerOptions {
  kid?: string;
  bits?: number;
  exponent?: number;
}

/** A new key for `alg`. */
export function newSigner(alg: string, { kid = "key-1", bits = 2048, exponent = 65537 }: SignerOptions = {}): Signer {
  if (alg.startsWith("HS")) {
    const secret = createHmac("sha512", alg).update(kid).digest();
    return hmacSigner(alg, secret, kid);
  }
  const { privateKey, publicKey } = pairFor(alg, bits, exponent);
  const jwk = { ...(publicKey.export({ format: "jwk" }) as Jwk), alg, kid, use: "sig" };
  return { alg, jwk, privateKey, sign: (data) => signWith(alg, privateKey, data) };
}

export function hmacSigner(alg: string, secret: Buffer, kid = "key-1"): Signer {
  const jwk = { kty: "oct", k: secret.toString("base64url"), alg, kid };
  const hash = HASH[alg.slice(2)] ?? "sha256";
  return { alg, jwk, privateKey: undefined, sign: (data) => createHmac(hash, secret).update(data).digest() };
}

function pairFor(alg: string, bits: number, exponent: number): { privateKey: KeyObject; publicKey: KeyObject } {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519");
  const curve = CURVE[alg];
  if (curve !== undefined) return generateKeyPairSync("ec", { namedCurve: curve });
  return generateKeyPairSync("rsa", { modulusLength: bits, publicExponent: exponent });
}

/** Signs by the algorithm's book, whatever the key says. */
export function signWith(alg: string, key: KeyObject, data: string): Buffer {
  const bytes = Buffer.from(data);
  if (alg === "EdDSA") return sign(null, bytes, key);
  const hash = HASH[alg.slice(2)] ?? "sha256";
  if (alg.startsWith("ES")) return sign(hash, bytes, { key, dsaEncoding: "ieee-p1363" });
  if (alg.startsWith("RS")) return sign(hash, bytes, key);
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return sign(hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
}

export const privateKeyOf = (jwk: Jwk): KeyObject => createPrivateKey({ key: jwk as never, format: "jwk" });

export const b64 = (data: string | Uint8Array): string => Buffer.from(data as string).toString("base64url");

/** A token of this header and payload; both may be bytes as they shall stand, or values to be written as JSON. */
export function tokenOf(signer: Signer, payload: unknown, header: unknown = {}): string {
  const head =
    typeof header === "string" || header instanceof Uint8Array
      ? header
      : JSON.stringify({ alg: signer.alg, kid: signer.jwk["kid"], typ: "JWT", ...(header as object) });
  const body = typeof payload === "string" || payload instanceof Uint8Array ? payload : JSON.stringify(payload);
  const data = `${b64(head)}.${b64(body)}`;
  return `${data}.${b64(signer.sign(data))}`;
}

export const ISSUER = "https://issuer.example";
export const AUDIENCE = "https://api.example";

/** Claims of a good token, `seconds` after now until it ends. */
export const claimsOf = (changes: Record<string, unknown> = {}, seconds = 300): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, aud: AUDIENCE, sub: "alice", iat: now, exp: now + seconds, ...changes };
};
