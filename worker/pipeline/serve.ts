// The walk of a request that is not the gateway's own: a straight list of steps, each of which lets it go on or refuses
// it. What the walk needs from outside is in this isolate already; only a cold isolate, or one that was idle for more
// than five seconds, asks for policy and news first, and waits for them a bounded time.
import { correlationId } from "../core/http/correlation.ts";
import { problem } from "../core/http/problem.ts";
import { startTrace } from "../core/http/trace.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { described } from "../core/security/redact.ts";
import type { Gateway } from "../platform/gateway.ts";
import { clean, complete, dress, refuse } from "./answer.ts";
import { capture } from "./capture.ts";
import { forward, receive } from "./forward.ts";
import { stepsOf, type Step } from "./lanes.ts";
import { leaveWith } from "./limit.ts";
import { profile } from "./profile.ts";
import { remember, repeat } from "./repeat.ts";
import { Walk, type Verdict } from "./walk.ts";

/** `url`: the request's, where the caller has asked for it already; each time costs. */
export function serve(
  request: Request,
  ctx: ExecutionContext,
  gateway: Gateway,
  url: string = request.url,
): Promise<Response> | Response {
  const now = Date.now();
  const policy = gateway.isolate.ready(now);
  if (policy === undefined) return serveAfterNews(request, ctx, gateway, url);
  return repeat(request, url, ctx, gateway, policy, now) ?? walkThrough(request, url, ctx, gateway, policy, now);
}

async function serveAfterNews(
  request: Request,
  ctx: ExecutionContext,
  gateway: Gateway,
  url: string,
): Promise<Response> {
  const policy = await gateway.isolate.refresh(ctx, request.cf as IncomingRequestCfProperties | undefined);
  if (policy === undefined) return withoutPolicy(request, gateway);
  return walkThrough(request, url, ctx, gateway, policy, Date.now());
}

async function walkThrough(
  request: Request,
  url: string,
  ctx: ExecutionContext,
  gateway: Gateway,
  policy: CompiledPolicy,
  now: number,
): Promise<Response> {
  const walk = new Walk(request, url, ctx, gateway, policy, now);
  gateway.isolate.metrics.inFlight++;
  let answer: Response;
  try {
    let verdict: Verdict | Promise<Verdict> = profile(walk) ?? passes(walk, stepsOf(walk), 0);
    if (verdict instanceof Promise) verdict = await verdict;
    if (verdict === undefined) {
      const received = receive(walk, await forward(walk));
      let given = received instanceof Promise ? await received : received;
      if (given instanceof Response) given = clean(walk, given);
      if (walk.cacheCall !== undefined) {
        const settled = walk.cacheCall.settle(given);
        given = settled instanceof Promise ? await settled : settled;
      }
      answer = given instanceof Response ? dress(walk, given) : refuse(walk, given);
    } else {
      answer = verdict instanceof Response ? complete(walk, verdict) : refuse(walk, verdict);
    }
  } catch (error) {
    // A bug of ours: its text is for the log, never for the client.
    console.error(`${walk.correlationId}: ${described(error)}`);
    walk.cacheCall?.drop();
    answer = refuse(walk, { code: "internal" });
  }
  if (walk.held !== undefined) answer = leaveWith(walk, answer);
  capture(walk, answer.status);
  if (walk.isRepeated) remember(walk, answer);
  return answer;
}

/** Through the steps from `next` on: at once, unless one of them has to wait. */
function passes(walk: Walk, steps: readonly Step[], next: number): Verdict | Promise<Verdict> {
  for (let index = next; index < steps.length; index++) {
    const verdict = steps[index]!(walk);
    if (verdict instanceof Promise) return verdict.then((late) => late ?? passesLate(walk, steps, index + 1));
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function passesLate(walk: Walk, steps: readonly Step[], next: number): Verdict | Promise<Verdict> {
  walk.now = Date.now();
  return passes(walk, steps, next);
}

/** No policy was ever seen: 503, and /_sluice/ready says why. */
function withoutPolicy(request: Request, gateway: Gateway): Response {
  const id = correlationId(request.headers.get("x-correlation-id") ?? undefined, Date.now(), Math.random);
  const { status, headers, body } = problem({ code: "policy_missing", retryAfterMs: 1_000 }, id);
  gateway.isolate.metrics.observe("", "", status, 0);
  gateway.isolate.metrics.refuse("policy_missing");
  const traceparent = startTrace(Math.random, true);
  return new Response(body, { status, headers: { ...headers, "x-correlation-id": id, traceparent } });
}
