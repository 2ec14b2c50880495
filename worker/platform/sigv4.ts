// AWS Signature Version 4 by WebCrypto, for the calls that Bedrock takes:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// A day's signing key is made once; nothing of a secret is kept but that.

import { share } from "./share.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly service: string;
}

const text = new TextEncoder();

/** Adds the fields that sign the request; `headers` must not change afterwards. `path` is as it is sent, without a query. */
export async function signV4(
  headers: Headers,
  method: string,
  host: string,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  credentials: AwsCredentials,
  now: number,
): Promise<void> {
  const time = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  headers.set("x-amz-date", time);
  if (credentials.sessionToken !== undefined) headers.set("x-amz-security-token", credentials.sessionToken);
  const signed: Record<string, string> = { host };
  for (const name of ["content-type", "x-amz-date", "x-amz-security-token"]) {
    const value = headers.get(name);
    if (value !== null) signed[name] = value;
  }
  const names = Object.keys(signed).sort();
  // All services but S3 encode the sent path's segments once more.
  const canonicalPath = path.split("/").map(encodeURIComponent).join("/");
  const canonical = [
    method,
    canonicalPath,
    "",
    ...names.map((name) => `${name}:${signed[name]!.trim()}`),
    "",
    names.join(";"),
    await sha256(body),
  ].join("\n");
  const scope = `${day}/${credentials.region}/${credentials.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, await sha256(text.encode(canonical))].join("\n");
  const signature = hex(await hmac(await signingKey(credentials, day), toSign));
  const credential = `${credentials.accessKeyId}/${scope}`;
  headers.set(
    "authorization",
    `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  );
}

const keys = new Map<string, Promise<ArrayBuffer>>();
const MOST_KEYS = 64;

function signingKey(
  { accessKeyId, secretAccessKey, region, service }: AwsCredentials,
  day: string,
): Promise<ArrayBuffer> {
  const name = `${accessKeyId}/${day}/${region}/${service}`;
  const known = keys.get(name);
  if (known !== undefined) return known;
  if (keys.size >= MOST_KEYS) keys.clear();
  const made = share(deriveKey(secretAccessKey, [day, region, service]));
  keys.set(name, made);
  return made;
}

async function deriveKey(secret: string, words: readonly string[]): Promise<ArrayBuffer> {
  let key: ArrayBuffer = text.encode(`AWS4${secret}`).buffer as ArrayBuffer;
  for (const word of [...words, "aws4_request"]) key = await hmac(key, word);
  return key;
}

async function hmac(key: ArrayBuffer, words: string): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, text.encode(words));
}

const sha256 = async (bytes: Uint8Array): Promise<string> => hex(await crypto.subtle.digest("SHA-256", bytes));

const hex = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
