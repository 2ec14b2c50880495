// What the client gets: an answer in its surface's form, or a failure in it; the fields that every answer carries, and, where
// the policy exposes them, those that say who answered, for how much, and why it was asked.
import { GATEWAY } from "../core/http/forwarding.ts";
import { retryAfterSeconds } from "../core/http/retry-after.ts";
import { serverTiming } from "../core/http/server-timing.ts";
import { cacheStatusMember } from "../core/http/cache-status.ts";
import { parseObject } from "../core/providers/fields.ts";
import { statusOf, type Failure } from "../core/providers/failures.ts";
import type { JsonObject } from "../core/providers/chat.ts";
import { redact } from "../core/security/redact.ts";
import type { AiWalk } from "./walk.ts";

const BYPASS = cacheStatusMember({ kind: "fwd", reason: "bypass" });

const VIA = `1.1 ${GATEWAY}`;

/** On each of them; a copy costs less than setting them. */
const JSON_FIELDS = new Headers({
  "content-type": "application/json",
  via: VIA,
  "cache-status": BYPASS,
});

export function json(walk: AiWalk, body: JsonObject | string, status = 200): Response {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = new Headers(JSON_FIELDS);
  tell(walk, headers);
  return new Response(text, { status, headers });
}

export function refuse(walk: AiWalk, failure: Failure): Response {
  walk.failure = failure;
  const { native, retryAfterMs } = failure;
  const own = statusOf(failure.kind);
  // What was wrong with the client's request is told in the provider's own words, where it speaks as the client does.
  const passes =
    native !== undefined && parseObject(native.text) !== undefined && own < 500 && failure.kind !== "rate_limited";
  const answer = passes
    ? json(walk, native.text, native.status)
    : json(walk, walk.surface.envelope({ ...failure, message: redact(failure.message) }), own);
  answer.headers.set("cache-control", "no-store");
  if ((failure.kind === "unauthenticated" || failure.kind === "forbidden") && walk.challenge !== "") {
    answer.headers.set("www-authenticate", walk.challenge);
  }
  if (retryAfterMs !== undefined && (own === 429 || own === 503)) {
    answer.headers.set("retry-after", String(retryAfterSeconds(retryAfterMs)));
  }
  return answer;
}

export function dress(walk: AiWalk, answer: Response): Response {
  const { headers } = answer;
  headers.append("via", VIA);
  if (!headers.has("cache-status")) headers.append("cache-status", BYPASS);
  tell(walk, headers);
  return answer;
}

/** What is told of this call. */
function tell(walk: AiWalk, headers: Headers): void {
  headers.set("x-correlation-id", walk.correlationId);
  headers.set("traceparent", walk.traceparent);
  const own = serverTiming(GATEWAY, performance.now() - walk.startedAt - walk.upstreamMs);
  headers.append("server-timing", walk.attempts === 0 ? own : `${own}, ${serverTiming("upstream", walk.upstreamMs)}`);
  for (const [name, value] of walk.told) headers.set(name, value);
  if (walk.fault !== "") headers.set("x-sluice-fault", walk.fault);
  // Official clients tell their users this one.
  headers.set("x-request-id", walk.correlationId);
  if (walk.policy.policy.expose ?? walk.gateway.isLocal) expose(walk, headers);
}

function expose(walk: AiWalk, headers: Headers): void {
  const { target, cost } = walk;
  headers.set("x-sluice-generation", String(walk.policy.generation));
  if (walk.attempts > 0) headers.set("x-sluice-attempts", String(walk.attempts));
  if (walk.considered.length > 0) headers.set("x-sluice-choice", explained(walk));
  if (target === undefined) return;
  headers.set("x-sluice-provider", target.provider.name);
  headers.set("x-sluice-model", target.model);
  headers.set("x-sluice-fallback-index", String(walk.fallbackIndex));
  if (cost !== undefined) headers.set("x-sluice-cost", dollars(cost));
}

/** Without an exponent, and without what is less than a hundred-millionth. */
const dollars = (cost: number): string => cost.toFixed(8).replace(/\.?0+$/, "") || "0";

const MOST_SHOWN = 10;

/** `intelligent; openai/gpt-x=83.2 (p50 c100 r50 l100), other/m: tools`. */
function explained({ considered, chosenBy }: AiWalk): string {
  const shown = considered.slice(0, MOST_SHOWN).map(({ target, scored, unfit }) => {
    if (scored === undefined) return `${target.key}: ${unfit}`;
    const { performance, cost, reliability, load, score } = scored;
    const parts = `p${Math.round(performance)} c${Math.round(cost)} r${Math.round(reliability)} l${Math.round(load)}`;
    return `${target.key}=${score.toFixed(1)} (${parts})`;
  });
  return `${chosenBy || "none"}; ${shown.join(", ")}`;
}
