// What isolates tell of their cache, and what `InsightObject` makes of it, as types only. Deltas, bounded: the keys asked for most,
// the patterns, which keys were let into a costly level, and what fetching ahead came to. A lost report loses a second of it.

import type { OutdatedPairs } from "./ledgers.ts";

/** Hits, of them stale, misses, stored, ms saved, bytes served from here. */
export type UsageCounts = readonly [
  hits: number,
  stale: number,
  misses: number,
  stored: number,
  savedMs: number,
  bytes: number,
];

export interface CacheNews {
  /** By label: its pattern, and counts since the last news. The most used only. */
  keys: Record<string, { pattern: string; counts: UsageCounts }>;
  /** By rule, or path pattern where no rule applies. */
  patterns: Record<string, UsageCounts>;
  /** Hashes of keys that a costly level holds since. */
  admitted: string[];
  /** What unsafe requests made outdated. */
  outdated?: OutdatedPairs;
  /** By the hash of a key. */
  visits?: Record<string, VisitNews>;
  warm?: WarmCounts;
  /** By rule, how often the policy lets it be looked at. */
  rules?: Record<string, RuleFacts>;
  /** By rule that learns its lifetime: how many entries got one, and their sum in seconds. */
  lifetimes?: Record<string, readonly [entries: number, seconds: number]>;
}

/** What fetches of one key found, for the rules that learn lifetimes: 1 where it had changed, and its age then or -1. */
export interface VisitNews {
  readonly label: string;
  readonly rule: string;
  readonly visits: (readonly [elapsedMs: number, changed: 0 | 1, ageMs: number])[];
}

export interface WarmCounts {
  fetched: number;
  used: number;
  unused: number;
  refused: number;
}

/** What of a rule matters to whoever looks at how it does. */
export interface RuleFacts {
  /** 0 for none of its own. */
  ttlSeconds: number;
  strategy: string;
  /** Share of stale answers that a learned lifetime may cause; absent where none is learned. */
  targetStaleness?: number;
}

/** What a rule's lifetime has become by learning. */
export interface LearnedLifetime {
  rule: string;
  /** The rule's own, 0 for none. */
  ttlSeconds: number;
  targetStaleness: number;
  /** Mean of what its entries got of late. */
  meanSeconds: number;
  entries: number;
  since: number;
  at: number;
}

/** A change to the rules that should help; an operator makes it, by changing the policy. */
export interface CacheAdvice {
  id: string;
  kind: "raise_ttl" | "lower_ttl" | "drop_rule" | "add_rule" | "keep_less";
  /** The rule, or the path pattern. */
  target: string;
  before: number;
  after: number;
  reason: string;
  /** Share of its requests that it should spare the origin. */
  expectedImprovement: number;
  confidence: number;
  at: number;
}

export interface UsageReading {
  name: string;
  pattern?: string;
  hits: number;
  stale: number;
  misses: number;
  stored: number;
  hitRatio: number;
  savedMs: number;
  bytes: number;
  /** Entries written that nobody was answered from. */
  wasted: number;
  /** Requests that may have been another key's. */
  error?: number;
}

/** How often something changes, as all isolates together have seen it. */
export interface ChangeReading {
  name: string;
  rule: string;
  visits: number;
  /** Null while too little was seen. */
  changesPerHour: number | null;
}

export interface CacheReading {
  /** Epoch ms from which it is counted. */
  since: number;
  total: UsageReading;
  keys: UsageReading[];
  patterns: UsageReading[];
  warm: WarmCounts & { precision: number };
  advice: CacheAdvice[];
  learned: ChangeReading[];
  /** Keys that the costly levels may hold. */
  admitted: number;
  analysedAt: number;
}
