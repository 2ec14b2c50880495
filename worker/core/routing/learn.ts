// Learning the mix (SEEDS P10): each of four ways of looking (answer times, load, nearness, overall score) has an opinion on
// every choice between two; how choices turn out that it agreed with, against those it opposed, is how good its opinion is.
// Every five minutes the mix moves a little towards those that were right. Bounded: a step and a least weight; visible: each
// change is a record (P11); reversible: a change after which answers got worse is taken back, and so may an operator.
import { EXPERT_ADAPTIVE, EXPERT_LOAD, EXPERT_PERFORMANCE, EXPERT_PROXIMITY } from "./strategy.ts";
import type { ChoiceTally, OpinionTally } from "../protocol/reports.ts";
import type { Mix } from "./score.ts";

export type Expert = keyof Mix;
export const EXPERTS = ["performance", "load", "proximity", "adaptive"] as const satisfies readonly Expert[];

type Opinion = OpinionTally;
type Tally = ChoiceTally;

export interface LearnOptions {
  readonly learn: boolean;
  readonly everySeconds: number;
  /** A weight moves by no more than this in one analysis. */
  readonly maximumStep: number;
  /** And never under this. */
  readonly minimum: number;
}

/** A change of the mix (SEEDS P11). */
export interface Optimisation {
  id: number;
  kind: "mix" | "revert";
  service: string;
  before: Mix;
  after: Mix;
  /** By how much the mean worth of an answer should rise, 0 to 1. */
  expectedImprovement: number;
  confidence: number;
  appliedAt: number;
  /** By how much it did rise, measured at the next analysis; null until then. */
  effectiveness: number | null;
}

export interface LearnState {
  service: string;
  mix: Mix;
  tally: Tally;
  /** Mean reward of the last period and its standard error; null before the first. */
  last: { mean: number; error: number } | null;
  analysedAt: number;
  nextId: number;
  /** Newest last, `MOST_RECORDS` at most. */
  records: Optimisation[];
}

const MOST_RECORDS = 50;
/** Fewer choices than this on either side are no evidence. */
const LEAST_EVIDENCE = 50;
/** How hard an expert's merit pulls: all right against all wrong would multiply its weight by e^2. */
const EAGERNESS = 2;

const nothingYet = (): Opinion => ({ agreed: 0, agreedReward: 0, opposed: 0, opposedReward: 0 });

export function tally(): Tally {
  return {
    choices: 0,
    reward: 0,
    rewardSquared: 0,
    experts: { performance: nothingYet(), load: nothingYet(), proximity: nothingYet(), adaptive: nothingYet() },
  };
}

export function learnState(service: string, start: Mix, now: number): LearnState {
  return { service, mix: normalise(mixOf(start)), tally: tally(), last: null, analysedAt: now, nextId: 1, records: [] };
}

/** What an answer was worth, 0 to 1: nothing for a failure, one half for a typical time, more for a quicker one. */
export function rewardOf(ok: boolean, tookMs: number, typicalMs: number): number {
  if (!ok) return 0;
  return typicalMs > 0 ? typicalMs / (typicalMs + tookMs) : 0.5;
}

/** Counts how one choice turned out; `agreed` and `opposed` are the bits of `ChoiceState.last` at the time of the choice. */
export function observe(sum: Tally, agreed: number, opposed: number, reward: number): void {
  sum.choices++;
  sum.reward += reward;
  sum.rewardSquared += reward * reward;
  const { performance, load, proximity, adaptive } = sum.experts;
  count(performance, agreed & EXPERT_PERFORMANCE, opposed & EXPERT_PERFORMANCE, reward);
  count(load, agreed & EXPERT_LOAD, opposed & EXPERT_LOAD, reward);
  count(proximity, agreed & EXPERT_PROXIMITY, opposed & EXPERT_PROXIMITY, reward);
  count(adaptive, agreed & EXPERT_ADAPTIVE, opposed & EXPERT_ADAPTIVE, reward);
}

function count(opinion: Opinion, agreed: number, opposed: number, reward: number): void {
  if (agreed !== 0) {
    opinion.agreed++;
    opinion.agreedReward += reward;
  } else if (opposed !== 0) {
    opinion.opposed++;
    opinion.opposedReward += reward;
  }
}

/** Adds one isolate's tally to the service's. */
export function addTally(sum: Tally, more: Tally): void {
  sum.choices += more.choices;
  sum.reward += more.reward;
  sum.rewardSquared += more.rewardSquared;
  for (const expert of EXPERTS) {
    const into = sum.experts[expert];
    const from = more.experts[expert];
    into.agreed += from.agreed;
    into.agreedReward += from.agreedReward;
    into.opposed += from.opposed;
    into.opposedReward += from.opposedReward;
  }
}

/** Mean reward when it agreed less mean reward when it opposed, -1 to 1; 0 without evidence on both sides. */
export function meritOf(opinion: Opinion): number {
  if (opinion.agreed < LEAST_EVIDENCE || opinion.opposed < LEAST_EVIDENCE) return 0;
  return opinion.agreedReward / opinion.agreed - opinion.opposedReward / opinion.opposed;
}

/** The periodic analysis. Before `everySeconds` have passed, and with learning off, the state comes back as it was. */
export function learnStep(state: LearnState, now: number, options: LearnOptions): LearnState {
  if (!options.learn || now - state.analysedAt < options.everySeconds * 1000) return state;
  const period = { ...state, analysedAt: now, tally: tally() };
  const sum = state.tally;
  if (sum.choices < LEAST_EVIDENCE) return period;

  const mean = sum.reward / sum.choices;
  const variance = Math.max(0, sum.rewardSquared / sum.choices - mean * mean);
  const measured = { ...period, last: { mean, error: Math.sqrt(variance / sum.choices) } };
  const newest = state.records.at(-1);
  if (newest !== undefined && newest.effectiveness === null && state.last !== null) {
    const judged = { ...newest, effectiveness: mean - state.last.mean };
    measured.records = [...state.records.slice(0, -1), judged];
    const noise = 2 * Math.hypot(measured.last.error, state.last.error);
    if (newest.kind === "mix" && judged.effectiveness < -noise) return revertTo(measured, newest.before, now);
  }
  return improve(measured, sum, now, options);
}

function improve(state: LearnState, sum: Tally, now: number, options: LearnOptions): LearnState {
  const wanted = { ...state.mix };
  let evidence = 0;
  for (const expert of EXPERTS) {
    const merit = meritOf(sum.experts[expert]);
    wanted[expert] = state.mix[expert] * Math.exp(EAGERNESS * merit);
    if (merit !== 0) evidence += Math.min(sum.experts[expert].agreed, sum.experts[expert].opposed);
  }
  const after = bounded(state.mix, normalise(wanted), options);
  const moved = Math.max(...EXPERTS.map((expert) => Math.abs(after[expert] - state.mix[expert])));
  if (moved < 0.001) return state;
  let expectedImprovement = 0;
  for (const expert of EXPERTS) {
    expectedImprovement += (after[expert] - state.mix[expert]) * meritOf(sum.experts[expert]);
  }
  return changed(state, "mix", after, expectedImprovement, evidence / (evidence + 1000), now);
}

/** Takes a change back, by analysis or by an operator (`id` of the record); unknown ids change nothing. */
export function revert(state: LearnState, id: number, now: number): LearnState {
  const record = state.records.find((each) => each.id === id);
  return record === undefined ? state : revertTo(state, record.before, now);
}

/** Puts a change into force once more, by an operator who had taken it back; unknown ids change nothing. */
export function reapply(state: LearnState, id: number, now: number): LearnState {
  const record = state.records.find((each) => each.id === id);
  return record === undefined ? state : changed(state, "mix", record.after, 0, 1, now);
}

function revertTo(state: LearnState, mix: Mix, now: number): LearnState {
  return changed(state, "revert", mix, 0, 1, now);
}

function changed(
  state: LearnState,
  kind: Optimisation["kind"],
  after: Mix,
  expectedImprovement: number,
  confidence: number,
  now: number,
): LearnState {
  const record: Optimisation = {
    id: state.nextId,
    kind,
    service: state.service,
    before: state.mix,
    after,
    expectedImprovement,
    confidence,
    appliedAt: now,
    effectiveness: null,
  };
  return { ...state, mix: after, nextId: state.nextId + 1, records: [...state.records, record].slice(-MOST_RECORDS) };
}

/** Within a step of `from` and not under the least weight, adding up to 1; what began with nothing keeps nothing. */
function bounded(from: Mix, wanted: Mix, options: LearnOptions): Mix {
  const low = (expert: Expert): number =>
    from[expert] === 0 ? 0 : Math.max(Math.min(options.minimum, from[expert]), from[expert] - options.maximumStep);
  const high = (expert: Expert): number => (from[expert] === 0 ? 0 : from[expert] + options.maximumStep);
  const mix = { ...wanted };
  // Clamping one leaves a remainder for those that still have room; four rounds settle four weights.
  for (let round = 0; round < EXPERTS.length; round++) {
    for (const expert of EXPERTS) mix[expert] = Math.min(high(expert), Math.max(low(expert), mix[expert]));
    const missing = 1 - EXPERTS.reduce((sum, expert) => sum + mix[expert], 0);
    const free = EXPERTS.filter((expert) => (missing > 0 ? mix[expert] < high(expert) : mix[expert] > low(expert)));
    if (free.length === 0 || Math.abs(missing) < 1e-12) break;
    for (const expert of free) mix[expert] += missing / free.length;
  }
  return mix;
}

const mixOf = ({ performance, load, proximity, adaptive }: Mix): Mix => ({ performance, load, proximity, adaptive });

function normalise(mix: Mix): Mix {
  const sum = EXPERTS.reduce((total, expert) => total + mix[expert], 0);
  if (Math.abs(sum - 1) < 1e-9) return mix; // as the policy wrote it, without rounding
  if (sum <= 0) return { performance: 0.25, load: 0.25, proximity: 0.25, adaptive: 0.25 };
  return {
    performance: mix.performance / sum,
    load: mix.load / sum,
    proximity: mix.proximity / sum,
    adaptive: mix.adaptive / sum,
  };
}
