// Every answer that the gateway makes itself when it does not do what was asked (RFC 9457): one tagged refusal, one
// exhaustive map to the wire. Vague outside, rich in the record: nothing here can carry a stack, an address or a key,
// for a refusal has no room for one.
import { retryAfterSeconds } from "./retry-after.ts";

/** What is wrong with one part of a document. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** Why a request is refused. Waits are in milliseconds, from now. */
export type Refusal =
  // What the client sent.
  | { readonly code: "bad_request"; readonly errors?: readonly FieldError[] }
  | { readonly code: "host_invalid" }
  | { readonly code: "path_invalid" }
  | { readonly code: "path_ambiguous" }
  | { readonly code: "framing_ambiguous" }
  | { readonly code: "unauthenticated"; readonly challenge: string }
  | { readonly code: "forbidden"; readonly challenge?: string }
  | { readonly code: "no_route" }
  | { readonly code: "not_found" }
  | { readonly code: "method_not_allowed"; readonly allow: string }
  | { readonly code: "conflict"; readonly errors: readonly FieldError[] }
  | { readonly code: "precondition_failed" }
  | { readonly code: "precondition_required" }
  | { readonly code: "idempotency_key_reused" }
  | { readonly code: "idempotency_key_in_flight"; readonly retryAfterMs: number }
  | { readonly code: "upgrade_required"; readonly upgrade: string }
  | { readonly code: "body_too_large" }
  | { readonly code: "uri_too_long" }
  | { readonly code: "media_type_unsupported"; readonly accept: string }
  | { readonly code: "headers_too_large" }
  | { readonly code: "body_invalid"; readonly errors: readonly FieldError[] }
  | { readonly code: "policy_invalid"; readonly errors: readonly FieldError[] }
  | { readonly code: "rate_limited"; readonly retryAfterMs: number }
  // What stands behind the gateway.
  | { readonly code: "upstream_unreachable" }
  | { readonly code: "upstream_invalid" }
  | { readonly code: "upstream_timeout" }
  | { readonly code: "no_instance"; readonly retryAfterMs: number }
  | { readonly code: "breaker_open"; readonly retryAfterMs: number }
  | { readonly code: "loop_detected" }
  | { readonly code: "not_cached" }
  // The gateway itself.
  | { readonly code: "policy_missing"; readonly retryAfterMs: number }
  | { readonly code: "identity_unavailable"; readonly retryAfterMs: number }
  | { readonly code: "limits_unavailable"; readonly retryAfterMs: number }
  | { readonly code: "overloaded"; readonly retryAfterMs: number }
  | { readonly code: "store_unavailable"; readonly retryAfterMs: number }
  | { readonly code: "admin_closed" }
  | { readonly code: "files_missing" }
  | { readonly code: "internal" };

export type RefusalCode = Refusal["code"];

/** An answer without a web framework: `new Response(body, {status, headers})`. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface Problem {
  readonly status: number;
  readonly title: string;
  /** What a caller can do about it, where the title leaves that open. */
  readonly detail?: string;
}

/** Status, title and advice of every refusal. Codes are stable: clients switch over them. */
export const PROBLEMS: { readonly [Code in RefusalCode]: Problem } = {
  bad_request: { status: 400, title: "Bad request" },
  host_invalid: { status: 400, title: "Invalid host", detail: "The Host field is no host and port." },
  path_invalid: {
    status: 400,
    title: "Invalid path",
    detail: "The path holds a control character, an incomplete percent-encoding or an overlong UTF-8 sequence.",
  },
  path_ambiguous: {
    status: 400,
    title: "Ambiguous path",
    detail: "The path has an encoding that another server could read as a different path.",
  },
  framing_ambiguous: {
    status: 400,
    title: "Ambiguous message framing",
    detail: "Content-Length is invalid, or stands beside Transfer-Encoding.",
  },
  unauthenticated: { status: 401, title: "Authentication required" },
  forbidden: { status: 403, title: "Forbidden" },
  no_route: { status: 404, title: "No route", detail: "No route of the policy takes this request." },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  conflict: { status: 409, title: "Not as things stand" },
  precondition_failed: { status: 412, title: "Precondition failed" },
  // RFC 6585 §3
  precondition_required: {
    status: 428,
    title: "Precondition required",
    detail: "Name in If-Match the version that is to be changed: the ETag of reading it.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "Idempotency key reused",
    detail: "The key of Idempotency-Key stands for another request already.",
  },
  idempotency_key_in_flight: {
    status: 409,
    title: "Request in progress",
    detail: "A request of this Idempotency-Key has not been answered yet.",
  },
  upgrade_required: { status: 426, title: "Upgrade required" },
  body_too_large: { status: 413, title: "Content too large" },
  uri_too_long: { status: 414, title: "URI too long" },
  media_type_unsupported: { status: 415, title: "Unsupported media type" },
  headers_too_large: { status: 431, title: "Request header fields too large" },
  body_invalid: { status: 400, title: "Invalid body" },
  policy_invalid: { status: 422, title: "Invalid policy" },
  rate_limited: { status: 429, title: "Too many requests" },
  upstream_unreachable: { status: 502, title: "Upstream unreachable" },
  upstream_invalid: { status: 502, title: "Invalid answer from upstream" },
  upstream_timeout: { status: 504, title: "Upstream timed out" },
  no_instance: { status: 503, title: "No instance available" },
  breaker_open: { status: 503, title: "Service temporarily unavailable" },
  not_cached: {
    status: 504,
    title: "Not cached",
    detail: "The request asked for a stored answer (only-if-cached), and there is none that may be used.",
  },
  loop_detected: { status: 508, title: "Loop detected", detail: "The request has been through this gateway before." },
  policy_missing: { status: 503, title: "Not configured", detail: "No policy has been published yet." },
  identity_unavailable: { status: 503, title: "Identity unavailable", detail: "Credentials cannot be checked now." },
  limits_unavailable: { status: 503, title: "Limits unavailable", detail: "Requests cannot be counted now." },
  overloaded: { status: 503, title: "Overloaded" },
  store_unavailable: {
    status: 503,
    title: "Store unavailable",
    detail: "A write that was not answered may have been stored: read before writing again.",
  },
  admin_closed: { status: 403, title: "Admin API closed", detail: "ADMIN_TOKEN is not set." },
  files_missing: {
    status: 503,
    title: "Files missing",
    detail:
      "No files are bound to the gateway as ASSETS. npm run deploy and npm start bring them along; otherwise npm run dashboard -- build " +
      "makes them, in dist/dashboard.",
  },
  internal: { status: 500, title: "Internal error" },
};

/** `type` of a problem. A URN without a registered namespace: it names no domain that is not ours, and leads nowhere. */
export const problemType = (code: RefusalCode): string => `urn:sluice:problem:${code}`;

/** The constant part of each body, up to the correlation id: a refusal under attack must cost little. */
const OPENINGS = Object.fromEntries(
  Object.entries(PROBLEMS).map(([code, { title, status, detail }]) => [
    code,
    `${JSON.stringify({ type: problemType(code as RefusalCode), title, status, detail }).slice(0, -1)},"correlationId":`,
  ]),
) as { readonly [Code in RefusalCode]: string };

/** The refusal on the wire (RFC 9457 §3). The correlation id is a field as well, but that is set on every answer. */
export function problem(refusal: Refusal, correlationId: string): ProblemAnswer {
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  let body = OPENINGS[refusal.code] + JSON.stringify(correlationId);
  if ("retryAfterMs" in refusal) {
    const seconds = retryAfterSeconds(refusal.retryAfterMs);
    headers["retry-after"] = String(seconds);
    body += `,"retryAfter":${seconds}`;
  } else if ("challenge" in refusal && refusal.challenge !== undefined) {
    headers["www-authenticate"] = refusal.challenge;
  } else if (refusal.code === "method_not_allowed") {
    headers["allow"] = refusal.allow;
  } else if (refusal.code === "upgrade_required") {
    // RFC 9110 §15.5.22
    headers["upgrade"] = refusal.upgrade;
  } else if (refusal.code === "media_type_unsupported") {
    // RFC 9110 §15.5.16
    headers["accept"] = refusal.accept;
  }
  if ("errors" in refusal && refusal.errors !== undefined) body += `,"errors":${JSON.stringify(refusal.errors)}`;
  return { status: PROBLEMS[refusal.code].status, headers, body: `${body}}` };
}
