// What a policy may say about keeping on answering: breaker, attempts, deadlines, concurrency, health checks.
// Defaults are those of the design; a block that is absent or `false` means what the contract says of it.
import * as v from "valibot";
import {
  bytes,
  callHeaders,
  count,
  countOrZero,
  headerName,
  millis,
  millisOrZero,
  offUnlessGiven,
  onUnlessFalse,
  requestPath,
  seconds,
  share,
  text,
} from "../protocol/fields.ts";

const status = v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(599));

/** Two tiers with one set of thresholds: `localOpenMs` is the isolate's own, `openMs` the shared verdict's. */
export const breakerOptions = v.pipe(
  v.strictObject({
    consecutiveFailures: v.optional(count, 5),
    minimumRequests: v.optional(count, 20),
    failureRate: v.optional(share, 0.5),
    slowMs: v.optional(millis, 2000),
    slowRate: v.optional(share, 0.8),
    windowMs: v.optional(millis, 10_000),
    /** Absent: 2 s, or windowMs when that is less. */
    fastWindowMs: v.optional(millis),
    openMs: v.optional(millis, 2000),
    /** Every further open lasts twice as long, up to this. Absent: 10 s, or openMs when that is more. */
    maxOpenMs: v.optional(millis),
    /** Opens differ from their nominal length by up to this share, the first by up to half of it: services do not probe in step. */
    jitter: v.optional(share, 0.2),
    /** The isolate's own first open lasts between half of this and all of it. Absent: 1 s, or maxOpenMs when that is less. */
    localOpenMs: v.optional(millis),
    /** So many requests refused are worth a probe: then the shared verdict does not stay open for its whole time, though never under openMs. */
    refusalsPerProbe: v.optional(count, 1000),
    halfOpenProbes: v.optional(count, 3),
    successesToClose: v.optional(count, 3),
    /** After closing, the share of traffic rises from `rampFrom` to all over this time. */
    rampMs: v.optional(millisOrZero, 5000),
    rampFrom: v.optional(share, 0.1),
    /** The shared breaker opens when isolates with this share of the offered load have opened locally. */
    voteShare: v.optional(share, 0.5),
  }),
  v.transform((breaker) => {
    const maxOpenMs = breaker.maxOpenMs ?? Math.max(10_000, breaker.openMs);
    return {
      ...breaker,
      maxOpenMs,
      fastWindowMs: breaker.fastWindowMs ?? Math.min(2000, breaker.windowMs),
      localOpenMs: breaker.localOpenMs ?? Math.min(1000, maxOpenMs),
    };
  }),
  v.check((breaker) => breaker.openMs <= breaker.maxOpenMs, "must have openMs at most maxOpenMs"),
  v.check((breaker) => breaker.localOpenMs <= breaker.maxOpenMs, "must have localOpenMs at most maxOpenMs"),
  v.check((breaker) => breaker.fastWindowMs <= breaker.windowMs, "must have fastWindowMs at most windowMs"),
);

/** One budget over retries, hedges and fallbacks; `max` counts the first try. */
export const attemptsOptions = v.pipe(
  v.strictObject({
    max: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10)), 3),
    /** Further tries as a share of the requests in `budgetWindowMs`, plus `retryFloor` a second. */
    retryBudget: v.optional(share, 0.2),
    retryFloor: v.optional(countOrZero, 3),
    budgetWindowMs: v.optional(millis, 10_000),
    /** Full jitter: the n-th retry waits between 0 and backoffMs * 2^(n-1), at most maxBackoffMs. */
    backoffMs: v.optional(millisOrZero, 25),
    /** Absent: 1 s, or backoffMs when that is more. */
    maxBackoffMs: v.optional(millis),
    /** Answers worth another try, if the method allows one. Lost connections and timeouts always are. */
    retryStatuses: v.optional(v.pipe(v.array(status), v.maxLength(32)), [502, 503, 504]),
    /** A second try beside a slow first one: after this time, or after the 95th percentile. */
    hedgeAfter: v.optional(v.union([v.literal(false), v.literal("p95"), millis]), false),
    /** Retry-After is believed up to this. */
    maxRetryAfterMs: v.optional(millis, 60_000),
    /** Bodies up to this size are kept for a second try. */
    bufferBytes: v.optional(v.pipe(bytes, v.maxValue(1_048_576)), 65_536),
  }),
  v.transform((attempts) => ({
    ...attempts,
    maxBackoffMs: attempts.maxBackoffMs ?? Math.max(1000, attempts.backoffMs),
  })),
  v.check((attempts) => attempts.backoffMs <= attempts.maxBackoffMs, "must have backoffMs at most maxBackoffMs"),
);

/** Of a service: what is not said has these values. There is no connect phase to time. */
export const timeoutsOptions = v.strictObject({
  headersMs: v.optional(millis, 30_000),
  idleMs: v.optional(millis, 30_000),
  /** All attempts together up to the final headers; absent: totalMs, or else 30 s (headersMs when that is longer). */
  attemptsMs: v.optional(millis),
  /** The whole exchange, body included; absent: no end, for long streams live. */
  totalMs: v.optional(millis),
});

/** Of a route: what is not said is the service's. */
export const routeTimeoutsOptions = v.strictObject({
  headersMs: v.optional(millis),
  idleMs: v.optional(millis),
  attemptsMs: v.optional(millis),
  totalMs: v.optional(millis),
});

const queue = { queue: v.optional(countOrZero, 0), queueMs: v.optional(millis, 1000) };

/** Requests at once, counted per isolate, for each instance or for the service as a whole. */
export const concurrencyOptions = v.pipe(
  v.variant("algorithm", [
    v.strictObject({
      algorithm: v.literal("gradient2"),
      per: v.optional(v.picklist(["instance", "service"]), "instance"),
      /** Absent: 20, or what `min` and `max` leave. */
      initial: v.optional(count),
      min: v.optional(count, 1),
      max: v.optional(count, 200),
      /** Smoothing of limit and latency: the newest sample's share (A10). */
      ewmaAlpha: v.optional(share, 0.1),
      /** Latency may grow to this multiple of its long-term mean before the limit shrinks. */
      tolerance: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(100)), 1.5),
      /** Errors over this share shrink the limit too. */
      shrinkOverErrorRate: v.optional(share, 0.1),
      ...queue,
    }),
    v.strictObject({
      algorithm: v.literal("fixed"),
      per: v.optional(v.picklist(["instance", "service"]), "instance"),
      max: count,
      ...queue,
    }),
  ]),
  v.transform((limit) =>
    limit.algorithm === "fixed"
      ? limit
      : { ...limit, initial: limit.initial ?? Math.max(limit.min, Math.min(20, limit.max)) },
  ),
  v.check(
    (limit) => limit.algorithm === "fixed" || (limit.min <= limit.initial && limit.initial <= limit.max),
    "must have min <= initial <= max",
  ),
);

/** Active checks, made from each region. */
export const healthCheckOptions = v.strictObject({
  path: v.optional(requestPath, "/"),
  method: v.optional(v.picklist(["GET", "HEAD"]), "GET"),
  headers: v.optional(callHeaders, {}),
  intervalSeconds: v.optional(seconds, 10),
  timeoutMs: v.optional(millis, 2000),
  healthyAfter: v.optional(count, 2),
  unhealthyAfter: v.optional(count, 3),
  /** Statuses that pass: single ones, or a class such as "2xx". */
  expectStatus: v.optional(
    v.pipe(
      v.array(v.union([status, v.picklist(["1xx", "2xx", "3xx", "4xx", "5xx"])])),
      v.minLength(1),
      v.maxLength(32),
    ),
    ["2xx"],
  ),
  /** Words the body's first 64 KiB must contain. */
  expectBody: v.optional(text(1024)),
  /** A check that passes but takes longer than this counts as degraded. */
  degradedMs: v.optional(millis),
});

/** Load that an upstream reports of itself with its answers. */
export const loadReportOptions = v.strictObject({
  header: v.optional(headerName, "endpoint-load-metrics"),
  /** Taken off the answer before the client sees it. */
  strip: v.optional(v.boolean(), true),
});

/** The blocks that a service and an AI provider have in common. */
export const resilienceEntries = {
  breaker: onUnlessFalse(breakerOptions),
  attempts: onUnlessFalse(attemptsOptions),
  concurrency: offUnlessGiven(concurrencyOptions),
  healthCheck: offUnlessGiven(healthCheckOptions),
};
