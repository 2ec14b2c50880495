// What a policy may say about caching: levels, rules, the store decision, adaptive lifetimes, warmth.
// Numbers are the seeds' (P12-P16, A4-A6). A rule never makes a private answer shared.
import * as v from "valibot";
import { pathPatternProblem } from "../match/pattern.ts";
import {
  bytes,
  count,
  countOrZero,
  hostPattern,
  httpUrl,
  millis,
  name,
  offUnlessGiven,
  onUnlessFalse,
  secondsOrZero,
  seconds,
  secret,
  share,
  text,
  weight,
} from "../protocol/fields.ts";

const tier = v.picklist(["memory", "edge", "global", "redis"]);
const tiers = v.pipe(
  v.array(tier),
  v.minLength(1),
  v.check((names) => new Set(names).size === names.length, "must not name a level twice"),
);

/** Answers to other methods are never reused (RFC 9110 §9.3); POST only by a rule, keyed by its payload. */
const CACHEABLE = new Set(["*", "GET", "HEAD", "POST"]);

/** `METHOD /path/*`, several methods as `GET,HEAD /path`; `*` for GET and HEAD. */
const rulePattern = v.pipe(
  v.string(),
  v.maxLength(1100),
  v.regex(/^(\*|[A-Z-]+(,[A-Z-]+)*) \/[^\s{}]*$/, "must be 'METHOD /path', with * for what varies"),
  v.check(
    (rule) =>
      rule
        .slice(0, rule.indexOf(" "))
        .split(",")
        .every((method) => CACHEABLE.has(method)),
    "must name GET, HEAD or POST: answers to other methods are never reused",
  ),
  v.check(
    (rule) => pathPatternProblem(pathOf(rule)) === undefined,
    (issue) => `has a path that ${pathPatternProblem(pathOf(issue.input)) ?? "is not a pattern"}`,
  ),
);

const pathOf = (rule: string): string => rule.slice(rule.indexOf(" ") + 1);

/** `Authorization`, `payload_hash`, `date_range`, `header:NAME`, `query:NAME`, or the plain name of either. */
const varyBy = v.pipe(
  v.string(),
  v.maxLength(128),
  v.regex(
    /^((header|query|cookie):)?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
    "must be a header or query name, 'payload_hash' or 'date_range'",
  ),
);

const query = v.strictObject({
  mode: v.optional(v.picklist(["all", "ignore", "only", "except"]), "all"),
  names: v.optional(v.pipe(v.array(text(128)), v.maxLength(64)), []),
  sort: v.optional(v.boolean(), false),
});

const status = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599));

const rule = v.strictObject({
  match: rulePattern,
  host: v.optional(hostPattern),
  enabled: v.optional(v.boolean(), true),
  /** Absent: only the origin's own word, shaped by the rule's key, tags and levels. */
  ttlSeconds: v.optional(secondsOrZero),
  varyBy: v.optional(v.pipe(v.array(varyBy), v.maxLength(16)), []),
  strategy: v.optional(
    v.picklist(["content_based", "user_context", "temporal_patterns", "intelligent_adaptive"]),
    "content_based",
  ),
  /** The highest matching priority wins, then the order of the file. */
  priority: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1_000_000), v.maxValue(1_000_000)), 0),
  conditions: v.optional(
    v.strictObject({
      minPayloadBytes: v.optional(bytes),
      maxPayloadBytes: v.optional(bytes),
      statuses: v.optional(v.pipe(v.array(status), v.maxLength(64))),
      contentTypes: v.optional(v.pipe(v.array(text(128)), v.maxLength(32))),
      maxEntryBytes: v.optional(bytes),
    }),
    {},
  ),
  tags: v.optional(v.pipe(v.array(name), v.maxLength(32)), []),
  /** `respect`: an explicit lifetime from the origin wins; `override`: the rule's does. */
  mode: v.optional(v.picklist(["respect", "override"]), "respect"),
  staleWhileRevalidateSeconds: v.optional(secondsOrZero),
  staleIfErrorSeconds: v.optional(secondsOrZero),
  /** Levels of this rule's entries; absent: those of the whole cache. */
  tiers: v.optional(tiers),
  query: v.optional(query, {}),
  /** Lifetime of 404, 410 and the like where the origin is silent; 0 for none. */
  negativeTtlSeconds: v.optional(secondsOrZero, 0),
  /** Width of a time bucket of `temporal_patterns`; an entry ends with its bucket. */
  bucketSeconds: v.optional(seconds, 3600),
  /** Whether a miss is shared with other isolates; absent: as `collapse.acrossIsolates` says. */
  acrossIsolates: v.optional(v.boolean()),
  /** Share of stale hits a learned lifetime may cause; absent: lifetimes are not learned. */
  targetStaleness: v.optional(share),
});

/** Score above which `intelligent_adaptive` stores (P15). */
const decision = v.strictObject({
  storeAbove: v.optional(share, 0.6),
  base: v.optional(share, 0.5),
  slowMs: v.optional(millis, 500),
  slow: v.optional(share, 0.2),
  verySlowMs: v.optional(millis, 1000),
  verySlow: v.optional(share, 0.2),
  json: v.optional(share, 0.1),
  static: v.optional(share, 0.3),
  frequentOver: v.optional(countOrZero, 10),
  frequent: v.optional(share, 0.2),
  largeBytes: v.optional(bytes, 10_240),
  large: v.optional(share, 0.1),
  veryLargeBytes: v.optional(bytes, 102_400),
  veryLarge: v.optional(share, 0.1),
});

/** Factors on the base lifetime, and the range it is kept in (P16). */
const adaptiveTtl = v.pipe(
  v.strictObject({
    baseSeconds: v.optional(seconds, 300),
    json: v.optional(weight, 0.8),
    html: v.optional(weight, 1.2),
    largeBytes: v.optional(bytes, 102_400),
    large: v.optional(weight, 1.5),
    slowMs: v.optional(millis, 1000),
    slow: v.optional(weight, 2),
    hitRatioOver: v.optional(share, 0.8),
    hitRatio: v.optional(weight, 1.3),
    /** Absent: 60, or maximumSeconds when that is less. */
    minimumSeconds: v.optional(secondsOrZero),
    maximumSeconds: v.optional(seconds, 7200),
  }),
  v.transform((ttl) => ({ ...ttl, minimumSeconds: ttl.minimumSeconds ?? Math.min(60, ttl.maximumSeconds) })),
  v.check((ttl) => ttl.minimumSeconds <= ttl.maximumSeconds, "must have minimumSeconds at most maximumSeconds"),
);

/** Keeping warm what will be asked for (A5, A6). */
const prefetch = v.strictObject({
  enabled: v.optional(v.boolean(), true),
  /** More requests than this within the window make a pattern hot. */
  hotOver: v.optional(count, 5),
  hotWindowSeconds: v.optional(seconds, 300),
  /** Requests further apart than this are no sequence. */
  sequenceGapSeconds: v.optional(seconds, 300),
  minimumConfidence: v.optional(share, 0.6),
  minimumCorrelation: v.optional(share, 0.8),
  minimumSimilarity: v.optional(share, 0.7),
  maxConcurrent: v.optional(count, 3),
  history: v.optional(v.pipe(count, v.maxValue(10_000)), 1000),
  /** Prefetches as a share of real requests, at most. */
  trafficShare: v.optional(share, 0.05),
  /** Prefetching that is used less often than this switches itself off. */
  minimumPrecision: v.optional(share, 0.2),
});

const redis = v.strictObject({
  /** Upstash REST endpoint, written or by a secret's name. */
  url: v.union([httpUrl, secret]),
  token: secret,
  timeoutMs: v.optional(millis, 100),
  prefix: v.optional(name, "sluice"),
});

export const cacheOptions = v.pipe(
  v.strictObject({
    tiers: v.optional(tiers, ["memory", "edge"]),
    rules: v.optional(v.pipe(v.array(rule), v.maxLength(1000)), []),
    memoryBytes: v.optional(bytes, 33_554_432),
    maxEntryBytes: v.optional(bytes, 10_485_760),
    /** A level that has not answered by then is skipped. */
    tierTimeoutMs: v.optional(millis, 100),
    /** An entry goes to a costly level after this many uses. */
    admitAfter: v.optional(count, 2),
    setCookie: v.optional(v.picklist(["bypass", "strip", "store"]), "bypass"),
    decision: v.optional(decision, {}),
    adaptiveTtl: v.optional(adaptiveTtl, {}),
    /** Concurrent misses share one fetch; a follower fetches for itself after `waitMs`. */
    collapse: onUnlessFalse(
      v.strictObject({
        waitMs: v.optional(millis, 5000),
        /** Isolates of a region share one fetch too: one of them leads, the others wait for what it brings. */
        acrossIsolates: v.optional(v.boolean(), false),
        /** An object that has not said by then who leads is done without. */
        objectTimeoutMs: v.optional(millis, 250),
        /** How long an answer that may not be stored keeps later misses from waiting for each other. */
        uncacheableSeconds: v.optional(secondsOrZero, 10),
      }),
    ),
    prefetch: offUnlessGiven(prefetch),
    redis: v.optional(redis),
    /** Analysis of hits, waste and rules (P17). */
    analyseEverySeconds: v.optional(seconds, 300),
  }),
  v.check(
    (cache) => !cache.tiers.includes("redis") || cache.redis !== undefined,
    "names the level redis and needs the block 'redis'",
  ),
  v.check(
    (cache) => cache.redis !== undefined || cache.rules.every((each) => !each.tiers?.includes("redis")),
    "has a rule with the level redis and needs the block 'redis'",
  ),
);

/** Of a policy whose cache is not switched off, defaults filled. */
export type CacheOptions = v.InferOutput<typeof cacheOptions>;
export type CacheRule = CacheOptions["rules"][number];
