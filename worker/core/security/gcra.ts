// The generic cell rate algorithm (ITU-T I.371), one period of a limit: `quota` requests in `ms`, `burst` of them at once. Its
// state is one time, `tat`: when all that was let pass would have been let pass at the even pace of a request every
// `ms / quota`. In any span of t ms at most burst + t * quota / ms requests pass.
//
// Around it stands the window of the contract: a quota that is spent blocks for the rest of its window, a rate (a burst below
// the quota) only until more conforms; who comes again and again all the same is blocked for longer.
import type { PeriodRule } from "../protocol/limiter.ts";

/** Times are epoch ms. */
export interface PeriodState {
  tat: number;
  /** When the window began: with the first request after the one before had ended. */
  windowAt: number;
  /** Requests that passed within the window. */
  passed: number;
  /** Within the window, at least `APART_MS` apart. */
  refusals: number;
  refusedAt: number;
  blockedUntil: number;
  /** As the rule had it; 0 before there was one. */
  quota: number;
  /** Until then for abuse, not only because it is spent. */
  abused: boolean;
}

/** Requests that were under way when a limit was spent could not know: refusals closer together count as one. */
export const APART_MS = 1_000;
/** A rate that is spent opens again when this much of it conforms: a call for every request would be no lease. */
const QUANTUM_MS = 1_000;
/** Sums of fractions are never quite whole. */
const EPSILON = 1e-6;

export const freshPeriod = (): PeriodState => ({
  ...{ tat: 0, windowAt: 0, passed: 0, refusals: 0, refusedAt: 0 },
  ...{ blockedUntil: 0, quota: 0, abused: false },
});

/** Ms between two requests at the even pace. */
export const cellMs = (rule: PeriodRule): number => rule.ms / rule.quota;

/** Requests that are not yet made up for by time. */
export const level = (state: PeriodState, now: number, rule: PeriodRule): number =>
  Math.max(0, state.tat - now) / cellMs(rule);

/**
 * As stored, under the rule as it is now: a clock that was set back, or a limit that was lowered or freed of its block, leaves
 * nobody shut out for longer than the rule could.
 */
export function clamped(state: PeriodState, now: number, rule: PeriodRule): PeriodState {
  const isSame = state.quota === rule.quota || state.quota === 0;
  // Of another quota the requests count, not the time they took.
  const tat = isSame ? state.tat : now + Math.max(0, state.tat - now) * (state.quota / rule.quota);
  return {
    tat: Math.min(tat, now + rule.burst * cellMs(rule)),
    windowAt: Math.min(state.windowAt, now),
    passed: state.passed,
    refusals: state.refusals,
    refusedAt: Math.min(state.refusedAt, now),
    abused: state.abused,
    quota: rule.quota,
    // Who was refused by another quota is asked again, but for abuse.
    blockedUntil: isSame || state.abused ? Math.min(state.blockedUntil, now + Math.max(rule.ms, rule.blockMs)) : 0,
  };
}

/** How many may pass now; `reserved` are promised to others. */
export function free(state: PeriodState, now: number, reserved: number, rule: PeriodRule): number {
  return state.blockedUntil > now ? 0 : Math.max(0, Math.floor(room(state, now, rule) - reserved + EPSILON));
}

/** By GCRA; of a quota also by its window, which holds no more than the quota however slowly it is used up. */
function room(state: PeriodState, now: number, rule: PeriodRule): number {
  const conforming = rule.burst - level(state, now, rule);
  return rule.paced ? conforming : Math.min(conforming, Math.max(rule.quota, rule.burst) - state.passed);
}

/** A window begins with the first request after the last one's end. */
export function turn(state: PeriodState, now: number, rule: PeriodRule): PeriodState {
  return now < state.windowAt + rule.ms ? state : { ...state, windowAt: now, passed: 0, refusals: 0 };
}

/** `count` requests passed at `at`. */
export function pass(state: PeriodState, count: number, at: number, rule: PeriodRule): PeriodState {
  if (count === 0) return state;
  return { ...state, tat: Math.max(state.tat, at) + count * cellMs(rule), passed: state.passed + count };
}

/** `conforming` requests were charged and did not pass after all; `passed` of them in the window that stands. */
export function takeBack(state: PeriodState, conforming: number, passed: number, rule: PeriodRule): PeriodState {
  return { ...state, tat: state.tat - conforming * cellMs(rule), passed: Math.max(0, state.passed - passed) };
}

/** Requests that are let pass together where a rate is spent. */
export function quantum(rule: PeriodRule): number {
  return Math.max(1, Math.min(Math.floor(QUANTUM_MS / cellMs(rule)), Math.floor(rule.burst / 4)));
}

/** Until `count` conform, if nobody else asks: at the longest until all that passed is made up for. */
function conformMs(state: PeriodState, now: number, count: number, reserved: number, rule: PeriodRule): number {
  const above = level(state, now, rule) + reserved + count - rule.burst;
  return Math.max(0, Math.min(above * cellMs(rule), state.tat - now));
}

/**
 * A request found nothing free here. What others hold unused blocks nobody: then the state stays as it is but for the count.
 * `times`: refusals since the last one, this one too, each at least `APART_MS` after the one before.
 */
export function refuse(
  before: PeriodState,
  now: number,
  reserved: number,
  times: number,
  afterRefusals: number,
  rule: PeriodRule,
): PeriodState {
  if (before.abused && before.blockedUntil > now) return before;
  const state = { ...before, abused: false };
  const again = times > 1 || now - state.refusedAt >= APART_MS;
  if (again) {
    state.refusals += times;
    state.refusedAt = now;
  }
  if (rule.blockMs > 0 && state.refusals >= afterRefusals) {
    state.refusals = 0;
    state.abused = true;
    state.blockedUntil = Math.max(state.blockedUntil, now + rule.blockMs);
  }
  if (state.blockedUntil > now || room(state, now, rule) + EPSILON >= 1) return state;
  const waitMs = rule.paced
    ? conformMs(state, now, quantum(rule), reserved, rule)
    : Math.max(state.windowAt + rule.ms - now, conformMs(state, now, 1, 0, rule));
  state.blockedUntil = now + Math.ceil(waitMs);
  return state;
}

/** Epoch ms from which the state says nothing that a fresh one would not. */
export function forgottenAt(state: PeriodState, rule: PeriodRule): number {
  return Math.max(state.tat, state.blockedUntil, state.windowAt + rule.ms);
}

/** When it is whole again: a rate when all is made up for, a quota with its window. */
export function resetMs(state: PeriodState, now: number, rule: PeriodRule): number {
  const at = rule.paced ? Math.max(state.tat, state.blockedUntil) : forgottenAt(state, rule);
  return Math.max(0, at - now);
}
