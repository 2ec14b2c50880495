// Who the caller is, told to upstreams in fields that only the gateway writes. Values are visible ASCII, whatever a token
// says: anything else, `%` and `,` are percent-encoded. With a key the fields are signed, so that an upstream that can be
// reached by another way knows the gateway's word from anybody else's:
// `t=<epoch seconds>,v1=<base64url of HMAC-SHA-256 over "t\nuser\ntenant\nroles", the values as they stand in the fields>`.
import type { SecurityContext } from "./context.ts";
import { toBase64url, toUtf8 } from "./encoding.ts";

/** Lower-case names. */
export interface IdentityFields {
  readonly user: string;
  readonly tenant: string;
  readonly roles: string;
  readonly signature: string;
}

export type SigningKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export const signingKeyOf = (text: string): Promise<SigningKey> =>
  crypto.subtle.importKey("raw", toUtf8(text), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

export type HeaderPair = readonly [name: string, value: string];

/** One visible ASCII text, from which the value can be read back. */
export const asFieldValue = (text: string): string =>
  text.toWellFormed().replaceAll(/[^!-$&-+\--~]/gu, (char) => encodeURIComponent(char));

/** What is set for this caller; nothing for nobody. */
export function identityPairs(context: SecurityContext, names: IdentityFields): HeaderPair[] {
  if (context.scheme === "anonymous") return [];
  const pairs: HeaderPair[] = [];
  if (context.user !== "") pairs.push([names.user, asFieldValue(context.user)]);
  if (context.tenant !== "") pairs.push([names.tenant, asFieldValue(context.tenant)]);
  if (context.roles.length > 0) pairs.push([names.roles, context.roles.map(asFieldValue).join(",")]);
  return pairs;
}

/** The signature's field; `pairs` are those of `identityPairs`. */
export async function signatureOf(
  pairs: readonly HeaderPair[],
  names: IdentityFields,
  key: SigningKey,
  nowSeconds: number,
): Promise<HeaderPair> {
  const valueOf = (name: string): string => pairs.find(([each]) => each === name)?.[1] ?? "";
  const words = [nowSeconds, valueOf(names.user), valueOf(names.tenant), valueOf(names.roles)].join("\n");
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, toUtf8(words)));
  return [names.signature, `t=${nowSeconds},v1=${toBase64url(mac)}`];
}
