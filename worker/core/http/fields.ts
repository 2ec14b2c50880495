// Which fields may travel through the gateway: one table, each entry with its reason. The pass over a request's fields
// (request-fields) asks it once per field and never scans it.
//
// Three laws: a field of one hop stays on that hop (RFC 9110 §7.6.1); what no cache key holds and could steer an
// upstream comes from the gateway or from nobody; everything else passes as it was sent.

/** Belong to one connection, whether Connection names them or not (RFC 9110 §7.6.1, RFC 9112 §6.1, §9). */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // Between client and proxy (RFC 9110 §11.7): the upstream is no party to it.
  "proxy-authorization",
  "proxy-authenticate",
  "proxy-authentication-info",
] as const;

/** Requests: fields that would let a client pose as the gateway, or reach past its decisions. */
const STEERING = [
  // The runtime has answered 100 (Continue) itself; a second hop must not wait for its own (RFC 9110 §10.1.1).
  "expect",
  // Where a request came from: written by the gateway alone, for addresses decide about limits and access.
  "forwarded",
  "x-real-ip",
  "true-client-ip",
  "client-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-originating-ip",
  "x-remote-ip",
  "x-remote-addr",
  "fastly-client-ip",
  "x-azure-clientip",
  "wl-proxy-client-ip",
  // Another URL or host than the one that was routed, authorised and keyed.
  "x-original-url",
  "x-original-uri",
  "x-original-path",
  "x-original-host",
  "x-original-method",
  "x-original-forwarded-for",
  "x-original-remote-addr",
  "x-rewrite-url",
  "x-host",
  "x-http-host-override",
  "x-scheme",
  "x-url-scheme",
  "front-end-https",
  // Another method than the one that was routed, authorised and keyed.
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  // CGI turns it into HTTP_PROXY, and clients of the upstream obey that (CVE-2016-5385).
  "proxy",
  // Skips the middleware of Next.js, authorisation included (CVE-2025-29927).
  "x-middleware-subrequest",
  // Make Rack hand out another file (CVE-2025-27111 and kin).
  "x-sendfile-type",
  "x-accel-mapping",
] as const;

/** Requests: as above, for families of names. */
const STEERING_PREFIXES = [
  "x-forwarded", // X-Forwarded-For, -Host, -Proto, -Port, -Prefix, -Client-Cert, …
  "x-forward-",
  "x-upstream",
  "x-backend",
  "x-target", // read for routing (X-Target-Service), never passed on
  "x-envoy-", // timeouts, retries and original paths of a mesh behind us
  "x-ssl-client", // a client certificate, as a TLS terminator would vouch for it
  "x-client-cert",
  "x-sluice-", // ours
  "x-proxy-", // ours
  "proxy-",
  "cf-", // the edge's own: upstreams see nothing the client did not send
] as const;

/**
 * Fields that Connection cannot take away. RFC 9110 §7.6.1 forbids to name a field that is meant for all recipients,
 * and the gateway has decided by these: dropping them on a client's word would show the upstream another request
 * than the one that was authenticated, keyed and traced.
 */
const END_TO_END = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "age",
  "authorization",
  "cache-control",
  "cdn-cache-control",
  "cdn-loop",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-security-policy",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expires",
  "host",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "origin",
  "pragma",
  "range",
  "retry-after",
  "set-cookie",
  "strict-transport-security",
  "traceparent",
  "tracestate",
  "vary",
  "via",
  "www-authenticate",
  "x-api-key",
  "x-correlation-id",
]);

// Nearly all names are done with after one look into a table: by first character and length where whole names are meant, by what
// follows `x-` where families are.
// Texts of a request are compared, not looked up: a set would have to hash each of them first.
const NAMES: readonly string[] = [...HOP_BY_HOP, ...STEERING];
const LONGEST = 31;
/** Where a name's first character and length lead; other characters share the places of letters, which costs a comparison. */
export const slotOf = (name: string): number =>
  ((name.charCodeAt(0) & 31) << 5) | (name.length > LONGEST ? LONGEST : name.length);
export const SLOTS = 1024;
const NAMES_AT: readonly (readonly string[])[] = Array.from({ length: SLOTS }, (_, slot) =>
  NAMES.filter((name) => slotOf(name) === slot),
);
const X = 120;
const DASH = 45;
/** Families by first character, those of `x-` by their third. */
const familiesAt = (at: number, isX: boolean): readonly string[][] =>
  Array.from({ length: 32 }, (_, low) =>
    STEERING_PREFIXES.filter((prefix) => prefix.startsWith("x-") === isX && (prefix.charCodeAt(at) & 31) === low),
  );
const FAMILIES = familiesAt(0, false);
const X_FAMILIES = familiesAt(2, true);

/** Whether a request's field (lower-case name) stays behind, whoever sent it. */
export function isDroppedFromRequest(name: string): boolean {
  const names = NAMES_AT[slotOf(name)]!;
  for (let at = 0; at < names.length; at++) if (names[at] === name) return true;
  const first = name.charCodeAt(0);
  const isX = first === X && name.charCodeAt(1) === DASH;
  const families = isX ? X_FAMILIES[name.charCodeAt(2) & 31]! : FAMILIES[first & 31]!;
  for (let i = 0; i < families.length; i++) if (name.startsWith(families[i]!)) return true;
  return false;
}

/** Whether a field named by Connection passes all the same. */
export function isEndToEnd(name: string): boolean {
  return END_TO_END.has(name);
}
