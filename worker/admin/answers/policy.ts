// Answers about the policy: the document, its generations, who changed what, and where a request would go.
import * as v from "valibot";
import { count, figures, millis, next, share, texts, time } from "./words.ts";

export const policyDocument = v.pipe(
  v.record(v.string(), v.unknown()),
  v.description("A policy, as policy.schema.json of this version has it; docs/policy-reference.md lists every field."),
);

export const policyWritten = v.object({
  generation: v.pipe(count, v.description("The generation in force, also in ETag.")),
  outcome: v.pipe(
    v.picklist(["stored", "unchanged"]),
    v.description("`unchanged`: the document in force is the same, and no generation was made."),
  ),
});

const problems = v.array(v.object({ path: v.string(), message: v.string() }));

export const policyChecked = v.object({
  valid: v.boolean(),
  errors: problems,
  pending: v.array(v.object({ section: v.string(), reason: v.string() })),
  generation: v.optional(v.nullable(count)),
  changes: v.pipe(
    v.array(
      v.object({
        kind: v.picklist(["added", "removed", "changed"]),
        path: v.string(),
        before: v.optional(v.unknown()),
        after: v.optional(v.unknown()),
      }),
    ),
    v.description("Against the generation that the gateway has."),
  ),
  truncated: v.boolean(),
});

export const generations = v.object({
  items: v.array(
    v.object({
      generation: count,
      at: time,
      actor: v.string(),
      note: v.string(),
      bytes: count,
      rollbackOf: v.pipe(
        count,
        v.description("The generation whose document was taken up again; 0 for a document of its own."),
      ),
    }),
  ),
  next,
});

export const auditLog = v.object({
  items: v.array(
    v.object({
      id: count,
      at: time,
      actor: v.string(),
      action: v.string(),
      detail: v.string(),
      generationBefore: v.pipe(
        v.nullable(count),
        v.description("Of a change of the policy: the generation before it."),
      ),
      generationAfter: v.nullable(count),
    }),
  ),
  next,
});

export const mix = v.object({
  performance: v.number(),
  load: v.number(),
  proximity: v.number(),
  adaptive: v.number(),
});

export const decision = v.object({
  algorithm: v.string(),
  instance: v.string(),
  score: share,
  cost: v.number(),
  factors: figures,
  weights: figures,
  confidence: share,
  alternatives: v.array(v.object({ id: v.string(), score: share, cost: v.number() })),
  rival: v.string(),
  explored: v.boolean(),
  panic: v.boolean(),
  ramp: v.number(),
  tookMs: millis,
  at: time,
});

const breakerState = v.picklist(["closed", "open", "half_open", "ramp"]);

const candidate = v.object({
  id: v.string(),
  url: v.string(),
  region: v.string(),
  weight: v.number(),
  priority: v.number(),
  refused: v.pipe(v.nullable(v.string()), v.description("Why it would not be taken; null when it could be.")),
  score: v.number(),
  merit: v.number(),
  factors: figures,
  weights: figures,
  ewmaMs: millis,
  inFlight: count,
  ramp: v.number(),
  limit: v.nullable(count),
  health: v.nullable(v.string()),
  breaker: v.object({
    stands: v.string(),
    region: v.object({ state: breakerState, reason: v.string(), until: time }),
    isolate: v.object({ state: v.string(), reason: v.string(), until: time, consecutiveFailures: count }),
  }),
});

const route = v.object({
  id: v.string(),
  kind: v.picklist(["listed", "direct", "fallback"]),
  index: v.optional(v.pipe(count, v.description("Position among the routes of the policy."))),
  service: v.string(),
  canary: v.optional(v.object({ service: v.string(), percent: v.number() })),
  forwardedPath: v.string(),
  auth: v.picklist(["none", "optional", "required"]),
  permissions: texts,
  rateLimit: v.optional(v.string()),
  why: v.string(),
});

export const explanation = v.object({
  generation: count,
  method: v.string(),
  host: v.string(),
  path: v.string(),
  refused: v.optional(v.nullable(v.string())),
  route: v.optional(route),
  nearMisses: v.array(
    v.object({
      route: v.string(),
      index: count,
      lacks: v.picklist(["method", "headers", "nothing"]),
      words: v.string(),
    }),
  ),
  isolate: v.optional(v.string()),
  algorithm: v.nullable(v.string()),
  candidates: v.array(candidate),
  mix: v.optional(
    v.object({
      ...mix.entries,
      learn: v.optional(v.boolean()),
      everySeconds: v.optional(count),
      maximumStep: v.optional(share),
      minimum: v.optional(share),
    }),
  ),
  choice: v.optional(v.nullable(decision)),
  probe: v.optional(v.nullable(v.string())),
  suspect: v.optional(v.nullable(v.string())),
  regionOrder: v.optional(texts),
});
