// Who may ask, how often, and for how much: identity and limits as for all traffic, and budgets in tokens and dollars, reserved
// before a call by its estimate and settled behind it by what it was. Clients of both kinds show their keys where they are
// used to: `Authorization: Bearer`, or `x-api-key`.
import type { Refusal } from "../core/http/problem.ts";
import type { Usage } from "../core/providers/chat.ts";
import { promptTokens } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { costOf } from "../core/providers/prices.ts";
import type { Caller } from "../core/security/counted.ts";
import { aiRequestFields, aiTokenFields, rateLimitField, type Budget, type Limit } from "../core/security/limits.ts";
import type { Reservation } from "../platform/budgets.ts";
import type { Admission } from "../platform/identity.ts";
import type { Taken } from "../platform/limiter.ts";
import { rulesOf } from "../platform/rules.ts";
import type { Target } from "./compiled.ts";
import { noteIncident } from "./incident.ts";
import type { AiWalk } from "./walk.ts";

/** Undefined when the caller may go on. Waits only at the first sight of a credential, or where a lease is spent. */
export async function admit(walk: AiWalk): Promise<Failure | undefined> {
  const { auth, permissions } = walk.ai.options;
  const said: Admission | Refusal = await walk.gateway.identity.admit(walk.policy, walk, {
    id: "ai",
    auth,
    permissions,
  });
  if ("code" in said) {
    if (said.code === "unauthenticated" || said.code === "forbidden") {
      walk.challenge = said.challenge ?? "";
      return failureOf(said.code);
    }
    return failureOf("unavailable", "retryAfterMs" in said ? said.retryAfterMs : undefined);
  }
  walk.security = said.context;
  const { limits, ai } = rulesOf(walk.policy);
  // The one that goes with the credential, where it has one, in place of the door's.
  const own = said.context.rateLimit === undefined ? undefined : limits.get(said.context.rateLimit);
  return count(walk, own ?? ai.limit);
}

/** The model's own limit, beside the door's. */
export const countModel = (walk: AiWalk, model: string): Promise<Failure | undefined> =>
  count(walk, rulesOf(walk.policy).model(model).limit);

/** Counts the request against a limit of the policy, and those under way; undefined when it passes. */
async function count(walk: AiWalk, limit: Limit | undefined): Promise<Failure | undefined> {
  if (limit === undefined) return undefined;
  const { limiter, places } = walk.gateway.isolate;
  const caller = callerOf(walk);
  const isBounded = limit.concurrent !== Infinity;
  // What finds no place is not counted as a request that passed.
  if (isBounded && !limit.shadow && places.isFull(limit, caller)) return limited(walk, FULL_RETRY_MS);
  const refusal = obey(walk, limit, await limiter.take(limit, caller, walk.ctx));
  if (refusal !== undefined || !isBounded) return refusal;
  const entered = await places.enter(limit, caller, walk.ctx);
  if (typeof entered !== "string") walk.held.push(entered);
  else if (!limit.shadow && (entered === "full" || limit.onFailure === "closed")) {
    limiter.giveBack(limit, caller);
    return entered === "full" ? limited(walk, FULL_RETRY_MS) : failureOf("unavailable", FULL_RETRY_MS);
  }
  return undefined;
}

const FULL_RETRY_MS = 1_000;

/** The request is over, or its stream is: others may come in its place. */
export function leave({ held }: AiWalk): void {
  for (const place of held) place.leave();
}

function obey(walk: AiWalk, limit: Limit, { outcome, retryAfterMs, standing }: Taken): Failure | undefined {
  if (limit.shadow) return undefined;
  if (standing !== undefined) {
    // The door's limit and the model's are one list; what AI clients read is of the last one asked.
    tell(walk, "ratelimit-policy", limit.policyField);
    tell(walk, "ratelimit", rateLimitField(standing));
    walk.told.push(...aiRequestFields(standing));
  }
  if (outcome === "passed") return undefined;
  if (outcome === "away") return limit.onFailure === "closed" ? failureOf("unavailable", retryAfterMs) : undefined;
  return limited(walk, retryAfterMs);
}

function limited(walk: AiWalk, retryAfterMs: number): Failure {
  noteIncident(walk, "rate_limited", "rate_limited");
  return failureOf("client_limit", retryAfterMs);
}

function tell({ told }: AiWalk, name: string, value: string): void {
  const before = told.findLast(([each]) => each === name);
  told.push([name, before === undefined ? value : `${before[1]}, ${value}`]);
}

const callerOf = ({ security, address, request, model }: AiWalk): Caller => ({
  tenant: security.tenant,
  identity: security.identity,
  key: security.keyId,
  address,
  route: "ai",
  model: model?.name ?? "",
  header: (name) => request.headers.get(name),
});

// --- budgets ---

/** Of an answer whose length nobody limits. */
const ANSWER_TOKENS = 1_000;

/** Reserves what the call may cost of the door's, the model's and its first provider's budgets. */
export async function reserve(walk: AiWalk, answerTokens: number = ANSWER_TOKENS): Promise<Failure | undefined> {
  const [target] = walk.targets;
  const budgets = budgetsOf(walk, target);
  if (budgets.length === 0) return undefined;
  const output = answerTokens;
  const usage = { uncached: walk.promptTokens, cacheRead: 0, cacheWrite: 0, output, reasoning: 0 };
  const dollars = target?.price === undefined ? 0 : costOf(usage, target.price);
  const estimate = { tokens: Math.round(walk.promptTokens + output), dollars };
  const reserved = await walk.gateway.isolate.budgets.reserve(budgets, callerOf(walk), estimate, walk.ctx);
  if (reserved.ok) {
    walk.reservation = reserved.reservation;
    const { parts } = reserved.reservation;
    walk.told.push(...aiTokenFields(parts.map(({ budget, answer }) => ({ rule: budget.rule, left: answer?.left }))));
    return undefined;
  }
  if (reserved.why !== "spent") return failureOf("unavailable", reserved.retryAfterMs);
  noteIncident(walk, "rate_limited", "budget");
  return failureOf("budget", reserved.retryAfterMs);
}

function budgetsOf({ policy, model, security }: AiWalk, target: Target | undefined): readonly Budget[] {
  const rules = rulesOf(policy);
  const { limit, budgets } = rules.ai;
  const credential = security.rateLimit === undefined ? undefined : rules.limits.get(security.rateLimit);
  // As with requests: the credential's own limit in place of the door's.
  const door =
    credential === undefined ? budgets : [credential.budget, ...budgets.filter((each) => each !== limit?.budget)];
  const own = model === undefined ? [] : rules.model(model.name).budgets;
  const provider = target === undefined ? undefined : rules.provider(target.provider.name);
  return [...door, ...own, provider].filter((budget) => budget !== undefined);
}

/** Once, with what was used; nothing at all after a failure. */
export function charge(walk: AiWalk, usage: Usage | undefined): void {
  const reservation: Reservation | undefined = walk.reservation;
  if (reservation === undefined) return;
  walk.reservation = undefined;
  const tokens = usage === undefined ? 0 : promptTokens(usage) + usage.output;
  walk.gateway.isolate.budgets.settle(reservation, { tokens, dollars: walk.cost ?? 0 }, walk.ctx);
}
