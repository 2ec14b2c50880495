// Answers about the cache: purges, what it is worth by key, pattern and level, and what a request would find.
import * as v from "valibot";
import { count, heard, millis, next, share, texts } from "./words.ts";

export const purged = v.object({
  kind: v.picklist(["url", "prefix", "tag", "pattern", "all"]),
  target: v.string(),
  soft: v.boolean(),
  number: v.pipe(count, v.description("Epoch ms of the order: entries that were asked for before are meant.")),
  heard,
});

const usage = v.object({
  name: v.string(),
  pattern: v.optional(v.string()),
  hits: count,
  stale: count,
  misses: count,
  stored: count,
  hitRatio: share,
  savedMs: millis,
  bytes: count,
  wasted: v.pipe(count, v.description("Entries written that nobody was answered from.")),
  error: v.optional(count),
});

const warmCounts = v.object({ fetched: count, used: count, unused: count, refused: count, precision: share });

const advice = v.object({
  id: v.string(),
  kind: v.picklist(["raise_ttl", "lower_ttl", "drop_rule", "add_rule", "keep_less"]),
  target: v.string(),
  before: v.number(),
  after: v.number(),
  reason: v.string(),
  expectedImprovement: v.number(),
  confidence: share,
  at: v.number(),
});

const level = v.object({
  name: v.string(),
  hits: count,
  misses: count,
  stored: count,
  refused: count,
  lies: count,
  reads: count,
  timeouts: count,
  failures: count,
  skipped: count,
  resting: v.boolean(),
  lastFailure: v.string(),
});

const moment = v.pipe(v.string(), v.description("RFC 3339."));

export const cacheStats = v.object({
  since: moment,
  total: usage,
  patterns: v.array(usage),
  warm: warmCounts,
  advice: v.array(advice),
  learned: v.pipe(
    v.array(v.object({ name: v.string(), rule: v.string(), visits: count, changesPerHour: v.nullable(v.number()) })),
    v.description("How often things change, as all isolates have seen it, under the rules that learn lifetimes."),
  ),
  analysedAt: moment,
  admitted: count,
  isolate: v.pipe(
    v.nullable(
      v.object({
        memory: v.object({ bytes: count, maxBytes: count, keys: count }),
        levels: v.array(level),
        promoted: count,
        admitted: count,
        sparedReads: count,
        presence: count,
        repeats: v.pipe(
          v.object({ urls: count, given: count }),
          v.description("Hits that were given again as they were answered in the same second."),
        ),
        acrossIsolates: v.pipe(
          v.object({ led: count, shared: count, alone: count, away: count, lies: count }),
          v.description("Cold misses that met other isolates', by what came of it."),
        ),
        purges: v.object({ lines: count, newest: count }),
        invalidations: v.pipe(
          v.object({ told: count, dropped: count, heard: count }),
          v.description(
            "URLs made outdated by unsafe requests: told to other isolates, too many to be told, heard of.",
          ),
        ),
      }),
    ),
    v.description("Of the isolate that answers; null where the policy switches the cache off."),
  ),
});

export const cacheKeys = v.object({
  since: moment,
  items: v.pipe(v.array(usage), v.description("The most used keys, the most used first.")),
  next,
  wasted: v.array(usage),
});

export const cacheWarmth = v.object({
  enabled: v.boolean(),
  fleet: v.nullable(warmCounts),
  isolate: v.nullable(
    v.object({
      running: count,
      credit: v.number(),
      fetched: count,
      used: count,
      unused: count,
      refused: count,
      recentUsed: v.number(),
      recentUnused: v.number(),
      offUntil: v.number(),
      rests: count,
      precision: share,
      off: v.boolean(),
      awaited: count,
      clients: count,
      transitions: count,
      hot: v.array(v.tuple([v.string(), count])),
    }),
  ),
});

const factors = v.array(v.object({ name: v.string(), by: v.number() }));

export const cacheLookup = v.object({
  region: v.string(),
  would: v.picklist(["hit", "stale", "validate", "miss", "bypass", "refused"]),
  why: v.string(),
  level: v.optional(v.nullable(v.string())),
  key: v.optional(v.pipe(v.string(), v.description("A hash: keys hold URLs, and those may hold secrets."))),
  label: v.optional(v.string()),
  pattern: v.optional(v.string()),
  route: v.optional(v.string()),
  rule: v.optional(
    v.nullable(
      v.object({
        id: v.string(),
        strategy: v.string(),
        priority: v.number(),
        ttlSeconds: v.nullable(v.number()),
        mode: v.string(),
        varyBy: v.unknown(),
      }),
    ),
  ),
  variants: v.optional(
    v.array(
      v.object({
        level: v.string(),
        status: count,
        variant: v.string(),
        vary: texts,
        ageSeconds: v.number(),
        ttlSeconds: v.number(),
        lifetimeFrom: v.picklist(["explicit", "heuristic", "rule", "none"]),
        rule: v.string(),
        tags: texts,
        bytes: count,
        etag: v.string(),
        storedAt: moment,
        purge: v.picklist(["stands", "stale", "gone"]),
      }),
    ),
  ),
  score: v.optional(v.object({ store: v.boolean(), score: v.number(), factors })),
  adaptiveTtl: v.optional(v.object({ seconds: v.number(), baseSeconds: v.number(), factors })),
  learned: v.optional(
    v.object({
      visits: count,
      fleetVisits: count,
      changesPerHour: v.nullable(v.number()),
      ttlSeconds: v.nullable(v.number()),
      expectedStaleness: v.nullable(v.number()),
    }),
  ),
});
