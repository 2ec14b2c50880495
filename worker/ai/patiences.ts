// How long the first token of each target has taken lately, and which of them asked for a pause, in this isolate. Lost when
// the isolate is: the policy's ceiling then counts until enough is known again.
import { firstTokenCame, firstTokenMs, patience, type Patience } from "../core/providers/patience.ts";

const KEPT = new Map<string, Patience>();
/** Clients may name any model of a provider; what is known is dropped when they have named so many. */
const MOST_TARGETS = 500;

function keptOf(target: string): Patience {
  let kept = KEPT.get(target);
  if (kept === undefined) {
    if (KEPT.size >= MOST_TARGETS) KEPT.clear();
    kept = patience();
    KEPT.set(target, kept);
  }
  return kept;
}

export const patienceFor = (target: string, ceilingMs: number): number => firstTokenMs(keptOf(target), ceilingMs);
export const tokenCame = (target: string, ms: number): void => firstTokenCame(keptOf(target), ms);
/** It did not come in time: the next one is given more, for the model may have become slower and not ill. */
export const tokenLate = (target: string, waitedMs: number): void => firstTokenCame(keptOf(target), waitedMs);

/** Epoch ms until when a target asked not to be asked. */
const RESTING = new Map<string, number>();
/** No provider puts a model to sleep for longer. */
const LONGEST_REST_MS = 60_000;

export function rest(target: string, ms: number, now: number): void {
  if (RESTING.size >= MOST_TARGETS) RESTING.clear();
  RESTING.set(target, now + Math.min(ms, LONGEST_REST_MS));
}

export const isResting = (target: string, now: number): boolean => now < (RESTING.get(target) ?? 0);
