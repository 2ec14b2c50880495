// What is suggested from what passed through (SEEDS P10, P11), and the life of it, as types only: proposed, tried on a share of the traffic,
// measured against the rest, kept or taken back. One record for all kinds. Values of the policy cross as JSON text, for nobody between
// here and the reader looks into them.

export const SUGGESTION_KINDS = [
  /** A cache rule for a route whose answers repeat themselves. */
  "cache_rule",
  /** An instance that is slower than the others for one kind of request gets less of it, or nothing. */
  "instance_weight",
  /** A region whose instances answer slower than the next one's hands traffic over earlier. */
  "region_spill",
  /** A deadline that does not fit how long answers take. */
  "headers_timeout",
  /** A breaker that takes healthy answers for slow ones. */
  "breaker_slow",
  /** Further tries that never help. */
  "retries",
  /** The weights of `intelligent_adaptive`, which change by themselves. */
  "mix",
  /** The lifetime a rule with `targetStaleness` has learned. */
  "lifetime",
] as const;

export type SuggestionKind = (typeof SUGGESTION_KINDS)[number];

export const SUGGESTION_STATES = ["proposed", "trial", "kept", "rolled_back", "superseded"] as const;

export type SuggestionState = (typeof SUGGESTION_STATES)[number];

/** What the effect of a suggestion is measured by. */
export type EffectMeasure = "mean_ms" | "error_rate" | "hit_ratio" | "attempts" | "worth" | "staleness";

/** Figures of one group of a trial. */
export interface ArmReading {
  requests: number;
  /** Share of 5xx. */
  errorRate: number;
  meanMs: number;
  p95Ms: number;
  /** Share of cache lookups that were hits. */
  hitRatio: number;
  /** Attempts per request. */
  attempts: number;
}

export interface MeasuredReading {
  changed: ArmReading;
  holdout: ArmReading;
  /** `waiting`: too little evidence; `alike`: no difference beyond noise. */
  verdict: "waiting" | "better" | "worse" | "alike";
  /** How far apart both are, in standard errors of the difference; positive is better. */
  deviations: number;
}

/** Times are epoch ms, 0 for never. */
export interface Suggestion {
  id: string;
  kind: SuggestionKind;
  state: SuggestionState;
  /** "" where it belongs to none. */
  service: string;
  route: string;
  /** What was seen, in a sentence. */
  reason: string;
  /** Where in the policy it would stand, and what stands there; JSON, `null` for nothing. */
  change: { path: string; before: string; after: string };
  /** As a share: 0.4 is 40 % less time, errors or attempts, or 0.4 more of the requests answered by the cache. */
  effect: { measure: EffectMeasure; expected: number; real: number | null };
  /** Further figures of what is expected, by name with its unit. */
  expected: Record<string, number>;
  /** 0 to 1. */
  confidence: number;
  /** What speaks against it: the share of comparisons that did, and in words. */
  risk: { share: number; reason: string };
  measured: MeasuredReading | null;
  /** Share of the traffic that keeps the old way; 0 while nothing is changed. */
  holdoutShare: number;
  proposedAt: number;
  appliedAt: number;
  decidedAt: number;
  /** Who applied it or took it back last: an actor, or `insight`. */
  decidedBy: string;
  /** Why it stands as it does, in a sentence. */
  outcome: string;
}

/** What became of an operator's word. `refused`: it cannot be done now, and `reason` says why; `away`: it could not be written down. */
export interface DecideAnswer {
  outcome: "done" | "unknown" | "away" | "refused";
  reason: string;
  /** As it is now; null unless it was done. */
  suggestion: Suggestion | null;
}

// --- what isolates obey ---

/** What an isolate does differently, for the requests of one route (`breaker_slow`: of one service). */
export type TrialChange =
  | { kind: "cache_rule"; route: string; rule: string }
  | { kind: "instance_weight"; route: string; method: string; service: string; instance: string; factor: number }
  | { kind: "region_spill"; route: string; service: string; before: number; after: number }
  | { kind: "headers_timeout"; route: string; before: number; after: number }
  | { kind: "breaker_slow"; route: string; service: string; before: number; after: number; sliceMs: number }
  | { kind: "retries"; route: string; service: string; before: number; after: number };

/** An entry of the ledger `trials`. `ended`: it is over, and nothing is done differently any more. */
export interface TrialOrder {
  id: string;
  change: TrialChange;
  holdoutShare: number;
  startedAt: number;
  ended: boolean;
}

export type Arm = "changed" | "holdout";

// --- what isolates tell ---

/** How requests of one kind went: those of a route and method that an instance answered last; "" for no instance. */
export interface KindRow {
  route: string;
  method: string;
  service: string;
  instance: string;
  requests: number;
  /** Answered with 5xx. */
  failed: number;
  /** Refused because a breaker was open. */
  refused: number;
  /** Tried more than once, and of those not answered with 5xx. */
  retried: number;
  saved: number;
  /** An attempt ran into its deadline for headers. */
  hung: number;
  /** Times to the headers of what was answered, and not with 5xx, as a flat sketch. */
  times: number[];
  /** All of them together, ms. */
  busyMs: number;
}

/** One answer that was looked at: whether another one of its key was the same. */
export interface RepeatRow {
  route: string;
  /** Path with numbers and ids replaced. */
  pattern: string;
  /** Hash of the key, variant included. */
  key: string;
  /** Hash of who asked, with what kind of proof: `n` nobody, `c:` a credential, `k:` a cookie, `b:` both. */
  who: string;
  /** Hash of the body, or of its validator. */
  value: string;
  at: number;
  upstreamMs: number;
  bytes: number;
}

export interface EvidenceNews {
  /** Where it was seen from. */
  region: string;
  kinds: KindRow[];
  repeats: RepeatRow[];
}
