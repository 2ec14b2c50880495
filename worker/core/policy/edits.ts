// Header edits of a route. Names are tokens, values cannot break a line, and the fields that frame a message or
// keep proxies honest stay the gateway's own.
import * as v from "valibot";
import { headerName, headerValue } from "../protocol/fields.ts";

/**
 * Fields no policy may touch: hop-by-hop (RFC 9110 §7.6.1), those that frame the body (RFC 9112 §6), the host, and
 * CDN-Loop, by which a request that comes back is found (RFC 8586).
 */
const RESERVED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "content-encoding",
  "content-range",
  "host",
  "expect",
  "cdn-loop",
]);

const editable = v.pipe(
  headerName,
  v.check(
    (name) => !RESERVED.has(name.toLowerCase()),
    "must not be a hop-by-hop or framing field, nor Host or CDN-Loop: those are the gateway's own",
  ),
);

const set = v.pipe(v.record(editable, headerValue), v.maxEntries(64));
const add = v.pipe(
  v.record(editable, v.union([headerValue, v.pipe(v.array(headerValue), v.maxLength(32))])),
  v.maxEntries(64),
);

export const headerEdits = v.strictObject({
  remove: v.optional(v.pipe(v.array(editable), v.maxLength(64)), []),
  set: v.optional(set, {}),
  add: v.optional(add, {}),
});
