// One key as an operator writes it into a secret: a public key in PEM (RFC 7468), or a JWK. What comes out is a JWK that
// says which algorithms it is for, so that every key is checked in one place (jwk.ts).
import { ALGORITHMS, type JwsAlgorithm } from "./jwk.ts";

const PEM = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----$/;

/** Undefined when the text is no key for one of these algorithms. */
export async function readPublicKey(text: string, algorithms: readonly JwsAlgorithm[]): Promise<unknown> {
  const trimmed = text.trim();
  if (trimmed.startsWith("{")) return parsed(trimmed);
  const base64 = PEM.exec(trimmed)?.[1]?.replaceAll(/\s+/g, "");
  if (base64 === undefined) return undefined;
  for (const name of algorithms) {
    const jwk = await importSpki(base64, name);
    if (jwk !== undefined) return jwk;
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The members that say what the key was imported for are not its own. */
interface Exported {
  readonly kty?: string;
  readonly alg?: unknown;
  readonly key_ops?: unknown;
  readonly ext?: unknown;
}

/** The runtime refuses bytes that are no such key: then it is another algorithm's. */
async function importSpki(base64: string, name: JwsAlgorithm): Promise<unknown> {
  const { kind, hash, curve } = ALGORITHMS[name];
  const parameters =
    kind === "ECDSA" ? { name: kind, namedCurve: curve } : kind === "Ed25519" ? { name: kind } : { name: kind, hash };
  try {
    const der = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const key = await crypto.subtle.importKey("spki", der, parameters, true, ["verify"]);
    const { alg: _, key_ops: __, ext: ___, ...jwk } = (await crypto.subtle.exportKey("jwk", key)) as Exported;
    return jwk;
  } catch {
    return undefined;
  }
}
