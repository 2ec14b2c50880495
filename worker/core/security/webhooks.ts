// Signatures of webhooks that the gateway sends (Standard Webhooks 1.0.0, "Signature scheme"): HMAC-SHA256 over `id.timestamp.body`, so that
// the other side can tell who sent it and that it is no replay. A secret with the prefix `whsec_` is base64; any other is
// taken as its bytes.

export interface WebhookFields {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

/** `seconds`: of the try, not of the event, so that a receiver may refuse old ones. */
export async function signWebhook(secret: string, id: string, seconds: number, body: string): Promise<WebhookFields> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", keyBytes(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(`${id}.${seconds}.${body}`));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(signature)));
  return { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": `v1,${base64}` };
}

const PREFIX = "whsec_";
/** RFC 4648 §4, with its padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function keyBytes(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : "";
  if (encoded === "" || !BASE64.test(encoded)) return Uint8Array.from(new TextEncoder().encode(secret));
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}
