// Counts over the last while, in buckets of equal length: plain JSON, changed in place, O(1) to count and to read. The
// window covers between one bucket less than its length and its length. An idle gap clears what has fallen out before
// anything new is counted, so a failure of an hour ago never stands beside one of now.

export interface RollingWindow {
  readonly buckets: number;
  readonly bucketMs: number;
  /** What is counted, by number: 0 to `fields` - 1. */
  readonly fields: number;
  /** Bucket by bucket, a ring: the bucket of time t is floor(t / bucketMs) modulo `buckets`. */
  counts: number[];
  /** Over all buckets, by field. */
  sums: number[];
  /** Number of the newest bucket, floor(t / bucketMs); -1 before the first. */
  newest: number;
}

export function rollingWindow(lengthMs: number, buckets: number, fields: number): RollingWindow {
  return {
    buckets,
    bucketMs: lengthMs / buckets,
    fields,
    counts: new Array<number>(buckets * fields).fill(0),
    sums: new Array<number>(fields).fill(0),
    newest: -1,
  };
}

/**
 * Moves on to `now` and forgets what is too old. True when nothing was left to keep: the window had been idle for its
 * whole length. A clock that stepped back counts into the newest bucket; one that lies a whole window back means that
 * the state came from a machine with another clock: it starts anew.
 */
export function advance(window: RollingWindow, now: number): boolean {
  const bucket = Math.floor(now / window.bucketMs);
  const gap = bucket - window.newest;
  if (gap === 0) return false;
  if (gap >= window.buckets || gap <= -window.buckets || window.newest < 0) {
    clear(window);
    window.newest = bucket;
    return true;
  }
  if (gap < 0) return false;
  for (let next = window.newest + 1; next <= bucket; next++) {
    const start = (next % window.buckets) * window.fields;
    for (let field = 0; field < window.fields; field++) {
      window.sums[field]! -= window.counts[start + field]!;
      window.counts[start + field] = 0;
    }
  }
  window.newest = bucket;
  return false;
}

/** Counts into the newest bucket: `advance` first. */
export function count(window: RollingWindow, field: number, amount: number = 1): void {
  window.counts[(window.newest % window.buckets) * window.fields + field]! += amount;
  window.sums[field]! += amount;
}

/** Over the whole window, as of the last `advance`. */
export const total = (window: RollingWindow, field: number): number => window.sums[field]!;

/** Over the newest buckets only, the one under way included. */
export function recent(window: RollingWindow, field: number, buckets: number): number {
  if (buckets >= window.buckets) return window.sums[field]!;
  let sum = 0;
  for (let back = 0; back < buckets; back++) {
    const bucket = window.newest - back;
    if (bucket < 0) break;
    sum += window.counts[(bucket % window.buckets) * window.fields + field]!;
  }
  return sum;
}

/** The same as of now, for who only reads: nothing is moved on. */
export function recentAt(window: RollingWindow, field: number, buckets: number, now: number): number {
  const idle = Math.floor(now / window.bucketMs) - window.newest;
  return window.newest < 0 || idle < 0 || idle >= buckets ? 0 : recent(window, field, buckets - idle);
}

export function clear(window: RollingWindow): void {
  window.counts.fill(0);
  window.sums.fill(0);
}

/** A copy that shares nothing. */
export const copyWindow = (window: RollingWindow): RollingWindow => ({
  ...window,
  counts: window.counts.slice(),
  sums: window.sums.slice(),
});
