// Tokens and dollars that may be spent in a period of the calendar (UTC): reserved before a call, settled after it. What is
// reserved counts as spent until it is settled, so that a budget is overrun at most by what a call costs above its estimate.
// A call belongs to the periods it was reserved in, however long it takes.
import type { Amount, ReserveAnswer, SpendingReading, SpendPeriod, SpendRule } from "../protocol/limiter.ts";

/** One period: since when, what was spent in it, and what is reserved of it. */
export interface Spent {
  from: number;
  spent: number;
  reserved: number;
}
export type SpendState = Readonly<Partial<Record<SpendPeriod, Spent>>>;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

type Span = "minute" | "day" | "month";
const SPANS: Readonly<Record<SpendPeriod, Span>> = {
  tokensPerMinute: "minute",
  tokensPerDay: "day",
  tokensPerMonth: "month",
  dollarsPerDay: "day",
  dollarsPerMonth: "month",
};

/** In the order of their lengths. */
const PERIODS = Object.keys(SPANS) as SpendPeriod[];
const unitOf = (period: SpendPeriod): keyof Amount => (period.startsWith("tokens") ? "tokens" : "dollars");

function bounds(span: Span, now: number): [from: number, until: number] {
  if (span === "month") {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return [Date.UTC(year, month), Date.UTC(year, month + 1)];
  }
  const ms = span === "minute" ? MINUTE_MS : DAY_MS;
  const from = Math.floor(now / ms) * ms;
  return [from, from + ms];
}

/** The periods of the rule as they stand now: those that have ended begin anew. */
function turned(state: SpendState, now: number, rule: SpendRule): [SpendPeriod, Spent, limit: number, until: number][] {
  return PERIODS.flatMap((period) => {
    const limit = rule[period];
    if (limit === undefined) return [];
    const [from, until] = bounds(SPANS[period], now);
    const known = state[period];
    const spent = known !== undefined && known.from >= from ? known : { from, spent: 0, reserved: 0 };
    return [[period, spent, limit, until]];
  });
}

/** Reserves all of the estimate or nothing. An estimate of 0 needs something to be left all the same. */
export function reserve(
  before: SpendState,
  estimate: Amount,
  now: number,
  rule: SpendRule,
): [SpendState, ReserveAnswer] {
  const periods = turned(before, now, rule);
  const short = periods.filter(([period, { spent, reserved }, limit]) => {
    const left = limit - spent - reserved;
    return left <= 0 || estimate[unitOf(period)] > left;
  });
  const granted = short.length === 0;
  const next = periods.map(([period, spent, limit, until]): [SpendPeriod, Spent, number, number] => {
    const reserved = granted ? spent.reserved + estimate[unitOf(period)] : spent.reserved;
    return [period, { ...spent, reserved }, limit, until];
  });
  const left = next.map(([period, { spent, reserved }, limit, until]) => [
    period,
    { left: Math.max(0, limit - spent - reserved), resetMs: until - now },
  ]);
  const answer: ReserveAnswer = {
    granted,
    spent: short.map(([period]) => period),
    retryMs: Math.max(0, ...short.map(([, , , until]) => until - now)),
    left: Object.fromEntries(left) as ReserveAnswer["left"],
  };
  return [Object.fromEntries(next.map(([period, spent]) => [period, spent])), answer];
}

/** `actual` in place of what was reserved at `reservedAt`; with a `reserved` of 0 it is simply spent. */
export function settle(
  before: SpendState,
  reserved: Amount,
  actual: Amount,
  reservedAt: number,
  now: number,
  rule: SpendRule,
): SpendState {
  const next = turned(before, now, rule).map(([period, state]): [SpendPeriod, Spent] => {
    if (reservedAt < state.from) return [period, state];
    const unit = unitOf(period);
    return [
      period,
      {
        from: state.from,
        spent: Math.max(0, state.spent + actual[unit]),
        reserved: Math.max(0, state.reserved - reserved[unit]),
      },
    ];
  });
  return Object.fromEntries(next);
}

/** What the periods that have not ended hold. */
export function spendingOf(state: SpendState, now: number): SpendingReading["periods"] {
  return PERIODS.flatMap((name) => {
    const known = state[name];
    if (known === undefined) return [];
    const [, endsAt] = bounds(SPANS[name], known.from);
    return endsAt > now ? [{ name, spent: known.spent, reserved: known.reserved, endsAt }] : [];
  });
}

/** Epoch ms from which nothing would be different were the state forgotten. */
export function spendForgottenAt(state: SpendState): number {
  return Math.max(
    0,
    ...PERIODS.map((period) => {
      const spent = state[period];
      return spent === undefined ? 0 : bounds(SPANS[period], spent.from)[1];
    }),
  );
}
