// When a second try beside a slow first one is worth sending (Dean and Barroso, "The Tail at Scale", 2013): after a
// fixed time, or after the 95th percentile of the service's own answers, which costs one further request in twenty.
// Answers of the last half to whole minute count; with fewer than a hundred of them there is no percentile to speak of.
import { clearSketch, record, sketch, sketchQuantile, type Sketch } from "../stats/sketch.ts";

const TURN_MS = 30_000;
const REFRESH_MS = 1_000;
const LEAST_ANSWERS = 100;

export interface HedgeTimes {
  newer: Sketch;
  older: Sketch;
  turnedAt: number;
  p95Ms: number;
  readAt: number;
}

export const hedgeTimes = (): HedgeTimes => ({
  newer: sketch(),
  older: sketch(),
  turnedAt: 0,
  p95Ms: Number.POSITIVE_INFINITY,
  readAt: 0,
});

/**
 * Counts an attempt's time to its headers. Those given up for a faster one belong here too, with the time they had
 * taken: without them the percentile would sink with every hedge that wins.
 */
export function observeAnswer(times: HedgeTimes, durationMs: number, now: number): void {
  turn(times, now);
  record(times.newer, durationMs);
}

/** How long to wait for a first try, ms; Infinity: do not hedge. */
export function hedgeDelayMs(times: HedgeTimes, hedgeAfter: number | "p95" | false, now: number): number {
  if (hedgeAfter === false) return Number.POSITIVE_INFINITY;
  if (hedgeAfter !== "p95") return hedgeAfter;
  if (now - times.readAt >= REFRESH_MS || now < times.readAt) {
    turn(times, now);
    const enough = times.newer.count + times.older.count >= LEAST_ANSWERS;
    times.p95Ms = enough ? sketchQuantile(times.newer, 0.95, times.older) : Number.POSITIVE_INFINITY;
    times.readAt = now;
  }
  return times.p95Ms;
}

function turn(times: HedgeTimes, now: number): void {
  const elapsedMs = now - times.turnedAt;
  if (elapsedMs >= 0 && elapsedMs < TURN_MS) return;
  const spare = times.older;
  clearSketch(spare);
  if (elapsedMs < 0 || elapsedMs >= 2 * TURN_MS) clearSketch(times.newer);
  times.older = times.newer;
  times.newer = spare;
  times.turnedAt = now;
}
