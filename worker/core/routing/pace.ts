// A ramp goes as far as it was used. Time alone would let an instance that choice kept away from (it came back slow, or its
// first answers met an accident) go from nothing to its whole share in one step once it is found to be well: so time during
// which it was not worth asking does not count, and some that did is taken back. It holds nobody back for good.
import { slowStart } from "./health.ts";
import type { Candidate } from "./strategy.ts";

/** One that costs this many times as much has not just had bad luck: then each millisecond takes back so many of the ramp. */
const MUCH_DEARER = 2;
const TAKES_BACK = 3;
/** What was lost is made up for this much faster than the clock goes, and no further than the clock has come. */
const CATCHES_UP = 0.25;
/** One request says nothing about a longer time than this. */
const LONGEST_MS = 100;
/** For how many times its length a ramp is held up. */
const LONGEST_RAMP = 2;

export interface RampOptions {
  readonly rampMs: number;
  readonly rampFrom: number;
}

/** Lowers the ramp that its breaker has just written to what was used of it. */
export function pace(c: Candidate, now: number, { rampMs, rampFrom }: RampOptions): void {
  if (c.open) {
    c.rampStart = 0;
    return;
  }
  if (c.rampStart === 0) {
    if (c.ramp >= 1 || rampFrom >= 1) return;
    c.rampStart = now - Math.max(0, ((c.ramp - rampFrom) / (1 - rampFrom)) * rampMs);
    c.paceStart = c.rampStart;
    c.pacedAt = now;
  }
  const used = slowStart(now - c.paceStart, rampMs, rampFrom);
  if ((c.ramp >= 1 && used >= 1) || now - c.rampStart >= LONGEST_RAMP * rampMs) c.rampStart = 0;
  else c.ramp = Math.min(c.ramp, used);
}

/** It was its turn to be asked, and it would have cost this many times as much as another one; up to 1: it is worth asking. */
export function keepPace(c: Candidate, dearer: number, now: number): void {
  if (c.rampStart === 0) return;
  const elapsedMs = Math.min(Math.max(0, now - c.pacedAt), LONGEST_MS);
  c.pacedAt = now;
  if (dearer <= 1) c.paceStart = Math.max(c.rampStart, c.paceStart - CATCHES_UP * elapsedMs);
  else c.paceStart = Math.min(now, c.paceStart + (dearer > MUCH_DEARER ? 1 + TAKES_BACK : 1) * elapsedMs);
}
