// Answers about what happened and what follows from it: curves, alerts, experiments, suggestions.
import * as v from "valibot";
import { experimentOptions } from "../../core/chaos/options.ts";
import { SUGGESTION_KINDS, SUGGESTION_STATES } from "../../core/protocol/suggestions.ts";
import { count, figures, heard, millis, next, share, texts, time } from "./words.ts";
import { mix } from "./policy.ts";

export const traffic = v.object({
  grain: v.picklist(["second", "minute", "hour"]),
  seconds: v.pipe(count, v.description("What an item covers.")),
  measures: v.pipe(v.record(v.string(), v.string()), v.description("Every figure there is, and what it means.")),
  items: v.array(
    v.object({
      at: time,
      series: v.pipe(
        v.record(v.string(), figures),
        v.description("By series, its figures; what nothing was measured for is absent."),
      ),
    }),
  ),
});

export const liveTicket = v.object({
  ticket: v.pipe(
    v.string(),
    v.description("Offered in Sec-WebSocket-Protocol as `ticket.TICKET`, beside the protocol."),
  ),
  endsAt: time,
  protocol: v.literal("sluice.live"),
});

const severity = v.picklist(["info", "warning", "error", "critical"]);
const labels = v.record(v.string(), v.string());

export const alert = v.object({
  id: v.string(),
  rule: v.string(),
  severity,
  state: v.picklist(["active", "acknowledged", "resolved"]),
  title: v.string(),
  description: v.string(),
  labels,
  annotations: labels,
  scope: v.string(),
  condition: v.string(),
  atFiring: figures,
  values: figures,
  since: time,
  firedAt: time,
  acknowledgedAt: time,
  acknowledgedBy: v.string(),
  resolvedAt: time,
});

export const alerts = v.object({
  items: v.array(alert),
  next,
  rules: v.array(
    v.object({
      rule: v.string(),
      enabled: v.boolean(),
      severity,
      condition: v.string(),
      scope: v.string(),
      status: v.picklist(["ok", "pending", "firing", "unknown", "error"]),
      error: v.string(),
      since: time,
      firedAt: time,
      evaluatedAt: time,
      values: v.pipe(figures, v.description("What the condition looks at, as it was then.")),
    }),
  ),
  deliveries: v.array(
    v.object({
      id: v.string(),
      notifier: v.string(),
      alerts: texts,
      madeAt: time,
      tries: count,
      nextAt: time,
      state: v.picklist(["waiting", "sent", "failed"]),
      problem: v.string(),
    }),
  ),
});

const stopped = v.object({ at: time, by: v.string(), reason: v.string() });
const state = v.picklist(["running", "completed", "stopped"]);

/** As it was ordered, defaults filled. */
const order = {
  id: v.string(),
  name: v.string(),
  spec: experimentOptions,
  startedAt: time,
  endsAt: time,
  startedBy: v.string(),
};

export const experimentOrdered = v.object({ ...order, state, stopped: v.optional(stopped), heard });

const group = v.object({
  requests: count,
  errorRate: share,
  p50Ms: millis,
  p95Ms: millis,
  perSecond: v.number(),
});

export const experiment = v.object({
  ...order,
  hypothesis: v.string(),
  state,
  endedAt: time,
  stopped: v.nullable(stopped),
  before: v.object({ requests: count, errorRate: share }),
  whole: group,
  faulted: v.pipe(group, v.description("Requests that a fault befell.")),
  control: v.pipe(group, v.description("Requests that were spared, to compare with.")),
  blastShare: share,
  recoverySeconds: v.pipe(
    v.nullable(v.number()),
    v.description("From its end until errors were as before; null while that is not known, and when they never were."),
  ),
  criteria: v.array(
    v.object({
      name: v.string(),
      limit: v.number(),
      value: v.nullable(v.number()),
      met: v.boolean(),
      words: v.string(),
    }),
  ),
  passed: v.boolean(),
  recommendations: texts,
  timeline: v.optional(v.array(v.object({ at: time, whole: group, faulted: group, control: group, target: group }))),
});

export const experiments = v.object({ items: v.array(experiment), next });

const arm = v.object({
  requests: count,
  errorRate: v.pipe(share, v.description("Share of 5xx.")),
  meanMs: millis,
  p95Ms: millis,
  hitRatio: share,
  attempts: v.pipe(v.number(), v.description("Attempts per request.")),
});

const suggestionFields = {
  id: v.string(),
  kind: v.picklist(SUGGESTION_KINDS),
  state: v.picklist(SUGGESTION_STATES),
  service: v.pipe(v.string(), v.description('"" where it belongs to none.')),
  route: v.pipe(v.string(), v.description('"" where it belongs to none.')),
  reason: v.pipe(v.string(), v.description("What was seen, in a sentence.")),
  change: v.object({
    path: v.pipe(v.string(), v.description("Where in the policy it would stand.")),
    before: v.pipe(v.unknown(), v.description("What stands there; null for nothing.")),
    after: v.unknown(),
  }),
  effect: v.object({
    measure: v.picklist(["mean_ms", "error_rate", "hit_ratio", "attempts", "worth", "staleness"]),
    expected: v.pipe(v.number(), v.description("As a share; positive is better.")),
    real: v.pipe(v.nullable(v.number()), v.description("As measured; null while nothing is.")),
  }),
  expected: v.pipe(figures, v.description("Further figures of what is expected, by name with its unit.")),
  confidence: share,
  risk: v.object({ share, reason: v.string() }),
  measured: v.nullable(
    v.object({
      changed: arm,
      holdout: arm,
      verdict: v.picklist(["waiting", "better", "worse", "alike"]),
      deviations: v.pipe(v.number(), v.description("Standard errors between both; positive is better.")),
    }),
  ),
  holdoutShare: v.pipe(share, v.description("0 to 1; 0 while nothing is changed.")),
  proposedAt: time,
  appliedAt: time,
  decidedAt: time,
  decidedBy: v.pipe(v.string(), v.description("Who applied it or took it back last: an actor, or `insight`.")),
  outcome: v.pipe(v.string(), v.description("Why it stands as it does, in a sentence.")),
};

export const suggestion = v.object(suggestionFields);

export const suggestions = v.object({
  items: v.array(suggestion),
  next,
  learning: v.record(v.string(), v.object({ start: mix, mix, choices: count, analysedAt: time })),
});

export const suggestionDecided = v.object({ ...suggestionFields, heard });
