// Cache-Status (RFC 9211): how the gateway's cache handled a request, as one member of the list, behind those of the
// caches before it. Written on every answer, so that one without a cache says so too.
import { GATEWAY } from "./forwarding.ts";
import { appendMember } from "./list.ts";

/** Why a request went forward (§2.2). */
export type ForwardReason = "bypass" | "method" | "uri-miss" | "vary-miss" | "miss" | "request" | "stale" | "partial";

export type CacheStatus =
  | { readonly kind: "hit"; readonly ttlSeconds?: number | undefined; readonly detail?: string | undefined }
  | {
      readonly kind: "fwd";
      readonly reason: ForwardReason;
      /** Status of the upstream's answer, where it differs from what the client gets, or always (§2.3). */
      readonly status?: number | undefined;
      /** Remaining freshness; negative for a stale answer (§2.4). */
      readonly ttlSeconds?: number | undefined;
      readonly stored?: boolean | undefined;
      readonly collapsed?: boolean | undefined;
      readonly detail?: string | undefined;
    };

/** Our member alone. */
export function cacheStatusMember(status: CacheStatus): string {
  let member: string = GATEWAY;
  if (status.kind === "hit") {
    member += "; hit";
  } else {
    member += `; fwd=${status.reason}`;
    if (status.status !== undefined) member += `; fwd-status=${status.status}`;
    if (status.stored === true) member += "; stored";
    if (status.collapsed === true) member += "; collapsed";
  }
  if (status.ttlSeconds !== undefined) member += `; ttl=${Math.trunc(status.ttlSeconds)}`;
  if (status.detail !== undefined) member += `; detail=${tokenOrString(status.detail)}`;
  return member;
}

/** The whole field: what caches nearer to the origin have written, then ours (§2: appended, never replaced). */
export function cacheStatus(received: string | null | undefined, status: CacheStatus): string {
  return appendMember(received, cacheStatusMember(status));
}

/** A Token where the text is one, else a String (RFC 9651 §3.3.3, §3.3.4); other characters become `?`. */
function tokenOrString(text: string): string {
  if (isToken(text)) return text;
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}

/** 1 for what may stand in a Token; letters and `*` may begin one. */
const TOKEN = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~:/") {
  TOKEN[char.charCodeAt(0)] = 1;
}

function isToken(text: string): boolean {
  const first = text.charCodeAt(0);
  const letter = (first | 32) >= 97 && (first | 32) <= 122;
  if (!letter && first !== 42) return false;
  for (let at = 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 128 || TOKEN[code] !== 1) return false;
  }
  return true;
}
