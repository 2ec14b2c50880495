// How much may be asked: body size, then how many requests the route's limit lets pass, then how many at once. A declared length
// is refused before a byte is read; a body without one is counted on its way (platform/bodies). Most requests pass on a lease
// that the isolate holds; only one that finds it spent waits, a quarter of a second at most.
import { contentLength } from "../core/http/limits.ts";
import type { Refusal } from "../core/http/problem.ts";
import type { Caller } from "../core/security/counted.ts";
import { rateLimitField, type Limit } from "../core/security/limits.ts";
import type { Taken } from "../platform/limiter.ts";
import type { Entered } from "../platform/places-held.ts";
import { rulesOf } from "../platform/rules.ts";
import { watchBody } from "../platform/bodies.ts";
import type { Verdict, Walk } from "./walk.ts";

const FULL_RETRY_MS = 1_000;
const NO_PLACE: Refusal = { code: "rate_limited", retryAfterMs: FULL_RETRY_MS };

export function limit(walk: Walk): Verdict | Promise<Verdict> {
  const { maxBodyBytes } = walk.route!;
  if (maxBodyBytes !== Infinity) {
    const declared = contentLength(walk.fields.contentLength);
    if (declared !== undefined && declared > maxBodyBytes) return { code: "body_too_large" };
  }
  const counted = limitOf(walk);
  // What the cache fetches ahead is nobody's request, and has a budget of its own.
  if (counted === undefined || walk.gateway.keeper.ahead.has(walk.request)) return undefined;
  return count(walk, counted);
}

/** The one that goes with the credential, where it has one, in place of the route's. */
function limitOf(walk: Walk): Limit | undefined {
  const own = walk.security.rateLimit;
  return (own === undefined ? undefined : rulesOf(walk.policy).limits.get(own)) ?? walk.rules!.limit;
}

function count(walk: Walk, counted: Limit): Verdict | Promise<Verdict> {
  const { limiter, places } = walk.gateway.isolate;
  const caller = callerOf(walk);
  // What finds no place is not counted as a request that passed.
  if (counted.concurrent !== Infinity && !counted.shadow && places.isFull(counted, caller)) return NO_PLACE;
  const taken = limiter.take(counted, caller, walk.ctx);
  return taken instanceof Promise ? taken.then((late) => obey(walk, counted, late)) : obey(walk, counted, taken);
}

function obey(walk: Walk, counted: Limit, taken: Taken): Verdict | Promise<Verdict> {
  const { outcome, standing, retryAfterMs } = taken;
  if (standing !== undefined && !counted.shadow) {
    (walk.answerFields ??= []).push(["ratelimit-policy", counted.policyField], ["ratelimit", rateLimitField(standing)]);
  }
  if (!counted.shadow) {
    if (outcome === "spent" || outcome === "blocked") return { code: "rate_limited", retryAfterMs };
    if (outcome === "away" && counted.onFailure === "closed") return { code: "limits_unavailable", retryAfterMs };
  }
  if (counted.concurrent === Infinity) return undefined;
  const entered = walk.gateway.isolate.places.enter(counted, callerOf(walk), walk.ctx);
  return entered instanceof Promise ? entered.then((late) => keep(walk, counted, late)) : keep(walk, counted, entered);
}

function keep(walk: Walk, counted: Limit, entered: Entered): Refusal | undefined {
  if (typeof entered !== "string") {
    walk.held = entered;
    walk.request.signal.addEventListener("abort", () => entered.leave(), { once: true });
    return undefined;
  }
  if (counted.shadow || (entered === "away" && counted.onFailure !== "closed")) return undefined;
  walk.gateway.isolate.limiter.giveBack(counted, callerOf(walk));
  return entered === "full" ? NO_PLACE : { code: "limits_unavailable", retryAfterMs: FULL_RETRY_MS };
}

/** The place is the request's until its answer is over. */
export function leaveWith(walk: Walk, answer: Response): Response {
  const held = walk.held!;
  const { body, status, statusText, headers } = answer;
  if (body === null || status === 101 || walk.refusal !== undefined) {
    held.leave();
    return answer;
  }
  const { readable, done } = watchBody(body, contentLength(headers.get("content-length")), {
    left: walk.request.signal,
    goesOn: () => false,
    idleMs: Infinity,
    totalMs: Infinity,
    moved: () => held.moved(),
    over: () => held.leave(),
  });
  walk.ctx.waitUntil(done);
  return new Response(readable, { status, statusText, headers, encodeBody: "manual" });
}

/** Who is counted. The address is the edge's word, never a field that a client may write. */
function callerOf(walk: Walk): Caller {
  const { tenant, identity, keyId } = walk.security;
  return {
    tenant,
    identity,
    key: keyId,
    address: walk.address,
    route: walk.route!.id,
    model: "",
    header: (name) => walk.headers.get(name),
  };
}
