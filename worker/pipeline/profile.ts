// First step: what is asked for, by whom, and which route takes it. Reads URL and fields once for the whole walk; path
// and host are made canonical here and nowhere else, so that route, auth and cache see the same request.
import { correlationId } from "../core/http/correlation.ts";
import { clientAddress, hasLooped } from "../core/http/forwarding.ts";
import { isFramingAmbiguous, MAX_HEADER_BYTES, MAX_URL_BYTES } from "../core/http/limits.ts";
import { canonicalPath, needsSecondLook, otherReadings } from "../core/http/path.ts";
import type { Refusal } from "../core/http/problem.ts";
import { readRequestFields } from "../core/http/request-fields.ts";
import { readTarget } from "../core/http/target.ts";
import { continueTrace, isTraceparent, startTrace } from "../core/http/trace.ts";
import type { Walk } from "./walk.ts";

export function profile(walk: Walk): Refusal | undefined {
  const { url, policy, method, headers } = walk;
  const fields = readRequestFields(headers);
  walk.fields = fields;
  identify(walk);

  if (url.length > MAX_URL_BYTES) return { code: "uri_too_long" };
  if (fields.bytes > MAX_HEADER_BYTES) return { code: "headers_too_large" };
  if (!fields.valid) return { code: "bad_request" };
  if (isFramingAmbiguous(fields.contentLength, fields.transferEncoding)) return { code: "framing_ambiguous" };
  const target = readTarget(url);
  if (target === undefined) return { code: "host_invalid" };
  walk.scheme = target.scheme;
  walk.authority = target.authority;
  walk.host = target.host;
  walk.path = target.path;
  walk.query = target.query;
  walk.address = clientAddress(fields.clientAddress) || walk.gateway.near(walk.request);
  if (hasLooped(fields.cdnLoop)) return { code: "loop_detected" };

  if (target.plain) {
    walk.canonicalPath = target.path;
    walk.route = policy.route(target.host, target.path, method, headers);
  } else {
    const canonical = canonicalPath(target.path);
    if (!canonical.ok) return { code: "path_invalid" };
    walk.canonicalPath = canonical.value;
    walk.route = policy.route(target.host, canonical.value, method, headers);
    if (needsSecondLook(target.path)) {
      for (const reading of otherReadings(target.path, canonical.value)) {
        if (policy.route(target.host, reading, method, headers) !== walk.route) return { code: "path_ambiguous" };
      }
    }
  }
  // Whether there is a route is for `guard` to say: a preflight has that of the request it asks for.
  return undefined;
}

/** Before anything can be refused: a refusal carries the same ids as an answer. */
function identify(walk: Walk): void {
  const { correlationId: id, traceparent, tracestate } = walk.fields;
  walk.correlationId = correlationId(id, walk.arrivedAt, Math.random);
  if (traceparent !== undefined && isTraceparent(traceparent)) {
    walk.traceparent = continueTrace(traceparent, Math.random);
    return;
  }
  walk.traceparent = startTrace(Math.random, true);
  // W3C Trace Context §4.3: a tracestate without a valid traceparent belongs to nothing.
  if (tracestate !== undefined) (walk.fields.drop ??= []).push("tracestate");
}
