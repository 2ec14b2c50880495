// How good an instance looks (SEEDS P6): five factors, each 0 to 1, weighed. What nobody reports is left out and the other
// weights are renormalised. Runs once a second and instance, off the path; choice reads the result from the candidate.
import type { Mix } from "../protocol/reports.ts";
import { forgetWhenIdle, knowsClass, successOf, timesOf } from "./history.ts";
import type { History } from "./history.ts";
import { healthScore } from "./health.ts";
import type { Health, HealthScoreOptions } from "./health.ts";
import { LEAST_SCORE, LIKE_CLASSES } from "./strategy.ts";
import type { Candidate } from "./strategy.ts";

export type { Mix };

export interface ScoreWeights {
  readonly performance: number;
  readonly load: number;
  readonly health: number;
  readonly compatibility: number;
  readonly successRate: number;
}

export interface LoadWeights {
  readonly cpu: number;
  readonly memory: number;
  readonly connections: number;
  readonly queue: number;
}

export interface ScoringOptions {
  readonly fastMs: number;
  readonly slowMs: number;
  readonly unknownPerformance: number;
  readonly unknownSuccess: number;
  readonly similarShare: number;
  readonly loadWeights: LoadWeights;
  readonly health: HealthScoreOptions;
}

/** What an upstream says of itself, or NaN where it does not: each the used share of what it has, 0 idle and 1 full. */
export interface LoadReport {
  cpu: number;
  memory: number;
  connections: number;
  queue: number;
}

/** What a score is made of, beside the candidate. */
export interface Evidence {
  readonly history: History;
  /** undefined when it reports nothing. */
  load: LoadReport | undefined;
  /** undefined when nobody checks it. */
  health: Readonly<Health> | undefined;
  /** Regions differ among the service's instances, so that nearness says something. */
  nearnessKnown: boolean;
}

/** Each factor as it entered the score, NaN where it was left out: for decisions and `explain`. */
export interface Factors {
  performance: number;
  load: number;
  health: number;
  compatibility: number;
  successRate: number;
  proximity: number;
}

const LEAST_PERFORMANCE = 0.1;

/**
 * P6: 1 at `fastMs` and under, falling in a straight line to 0 at `slowMs` but never under 0.1; then less for being
 * inconsistent, by mean / p95.
 */
export function performanceFactor(kept: History, like: number, options: ScoringOptions): number {
  const times = timesOf(kept, like);
  if (times === undefined) return options.unknownPerformance;
  const speed = 1 - (times.meanMs - options.fastMs) / (options.slowMs - options.fastMs);
  const consistency = times.p95Ms > 0 ? Math.min(1, times.meanMs / times.p95Ms) : 1;
  return Math.max(LEAST_PERFORMANCE, Math.min(1, speed)) * consistency;
}

/** P6: free share of cpu, memory, connections and queue, weighed; NaN when none of them is known. */
export function loadFactor(load: LoadReport | undefined, ownConnections: number, weights: LoadWeights): number {
  let sum = 0;
  let known = 0;
  const connections = load !== undefined && load.connections === load.connections ? load.connections : ownConnections;
  if (load !== undefined && load.cpu === load.cpu) {
    sum += weights.cpu * free(load.cpu);
    known += weights.cpu;
  }
  if (load !== undefined && load.memory === load.memory) {
    sum += weights.memory * free(load.memory);
    known += weights.memory;
  }
  if (connections === connections) {
    sum += weights.connections * free(connections);
    known += weights.connections;
  }
  if (load !== undefined && load.queue === load.queue) {
    sum += weights.queue * free(load.queue);
    known += weights.queue;
  }
  return known > 0 ? sum / known : Number.NaN;
}

const free = (used: number): number => Math.min(1, Math.max(0, 1 - used));

/** P6: success among like requests weighed with success overall. */
export function successFactor(kept: History, like: number, options: ScoringOptions): number {
  const success = successOf(kept, like);
  if (success === undefined) return options.unknownSuccess;
  if (success.similar !== success.similar) return success.overall;
  return options.similarShare * success.similar + (1 - options.similarShare) * success.overall;
}

/**
 * Mixing tilts the factors' weights (P10): `start` is the mix the policy begins with, and a way of looking that has earned
 * more than it began with makes its factor count for more by that ratio. What was given no weight to begin with gets none.
 */
const tilt = (now: number, start: number): number => (start > 0 ? now / start : 1);

export interface ScoreOptions {
  readonly weights: ScoreWeights;
  readonly scoring: ScoringOptions;
  /** The mix the policy begins with. */
  readonly adaptive: Mix;
}

/**
 * The factors of one candidate for a like class (-1: all requests) into `into`. Compatibility depends on the request and
 * stands at 1 here; `scoreFor` takes off what the request loses.
 */
export function factorsFor(
  c: Candidate,
  evidence: Evidence,
  like: number,
  now: number,
  options: ScoreOptions,
  into: Factors,
): Factors {
  const { scoring } = options;
  into.performance = performanceFactor(evidence.history, like, scoring);
  const connections = c.capacity < Number.POSITIVE_INFINITY ? c.inFlight / c.capacity : Number.NaN;
  into.load = loadFactor(evidence.load, connections, scoring.loadWeights);
  into.health = evidence.health === undefined ? Number.NaN : healthScore(evidence.health, now, scoring.health);
  into.compatibility = c.demands === undefined ? Number.NaN : 1;
  into.successRate = successFactor(evidence.history, like, scoring);
  into.proximity = evidence.nearnessKnown ? c.nearness : Number.NaN;
  return into;
}

/** What each factor weighs, 0 where it was left out; they add up to 1. */
export function weightsFor(factors: Readonly<Factors>, mix: Mix, options: ScoreOptions, into: Factors): Factors {
  const { weights, adaptive: start } = options;
  const rest = tilt(mix.adaptive, start.adaptive);
  into.performance = known(factors.performance, weights.performance * tilt(mix.performance, start.performance));
  into.load = known(factors.load, weights.load * tilt(mix.load, start.load));
  into.health = known(factors.health, weights.health * rest);
  into.compatibility = known(factors.compatibility, weights.compatibility * rest);
  into.successRate = known(factors.successRate, weights.successRate * rest);
  const own = into.performance + into.load + into.health + into.compatibility + into.successRate;
  // Nearness is no factor of P6: it joins from the mix with exactly the share that the mix gives it.
  const mixed = mix.performance + mix.load + mix.proximity + mix.adaptive;
  const near = known(factors.proximity, mixed > 0 ? mix.proximity / mixed : 0);
  const scale = own > 0 ? (1 - near) / own : 0;
  into.performance *= scale;
  into.load *= scale;
  into.health *= scale;
  into.compatibility *= scale;
  into.successRate *= scale;
  into.proximity = near;
  return into;
}

const known = (factor: number, weight: number): number => (factor === factor ? weight : 0);

/** The weighed sum; what was left out has no weight and is not a number, so it is skipped rather than multiplied. */
function weigh(factors: Readonly<Factors>, weights: Readonly<Factors>): number {
  let score = besideBeingQuick(factors, weights);
  if (weights.performance > 0) score += weights.performance * factors.performance;
  if (weights.proximity > 0) score += weights.proximity * factors.proximity;
  return Math.max(LEAST_SCORE, score);
}

/** The part of the sum that answer times have no part in: neither the performance factor nor the way there. */
function besideBeingQuick(factors: Readonly<Factors>, weights: Readonly<Factors>): number {
  let sum = 0;
  if (weights.load > 0) sum += weights.load * factors.load;
  if (weights.health > 0) sum += weights.health * factors.health;
  if (weights.compatibility > 0) sum += weights.compatibility * factors.compatibility;
  if (weights.successRate > 0) sum += weights.successRate * factors.successRate;
  return sum;
}

export function noFactors(): Factors {
  const nan = Number.NaN;
  return { performance: nan, load: nan, health: nan, compatibility: nan, successRate: nan, proximity: nan };
}

const factorsScratch = noFactors();
const weightsScratch = noFactors();

/**
 * Merit is compared, not drawn by: P6's doubt of an instance without results, 0.8, would keep it from ever winning against one
 * that has some, so what is not known has no part in it.
 */
function rateMerit(c: Candidate, evidence: Evidence, factors: Readonly<Factors>, weights: Readonly<Factors>): void {
  const unknown = evidence.history.resultsFilled === 0 ? weights.successRate : 0;
  const beside = weights.load + weights.health + weights.compatibility + weights.successRate - unknown;
  const sum = besideBeingQuick(factors, weights) - unknown * factors.successRate;
  c.merit = beside > 0 ? Math.max(LEAST_SCORE, sum / beside) : 1;
  c.compatibilityMerit = beside > 0 ? weights.compatibility / beside : 0;
}

/** Brings a candidate's cached scores up to date. Once a second at most; about a microsecond a like class seen. */
export function rescore(c: Candidate, evidence: Evidence, mix: Mix, now: number, options: ScoreOptions): void {
  forgetWhenIdle(evidence.history, now);
  const factors = factorsFor(c, evidence, -1, now, options, factorsScratch);
  const weights = weightsFor(factors, mix, options, weightsScratch);
  c.score = weigh(factors, weights);
  c.performance = factors.performance;
  c.load = factors.load === factors.load ? factors.load : 1;
  c.compatibilityWeight = weights.compatibility;
  rateMerit(c, evidence, factors, weights);
  for (let like = 0; like < LIKE_CLASSES; like++) {
    if (!knowsClass(evidence.history, like)) {
      c.scores[like] = Number.NaN;
      continue;
    }
    factorsFor(c, evidence, like, now, options, factors);
    c.scores[like] = weigh(factors, weights); // the same factors are known, so the weights are the same
  }
}
