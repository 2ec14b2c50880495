// What a policy may say about knowing: alerts (A17), who is told, what is recorded, and what may be suggested from it (P11).
import * as v from "valibot";
import {
  bytes,
  callHeaders,
  count,
  httpUrl,
  millis,
  name,
  offUnlessGiven,
  onUnlessFalse,
  seconds,
  secondsOrZero,
  secret,
  share,
  text,
} from "../protocol/fields.ts";
import { compileCondition } from "./condition.ts";

// --- alerts ---

const labels = v.record(name, v.pipe(v.string(), v.maxLength(1024)));

/** CEL over `metrics` (condition.ts). */
const condition = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(2048),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const compiled = compileCondition(dataset.value);
    if (!compiled.ok) addIssue({ message: compiled.error });
  }),
);

export const alertOptions = v.strictObject({
  name,
  enabled: v.optional(v.boolean(), true),
  when: condition,
  /** How long the condition must hold. */
  forSeconds: v.optional(secondsOrZero, 0),
  severity: v.optional(v.picklist(["info", "warning", "error", "critical"]), "warning"),
  cooldownMinutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(43_200)), 5),
  /** Templates: `{metrics.error_rate}` is replaced by the value. Absent: the name. */
  title: v.optional(text(256)),
  description: v.optional(text(2048)),
  labels: v.optional(labels, {}),
  annotations: v.optional(labels, {}),
  notify: v.optional(v.pipe(v.array(name), v.maxLength(16)), []),
  /** Absent: the whole fleet. */
  scope: v.optional(
    v.pipe(
      v.strictObject({
        service: v.optional(name),
        instance: v.optional(name),
        route: v.optional(text(256)),
        region: v.optional(name),
        provider: v.optional(name),
        model: v.optional(name),
      }),
      v.check(
        (scope) =>
          ["", "service", "instance,service", "route", "region", "provider", "model,provider"].includes(
            Object.keys(scope).toSorted().join(),
          ),
        "must name one of service, service and instance, route, region, provider, provider and model",
      ),
    ),
  ),
});

// --- notifiers ---

/** An address that is itself a secret, as chat hooks are, may be named instead of written. */
const hookUrl = v.union([httpUrl, secret]);

const delivery = {
  enabled: v.optional(v.boolean(), true),
  timeoutMs: v.optional(millis, 5000),
  attempts: v.optional(v.pipe(count, v.maxValue(10)), 5),
  /** Least severity that is sent. */
  minimumSeverity: v.optional(v.picklist(["info", "warning", "error", "critical"]), "info"),
  sendResolved: v.optional(v.boolean(), true),
};

export const notifierOptions = v.variant("kind", [
  /** Standard Webhooks: signed when a secret is named. */
  v.strictObject({
    kind: v.literal("webhook"),
    url: hookUrl,
    secret: v.optional(secret),
    headers: v.optional(callHeaders, {}),
    ...delivery,
  }),
  v.strictObject({ kind: v.literal("slack"), url: hookUrl, channel: v.optional(text(128)), ...delivery }),
  v.strictObject({
    kind: v.literal("pagerduty"),
    url: v.optional(hookUrl, "https://events.pagerduty.com/v2/enqueue"),
    routingKey: secret,
    ...delivery,
  }),
  /** An e-mail service's HTTP interface. */
  v.strictObject({
    kind: v.literal("email"),
    url: hookUrl,
    key: v.optional(secret),
    from: text(320),
    to: v.pipe(v.array(text(320)), v.minLength(1), v.maxLength(32)),
    ...delivery,
  }),
]);

// --- telemetry ---

const otlp = v.strictObject({
  /** Base of the OTLP/HTTP endpoint; `/v1/traces` and `/v1/metrics` are added. */
  url: httpUrl,
  headers: v.optional(callHeaders, {}),
  traces: v.optional(v.boolean(), true),
  metrics: v.optional(v.boolean(), false),
  /** Metrics are told so often, while there is traffic. */
  metricsSeconds: v.optional(seconds, 10),
  sampleRate: v.optional(share, 1),
  timeoutMs: v.optional(millis, 5000),
  /** GenAI attributes on AI calls. */
  genAi: v.optional(v.boolean(), false),
});

/** Findings about routes, caching and instances, each with a life: proposed, applied, measured, kept or rolled back. */
const suggestions = v.strictObject({
  everySeconds: v.optional(seconds, 300),
  apply: v.optional(v.picklist(["manual", "automatic"]), "manual"),
  minimumConfidence: v.optional(share, 0.8),
  /** Share of traffic that keeps the old way, to measure against. */
  holdoutShare: v.optional(share, 0.1),
  /** Share of uncached answers whose bodies are hashed, to see which repeat themselves. */
  hashShare: v.optional(share, 0.01),
  /** Bodies that are longer, or of unknown length, are not looked at. */
  hashBytes: v.optional(v.pipe(bytes, v.maxValue(1_048_576)), 65_536),
  /** Requests of each group without which nothing is said. */
  minimumRequests: v.optional(count, 200),
  /** A trial that has shown no difference by then is over. */
  trialSeconds: v.optional(seconds, 3600),
  /** What was taken back is not proposed again for so long. */
  restSeconds: v.optional(secondsOrZero, 86_400),
  /** Trials at once; and never two on one route. */
  maxTrials: v.optional(v.pipe(count, v.maxValue(16)), 4),
});

export const telemetryOptions = v.strictObject({
  prometheus: v.optional(v.boolean(), true),
  analyticsEngine: v.optional(v.boolean(), false),
  /** Share of requests recorded one by one; counts and sketches always hold all. */
  sampleRate: v.optional(share, 1),
  logs: offUnlessGiven(
    v.strictObject({
      sampleRate: v.optional(share, 1),
      /** Requests that failed or took longer than this are logged whatever the sample says. */
      slowMs: v.optional(millis, 5000),
    }),
  ),
  otlp: offUnlessGiven(otlp),
  suggestions: onUnlessFalse(suggestions),
  /** Series a metric may have; what comes after is counted under `other`. */
  maxSeries: v.optional(v.pipe(count, v.maxValue(100_000)), 2000),
});
