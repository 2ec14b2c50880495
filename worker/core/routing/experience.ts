// What answers teach about an instance, in one isolate: its history for the score, and the time that choice reckons with.
// That time is a peak-sensitive EWMA plus what failing costs: an instance that fails at once is not quick, and one failure
// among a thousand answers is not slowness either. Kept beside the candidate by the platform; two steps, `settle` on every
// answer and `refresh` once a second.
import { ewma, observe } from "../stats/ewma.ts";
import type { Ewma } from "../stats/ewma.ts";
import { history, remember } from "./history.ts";
import type { HistoryOptions } from "./history.ts";
import { rescore } from "./score.ts";
import type { Evidence, Mix, ScoreOptions, ScoringOptions } from "./score.ts";
import type { Candidate } from "./strategy.ts";

/** `limited`: 429. Neither good nor broken, but nobody should go there because it is quick. */
export type Outcome = "ok" | "failed" | "limited";

export interface Experience extends Evidence {
  /** Answer times, good ones and such as were slow in failing. */
  readonly time: Ewma;
  /** What it would take by all that is known without asking it, ms: its region's least; 0 for what is typical of the service. */
  priorMs: number;
  /** Share of answers that were not good. */
  readonly failing: Ewma;
}

/** What the isolate knows of a service as a whole: the measure for what is slow there. */
export interface ServiceExperience {
  /** Time of good answers, all instances together. */
  readonly typical: Ewma;
}

/** For how long an answer counts: its weight falls to 1/e after this. */
const MEMORY_MS = 10_000;
const TIME_MS = 5000;
const SHRINK = 1;
const PEAK = 1;
/** Doubt: this many good answers are believed beforehand, so that one failure is not "always fails". */
const GOOD_FAITH = 1;
/** A failure costs as much as an answer this many times the typical one would, or `slowMs` when that is more. */
const FAILURE_COSTS = 4;

export function experience(options: HistoryOptions): Experience {
  return {
    time: ewma(),
    priorMs: 0,
    failing: ewma(),
    history: history(options),
    load: undefined,
    health: undefined,
    nearnessKnown: false,
  };
}

export const serviceExperience = (): ServiceExperience => ({ typical: ewma() });

/** One answer, or its absence: `tookMs` until its headers, or until it was given up. */
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
  const ok = outcome === "ok";
  remember(known.history, like, tookMs, ok, now);
  observe(known.failing, ok ? 0 : 1, now, MEMORY_MS);
  if (ok) observe(service.typical, tookMs, now, MEMORY_MS);
  // A failure may teach that it is slow, never that it is quick.
  if (ok || tookMs > c.ewmaMs) {
    observe(known.time, tookMs, now, TIME_MS);
    if (PEAK > 1 && tookMs > known.time.value) {
      known.time.value += (tookMs - known.time.value) * (PEAK - 1) / (known.time.weight + PEAK - 1);
      known.time.weight += PEAK - 1;
    }
  }
  reckon(c, known, service, now, options);
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
  reckon(c, known, service, now, options.scoring);
  rescore(c, known, mix, now, options);
}

function reckon(
  c: Candidate,
  known: Experience,
  service: ServiceExperience,
  now: number,
  options: ScoringOptions,
): void {
  const weight = known.failing.weight * Math.exp((known.failing.at - now) / MEMORY_MS);
  const failing = (known.failing.value * weight) / (weight + GOOD_FAITH);
  const failureMs = Math.max(options.slowMs, FAILURE_COSTS * service.typical.value);
  const likelyMs = known.priorMs || service.typical.value;
  const evidence = known.time.weight * Math.exp((known.time.at - now) / TIME_MS);
  const timeMs = (known.time.value * evidence + likelyMs * SHRINK) / (evidence + SHRINK);
  c.ewmaMs = timeMs + failing * failureMs;
}
