// What came of a call: usage and cost of the target that answered, what its history learns, and the counts of the gateway.
// Behind the answer's back, once, whoever ended it.
import type { ChatAnswer, Usage } from "../core/providers/chat.ts";
import { calibrate, isTelling, textTokens } from "../core/providers/estimate.ts";
import { isIll } from "../core/providers/failures.ts";
import { ORDINARY_HISTORY, recordOutcome, recordSpeed } from "../core/providers/history.ts";
import { costOf } from "../core/providers/prices.ts";
import { promptTokens, textOf } from "../core/providers/chat.ts";
import type { Failure } from "../core/providers/failures.ts";
import type { Target } from "./compiled.ts";
import { recordOf } from "./record.ts";
import { stateOf } from "./state.ts";
import type { AiWalk } from "./walk.ts";

/** An attempt has ended, well or not. What was the client's own fault says nothing of the target. */
export function recordAttempt(walk: AiWalk, target: Target, failure: Failure | undefined): void {
  const known = stateOf(walk.gateway).history(target.key);
  const options = walk.model?.options?.history ?? ORDINARY_HISTORY;
  if (failure === undefined) recordOutcome(known, true, options);
  else if (isIll(failure.kind) || failure.kind === "rate_limited") {
    recordOutcome(known, false, options);
    walk.gateway.isolate.metrics.ai.failed(target.provider.name, labelOf(walk, target));
  }
}

/** Who answered, and how soon. */
interface Answered {
  readonly target: Target;
  readonly firstMs: number;
}

/** The answer is over. `ms`: from its first part to its end, 0 for a whole one. */
export function settle(walk: AiWalk, given: Answered, usage: Usage, ms: number, isEstimated: boolean): void {
  const { target } = given;
  const state = stateOf(walk.gateway);
  const known = state.history(target.key);
  walk.target = target;
  walk.usage = usage;
  walk.cost = target.price === undefined ? undefined : costOf(usage, target.price);
  const options = walk.model?.options?.history ?? ORDINARY_HISTORY;
  if (ms > 0) recordSpeed(known, given.firstMs, usage.output, ms, options);
  else recordSpeed(known, 0, usage.output, given.firstMs, options);
  walk.gateway.isolate.metrics.ai.answered(
    target.provider.name,
    labelOf(walk, target),
    usage,
    walk.cost ?? 0,
    given.firstMs,
    ms,
  );
  if (!isEstimated) {
    const known = state.calibration(target.key);
    if (isTelling(known, walk.hasPromptTokens)) calibrate(known, walk.promptTokens, promptTokens(usage));
  }
  if (walk.conversation !== 0) state.bind(walk.conversation, target.key, Date.now());
}

/** A model that only the client has named is one of many. */
function labelOf({ model }: AiWalk, { provider, model: name }: Target): string {
  const isListed = provider.options.models?.some((one) => (typeof one === "string" ? one : one.id) === name);
  return model?.options !== undefined || isListed === true ? name : "other";
}

/** Told to logs and traces, when all of it is over. */
export function recordCall(walk: AiWalk, status: number, firstTokenMs: number): void {
  const { recorder } = walk.gateway;
  const tookMs = performance.now() - walk.startedAt;
  if (!recorder.wants(walk.policy.policy.telemetry, status, tookMs)) return;
  recorder.record(recordOf(walk, status, firstTokenMs), walk.ctx);
}

/** A provider that tells no usage, or whose stream was left before its end, is charged by what was seen. */
export const estimated = ({ promptTokens }: AiWalk, said: string): Usage => ({
  uncached: Math.round(promptTokens),
  cacheRead: 0,
  cacheWrite: 0,
  output: said === "" ? 0 : textTokens(said),
  reasoning: 0,
});

export const saidBy = ({ choices }: ChatAnswer): string => choices.map(({ parts }) => textOf(parts)).join("");

/** The request is over for the client, or at least its answer has begun: it is counted. */
export function capture(walk: AiWalk, status: number): void {
  const { metrics, reporter } = walk.gateway.isolate;
  metrics.inFlight--;
  const service = walk.target === undefined ? "" : walk.target.provider.service.name;
  metrics.observe(
    `ai ${walk.surface.operation}`,
    service,
    status,
    performance.now() - walk.startedAt,
    "unasked",
    walk.attempts - 1,
  );
  if (walk.failure !== undefined && walk.attempts === 0) metrics.refuse(`ai_${walk.failure.kind}`);
  if (!walk.streams) recordCall(walk, status, 0);
  if (reporter.due(Date.now()) && (!walk.abandoned || reporter.isUrgent)) walk.ctx.waitUntil(reporter.send());
}
