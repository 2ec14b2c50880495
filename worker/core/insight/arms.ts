// Two groups of a trial held against each other: error rates and shares as proportions, times by their means and by the means of their
// logarithms (a few requests that hang show in the one, a shift of all in the other). A difference counts from three standard
// errors on and only where it is large enough to matter, for the groups are looked at again and again while they grow.
import type { Slice } from "../protocol/rollups.ts";
import type { ArmReading, EffectMeasure, MeasuredReading } from "../protocol/suggestions.ts";
import { quantile, valueOf } from "../stats/sketch.ts";

/** Standard errors from which on a difference is none of chance. */
const BEYOND_NOISE = 3;
/** Less than this share of the time, and less than this many more errors, is no difference that matters. */
const LEAST_TIME_SHARE = 0.05;
const LEAST_ERRORS = 0.005;
/** Variance that the sketch's buckets hide, of a logarithm: 2 %. */
const BUCKET_VARIANCE = 0.02 ** 2;

export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
  readonly logMean: number;
  readonly logVariance: number;
}

/** Of a flat sketch. */
export function moments(times: readonly number[]): Moments {
  let count = 0;
  const sums = [0, 0, 0, 0];
  for (let at = 0; at + 1 < times.length; at += 2) {
    const value = valueOf(times[at]!);
    const log = Math.log(value);
    const held = times[at + 1]!;
    count += held;
    sums[0]! += held * value;
    sums[1]! += held * value * value;
    sums[2]! += held * log;
    sums[3]! += held * log * log;
  }
  if (count === 0) return { count, mean: 0, variance: 0, logMean: 0, logVariance: 0 };
  const [mean, square, logMean, logSquare] = sums.map((sum) => sum / count) as [number, number, number, number];
  return {
    count,
    mean,
    variance: Math.max(0, square - mean * mean),
    logMean,
    logVariance: Math.max(0, logSquare - logMean * logMean) + BUCKET_VARIANCE,
  };
}

/** Standard errors by which `b` takes longer than `a`; 0 without times on both sides. */
export function slowerBy(a: Moments, b: Moments): number {
  if (a.count === 0 || b.count === 0) return 0;
  const spread = BUCKET_VARIANCE * (a.mean * a.mean + b.mean * b.mean);
  const plain = (b.mean - a.mean) / Math.sqrt((a.variance + spread) / a.count + (b.variance + spread) / b.count);
  const log = (b.logMean - a.logMean) / Math.sqrt(a.logVariance / a.count + b.logVariance / b.count);
  // Where both speak, the louder one; where they contradict each other, the mean, which is what clients wait for.
  if (plain * log < 0) return plain;
  return Math.abs(plain) > Math.abs(log) ? plain : log;
}

/** Standard errors by which the share `b` of `nb` lies above the share `a` of `na`. */
function moreBy(a: number, na: number, b: number, nb: number): number {
  const pooled = (a * na + b * nb) / (na + nb);
  // One more of each: a share of 0 or 1 is not known without error.
  const p = Math.min(1 - 1 / (na + nb + 2), Math.max(1 / (na + nb + 2), pooled));
  return (b - a) / Math.sqrt(p * (1 - p) * (1 / na + 1 / nb));
}

export function armOf(slice: Slice): ArmReading {
  const { requests = 0, failed = 0, hits = 0, lookups = 0, retries = 0, times = [] } = slice;
  return {
    requests,
    errorRate: requests === 0 ? 0 : failed / requests,
    meanMs: moments(times).mean,
    p95Ms: quantile(times, 0.95),
    hitRatio: lookups === 0 ? 0 : hits / lookups,
    attempts: requests === 0 ? 0 : 1 + retries / requests,
  };
}

/** The effect so far, as a share: positive is better. */
export function effectOf(measure: EffectMeasure, changed: ArmReading, holdout: ArmReading): number {
  switch (measure) {
    case "mean_ms":
      return holdout.meanMs === 0 ? 0 : 1 - changed.meanMs / holdout.meanMs;
    case "error_rate":
      return holdout.errorRate - changed.errorRate;
    case "hit_ratio":
      return changed.hitRatio - holdout.hitRatio;
    case "attempts":
      return holdout.attempts === 0 ? 0 : 1 - changed.attempts / holdout.attempts;
    case "worth":
    case "staleness":
      return 0;
  }
}

/** Better, worse or alike beyond noise; `minimum` requests in each group are needed to say anything. */
export function compareArms(
  measure: EffectMeasure,
  changedSlice: Slice,
  holdoutSlice: Slice,
  minimum: number,
): MeasuredReading {
  const changed = armOf(changedSlice);
  const holdout = armOf(holdoutSlice);
  if (changed.requests < minimum || holdout.requests < minimum)
    return { changed, holdout, verdict: "waiting", deviations: 0 };
  const [nc, nh] = [changed.requests, holdout.requests];
  const errors = moreBy(changed.errorRate, nc, holdout.errorRate, nh);
  const slower = slowerBy(moments(changedSlice.times ?? []), moments(holdoutSlice.times ?? []));
  const deviations = { mean_ms: slower, error_rate: errors, ...others(changed, holdout) }[measure];
  const hasMoreErrors = errors <= -BEYOND_NOISE && changed.errorRate - holdout.errorRate >= LEAST_ERRORS;
  const isSlower = slower <= -BEYOND_NOISE && changed.meanMs >= holdout.meanMs * (1 + LEAST_TIME_SHARE);
  // Fewer errors are worth time; more speed is worth no errors.
  const isWorse = hasMoreErrors || (isSlower && !(measure === "error_rate" && errors >= BEYOND_NOISE));
  const isBetter = deviations >= BEYOND_NOISE && effectOf(measure, changed, holdout) >= LEAST_EFFECT[measure];
  const verdict = isWorse ? "worse" : isBetter ? "better" : "alike";
  return { changed, holdout, verdict, deviations: isWorse ? Math.min(errors, slower) : deviations };
}

const LEAST_EFFECT: Readonly<Record<EffectMeasure, number>> = {
  mean_ms: LEAST_TIME_SHARE,
  error_rate: LEAST_ERRORS,
  hit_ratio: 0.05,
  attempts: 0.02,
  worth: 0,
  staleness: 0,
};

function others(changed: ArmReading, holdout: ArmReading) {
  const [nc, nh] = [changed.requests, holdout.requests];
  const retries = [changed.attempts - 1, holdout.attempts - 1] as const;
  // Tries beyond the first as a count: its variance is about its mean, and one more of each.
  const error = Math.sqrt((retries[0] + 1 / nc) / nc + (retries[1] + 1 / nh) / nh);
  return {
    hit_ratio: moreBy(holdout.hitRatio, nh, changed.hitRatio, nc),
    attempts: (retries[1] - retries[0]) / error,
    worth: 0,
    staleness: 0,
  };
}
