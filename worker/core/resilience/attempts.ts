// One question, one machine: what next? Retry, hedge, fallback and budget for one request, over HTTP instances and AI
// targets alike. The driver sends, waits and chooses; this file decides, and knows nothing of either.
//
// Laws: at most `max` sends, the first one counted, over instances, hedges and fallbacks together; each further one is
// paid from the service's budget; a second one only if the request may be repeated, for `fetch` cannot tell a refused
// connection from one lost after the request was taken; never the same instance twice while another stands; nothing is
// waited for that would end after the deadline; an upstream's Retry-After holds for the instance that sent it.
//
// Repeated are lost connections, timeouts, and the statuses that say "not me, not now": 502, 503, 504 by default. Not
// 500: the application has looked at the request and failed, and would most likely fail again. Not 429: the client is
// the one meant.
import type { Chance } from "../stats/chance.ts";
import { deposit, withdraw, type BudgetOptions, type RetryBudget } from "./budget.ts";

/** As in the policy's `attempts` block. */
export interface AttemptOptions extends BudgetOptions {
  readonly max: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly retryStatuses: readonly number[];
}

/** `attempts: false`: one send; an alternative only where nothing could be sent. */
export const SINGLE_ATTEMPT: AttemptOptions = {
  max: 1,
  retryBudget: 0,
  retryFloor: 0,
  budgetWindowMs: 10_000,
  backoffMs: 0,
  maxBackoffMs: 1,
  retryStatuses: [],
};

/** One request's way through its attempts; small, flat, changed in place. */
export interface Attempts {
  /** Sends that were allowed, of which `sent` were made; the difference is choosing, waiting or standing in a queue. */
  allowed: number;
  sent: number;
  inFlight: number;
  /** The method is idempotent or there is an Idempotency-Key, and the body can be sent again. */
  readonly repeatable: boolean;
  /** Epoch ms by which the final headers must be here; Infinity for none. */
  readonly deadlineAt: number;
  /** Alternatives the policy names: how many, and the one in use, -1 while it is the service itself. */
  readonly fallbacks: number;
  fallback: number;
  hedged: boolean;
  /** Waits so far. */
  backoffs: number;
  /** Instance of the newest send, by index; -1 before the first. */
  latest: number;
  /** Instances of the target in use that this request is not to be sent to, by index: the choice's `exclude`. */
  tried: readonly number[];
}

const NONE_TRIED: readonly number[] = Object.freeze([]);

export const attempts = (repeatable: boolean, deadlineAt: number, fallbacks: number): Attempts => ({
  allowed: 0,
  sent: 0,
  inFlight: 0,
  repeatable,
  deadlineAt,
  fallbacks,
  fallback: -1,
  hedged: false,
  backoffs: 0,
  latest: -1,
  tried: NONE_TRIED,
});

/** RFC 9110 §9.2.2. Any other method is repeatable with an Idempotency-Key only. */
export function isRepeatable(method: string, hasIdempotencyKey: boolean, bodyCanBeSentAgain: boolean): boolean {
  if (!bodyCanBeSentAgain) return false;
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "PUT":
    case "DELETE":
    case "TRACE":
      return true;
    default:
      return hasIdempotencyKey;
  }
}

/** Why nobody could be sent to: breakers are open, every place is taken, or the survivors have their share (panic). */
export type Unavailable = "open" | "full" | "panic";

/**
 * `others`: another instance of the target in use, not tried yet, could be asked now. `same`: one of the tried could be
 * asked again. What the driver's choice says of both.
 */
export type AttemptEvent =
  /** The request is here. Once, first. */
  | { kind: "start" }
  /** There was nobody to send to after all. */
  | { kind: "unavailable"; why: Unavailable }
  /** An attempt ended without an answer. */
  | { kind: "lost" | "timeout"; others: boolean; same: boolean }
  /** An attempt was answered, with a status that is `worthAnother`. `retryAfterMs`: -1 for none. */
  | { kind: "status"; retryAfterMs: number; others: boolean; same: boolean }
  /** The target answered that it cannot take this request, and another may: a larger context window, another model. */
  | { kind: "unfit" }
  /** The first try has taken as long as a hedge waits for. */
  | { kind: "slow"; others: boolean; same: boolean }
  /** The wait is over. */
  | { kind: "waited" }
  /** The deadline has passed. */
  | { kind: "expired" };

export type Next =
  /** Choose an instance of the target in use, none of `tried`; then `sent`, or the event `unavailable`. */
  | { readonly do: "send" }
  /** The same, beside the one under way. */
  | { readonly do: "hedge" }
  /** Wait this long, then say `waited`. */
  | { readonly do: "wait"; readonly ms: number }
  /** Others are under way: wait for them. */
  | { readonly do: "hold" }
  /** Turn to this alternative, and send there. */
  | { readonly do: "fallback"; readonly to: number }
  /** Give the client what there is: the last answer, else what went wrong last. */
  | { readonly do: "give"; readonly because: "spent" | "budget" | "unrepeatable" | "deadline" }
  /** Nothing was ever sent. */
  | { readonly do: "refuse"; readonly why: Unavailable | "deadline" };

const SEND: Next = Object.freeze({ do: "send" });
const HEDGE: Next = Object.freeze({ do: "hedge" });
const HOLD: Next = Object.freeze({ do: "hold" });
const GIVE_SPENT: Next = Object.freeze({ do: "give", because: "spent" });
const GIVE_BUDGET: Next = Object.freeze({ do: "give", because: "budget" });
const GIVE_UNREPEATABLE: Next = Object.freeze({ do: "give", because: "unrepeatable" });
const GIVE_DEADLINE: Next = Object.freeze({ do: "give", because: "deadline" });

export const START: AttemptEvent = Object.freeze({ kind: "start" });
export const WAITED: AttemptEvent = Object.freeze({ kind: "waited" });
export const EXPIRED: AttemptEvent = Object.freeze({ kind: "expired" });

/**
 * Whether the machine has anything to say about an answer. Nearly every request ends here, and nothing is allocated.
 */
export const worthAnother = (status: number, options: AttemptOptions): boolean =>
  status >= 400 && options.retryStatuses.includes(status);

/** How long one attempt may take to its headers, ms. */
export const attemptMs = (state: Attempts, headersMs: number, now: number): number =>
  Math.max(0, Math.min(headersMs, state.deadlineAt - now));

/** It was sent to this instance: the answer to `send`, `hedge` and `fallback`. */
export function sent(state: Attempts, instance: number): void {
  state.sent++;
  state.inFlight++;
  state.latest = instance;
}

/** What next? `budget` is the service's in this isolate, for its fallbacks too. */
export function next(
  state: Attempts,
  event: AttemptEvent,
  budget: RetryBudget,
  options: AttemptOptions,
  now: number,
  chance: Chance,
): Next {
  switch (event.kind) {
    case "start":
      deposit(budget, now, options);
      state.allowed = 1;
      return SEND;
    case "waited":
      return now < state.deadlineAt ? SEND : GIVE_DEADLINE;
    case "expired":
      return state.sent === 0 ? { do: "refuse", why: "deadline" } : GIVE_DEADLINE;
    case "unavailable":
      return unavailable(state, event.why, budget, options, now);
    case "slow":
      return hedge(state, event.others, event.same, budget, options, now);
    case "unfit":
      state.inFlight--;
      if (state.inFlight > 0) return HOLD;
      return fallBack(state, true, budget, options, now) ?? GIVE_SPENT;
    case "lost":
    case "timeout":
      return failed(state, event.others, event.same, -1, budget, options, now, chance);
    case "status":
      return failed(state, event.others, event.same, event.retryAfterMs, budget, options, now, chance);
  }
}

/** Another instance first, then an alternative, then the same instance again when it may be. */
function failed(
  state: Attempts,
  others: boolean,
  same: boolean,
  retryAfterMs: number,
  budget: RetryBudget,
  options: AttemptOptions,
  now: number,
  chance: Chance,
): Next {
  state.inFlight--;
  if (state.inFlight > 0) return HOLD;
  if (!state.repeatable) return GIVE_UNREPEATABLE;
  if (state.allowed >= options.max) return GIVE_SPENT;
  if (!others && state.fallback + 1 < state.fallbacks)
    return fallBack(state, true, budget, options, now) ?? GIVE_BUDGET;
  if (!others && !same) return GIVE_SPENT;
  const backoffMs = fullJitter(state, options, chance);
  const waitMs = others ? backoffMs : Math.max(backoffMs, retryAfterMs);
  if (now + waitMs >= state.deadlineAt) return GIVE_DEADLINE;
  if (!withdraw(budget, now, options)) return GIVE_BUDGET;
  state.allowed++;
  state.backoffs++;
  exclude(state, others);
  return waitMs > 0 ? { do: "wait", ms: waitMs } : SEND;
}

/** Not again where it was sent last; when nobody else stands, anywhere. */
function exclude(state: Attempts, others: boolean): void {
  state.tried = others ? [...state.tried, state.latest] : NONE_TRIED;
}

/**
 * Between 0 and backoffMs x 2^n, at most maxBackoffMs (Brooker, "Exponential Backoff and Jitter", 2015: "full jitter").
 */
const fullJitter = (state: Attempts, options: AttemptOptions, chance: Chance): number =>
  Math.round(chance() * Math.min(options.maxBackoffMs, options.backoffMs * 2 ** Math.min(state.backoffs, 20)));

/** One hedge a request, beside one first try. */
function hedge(
  state: Attempts,
  others: boolean,
  same: boolean,
  budget: RetryBudget,
  options: AttemptOptions,
  now: number,
): Next {
  if (!state.repeatable || state.hedged || state.inFlight !== 1 || state.allowed >= options.max) return HOLD;
  if ((!others && !same) || now >= state.deadlineAt || !withdraw(budget, now, options)) return HOLD;
  state.hedged = true;
  state.allowed++;
  exclude(state, others);
  return HEDGE;
}

/**
 * The next alternative, unless all are used up, or it would be one send too many or one too much for the budget.
 * `again`: the request may be sent a second time. One that was never sent costs nothing to send elsewhere, and cannot
 * happen twice.
 */
function fallBack(
  state: Attempts,
  again: boolean,
  budget: RetryBudget,
  options: AttemptOptions,
  now: number,
): Next | undefined {
  if (state.fallback + 1 >= state.fallbacks || now >= state.deadlineAt || state.allowed >= options.max)
    return undefined;
  if (state.sent > 0 && (!again || !withdraw(budget, now, options))) return undefined;
  state.allowed++;
  state.fallback++;
  state.tried = NONE_TRIED;
  return { do: "fallback", to: state.fallback };
}

function unavailable(
  state: Attempts,
  why: Unavailable,
  budget: RetryBudget,
  options: AttemptOptions,
  now: number,
): Next {
  state.allowed--;
  if (state.inFlight > 0) return HOLD;
  const instead = fallBack(state, state.repeatable, budget, options, now);
  return instead ?? (state.sent === 0 ? { do: "refuse", why } : GIVE_SPENT);
}
