// What a policy may say about breaking things on purpose (A8, A9). Off unless `enabled`: then experiments may be started,
// each within these bounds, none ever on the admin API or on health.
import * as v from "valibot";
import { count, headerName, millis, name, permission, seconds, share, text } from "../protocol/fields.ts";

const status = v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599));

/** Whom a fault befalls: all that is named must hold, and something must be named. */
const target = v.pipe(
  v.strictObject({
    service: v.optional(name),
    instance: v.optional(name),
    provider: v.optional(name),
    region: v.optional(name),
    route: v.optional(text(256)),
    /** Ids of API keys. */
    keys: v.optional(v.pipe(v.array(text(128)), v.minLength(1), v.maxLength(100))),
    /** Only requests that carry this field. */
    header: v.optional(v.strictObject({ name: headerName, value: v.optional(text(256)) })),
  }),
  v.check(
    (each) => Object.keys(each).length > 0,
    "must name a service, instance, provider, region, route, keys or header",
  ),
  v.check((each) => each.instance === undefined || each.service !== undefined, "must name the instance's service too"),
);

const common = {
  probability: v.optional(share, 1),
  /** Absent: as long as the experiment. */
  durationSeconds: v.optional(seconds),
  target,
};

const faultOptions = v.variant("kind", [
  v.strictObject({ kind: v.literal("delay"), ...common, delayMs: millis, jitterMs: v.optional(millis) }),
  v.strictObject({
    kind: v.literal("error"),
    ...common,
    status: v.optional(status, 503),
    message: v.optional(text(256)),
  }),
  v.strictObject({ kind: v.literal("timeout"), ...common, afterMs: v.optional(millis, 30_000) }),
  v.strictObject({ kind: v.literal("corruption"), ...common, byteShare: v.optional(share, 0.01) }),
  v.strictObject({ kind: v.literal("cut"), ...common, afterBytes: v.optional(count, 1024) }),
  v.strictObject({ kind: v.literal("stall"), ...common, afterBytes: v.optional(count, 1024) }),
  v.strictObject({ kind: v.literal("reset"), ...common }),
  v.strictObject({ kind: v.literal("drip"), ...common, bytesPerSecond: v.optional(count, 100) }),
  v.strictObject({ kind: v.literal("malformed_event"), ...common }),
  v.strictObject({ kind: v.literal("missing_done"), ...common }),
]);

export const experimentOptions = v.strictObject({
  name: v.optional(text(128)),
  hypothesis: v.optional(text(1024)),
  faults: v.pipe(v.array(faultOptions), v.minLength(1), v.maxLength(16)),
  durationSeconds: v.optional(seconds, 60),
  success: v.optional(
    v.strictObject({
      maxErrorRate: v.optional(share, 0.1),
      /** Requests a second. */
      minThroughput: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000_000))),
      maxP95Ms: v.optional(millis, 5000),
      maxRecoverySeconds: v.optional(seconds, 30),
    }),
    {},
  ),
  rollbackOnFailure: v.optional(v.boolean(), true),
  /** Share of the targeted requests that is spared, to compare with. */
  controlShare: v.optional(share, 0.1),
  /** Share of all requests that may be faulted before the experiment is stopped. */
  maxBlastShare: v.optional(share, 0.5),
  /** Whether breakers count injected faults as failures. */
  countsForBreaker: v.optional(v.boolean(), false),
});

export const chaosOptions = v.strictObject({
  enabled: v.optional(v.boolean(), false),
  maxDurationSeconds: v.optional(seconds, 3600),
  maxBlastShare: v.optional(share, 1),
  maxConcurrent: v.optional(count, 3),
  /** Services that may be targeted; absent: all. */
  services: v.optional(v.pipe(v.array(name), v.maxLength(1000))),
  /** Who may start one. */
  permission: v.optional(permission, "chaos:write"),
  /** Experiments that can be started by their name. */
  experiments: v.optional(v.record(name, experimentOptions), {}),
});
