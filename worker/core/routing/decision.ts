// The record of one decision (SEEDS P7): who was taken by which algorithm, why, how sure that is, and who else there was.
// Built only for `explain` and for sampled requests; the choice itself has long been made and is not repeated here.
import { compatibility, eligible, scoreFor } from "./strategy.ts";
import type { Candidate, ChoiceInput, Strategy } from "./strategy.ts";
import { factorsFor, noFactors, weightsFor } from "./score.ts";
import type { Evidence, Factors, Mix, ScoreOptions } from "./score.ts";

/** Factors that were left out, because nobody reports them, are absent. */
export type NamedFactors = Partial<Factors>;

export interface Alternative {
  id: string;
  score: number;
  /** `peakEwmaMs x (inFlight + 1) / score`; 0 when nothing was measured. */
  cost: number;
}

export interface Decision {
  algorithm: string;
  instance: string;
  score: number;
  cost: number;
  factors: NamedFactors;
  /** What each factor weighed in the score; they add up to 1. */
  weights: NamedFactors;
  /** 0 to 1: the score, less for the share of its evidence that is missing. */
  confidence: number;
  /** The next best by score, three at most. */
  alternatives: Alternative[];
  /** The instance it was compared with, "" when there was no second one. */
  rival: string;
  explored: boolean;
  panic: boolean;
  ramp: number;
  /** ms; 0 where the platform's clock stands still. */
  tookMs: number;
  /** Epoch ms. */
  at: number;
}

const MOST_ALTERNATIVES = 3;
/** Answers after which history is as good as it gets. */
const ENOUGH_RESULTS = 20;

/** Records the choice of `chosen` that was just made with this input; read before the next choice. */
export function recordDecision(
  strategy: Strategy,
  candidates: readonly Candidate[],
  evidence: readonly Evidence[],
  chosen: number,
  input: ChoiceInput,
  mix: Mix,
  options: ScoreOptions,
  tookMs: number,
): Decision {
  const c = candidates[chosen]!;
  const factors = factorsFor(c, evidence[chosen]!, input.like, input.now, options, noFactors());
  const weights = weightsFor(factors, mix, options, noFactors());
  const last = input.state.last;
  const score = scoreFor(c, input);
  if (c.demands !== undefined) factors.compatibility = compatibility(c.demands, input);

  const alternatives: Alternative[] = [];
  for (let i = 0; i < candidates.length; i++) {
    const other = candidates[i]!;
    if (i === chosen || !eligible(other, i, input)) continue;
    alternatives.push({ id: other.id, score: scoreFor(other, input), cost: costOf(other, input) });
  }
  alternatives.sort((a, b) => b.score - a.score);

  return {
    algorithm: strategy.name,
    instance: c.id,
    score,
    cost: costOf(c, input),
    factors: named(factors),
    weights: named(weights, (weight) => weight > 0),
    confidence: score * (0.5 + 0.5 * Math.min(1, evidence[chosen]!.history.resultsFilled / ENOUGH_RESULTS)),
    alternatives: alternatives.slice(0, MOST_ALTERNATIVES),
    rival: last.rival >= 0 ? candidates[last.rival]!.id : "",
    explored: last.explored,
    panic: last.panic,
    ramp: c.ramp,
    tookMs,
    at: input.now,
  };
}

const costOf = (c: Candidate, input: ChoiceInput): number => (c.ewmaMs * (c.inFlight + 1)) / scoreFor(c, input);

function named(values: Readonly<Factors>, keep = (value: number) => !Number.isNaN(value)): NamedFactors {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => keep(value)));
}
