// What isolates and `LimiterObject` say to each other. An isolate asks for requests it may let pass (a lease) and for tokens
// and dollars it may spend (a reservation); the rule travels with the question, for the object knows no policy. Times are
// ms from now in both directions, measured by the asker from before it asked: clocks differ between machines.

export type PeriodName = "second" | "minute" | "hour" | "day";

/** One period of a rate limit. */
export interface PeriodRule {
  name: PeriodName;
  ms: number;
  quota: number;
  /** Requests at once. */
  burst: number;
  /** A rate: what does not conform waits for its turn. Otherwise a quota: once spent, it blocks for the rest of its window. */
  paced: boolean;
  /** How long repeated abuse blocks; 0 for not at all. */
  blockMs: number;
}

export interface LimitRule {
  /** The smallest first; never none. */
  periods: PeriodRule[];
  /** Refusals within a window, at least a second apart, that count as abuse. */
  afterRefusals: number;
}

export interface LeaseAsk {
  /** Name of the limit. */
  limit: string;
  /** Who is counted, without secrets (core/security/counted). */
  who: string;
  rule: LimitRule;
  isolate: string;
  /** Requests that wait for the answer. */
  need: number;
  /** Requests expected within `spanMs`, beside those. */
  want: number;
  spanMs: number;
  /** Requests let pass on this isolate's lease since it last told. */
  used: number;
  /** Requests it may still let pass on it; the rest of the lease is given back. */
  keep: number;
  /** Requests refused since it last told, at least a second apart. */
  refusals: number;
  /** Requests that were let pass by an earlier answer and did not pass after all, and how long ago that was, ms; left out for none. */
  back?: { count: number; ageMs: number };
}

export interface LeaseAnswer {
  /** How many of those that wait may pass. */
  taken: number;
  /** How many more may pass until the lease ends: added to what was left of it. */
  leased: number;
  lifeMs: number;
  /** Nothing more is to be had before; 0 when nobody was refused. */
  refusedMs: number;
  /** Refused for abuse, not only because a limit is spent. */
  blocked: boolean;
  /** How many more refusals, a second apart, the isolate may make before it has to tell; 0 for as many as it likes. */
  patience: number;
  /** By period of the rule: requests left for everybody, and when it is whole again. */
  left: number[];
  resetMs: number[];
  /** Periods that refused, as indices of the rule. */
  spent: number[];
}

// --- what may be spent ---

export interface Amount {
  tokens: number;
  dollars: number;
}

/** As in the policy's budgets; a period that is absent is no limit. */
export interface SpendRule {
  tokensPerMinute?: number;
  tokensPerDay?: number;
  tokensPerMonth?: number;
  dollarsPerDay?: number;
  dollarsPerMonth?: number;
}
export type SpendPeriod = keyof SpendRule;

export interface ReserveAsk {
  /** Made by the asker, unique. */
  id: string;
  budget: string;
  who: string;
  rule: SpendRule;
  estimate: Amount;
  /** After this a reservation that was not settled counts as spent. */
  lifeMs: number;
}

export interface ReserveAnswer {
  granted: boolean;
  /** Periods without enough left. */
  spent: SpendPeriod[];
  /** When the last of these ends; 0 when granted. */
  retryMs: number;
  /** By period of the rule: what is left, never below 0, and when the period ends. */
  left: Partial<Record<SpendPeriod, { left: number; resetMs: number }>>;
}

export interface SettleAsk extends Omit<ReserveAsk, "lifeMs"> {
  actual: Amount;
}

// --- how many at once ---

export interface HoldAsk {
  limit: string;
  who: string;
  isolate: string;
  /** At once, everywhere together. */
  most: number;
  /** How many the isolate wants to hold from now on, in place of what it held. */
  places: number;
  lifeMs: number;
}

export interface HoldAnswer {
  /** How many it holds. */
  places: number;
}

// --- for operators ---

/** Somebody who was refused of late. */
export interface LimitedReading {
  limit: string;
  who: string;
  kind: "limited" | "blocked" | "budget";
  /** Refusals the object made. */
  times: number;
  at: number;
  /** Epoch ms until which it holds. */
  until: number;
}

/** What one caller has spent of a budget, in the periods that run. */
export interface SpendingReading {
  budget: string;
  who: string;
  periods: { name: SpendPeriod; spent: number; reserved: number; endsAt: number }[];
}

export interface LimiterReading {
  /** Newest first. */
  limited: LimitedReading[];
  /** Of those who spent last. */
  spending: SpendingReading[];
  /** Limits kept, of all identities. */
  limits: number;
  leases: number;
  budgets: number;
  reservations: number;
}

export interface LimiterRpc {
  lease(ask: LeaseAsk): Promise<LeaseAnswer>;
  reserve(ask: ReserveAsk): Promise<ReserveAnswer>;
  /** Also for a reservation whose answer never came. */
  settle(ask: SettleAsk): Promise<void>;
  hold(ask: HoldAsk): Promise<HoldAnswer>;
  reading(): LimiterReading;
}
