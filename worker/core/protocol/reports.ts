// What isolates and objects say to each other. Plain JSON both ways, counts as deltas, gauges as of now, so that a
// lost report loses a second of news and nothing else; one that may have been lost is sent again, as it was.
// Objects implement these types; core decides with them.

import type { CacheNews } from "./cache-news.ts";
import type { LedgerNumbers, LedgerPages } from "./ledgers.ts";
import type { SliceRow } from "./rollups.ts";
import type { EvidenceNews } from "./suggestions.ts";
import type { SecurityNews } from "./security.ts";

/** Answers by how they ended; `slow` ones are also ok or failed. */
export interface Outcomes {
  ok: number;
  failed: number;
  limited: number;
  slow: number;
}

/** What one isolate saw of one instance since its last report. */
export interface InstanceDelta {
  /** Answers that count as success. */
  ok: number;
  /** 5xx, connection errors, resets and timeouts. */
  failed: number;
  /** 429: counted in the rate, never as consecutive. */
  limited: number;
  /** Answers slower than the breaker's `slowMs`; also counted in ok or failed. */
  slow: number;
  /** Gauge: requests in flight now. */
  inFlight: number;
  /** Gauge: mean response time of late, ms; 0 when nothing was measured. */
  ewmaMs: number;
  /** Response times as sketch buckets (core/stats/sketch), flat [bucket, count, …]. */
  times: number[];
  /** Those of the counts that are fresh; absent when all are. Breakers judge by these. */
  recent?: Outcomes;
  /** The isolate's local breaker opened or closed since the last report. */
  vote?: "open" | "closed";
}

/** One isolate's report, for all services together, to its `RegionObject`. */
export interface Report {
  isolate: string;
  region: string;
  /** Rises by one a report; a number seen before is a repeat and is not counted twice. */
  sequence: number;
  /** Sent again: how long ago it was sent first, ms. Absent the first time. */
  againAfterMs?: number;
  /** Generation of the policy in force in the isolate; 0 for none. */
  generation: number;
  /** How long the counts cover, ms: much more than a report's interval after an outage. */
  spanMs: number;
  /** The policy document the isolate refused, in one line, for the audit log; absent when all is well. */
  policyError?: string;
  /** Set on a local trip: pass it on at once. */
  urgent: boolean;
  /** By service, then instance id. Services without news are left out. */
  services: Record<string, Record<string, InstanceDelta>>;
  /** Requests since the last report by outcome, for the region's own load and the metrics. */
  requests: { total: number; failed: number; refused: number };
  /** By service, requests that found nobody to be sent to; absent when there were none. */
  refused?: Record<string, number>;
  /** Probe leases, as `service/instance`; absent when there is nothing to say of any. */
  leases?: LeaseNews;
  /** By service, generation of the discovered instances the isolate holds; what it lacks comes with the reply. */
  discovered?: Record<string, number>;
  /** By service, how choices turned out that weighed several ways of looking; only where the policy learns from them. */
  choices?: Record<string, ChoiceTally>;
  /** What happened since the last report, by route and service, and by model. */
  slices?: SliceRow[];
  /** What there is to tell of security; absent for nothing. */
  security?: SecurityNews;
  /** What suggestions are made of; absent when there is nothing to tell, or the policy wants none. */
  evidence?: Pick<EvidenceNews, "kinds" | "repeats">;
  /** How its cache did since the last report; absent when nothing was asked of it. */
  cache?: CacheNews;
  /** Newest numbers heard of the ledgers; what is newer comes with the reply. */
  ledgers?: LedgerNumbers;
}

/** With which weights `intelligent_adaptive` mixes its ways of looking at an instance (SEEDS P10). */
export interface Mix {
  readonly performance: number;
  readonly load: number;
  readonly proximity: number;
  readonly adaptive: number;
}

/** How the choices turned out that one way of looking agreed with, and those that it opposed. */
export interface OpinionTally {
  agreed: number;
  agreedReward: number;
  opposed: number;
  opposedReward: number;
}

/** How choices turned out, summed; each is worth 0 to 1. */
export interface ChoiceTally {
  choices: number;
  reward: number;
  rewardSquared: number;
  experts: Record<keyof Mix, OpinionTally>;
}

/** What became of an isolate's probe leases since its last report. */
export interface LeaseNews {
  /** Asked for. */
  want: string[];
  /** Given back: the probe did not happen, or its client left. */
  back: string[];
  /** Probes that went well. */
  passed?: string[];
  /** Probes that did not, with the Retry-After of a 429 in ms, else 0. */
  failed?: Record<string, number>;
}

/** A verdict of the shared breaker on one instance. Times are epoch ms. */
export interface Verdict {
  state: "closed" | "open" | "half_open" | "ramp";
  reason: "consecutive" | "rate" | "slow" | "manual" | "vote" | "";
  /** When the state ends by itself; 0 for never. */
  until: number;
  /** Rises with every change: late results of an earlier generation are dropped. */
  generation: number;
}

/** What has changed in `ControlObject`; each number only ever rises. */
export interface Epochs {
  /** Policy generation in force. */
  policy: number;
  /** Newest number of each ledger. */
  purge: number;
  keys: number;
  chaos: number;
  trials: number;
}

export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "unknown";

/** What active checks, and the registry that instances come from, say of a service's instances. */
export interface ServiceHealth {
  /** How long ago the newest answers came, ms. */
  ageMs: number;
  /** By instance id; those that are not named are healthy. */
  except: Record<string, Exclude<HealthStatus, "healthy">>;
}

/** An instance that discovery found; as the policy would write it, defaults filled. */
export interface FoundInstance {
  id: string;
  url: string;
  region?: string;
  weight: number;
  priority: number;
  metadata: FoundMetadata;
}

export interface FoundMetadata {
  securityLevel?: "low" | "standard" | "high" | "critical";
  maxPayloadBytes?: number;
  methods?: string[];
  supportsComplex?: boolean;
  labels?: Record<string, string>;
}

/** Instances a service has beside those its policy lists; never none. */
export interface Registry {
  /** Rises with every change of the list. */
  generation: number;
  instances: FoundInstance[];
}

/** A region of the policy as the isolate's own region knows it; instances are counted where the policy says they stand. */
export interface RegionStanding {
  /** Requests in flight at the region's instances, from all regions together. */
  inFlight: number;
  /** EWMA of the answer times of its instances, as seen from here, ms; 0 when nothing was measured. */
  latencyMs: number;
  /** What probes of its endpoint found; absent where there is none, or none was made yet. */
  up?: boolean;
}

/** The answer to a report. */
export interface Reply {
  /** Rises from reply to reply: one that was overtaken by a later one is old news. */
  at: number;
  epochs: Epochs;
  /** How old the epochs are, ms. */
  newsAgeMs: number;
  /** By service, then instance id; only what is not plainly closed. */
  verdicts: Record<string, Record<string, Verdict>>;
  /** Probe leases granted, `service/instance` to the epoch ms at which the lease ends. */
  leases: Record<string, number>;
  /** By service; only those that are checked. */
  health: Record<string, ServiceHealth>;
  /** By service; only where the isolate said that it holds another generation, or none. */
  instances?: Record<string, Registry>;
  /** By name; absent where the policy has no regions. */
  regions?: Record<string, RegionStanding>;
  /** By service; only where another mix was learned than the policy's own. */
  mixes?: Record<string, Mix>;
  /** Orders newer than the report's numbers. */
  ledgers?: LedgerPages;
  /** When to report next, ms from now. */
  nextReportMs: number;
}
