// One limit for one caller, as its `LimiterObject` keeps it: the exact state of every period, and who was promised what.
// A lease is promised, not passed: its tokens count against the burst until the isolate says that it used them, gives them
// back, or its time is over, when they count as used. Time does not make up for a promise. Therefore what really passes,
// whenever within the lease, never exceeds the limit, in no span of time and for no number of isolates.
//
// Requests that wait for the answer pass at once and are charged at once: a small limit costs a call a request, and is exact.
import type { LeaseAnswer, LeaseAsk, LimitRule, PeriodName, PeriodRule } from "../protocol/limiter.ts";
import {
  cellMs,
  clamped,
  forgottenAt,
  free,
  freshPeriod,
  level,
  pass,
  quantum,
  refuse,
  resetMs,
  takeBack,
  turn,
  type PeriodState,
} from "./gcra.ts";

export interface Lease {
  readonly isolate: string;
  readonly tokens: number;
  /** Epoch ms. */
  readonly endsAt: number;
}

/** A lease that ended before its isolate told of it, charged as used. */
export interface Lapsed extends Lease {
  /** By period, how much of it could still be taken back: what time has made up for meanwhile cannot. */
  readonly back: Readonly<Partial<Record<PeriodName, number>>>;
}

/** Plain JSON. */
export interface LimitState {
  readonly periods: Readonly<Partial<Record<PeriodName, PeriodState>>>;
  readonly leases: readonly Lease[];
  readonly lapsed: readonly Lapsed[];
}

export const freshLimit = (): LimitState => ({ periods: {}, leases: [], lapsed: [] });

/** Below this burst nothing is leased beyond the need. */
const LEASED_FROM = 256;
/** No lease takes more than this part of what is free, unless what is free is little. */
const PART = 8;
const SMALLEST_LEASE = 8;
const LONGEST_MS = 30_000;
const LAPSED_KEPT = 32;

type Ask = Omit<LeaseAsk, "limit" | "who" | "rule">;

export function lease(before: LimitState, ask: Ask, now: number, rule: LimitRule): [LimitState, LeaseAnswer] {
  const told = settle(before, ask, now, rule);
  const reserved = told.leases.reduce((sum, each) => sum + each.tokens, 0);
  const room = Math.min(...told.periods.map((state, index) => free(state, now, reserved, rule.periods[index]!)));
  const taken = Math.min(ask.need, room);
  const { lapsed, ...charged } = charge(told, taken, now, rule);
  let next: readonly PeriodState[] = charged.periods;
  let verdict: Verdict = CLEAR;
  let leased = 0;
  if (taken < ask.need) [next, verdict] = refuseAll(next, ask, now, told.leases, reserved, rule);
  else leased = extra(room - taken, ask.want, rule);
  const lifeMs = Math.min(Math.max(ask.spanMs, 1_000), LONGEST_MS);
  const state: LimitState = {
    periods: Object.fromEntries(next.map((each, index) => [rule.periods[index]!.name, each])),
    leases: leaseTo(told.leases, ask.isolate, leased, now + lifeMs),
    lapsed,
  };
  const promised = reserved + leased;
  const answer: LeaseAnswer = {
    taken,
    leased,
    lifeMs,
    ...verdict,
    left: next.map((each, index) => free(each, now, promised, rule.periods[index]!)),
    resetMs: next.map((each, index) => Math.ceil(resetMs(each, now, rule.periods[index]!))),
  };
  return [state, answer];
}

interface Charged {
  readonly periods: readonly PeriodState[];
  readonly lapsed: readonly Lapsed[];
}

/** `count` requests passed at `at`: from then on nothing can be taken back that time has made up for. */
function charge({ periods, lapsed }: Charged, count: number, at: number, { periods: rules }: LimitRule): Charged {
  if (count === 0) return { periods, lapsed };
  const left = periods.map((state, index) => level(state, at, rules[index]!));
  const capped = lapsed.map((each) => {
    const back: Partial<Record<PeriodName, number>> = {};
    rules.forEach(({ name }, index) => {
      back[name] = Math.min(each.back[name] ?? 0, left[index]!);
      left[index]! -= back[name];
    });
    return { ...each, back };
  });
  return { periods: periods.map((state, index) => pass(state, count, at, rules[index]!)), lapsed: capped };
}

/** What is over is charged, then what the asker tells; windows that have ended begin anew. */
function settle(before: LimitState, ask: Ask, now: number, rule: LimitRule): Charged & { leases: readonly Lease[] } {
  const over = before.leases.filter((each) => each.endsAt <= now).toSorted((a, b) => a.endsAt - b.endsAt);
  const standing = before.leases.filter((each) => each.endsAt > now);
  let charged: Charged = {
    periods: rule.periods.map((period) => clamped(before.periods[period.name] ?? freshPeriod(), now, period)),
    lapsed: before.lapsed,
  };
  for (const each of over) {
    charged = charge(charged, each.tokens, each.endsAt, rule);
    const back = Object.fromEntries(rule.periods.map(({ name }) => [name, each.tokens]));
    charged = { ...charged, lapsed: [...charged.lapsed, { ...each, back }].slice(-LAPSED_KEPT) };
  }
  const own = standing.find((each) => each.isolate === ask.isolate);
  const used = Math.min(ask.used, own?.tokens ?? 0);
  charged = own === undefined ? unlapse(charged, ask, now, rule) : charge(charged, used, now, rule);
  charged = {
    ...charged,
    periods: charged.periods.map((state, index) => giveBack(state, ask, now, rule.periods[index]!)),
  };
  const periods = charged.periods.map((state, index) => turn(state, now, rule.periods[index]!));
  if (own === undefined) return { periods, lapsed: charged.lapsed, leases: standing };
  const tokens = Math.min(own.tokens - used, ask.keep);
  const kept = standing.map((each) => (each === own ? { ...own, tokens } : each));
  return { periods, lapsed: charged.lapsed, leases: kept.filter((each) => each.tokens > 0) };
}

/** What was charged at once and did not pass: less what time has made up for since, which others may have had meanwhile. */
function giveBack(state: PeriodState, { back }: Ask, now: number, rule: PeriodRule): PeriodState {
  if (back === undefined) return state;
  const { count, ageMs } = back;
  const conforming = Math.max(0, Math.min(count - ageMs / cellMs(rule), level(state, now, rule)));
  return takeBack(state, conforming, now - ageMs >= state.windowAt ? count : 0, rule);
}

/** The asker tells how much it used of a lease that has ended: the rest did not pass. */
function unlapse({ periods, lapsed }: Charged, ask: Ask, now: number, { periods: rules }: LimitRule): Charged {
  const own = lapsed.find((each) => each.isolate === ask.isolate);
  if (own === undefined) return { periods, lapsed };
  const unused = Math.max(0, own.tokens - ask.used);
  return {
    periods: periods.map((state, index) => {
      const rule = rules[index]!;
      const conforming = Math.min(unused, own.back[rule.name] ?? 0, level(state, now, rule));
      return takeBack(state, conforming, own.endsAt >= state.windowAt ? unused : 0, rule);
    }),
    lapsed: lapsed.filter((each) => each !== own),
  };
}

/** The asker's lease, longer and larger; its end moves, for all of its tokens. */
function leaseTo(leases: readonly Lease[], isolate: string, tokens: number, endsAt: number): readonly Lease[] {
  if (tokens === 0) return leases;
  const held = leases.find((each) => each.isolate === isolate)?.tokens ?? 0;
  return [...leases.filter((each) => each.isolate !== isolate), { isolate, tokens: held + tokens, endsAt }];
}

/** Tokens beyond the need: as wanted, at most a part of what is free; the last ones go in portions worth a call. */
function extra(left: number, want: number, { periods }: LimitRule): number {
  if (periods.some(({ burst }) => burst < LEASED_FROM)) return 0;
  const last = Math.min(left, ...periods.map(quantum));
  const tokens = Math.min(want, Math.max(Math.floor(left / PART), last));
  return tokens < SMALLEST_LEASE ? 0 : tokens;
}

type Verdict = Pick<LeaseAnswer, "refusedMs" | "blocked" | "patience" | "spent">;
const CLEAR: Verdict = { refusedMs: 0, blocked: false, patience: 0, spent: [] };

/** Every period without room refuses; the longest of their waits counts. */
function refuseAll(
  periods: readonly PeriodState[],
  { refusals }: Ask,
  now: number,
  leases: readonly Lease[],
  reserved: number,
  { periods: rules, afterRefusals }: LimitRule,
): [readonly PeriodState[], Verdict] {
  const spent: number[] = [];
  let until = 0;
  let blocked = false;
  let patience = Number.POSITIVE_INFINITY;
  const next = periods.map((state, index) => {
    const rule = rules[index]!;
    if (free(state, now, reserved, rule) > 0) return state;
    spent.push(index);
    const after = refuse(state, now, reserved, refusals + 1, afterRefusals, rule);
    until = Math.max(until, after.blockedUntil);
    blocked ||= after.abused;
    if (rule.blockMs > 0) patience = Math.min(patience, Math.max(1, afterRefusals - after.refusals));
    return after;
  });
  if (until <= now) {
    // Others hold what is left: it comes free when a lease of theirs is over.
    until = Math.min(now + 1_000, ...leases.map((each) => each.endsAt));
  }
  const refusedMs = Math.max(1, Math.ceil(until - now));
  return [
    next,
    { refusedMs, blocked, patience: blocked || patience === Number.POSITIVE_INFINITY ? 0 : patience, spent },
  ];
}

/** Epoch ms from which nothing would be different were the state forgotten. */
export function limitForgottenAt({ periods, leases }: LimitState, rule: LimitRule): number {
  const times = rule.periods.map((period) => {
    const state = periods[period.name];
    if (state === undefined) return 0;
    const charged = leases.reduce((sum, each) => pass(sum, each.tokens, each.endsAt, period), state);
    return forgottenAt(charged, period);
  });
  return Math.max(...times, ...leases.map((each) => each.endsAt));
}
