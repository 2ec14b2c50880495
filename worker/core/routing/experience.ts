// What answers teach about an instance, in one isolate: its history for the score, and the time that choice reckons with.
// One slow answer is an accident, two are news, unless they were under way together: then they may have met the same
// accident, and be it our own. So an answer counts only as far as an earlier one, over before it was sent, agrees. What is
// slow right now shows in the answers it owes (`adaptive`), and failing costs time: who fails at once is not quick, and who
// fails once in a thousand is not slow. Little evidence weighs little, old evidence less, and none outlives a breaker that opened.
// Kept beside the candidate by the platform: `sent` and `settle` with every attempt, `refresh` once a second.
import { ewma, observe } from "../stats/ewma.ts";
import type { Ewma } from "../stats/ewma.ts";
import { forgetAll, history, remember } from "./history.ts";
import type { HistoryOptions } from "./history.ts";
import { rescore } from "./score.ts";
import type { Evidence, Mix, ScoreOptions, ScoringOptions } from "./score.ts";
import type { Candidate } from "./strategy.ts";

/** `limited`: 429, neither good nor broken. `cancelled`: given up by the client or for a quicker hedge, which blames nobody. */
export type Outcome = "ok" | "failed" | "limited" | "cancelled";

export interface Experience extends Evidence {
  /** Mean of the believed answer times. */
  readonly time: Ewma;
  /** The least time of the answers that were under way together of late, ms; Infinity before any. */
  lastMs: number;
  /** When the first of them came, epoch ms. */
  lastAt: number;
  /** The least time of those before them. */
  beforeMs: number;
  /** What it would take by all that is known without asking it, ms: its region's least; 0 for what is typical of the service. */
  priorMs: number;
  /** Share of answers that were not good. */
  readonly failing: Ewma;
  /** It was shut when last looked at. */
  wasOpen: boolean;
  /** Since when it is not shut any more, epoch ms. What was sent before says nothing of it now. */
  since: number;
}

/** What the isolate knows of a service as a whole: the measure for what is slow there. */
export interface ServiceExperience {
  /** Believed time of good answers, all instances together. */
  readonly typical: Ewma;
}

/** For how long a time counts, and a failure: their weights fall to 1/e after this. */
const MEMORY_MS = 20_000;
const FAILING_MS = 5000;
/** And no more than about so many answers count, however many come: at a hundred a second that is long to wait. */
const MOST_WEIGHT = 2;
/** Evidence is weighed against that many typical answers: a single one moves the estimate three quarters of the way. */
const TYPICAL_WEIGHT = 0.35;
/** An answer that took less than this part of what was expected ends what was believed of an instance that ramps. */
const QUICKER = 2;
/** Doubt: this many good answers are believed beforehand, so that one failure is not "always fails". */
const GOOD_FAITH = 1;
/** A failure costs as much as an answer this many times the typical one would, or `slowMs` when that is more. */
const FAILURE_COSTS = 4;

export function experience(options: HistoryOptions): Experience {
  return {
    time: ewma(),
    lastMs: Number.POSITIVE_INFINITY,
    lastAt: 0,
    beforeMs: Number.POSITIVE_INFINITY,
    priorMs: 0,
    failing: ewma(),
    wasOpen: false,
    since: 0,
    history: history(options),
    load: undefined,
    health: undefined,
    nearnessKnown: false,
  };
}

export const serviceExperience = (): ServiceExperience => ({ typical: ewma() });

/** An attempt leaves for the instance. */
export function sent(c: Candidate, now: number): void {
  c.inFlight++;
  if (c.owed++ === 0) c.owedSince = now;
}

/** The exchange is over, body included. */
export function ended(c: Candidate): void {
  c.inFlight--;
}

/** Its answer, or its absence: `tookMs` until its headers, or until it was given up. */
export function settle(
  c: Candidate,
  known: Experience,
  service: ServiceExperience,
  outcome: Outcome,
  tookMs: number,
  like: number,
  now: number,
  options: ScoringOptions,
): void {
  c.owed--;
  if (outcome === "cancelled") {
    if (c.owed === 0) c.owedSince = 0;
    return;
  }
  c.owedSince = c.owed > 0 ? now : 0;
  if (c.open || now - tookMs < known.since) return; // what a shut instance does is its breaker's business
  const ok = outcome === "ok";
  remember(known.history, like, tookMs, ok, now);
  observe(known.failing, ok ? 0 : 1, now, FAILING_MS);
  // A failure may teach that it is slow, never that it is quick.
  if (ok || tookMs > c.ewmaMs) {
    const believedMs = believed(known, tookMs, now);
    // Slow answers keep it from its ramp, the first one when it has just come back, so one that is not brings it back.
    if (c.ramp < 1 && believedMs * QUICKER < c.ewmaMs) known.time.weight = 0;
    observe(known.time, believedMs, now, MEMORY_MS);
    known.time.weight = Math.min(known.time.weight, MOST_WEIGHT);
    if (ok) observe(service.typical, believedMs, now, MEMORY_MS);
  }
  reckon(c, known, service, now, options);
}

/** The lesser of this answer's time and of those that were over before it was sent. */
function believed(known: Experience, tookMs: number, now: number): number {
  if (now - tookMs >= known.lastAt) {
    known.beforeMs = known.lastMs;
    known.lastMs = tookMs;
    known.lastAt = now;
  } else if (tookMs < known.lastMs) known.lastMs = tookMs;
  return Math.min(tookMs, known.beforeMs);
}

/** Once a second: what has not been asked for a while is forgotten by and by, and scores are brought up to date. */
export function refresh(
  c: Candidate,
  known: Experience,
  service: ServiceExperience,
  mix: Mix,
  now: number,
  options: ScoreOptions,
): void {
  if (c.open && !known.wasOpen) forget(known);
  if (known.wasOpen && !c.open) known.since = now;
  known.wasOpen = c.open;
  reckon(c, known, service, now, options.scoring);
  rescore(c, known, mix, now, options);
}

/** When it comes back nothing is held against it, and nothing is known of it either: its ramp is caution enough. */
function forget(known: Experience): void {
  known.time.weight = 0;
  known.failing.weight = 0;
  // It may be cold: its first answer is believed as it is. An accident is made up for by the first that is quicker.
  known.lastMs = Number.POSITIVE_INFINITY;
  known.lastAt = 0;
  known.beforeMs = Number.POSITIVE_INFINITY;
  forgetAll(known.history);
}

function reckon(
  c: Candidate,
  known: Experience,
  service: ServiceExperience,
  now: number,
  options: ScoringOptions,
): void {
  const { time, failing } = known;
  const likelyMs = known.priorMs || service.typical.value;
  const weight = weightNow(time, now, MEMORY_MS);
  const failures = weightNow(failing, now, FAILING_MS);
  const failingShare = (failing.value * failures) / (failures + GOOD_FAITH);
  const failureMs = Math.max(options.slowMs, FAILURE_COSTS * service.typical.value);
  const timeMs = (time.value * weight + likelyMs * TYPICAL_WEIGHT) / (weight + TYPICAL_WEIGHT);
  c.ewmaMs = timeMs + failingShare * failureMs;
}

const weightNow = (of: Ewma, now: number, memoryMs: number): number =>
  of.weight * Math.exp(Math.min(0, of.at - now) / memoryMs);
