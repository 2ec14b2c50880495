// How many requests at once an instance (or a service) may have from one isolate. `fixed`: a number. `gradient2`: found
// out, after Netflix's Gradient2Limit (concurrency-limits): while answers take as long as they have for a while there
// is room for more; when they take longer, requests queue over there, and the limit follows:
//   gradient = clamp(tolerance x longMs / shortMs, 0.5, 1)
//   target   = limit x gradient + headroom,    headroom = max(4, sqrt(limit))
//   limit   += ewmaAlpha x (target - limit)
// Errors over a share shrink it whatever the times say (SEEDS A10). What does not fit waits in queue.ts, or is refused.
// Changed in place, nothing allocated: `enter` and `leave` run on every request.
import type { Outcome } from "./outcome.ts";

/** As in the policy's `concurrency` block, with the algorithm's name. */
export type ConcurrencyOptions =
  | {
      readonly algorithm: "gradient2";
      readonly initial: number;
      readonly min: number;
      readonly max: number;
      readonly ewmaAlpha: number;
      readonly tolerance: number;
      readonly shrinkOverErrorRate: number;
    }
  | { readonly algorithm: "fixed"; readonly max: number };

/** A sample is judged once it holds this many calls and has lasted this long, so that one slow request is no trend. */
const SAMPLE_CALLS = 10;
const SAMPLE_MS = 100;
/**
 * The long-term mean of their times: plain over the first ten, then forgetting within ten minutes, as Netflix's does.
 */
const LONG_WARMUP = 10;
const LONG_MS = 600_000;
const LEAST_HEADROOM = 4;
const SHRINK = 0.9;

export interface Limiter {
  /** Kept as a fraction; whole requests enter. */
  limit: number;
  inFlight: number;
  /** Long-term mean of the response time, ms, and how many samples it has seen. */
  longMs: number;
  longSamples: number;
  /** Share of errors in a sample, EWMA. */
  errorRate: number;
  /** The sample under way, and when the last one ended. */
  sampledAt: number;
  sampleSince: number;
  sampleCalls: number;
  sampleErrors: number;
  sampleMs: number;
  /** Most requests in flight while it lasted. */
  sampleInFlight: number;
}

export const limiter = (options: ConcurrencyOptions): Limiter => ({
  limit: options.algorithm === "fixed" ? options.max : options.initial,
  inFlight: 0,
  longMs: 0,
  longSamples: 0,
  errorRate: 0,
  sampledAt: 0,
  sampleSince: 0,
  sampleCalls: 0,
  sampleErrors: 0,
  sampleMs: 0,
  sampleInFlight: 0,
});

/** Takes a place, if there is one. Who has one must `leave`. */
export function enter(of: Limiter): boolean {
  if (of.inFlight + 1 > of.limit) return false;
  of.inFlight++;
  if (of.inFlight > of.sampleInFlight) of.sampleInFlight = of.inFlight;
  return true;
}

/** Whether `enter` would take one. */
export const hasRoom = (of: Limiter): boolean => of.inFlight + 1 <= of.limit;

/**
 * Gives the place back. `durationMs` is the time to the headers, however long the body took; a call that was given up
 * counts neither as time nor as error.
 */
export function leave(
  of: Limiter,
  outcome: Outcome,
  durationMs: number,
  now: number,
  options: ConcurrencyOptions,
): void {
  of.inFlight--;
  if (options.algorithm === "fixed" || outcome === "cancelled") return;
  if (of.sampleCalls === 0) of.sampleSince = now;
  of.sampleCalls++;
  of.sampleMs += durationMs;
  if (outcome !== "ok") of.sampleErrors++;
  if (of.sampleCalls < SAMPLE_CALLS || now - of.sampleSince < SAMPLE_MS) return;

  const shortMs = Math.max(1, of.sampleMs / of.sampleCalls);
  of.errorRate += options.ewmaAlpha * (of.sampleErrors / of.sampleCalls - of.errorRate);
  remember(of, shortMs, now);
  if (of.errorRate > options.shrinkOverErrorRate) of.limit = Math.max(options.min, of.limit * SHRINK);
  else if (of.sampleInFlight >= of.limit / 2) {
    // With less in flight the limit is not what holds the traffic back, and says nothing about it.
    const gradient = Math.max(0.5, Math.min(1, (options.tolerance * of.longMs) / shortMs));
    const target = of.limit * gradient + Math.max(LEAST_HEADROOM, Math.sqrt(of.limit));
    of.limit = Math.max(options.min, Math.min(options.max, of.limit + options.ewmaAlpha * (target - of.limit)));
  }
  of.sampledAt = now;
  of.sampleCalls = 0;
  of.sampleErrors = 0;
  of.sampleMs = 0;
  of.sampleInFlight = of.inFlight;
}

function remember(of: Limiter, shortMs: number, now: number): void {
  of.longSamples++;
  const elapsedMs = Math.max(SAMPLE_MS, now - of.sampledAt);
  const share = of.longSamples <= LONG_WARMUP ? 1 / of.longSamples : 1 - Math.exp(-elapsedMs / LONG_MS);
  of.longMs += share * (shortMs - of.longMs);
  // After a long overload the mean is far too high to notice the next one: let it come down faster than it went up.
  if (of.longMs > 2 * shortMs) of.longMs *= 0.9;
}
