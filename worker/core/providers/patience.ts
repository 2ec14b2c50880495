// How long the first token of a model may take: three times what nineteen of twenty took lately, between a floor and the
// policy's ceiling. A model that is always quick is given up on early, so that another one can still answer in time.
//
// Law: never above the ceiling, and the ceiling itself until enough is known.
import { clearSketch, record, sketch, sketchQuantile, type Sketch } from "../stats/sketch.ts";

/** Under this many answers nothing is known. */
const ENOUGH = 20;
const TIMES = 3;
const FLOOR_MS = 1_000;
/** Two generations of this many, the older one dropped: what was true an hour ago does not count for ever. */
const GENERATION = 200;

/** Of one target in one isolate; changed in place. */
export interface Patience {
  young: Sketch;
  old: Sketch;
}

export const patience = (): Patience => ({ young: sketch(), old: sketch() });

/** A first token came after this long. */
export function firstTokenCame(kept: Patience, ms: number): void {
  record(kept.young, ms);
  if (kept.young.count < GENERATION) return;
  const { old } = kept;
  clearSketch(old);
  kept.old = kept.young;
  kept.young = old;
}

export function firstTokenMs(kept: Patience, ceilingMs: number): number {
  if (kept.young.count + kept.old.count < ENOUGH) return ceilingMs;
  return Math.min(ceilingMs, Math.max(FLOOR_MS, TIMES * sketchQuantile(kept.young, 0.95, kept.old)));
}
