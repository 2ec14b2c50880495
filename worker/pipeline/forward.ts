// Sends the request on and brings the answer back: an honest reverse proxy (RFC 9110 §7.6). Fields of the hop are
// dropped both ways before ours are added, the body streams untouched, redirects are the client's to follow.
import type { CompiledTimeouts, HeaderEdits } from "../core/policy/compiled.ts";
import { contentLength } from "../core/http/limits.ts";
import { cdnLoop, forwarded, via } from "../core/http/forwarding.ts";
import { forwardPath } from "../core/http/path.ts";
import type { Refusal } from "../core/http/problem.ts";
import { dropFields } from "../core/http/request-fields.ts";
import { limitBody, NATIVE_BYTES, watchBody } from "../platform/bodies.ts";
import { outcomeOf, type Attempt, type InstanceState } from "../platform/instances.ts";
import { send } from "../platform/upstream.ts";
import type { Walk } from "./walk.ts";

/** After the deadline by which an attempt must be over, until it counts as ended by the runtime. */
const GRACE_MS = 1_000;
/** The idle deadline nobody asked for: bodies of a declared, small length then pass natively (platform/bodies). */
const DEFAULT_IDLE_MS = 30_000;

/** The upstream's answer, not yet dressed for the client, or why there is none. */
export async function forward(walk: Walk): Promise<Response | Refusal> {
  const { request, route, service, instance } = walk;
  const { timeouts, maxBodyBytes } = route!;
  // A declared length was looked at by `limit`; one that is not declared shows itself on the way.
  const counts = request.body !== null && maxBodyBytes !== Infinity && walk.fields.contentLength === undefined;
  const sending = counts ? new AbortController() : undefined;
  const body = sending === undefined ? request.body : limitBody(request.body!, maxBodyBytes, sending);

  const deadlineMs = Math.min(timeouts.headersMs, timeouts.attemptsMs);
  const attempt = walk.gateway.fleet.begin(instance!, walk.arrivedAt + deadlineMs + GRACE_MS);
  walk.attempts++;
  const sentAt = performance.now();
  const answer = await send(
    urlAt(walk, instance!),
    {
      method: request.method,
      headers: requestHeaders(walk),
      body,
      signal: sending?.signal,
      onEdge: walk.gateway.onEdge,
    },
    deadlineMs,
  );
  walk.upstreamMs = performance.now() - sentAt;

  const { metrics } = walk.gateway.isolate;
  const { key } = instance!.compiled;
  if (typeof answer === "string") {
    attempt.end();
    walk.abandoned = answer === "timeout";
    if (sending?.signal.aborted === true) {
      metrics.attempt(key, "cancelled", walk.upstreamMs);
      return { code: "body_too_large" };
    }
    instance!.settle("failed", walk.upstreamMs, Date.now(), service!.slowMs);
    metrics.attempt(key, answer === "timeout" ? "timeout" : "failed", walk.upstreamMs);
    return { code: answer === "timeout" ? "upstream_timeout" : "upstream_unreachable" };
  }
  const outcome = outcomeOf(answer.status);
  instance!.settle(outcome, walk.upstreamMs, Date.now(), service!.slowMs);
  metrics.attempt(key, outcome, walk.upstreamMs);
  return receive(walk, answer, attempt, timeouts);
}

/** `scheme://authority`, the instance's base path, the received path less the route's prefix, the received query. */
function urlAt(walk: Walk, instance: InstanceState): string {
  const { stripPrefix, addPrefix } = walk.route!;
  const { origin, basePath } = instance.compiled;
  const path = forwardPath(walk.path, walk.canonicalPath, stripPrefix, addPrefix);
  return origin + basePath + path + walk.query;
}

function requestHeaders(walk: Walk): Headers {
  const { fields, address, authority, scheme, correlationId } = walk;
  const headers = new Headers(walk.request.headers);
  dropFields(headers, fields.drop);
  // RFC 9110 §7.8: the one upgrade the runtime can carry; it writes Connection itself.
  if (fields.upgrade !== undefined && fields.upgrade.toLowerCase() === "websocket") headers.set("upgrade", "websocket");
  if (address !== "") headers.set("x-forwarded-for", address);
  headers.set("x-forwarded-host", authority);
  headers.set("x-forwarded-proto", scheme);
  headers.set("forwarded", forwarded(address, authority, scheme));
  headers.set("via", via(fields.via));
  headers.set("cdn-loop", cdnLoop(fields.cdnLoop));
  headers.set("traceparent", walk.traceparent);
  headers.set("x-proxy-correlation-id", correlationId);
  headers.set("x-proxy-request-id", correlationId);
  const edits = walk.route!.requestHeaders;
  if (edits !== undefined) applyEdits(headers, edits);
  return headers;
}

export function applyEdits(headers: Headers, edits: HeaderEdits): void {
  for (const name of edits.remove) headers.delete(name);
  for (const [name, value] of edits.set) headers.set(name, value);
  for (const [name, value] of edits.add) headers.append(name, value);
}

/** Turns what `fetch` gave into an answer with fields that can be changed. */
function receive(walk: Walk, answer: Response, attempt: Attempt, timeouts: CompiledTimeouts): Response | Refusal {
  const { status, body } = answer;
  if (status === 101 && answer.webSocket !== null) {
    attempt.end();
    return new Response(null, { status, headers: answer.headers, webSocket: answer.webSocket });
  }
  // `fetch` can return what no `Response` may be made of (600, 999, a 1xx): nonsense from the upstream.
  if (status < 200 || status > 599) {
    attempt.end();
    void body?.cancel().catch(() => {});
    return { code: "upstream_invalid" };
  }
  if (body === null || passesNatively(answer.headers, timeouts)) {
    attempt.end();
    return new Response(body, answer);
  }
  const { idleMs } = timeouts;
  const totalMs = timeouts.totalMs - (Date.now() - walk.arrivedAt);
  attempt.expiresAt = Date.now() + Math.min(idleMs, totalMs) + GRACE_MS;
  const watched = watchBody(body, contentLength(answer.headers.get("content-length")), {
    idleMs,
    totalMs,
    moved: () => {
      attempt.expiresAt = Date.now() + idleMs + GRACE_MS;
    },
    over: () => attempt.end(),
  });
  walk.ctx.waitUntil(watched.done);
  return new Response(watched.readable, {
    status,
    statusText: answer.statusText,
    headers: answer.headers,
    encodeBody: "manual",
  });
}

/** A short body of declared length under nothing but the default deadlines is not worth a timer of its own. */
function passesNatively(headers: Headers, { idleMs, totalMs }: CompiledTimeouts): boolean {
  if (idleMs < DEFAULT_IDLE_MS || totalMs !== Infinity) return false;
  if (idleMs === Infinity) return true;
  const length = contentLength(headers.get("content-length"));
  return length !== undefined && length >= 0 && length <= NATIVE_BYTES;
}
