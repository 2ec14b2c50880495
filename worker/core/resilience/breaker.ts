// What both tiers of the breaker share: the options, and the rule by which a window of calls says "enough". The local
// tier (local.ts) is one isolate's own experience, the shared one (shared.ts) that of a region; gate.ts joins them.
import { recent, rollingWindow, total, type RollingWindow } from "../stats/window.ts";

/** As in the policy's `breaker` block. */
export interface BreakerOptions {
  readonly consecutiveFailures: number;
  readonly minimumRequests: number;
  readonly failureRate: number;
  readonly slowMs: number;
  readonly slowRate: number;
  readonly windowMs: number;
  readonly fastWindowMs: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly jitter: number;
  readonly refusalsPerProbe: number;
  readonly localOpenMs: number;
  readonly halfOpenProbes: number;
  readonly successesToClose: number;
  readonly rampMs: number;
  readonly rampFrom: number;
  readonly voteShare: number;
}

/** `breaker: false`: nothing but an operator shuts it. */
export const NEVER_OPENS: BreakerOptions = {
  consecutiveFailures: Number.POSITIVE_INFINITY,
  minimumRequests: Number.POSITIVE_INFINITY,
  failureRate: 1,
  slowMs: Number.POSITIVE_INFINITY,
  slowRate: 1,
  windowMs: 10_000,
  fastWindowMs: 2_000,
  openMs: 2_000,
  maxOpenMs: 10_000,
  jitter: 0.2,
  refusalsPerProbe: Number.POSITIVE_INFINITY,
  localOpenMs: 1_000,
  halfOpenProbes: 3,
  successesToClose: 3,
  rampMs: 0,
  rampFrom: 1,
  voteShare: 1,
};

export type BreakerState = "closed" | "open" | "half_open";
export type TripReason = "consecutive" | "rate" | "slow";
export type OpenReason = TripReason | "manual" | "";

/** Fields of the window. Failing: failures and 429 together. */
export const CALLS = 0;
export const FAILING = 1;
export const SLOW = 2;

const BUCKETS = 10;

export const breakerWindow = (options: BreakerOptions): RollingWindow => rollingWindow(options.windowMs, BUCKETS, 3);

/**
 * Whether the window has seen enough. The fast window catches an outage that ten good seconds would hide, on less
 * evidence, so it asks for more of it: half of what separates the rate from "all". Otherwise a service that fails 49 %
 * of the time, which is allowed, would be cut off by the first unlucky two seconds.
 */
export function tripReason(window: RollingWindow, options: BreakerOptions): "rate" | "slow" | "" {
  const failing = total(window, FAILING);
  const slow = total(window, SLOW);
  if (failing === 0 && slow === 0) return "";
  const calls = total(window, CALLS);
  if (calls < options.minimumRequests) return "";
  if (failing >= calls * options.failureRate) return "rate";
  if (slow >= calls * options.slowRate) return "slow";

  const fast = Math.max(1, Math.round(options.fastWindowMs / window.bucketMs));
  const fastCalls = recent(window, CALLS, fast);
  if (fastCalls < options.minimumRequests) return "";
  if (recent(window, FAILING, fast) >= (fastCalls * (1 + options.failureRate)) / 2) return "rate";
  return recent(window, SLOW, fast) >= (fastCalls * (1 + options.slowRate)) / 2 ? "slow" : "";
}

/** `baseMs` doubled for each time it opened before, up to the cap. */
export function doubled(baseMs: number, opens: number, capMs: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(opens, 20));
}

/** Share of its traffic that an instance takes `elapsedMs` after it recovered: a straight line up to 1. */
export function rampShare(elapsedMs: number, options: BreakerOptions): number {
  if (elapsedMs >= options.rampMs) return 1;
  return options.rampFrom + ((1 - options.rampFrom) * Math.max(0, elapsedMs)) / options.rampMs;
}
