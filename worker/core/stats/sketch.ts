// Response times in buckets that grow by 4 %: DDSketch (Masson, Rim, Lee, VLDB 2019) with a logarithmic mapping. Every
// quantile is within 2 % of a true one between 1 ms and an hour; merging is adding counts, so it is exact and its order
// never matters. Bounded by its range: 379 buckets at the most, whatever comes in.
//
// Bucket i > 0 holds (G^(i-1), G^i] ms; bucket 0 everything up to 1 ms, which is as fine as a Worker's clock. Two
// forms: `Sketch`, counted into on the hot path, and the flat list [bucket, count, …] ordered by bucket, which travels.

/** A quantile is off by this share at the most. */
export const ACCURACY = 0.02;
const G = (1 + ACCURACY) / (1 - ACCURACY);
const LOG_G = Math.log(G);
const LONGEST_MS = 3_600_000;
const HIGHEST = Math.ceil(Math.log(LONGEST_MS) / LOG_G);

export const BUCKETS = HIGHEST + 1;

/** The bucket of a time. What is not a number above 1 falls into the lowest, what is over an hour into the highest. */
export function bucketOf(ms: number): number {
  if (!(ms > 1)) return 0;
  return ms >= LONGEST_MS ? HIGHEST : Math.ceil(Math.log(ms) / LOG_G);
}

/** The value that stands for a bucket: within `ACCURACY` of both its ends. */
export const valueOf = (bucket: number): number => (bucket <= 0 ? 1 : (2 * G ** bucket) / (G + 1));

/** Changed in place; 1.5 KB. */
export interface Sketch {
  readonly counts: Uint32Array;
  count: number;
}

export const sketch = (): Sketch => ({ counts: new Uint32Array(BUCKETS), count: 0 });

export function record(into: Sketch, ms: number): void {
  into.counts[bucketOf(ms)]!++;
  into.count++;
}

export function clearSketch(into: Sketch): void {
  if (into.count === 0) return;
  into.counts.fill(0);
  into.count = 0;
}

/** The flat list of what was counted. */
export function flatten(from: Sketch): number[] {
  const flat: number[] = [];
  if (from.count === 0) return flat;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const held = from.counts[bucket]!;
    if (held > 0) flat.push(bucket, held);
  }
  return flat;
}

/** Adds a flat list. It may come from elsewhere: pairs that are not a bucket and a count are left out. */
export function addTimes(into: Sketch, times: readonly number[]): void {
  for (let at = 0; at + 1 < times.length; at += 2) {
    const bucket = times[at]!;
    const held = times[at + 1]!;
    if (!Number.isInteger(bucket) || bucket < 0 || bucket > HIGHEST) continue;
    if (!Number.isInteger(held) || held <= 0) continue;
    into.counts[bucket]! += held;
    into.count += held;
  }
}

/** The sum of two flat lists that are ordered by bucket; so is the result. */
export function mergeTimes(left: readonly number[], right: readonly number[]): number[] {
  const merged: number[] = [];
  let l = 0;
  let r = 0;
  while (l + 1 < left.length || r + 1 < right.length) {
    const lowest = l + 1 < left.length ? left[l]! : Number.POSITIVE_INFINITY;
    const other = r + 1 < right.length ? right[r]! : Number.POSITIVE_INFINITY;
    const bucket = Math.min(lowest, other);
    let held = 0;
    if (lowest === bucket) {
      held += left[l + 1]!;
      l += 2;
    }
    if (other === bucket) {
      held += right[r + 1]!;
      r += 2;
    }
    merged.push(bucket, held);
  }
  return merged;
}

/**
 * The value that a share `q` (0 to 1) of the times of a flat list does not exceed, ms; 0 when there are none. It is the
 * lower of the two neighbours where a quantile falls between them: rank floor(q (n - 1)), counted from 0.
 */
export function quantile(times: readonly number[], q: number): number {
  let count = 0;
  for (let at = 1; at < times.length; at += 2) count += times[at]!;
  if (count === 0) return 0;
  let left = rank(q, count);
  for (let at = 0; at + 1 < times.length; at += 2) {
    left -= times[at + 1]!;
    if (left < 0) return valueOf(times[at]!);
  }
  return valueOf(times[times.length - 2]!);
}

/** The same of one sketch, or of two taken together; 0 when there are no times. */
export function sketchQuantile(of: Sketch, q: number, and?: Sketch): number {
  const count = of.count + (and?.count ?? 0);
  if (count === 0) return 0;
  let left = rank(q, count);
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    left -= of.counts[bucket]! + (and === undefined ? 0 : and.counts[bucket]!);
    if (left < 0) return valueOf(bucket);
  }
  return valueOf(HIGHEST);
}

const rank = (q: number, count: number): number => Math.floor(Math.min(1, Math.max(0, q)) * (count - 1));
