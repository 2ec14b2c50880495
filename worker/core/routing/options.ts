// What a policy may say about choosing: algorithms, score, learning, affinity, regions, and where instances come from.
// The numbers are the defaults of the seeds (P5-P10, A16); code reads them from here and holds none of its own.
import * as v from "valibot";
import {
  count,
  countOrZero,
  headerName,
  httpUrl,
  millis,
  millisOrZero,
  name,
  offUnlessGiven,
  secondsOrZero,
  seconds,
  secret,
  share,
  text,
  weight,
} from "../protocol/fields.ts";

export const algorithm = v.picklist([
  "round_robin",
  "weighted_random",
  "least_connections",
  "performance_based",
  "latency",
  "load_balancing",
  "geographic_proximity",
  "geographic",
  "intelligent_adaptive",
  "intelligent",
  "consistent_hash",
]);

/** Weights of the instance score (P6). A factor an upstream does not report is left out and the rest renormalised. */
const scoreWeights = v.pipe(
  v.strictObject({
    performance: v.optional(weight, 0.3),
    load: v.optional(weight, 0.25),
    health: v.optional(weight, 0.2),
    compatibility: v.optional(weight, 0.15),
    successRate: v.optional(weight, 0.1),
  }),
  v.check((weights) => Object.values(weights).some((each) => each > 0), "must have at least one weight above 0"),
);

/** How each factor of the score is measured (P5, P6). */
const scoring = v.strictObject({
  /** A mean at or under this scores 1 … */
  fastMs: v.optional(millisOrZero, 100),
  /** … and at or over this 0. */
  slowMs: v.optional(millis, 1000),
  unknownPerformance: v.optional(share, 0.7),
  unknownSuccess: v.optional(share, 0.8),
  /** Share of the success rate among like requests; the rest is the overall rate. */
  similarShare: v.optional(share, 0.7),
  timesKept: v.optional(count, 20),
  resultsKept: v.optional(count, 100),
  loadWeights: v.optional(
    v.strictObject({
      cpu: v.optional(weight, 0.3),
      memory: v.optional(weight, 0.25),
      connections: v.optional(weight, 0.25),
      queue: v.optional(weight, 0.2),
    }),
    {},
  ),
  health: v.optional(
    v.strictObject({
      healthy: v.optional(share, 1),
      degraded: v.optional(share, 0.6),
      unhealthy: v.optional(share, 0.1),
      unknown: v.optional(share, 0.5),
      /** A check older than this begins to count for less … */
      staleAfterSeconds: v.optional(seconds, 300),
      /** … until, this much later, it has fallen to `floor`. */
      decaySeconds: v.optional(seconds, 3600),
      floor: v.optional(share, 0.1),
    }),
    {},
  ),
});

/** With which weights `intelligent_adaptive` begins to mix the algorithms, and how it learns better ones (P10). */
const adaptive = v.strictObject({
  performance: v.optional(weight, 0.4),
  load: v.optional(weight, 0.3),
  proximity: v.optional(weight, 0.2),
  adaptive: v.optional(weight, 0.1),
  learn: v.optional(v.boolean(), true),
  everySeconds: v.optional(seconds, 300),
  /** A weight moves by no more than this in one analysis, and never under `minimum`. */
  maximumStep: v.optional(share, 0.05),
  minimum: v.optional(share, 0.05),
});

const affinity = v.variant("by", [
  v.strictObject({
    by: v.literal("cookie"),
    name: v.optional(headerName, "sluice-affinity"),
    ttlSeconds: v.optional(seconds, 3600),
  }),
  v.strictObject({ by: v.literal("header"), name: headerName }),
  v.strictObject({ by: v.literal("client") }),
]);

/** How regions share the traffic of a service (A16). */
const acrossRegions = v.strictObject({
  loadWeight: v.optional(weight, 0.6),
  latencyWeight: v.optional(weight, 0.4),
  /** Smoothing of a region's latency: the newest sample's share. */
  ewmaAlpha: v.optional(share, 0.1),
  /** How long a client keeps the region it was served from; 0 for not at all. */
  preferredSeconds: v.optional(secondsOrZero, 3600),
  /** Load above which the next region takes the overflow. */
  spillAtLoad: v.optional(share, 0.8),
});

export const routingOptions = v.strictObject({
  algorithm: v.optional(algorithm, "intelligent_adaptive"),
  weights: v.optional(scoreWeights, {}),
  scoring: v.optional(scoring, {}),
  adaptive: v.optional(adaptive, {}),
  /** Share of choices that ignore the score, so that no instance is forgotten. */
  exploreShare: v.optional(share, 0.02),
  /** Below this share of available instances, all that are not open are used. */
  panicShare: v.optional(share, 0.5),
  affinity: offUnlessGiven(affinity),
  /** Time over which an instance that is new to the policy reaches its full weight; 0 for at once. */
  slowStartMs: v.optional(millisOrZero, 0),
  regions: v.optional(acrossRegions, {}),
});

// --- where instances come from (P9) ---

const scheme = v.optional(v.picklist(["http", "https"]), "http");

const consul = v.strictObject({
  kind: v.literal("consul"),
  url: httpUrl,
  service: text(128),
  datacenter: v.optional(name),
  namespace: v.optional(name),
  tags: v.optional(v.pipe(v.array(text(128)), v.maxLength(16)), []),
  token: v.optional(secret),
  scheme,
  /** Region of the instances found; without it, the service's metadata `region` or tag `region=…` says. */
  region: v.optional(name),
  intervalSeconds: v.optional(seconds, 30),
  /** How long a blocking query is held open; 0 polls. */
  waitSeconds: v.optional(secondsOrZero, 25),
  timeoutMs: v.optional(millis, 5000),
});

const dns = v.strictObject({
  kind: v.literal("dns"),
  /** DNS over HTTPS (RFC 8484), JSON form. */
  resolver: v.optional(httpUrl, "https://cloudflare-dns.com/dns-query"),
  name: text(253),
  type: v.optional(v.picklist(["A", "AAAA", "SRV"]), "A"),
  /** Port for A and AAAA; SRV brings its own. */
  port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))),
  scheme,
  region: v.optional(name),
  intervalSeconds: v.optional(seconds, 30),
  timeoutMs: v.optional(millis, 5000),
});

export const discoveryOptions = v.variant("kind", [v.strictObject({ kind: v.literal("static") }), consul, dns]);

// --- one instance (P5) ---

/** What an instance is able to take; the compatibility factor of its score (P6). */
export const metadata = v.strictObject({
  securityLevel: v.optional(v.picklist(["low", "standard", "high", "critical"])),
  maxPayloadBytes: v.optional(countOrZero),
  methods: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(32))), v.maxLength(32))),
  supportsComplex: v.optional(v.boolean()),
  /** Free words of the operator's own; shown, never decided by. */
  labels: v.optional(v.record(name, text(256))),
});
