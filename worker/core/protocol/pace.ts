// How often an isolate talks to its region, and how long a request may wait for what the region says. Pure, so that the
// gateway and the simulator keep the same pace. Law: what does not answer is waited for less and less, down to not at
// all, and asked less and less often; one answer restores both.
import type { Chance } from "../stats/chance.ts";

const REPORT_JITTER = 0.2;
/** Long enough for what a request did to be told by the report it carries. */
const SHORTEST_WAIT_MS = 100;
/** Before the turn of a report, in which a request that is answered may take it over. Less than the shortest wait. */
export const TAKE_OVER_MS = 50;
/** Until the answer of the request that takes it over is written: its body goes on after it was settled. */
export const AFTER_ANSWER_MS = 2;
/** `waitUntil` lives for 30 s after the answer: a wait and a call must fit. */
export const LONGEST_WAIT_MS = 20_000;

/** How long a due report waits until its interval since the last one is over: an isolate that was idle tells soon. */
export function reportWaitMs(sinceLastMs: number, intervalMs: number, chance: Chance): number {
  const jitter = 1 - REPORT_JITTER + 2 * REPORT_JITTER * chance();
  return Math.min(Math.max(intervalMs * jitter - sinceLastMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
}

/** Counts that cover more than this are history: breakers are told only what is fresh of them. */
export const RECENT_MS = 10_000;

/** Control news is good for this long. */
export const NEWS_GOOD_MS = 5_000;
/**
 * Where reports are further apart than that, isolates of a colo tell each other what the region said, so that its object is not
 * asked by each of them: a word is taken for so long.
 */
export const COLO_WORD_MS = 2_000;
export const asksColoFirst = (reportIntervalMs: number): boolean => reportIntervalMs > NEWS_GOOD_MS;

const PATIENCE_MS = 100;
/** Until the region has answered once, those who come while it is being asked wait less, and only so many of them. */
const UNPROVEN_PATIENCE_MS = 50;
export const UNPROVEN_WAITING = 16;
/** With every failure in a row patience shrinks to this part. */
const IMPATIENCE = 0.25;

/**
 * For how long after the region was asked a request waits for its answer, ms; 0 for not at all. `leads`: it is the one
 * that asks. `failures`: of the region in a row, so far.
 */
export function newsPatienceMs(leads: boolean, proven: boolean, failures: number): number {
  const patienceMs = (leads || proven ? PATIENCE_MS : UNPROVEN_PATIENCE_MS) * IMPATIENCE ** failures;
  return patienceMs < 1 ? 0 : patienceMs;
}

/**
 * Isolates of a colo tell each other of a region that let a call run out of time, and it is taken for so long: who has never heard
 * of his region does not wait for what others waited for in vain. No longer than news is good, for it is news.
 */
export const COLO_SILENCE_MS = 5_000;
/** Only who knows nothing yet asks the others: whoever was answered before, or was not, knows better by himself. */
export const asksOfSilence = (of: Answering): boolean => !of.answered && of.failuresInARow === 0;

const FAILURES_TO_REST = 5;
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 60_000;

/** How a dependency answered of late; changed in place. */
export interface Reliability {
  failuresInARow: number;
  rests: number;
  /** Epoch ms until which nobody asks; in the past when asking is allowed. */
  restUntil: number;
  answered: boolean;
}

export const reliability = (): Reliability => ({ failuresInARow: 0, rests: 0, restUntil: 0, answered: false });

/** Of a `Reliability`, what tells how long to wait for it. */
export type Answering = Pick<Reliability, "answered" | "failuresInARow">;

/** It has answered before, and did not fail when last asked. */
export const isProven = (of: Answering): boolean => of.answered && of.failuresInARow === 0;

export function hasAnswered(of: Reliability): void {
  of.failuresInARow = 0;
  of.rests = 0;
  of.answered = true;
}

/**
 * The longest that whoever passes on an operator's word is left alone, ms: what was revoked or purged while it was away must not wait
 * longer than news is good once it is back. Asking it so often costs it no more than ordinary reports do.
 */
export const longestNewsRestMs = (reportIntervalMs: number): number =>
  Math.min(LONGEST_REST_MS, Math.max(FIRST_REST_MS, reportIntervalMs));

/** Five failures in a row, and it is left alone for 5 s, doubling to `longestRestMs`. */
export function hasFailed(
  of: Reliability,
  now: number,
  failuresToRest: number = FAILURES_TO_REST,
  longestRestMs: number = LONGEST_REST_MS,
): void {
  of.failuresInARow++;
  // Calls that were under way together fail together: only one that was made after a rest lengthens the next.
  if (of.failuresInARow < failuresToRest || now < of.restUntil) return;
  of.restUntil = now + Math.min(longestRestMs, FIRST_REST_MS * 2 ** of.rests);
  of.rests++;
}
