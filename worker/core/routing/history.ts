// What an isolate remembers of an instance's answers, for its score: the last times of each like class and the last results.
// Rings of fixed size, so that remembering is two stores and an instance costs under 2 KiB. What is older than five idle
// minutes says nothing about now and is forgotten.
import { LIKE_CLASSES } from "./strategy.ts";

const IDLE_FORGETS_MS = 300_000;
/** Where the times of all classes together are kept. */
const ALL_CLASSES = LIKE_CLASSES;

export interface HistoryOptions {
  readonly timesKept: number;
  readonly resultsKept: number;
}

interface Times {
  readonly ms: Float32Array;
  at: number;
  filled: number;
}

export interface History {
  /** By like class, made when the class is first seen; the last one holds all classes together. */
  readonly times: (Times | undefined)[];
  readonly timesKept: number;
  /** Like class and success of each result: `like * 2 + ok`. */
  readonly results: Uint8Array;
  resultAt: number;
  resultsFilled: number;
  /** Epoch ms of the newest answer. */
  seenAt: number;
}

export function history(options: HistoryOptions): History {
  return {
    times: new Array<Times | undefined>(LIKE_CLASSES + 1).fill(undefined),
    timesKept: options.timesKept,
    results: new Uint8Array(options.resultsKept),
    resultAt: 0,
    resultsFilled: 0,
    seenAt: 0,
  };
}

/** Remembers one answer. Only good answers lend their time: a quick failure is not speed. */
export function remember(kept: History, like: number, tookMs: number, ok: boolean, now: number): void {
  forgetWhenIdle(kept, now);
  kept.seenAt = now;
  kept.results[kept.resultAt] = like * 2 + (ok ? 1 : 0);
  kept.resultAt = (kept.resultAt + 1) % kept.results.length;
  if (kept.resultsFilled < kept.results.length) kept.resultsFilled++;
  if (!ok) return;
  push(kept, like, tookMs);
  push(kept, ALL_CLASSES, tookMs);
}

export function forgetWhenIdle(kept: History, now: number): void {
  if (kept.seenAt > 0 && now - kept.seenAt > IDLE_FORGETS_MS) forgetAll(kept);
}

export function forgetAll(kept: History): void {
  kept.resultsFilled = 0;
  kept.resultAt = 0;
  for (const times of kept.times) {
    if (times === undefined) continue;
    times.filled = 0;
    times.at = 0;
  }
}

function push(kept: History, like: number, tookMs: number): void {
  const times = (kept.times[like] ??= { ms: new Float32Array(kept.timesKept), at: 0, filled: 0 });
  times.ms[times.at] = tookMs;
  times.at = (times.at + 1) % times.ms.length;
  if (times.filled < times.ms.length) times.filled++;
}

export interface TimesSummary {
  readonly meanMs: number;
  /** The mean as long as the ring is not full: a percentile of a handful is a guess. */
  readonly p95Ms: number;
}

/** Times of the like class, or of all when it has none; undefined when there are none at all. */
export function timesOf(kept: History, like: number): TimesSummary | undefined {
  const own = like >= 0 ? kept.times[like] : undefined;
  const times = own !== undefined && own.filled > 0 ? own : kept.times[ALL_CLASSES];
  if (times === undefined || times.filled === 0) return undefined;
  let sum = 0;
  for (let i = 0; i < times.filled; i++) sum += times.ms[i]!;
  const meanMs = sum / times.filled;
  return { meanMs, p95Ms: times.filled < times.ms.length || times.filled < 2 ? meanMs : percentile95(times.ms) };
}

/** The exclusive method (as in the seed, Python's `statistics.quantiles`): rank 0.95 x (n + 1), interpolated. */
function percentile95(ms: Float32Array): number {
  const sorted = Float32Array.from(ms).sort();
  const rank = 0.95 * (sorted.length + 1);
  const below = Math.min(Math.max(Math.floor(rank), 1), sorted.length - 1);
  const part = rank - below;
  return sorted[below - 1]! * (1 - part) + sorted[below]! * part;
}

export interface SuccessSummary {
  readonly overall: number;
  /** NaN when no like request is among the results. */
  readonly similar: number;
}

/** Success rates, or undefined without any results. */
export function successOf(kept: History, like: number): SuccessSummary | undefined {
  if (kept.resultsFilled === 0) return undefined;
  let ok = 0;
  let similar = 0;
  let similarOk = 0;
  for (let i = 0; i < kept.resultsFilled; i++) {
    const result = kept.results[i]!;
    const good = result & 1;
    ok += good;
    if (result >> 1 === like) {
      similar++;
      similarOk += good;
    }
  }
  return { overall: ok / kept.resultsFilled, similar: similarOk / similar };
}

/** Whether the class has times of its own, so that a score of its own is worth computing. */
export function knowsClass(kept: History, like: number): boolean {
  const times = kept.times[like];
  return times !== undefined && times.filled > 0;
}
