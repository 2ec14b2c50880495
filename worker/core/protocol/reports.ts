// What isolates and objects say to each other. Plain JSON both ways, counts as deltas, gauges as of now, so that a
// lost report loses a second of news and nothing else; one that may have been lost is sent again, as it was.
// Objects implement these types; core decides with them.

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
  /** Gauge: peak-sensitive EWMA of the response time, ms; 0 when nothing was measured. */
  ewmaMs: number;
  /** Response times as sketch buckets (core/stats/sketch), flat [bucket, count, …]. */
  times: number[];
  /** The isolate's local breaker opened or closed since the last report. */
  vote?: "open" | "closed";
}

/** One isolate's report, for all services together, to its `RegionObject`. */
export interface Report {
  isolate: string;
  region: string;
  /** Rises by one a report; a number seen before is a repeat and is not counted twice. */
  sequence: number;
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
  /** Probe leases asked for and given back, as `service/instance`. */
  leases?: { want: string[]; back: string[] };
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
  purge: number;
  keys: number;
  chaos: number;
}

/** The answer to a report. */
export interface Reply {
  epochs: Epochs;
  /** How old the epochs are, ms. */
  newsAgeMs: number;
  /** By service, then instance id; only what is not plainly closed. */
  verdicts: Record<string, Record<string, Verdict>>;
  /** Probe leases granted, `service/instance` to the epoch ms at which the lease ends. */
  leases: Record<string, number>;
  /** When to report next, ms from now. */
  nextReportMs: number;
}
