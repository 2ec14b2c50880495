// Writes that may be sent again (draft-ietf-httpapi-idempotency-key-header): a POST with an Idempotency-Key is done once, and whoever sends
// it again within a day gets the answer it had. The key stands for one caller and one request: another request under it is refused (422),
// and one that comes while the first is under way (409). What is kept is sealed with a key that only the caller's key and ADMIN_TOKEN
// make: an answer may hold a new API key, which stands nowhere in the clear.
import { fromBase64url, toBase64url, toUtf8 } from "../core/security/encoding.ts";
import { mayAsk } from "./access.ts";
import { readText } from "./body.ts";
import type { Asked } from "./context.ts";
import { refusal, unavailable } from "./refuse.ts";

/** A string of RFC 9651, or the same without its quotes. */
const KEY = /^(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,128})"|([A-Za-z0-9._:~/+-]{1,128}))$/;

/** Fields of an answer that belong to what was done. */
const KEPT_FIELDS = ["content-type", "etag", "location"];

const NONCE_BYTES = 12;

/** For whoever may ask `path`; what only looks is done as often as it is asked. */
export async function once(c: Asked, path: string, next: () => Promise<void>): Promise<Response | void> {
  const written = c.req.header("idempotency-key");
  if (written === undefined || c.req.method !== "POST" || mayAsk("viewer", "POST", path)) return next();
  const [, quoted, bare] = KEY.exec(written.trim()) ?? [];
  const key = quoted ?? bare;
  if (key === undefined) {
    const errors = [{ path: "Idempotency-Key", message: "must be a string of 1 to 128 visible characters" }];
    return refusal(c, { code: "bad_request", errors });
  }
  const body = await readText(c);
  if (!body.ok) return body.error;
  const { pathname, search } = new URL(c.req.url);
  const name = await digest(["name", c.get("actor"), key]);
  const fingerprint = await digest([pathname, search, c.req.header("if-match") ?? "", body.value]);
  const { objects } = c.get("isolate");
  const begun = await objects.askControl((control) => control.beginOnce(name, fingerprint));
  if (!begun.ok) return unavailable(c);
  switch (begun.value.outcome) {
    case "other":
      return refusal(c, { code: "idempotency_key_reused" });
    case "in_flight":
      return refusal(c, { code: "idempotency_key_in_flight", retryAfterMs: 1_000 });
    case "answered":
      return replay(await open(c, key, begun.value.answer));
    case "begun":
  }
  c.set("bodyText", body.value);
  await next();
  const { status } = c.res;
  // It may have been done, or not: its key rests a minute, in which whoever sends it again can see what became of it.
  if (status >= 500) return;
  // What was refused was not done: it may be asked again, and its answer tells of then.
  const sealed = status >= 300 ? undefined : await seal(c, key, await kept(c.res));
  await objects.askControl((control) => control.endOnce(name, sealed));
}

interface Kept {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
}

async function kept(answer: Response): Promise<Kept> {
  const fields = KEPT_FIELDS.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { status: answer.status, fields, body: await answer.clone().text() };
}

function replay({ status, fields, body }: Kept): Response {
  const headers = new Headers(fields.map(([name, value]): [string, string] => [name, value]));
  headers.set("idempotency-replayed", "true");
  return new Response(body, { status, headers });
}

async function digest(parts: readonly string[]): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", toUtf8(JSON.stringify(parts)))));
}

async function sealingKey(c: Asked, key: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", toUtf8(c.env.ADMIN_TOKEN ?? ""), "HKDF", false, ["deriveKey"]);
  const info = toUtf8(`sluice answer once ${c.get("actor")}`);
  const how = { name: "HKDF", hash: "SHA-256", salt: toUtf8(key), info };
  return crypto.subtle.deriveKey(how, secret, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function seal(c: Asked, key: string, answer: Kept): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const how = { name: "AES-GCM", iv };
  const sealed = await crypto.subtle.encrypt(how, await sealingKey(c, key), toUtf8(JSON.stringify(answer)));
  return `${toBase64url(iv)}.${toBase64url(new Uint8Array(sealed))}`;
}

async function open(c: Asked, key: string, sealed: string): Promise<Kept> {
  const [iv = "", text = ""] = sealed.split(".");
  const how = { name: "AES-GCM", iv: bytesOf(iv) };
  const opened = await crypto.subtle.decrypt(how, await sealingKey(c, key), bytesOf(text));
  return JSON.parse(new TextDecoder().decode(opened)) as Kept;
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64url(text);
  // Sealed here and kept by us: anything else is a bug.
  if (bytes === undefined) throw new TypeError("what was kept of an answer is not what was sealed");
  return bytes;
}
