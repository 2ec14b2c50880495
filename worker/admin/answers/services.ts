// Answers about services, their instances and the regions.
import * as v from "valibot";
import { count, heard, millis, next, share, texts, time } from "./words.ts";
import { decision } from "./policy.ts";

const metadata = v.record(v.string(), v.unknown());

export const breaker = v.object({
  state: v.picklist(["closed", "open", "half_open", "ramp"]),
  reason: v.picklist(["consecutive", "rate", "slow", "manual", "vote", ""]),
  until: v.pipe(v.number(), v.description("Open: when probes may start, 0 for never. Ramp: when it is over. Else 0.")),
  probes: count,
  probing: v.pipe(texts, v.description("Isolates that hold a lease for a probe.")),
  drained: v.boolean(),
});

const health = v.object({
  status: v.picklist(["healthy", "degraded", "unhealthy", "unknown"]),
  checkedAt: time,
  tookMs: v.optional(millis),
  problem: v.optional(v.string()),
});

const outcomes = v.object({ ok: count, failed: count, limited: count, slow: count });

/** An instance as one region sees it; what nothing is known of is absent. */
const sight = v.object({
  requestsPerSecond: v.optional(v.number()),
  inFlight: v.optional(count),
  ewmaMs: v.optional(millis),
  window: v.optional(outcomes),
  p50Ms: v.optional(millis),
  p95Ms: v.optional(millis),
  p99Ms: v.optional(millis),
  seenAt: v.optional(time),
  breaker: v.optional(breaker),
  health: v.optional(health),
});

export const instance = v.object({
  id: v.string(),
  url: v.string(),
  region: v.string(),
  weight: v.number(),
  metadata,
  from: v.pipe(v.string(), v.description("`policy`, or the kind of discovery that found it.")),
  breaker: v.pipe(breaker, v.description("The worst of what the regions say.")),
  health,
  totals: v.nullable(outcomes),
  seenFrom: v.pipe(v.record(v.string(), sight), v.description("By region.")),
});

export const services = v.object({
  generation: count,
  region: v.string(),
  reachable: v.boolean(),
  items: v.array(v.object({ name: v.string(), instances: v.array(instance) })),
  next,
});

export const service = v.object({
  name: v.string(),
  generation: count,
  routing: v.pipe(v.record(v.string(), v.unknown()), v.description("As in the policy, defaults filled.")),
  regions: v.array(
    v.object({
      region: v.string(),
      reachable: v.boolean(),
      isolates: v.optional(count),
      discovery: v.optional(
        v.object({ kind: v.string(), generation: count, answeredAt: time, problem: v.optional(v.string()) }),
      ),
    }),
  ),
  instances: v.array(instance),
  decisions: v.object({
    isolate: v.string(),
    oneIn: count,
    items: v.pipe(v.array(decision), v.description("A sample of what the answering isolate has chosen, newest first.")),
  }),
});

export const operation = v.object({
  service: v.string(),
  instance: v.string(),
  command: v.picklist(["drain", "open", "close", "reset"]),
  number: count,
  heard,
});

const endpoint = v.object({
  up: v.boolean(),
  latencyMs: millis,
  checkedAt: time,
  problem: v.optional(v.string()),
});

const standing = v.object({
  inFlight: count,
  latencyMs: millis,
  ownInFlight: count,
  goodShare: share,
  healthy: v.boolean(),
  endpoint: v.optional(endpoint),
});

export const regions = v.object({
  items: v.array(
    v.object({
      name: v.string(),
      latitude: v.nullable(v.number()),
      longitude: v.nullable(v.number()),
      location: v.nullable(v.string()),
      endpoint: v.nullable(v.string()),
      capacity: v.nullable(v.number()),
      inFlight: count,
      load: v.nullable(v.number()),
      latencyMs: v.nullable(millis),
      healthy: v.nullable(v.boolean()),
      reachable: v.boolean(),
      reading: v.optional(
        v.object({
          region: v.string(),
          isolates: count,
          requestsPerSecond: v.number(),
          inFlight: count,
          latencyMs: millis,
          health: share,
          reports: v.object({ taken: count, repeated: count }),
          serviceCalls: count,
          epochs: v.object({ policy: count, purge: count, keys: count, chaos: count, trials: count }),
          newsAgeMs: v.pipe(v.number(), v.description("-1 when no news ever came.")),
          nextReportMs: millis,
        }),
      ),
      seenFrom: v.record(v.string(), standing),
    }),
  ),
  next,
});

export const alive = v.object({ status: v.literal("ok"), isolate: v.string(), region: v.string() });

const dependency = v.object({ state: v.picklist(["unused", "ok", "failing", "unbound"]) });

export const me = v.object({
  actor: v.pipe(v.string(), v.description("As the audit log names it.")),
  role: v.picklist(["viewer", "operator", "admin"]),
  region: v.string(),
  generation: v.nullable(count),
  sharesOrigin: v.pipe(v.boolean(), v.description("What upstreams serve stands on the same origin as this API.")),
});

export const ready = v.object({
  ready: v.boolean(),
  isolate: v.string(),
  region: v.object({ name: v.string(), known: v.boolean() }),
  policy: v.object({
    generation: v.nullable(count),
    error: v.nullable(
      v.object({
        from: v.string(),
        generation: count,
        at: time,
        problems: v.array(v.object({ path: v.string(), message: v.string() })),
      }),
    ),
  }),
  news: v.object({ generation: count, ageMs: v.nullable(millis) }),
  pending: v.pipe(
    v.array(v.object({ section: v.string(), reason: v.string() })),
    v.description("Sections of the policy that this version does not act on."),
  ),
  dependencies: v.object({ region: dependency, kv: dependency, analyticsEngine: v.optional(dependency) }),
});

export const openApi = v.pipe(v.record(v.string(), v.unknown()), v.description("An OpenAPI 3.1 document."));
