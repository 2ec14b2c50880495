// Which targets of a model are asked, and in which order (SEEDS A2): a strategy puts the fit ones in a row, the first is asked
// and the others stand in. `intelligent` weighs performance, cost, reliability and load, each 0 to 100, over recent history;
// what is not known is neutral. Pure: time, chance and history are arguments.
import type { Chance } from "../stats/chance.ts";
import { expectedMs, reliability, type History, type HistoryOptions } from "./history.ts";
import type { Price } from "./prices.ts";

export type AiStrategy =
  | "single"
  | "priority"
  | "round_robin"
  | "least_connections"
  | "weighted_random"
  | "geographic"
  | "latency"
  | "cost"
  | "intelligent";

/** A target as choice sees it. */
export interface AiCandidate {
  /** `provider/model`. */
  readonly key: string;
  readonly weight: number;
  readonly priority: number;
  readonly price: Price | undefined;
  readonly history: History;
  /** Calls under way at its provider. */
  readonly inFlight: number;
  /** Its provider's breaker lets calls through. */
  readonly available: boolean;
  /** From the client to where it stands; undefined when nobody knows. */
  readonly distanceKm: number | undefined;
}

export interface SelectOptions {
  readonly strategy: AiStrategy;
  readonly weights: {
    readonly performance: number;
    readonly cost: number;
    readonly reliability: number;
    readonly load: number;
  };
  readonly history: HistoryOptions;
  readonly exploreShare: number;
}

export interface SelectInput {
  /** Of the call: what its cost is weighed by. */
  readonly promptTokens: number;
  readonly answerTokens: number;
  /** Counts the model's calls, for turns. */
  readonly turn: number;
  /** Where this conversation was answered last; undefined when nowhere, or too long ago. */
  readonly bound: string | undefined;
  readonly chance: Chance;
}

export interface Scored {
  readonly performance: number;
  readonly cost: number;
  readonly reliability: number;
  readonly load: number;
  readonly score: number;
}

export interface Selection {
  /** Indexes of the candidates, in the order they are to be asked. */
  readonly order: readonly number[];
  /** Beside the candidates; what `intelligent` thinks of each, whatever the strategy. */
  readonly scores: readonly Scored[];
  readonly why: "strategy" | "bound" | "explored";
}

const NEUTRAL = 50;
/** A conversation stays where it was as long as that scores at least this share of the best: a prompt cache is worth so much. */
const BOUND_SHARE = 0.5;

export function select(candidates: readonly AiCandidate[], options: SelectOptions, input: SelectInput): Selection {
  const scores = scoresOf(candidates, options, input);
  const order = ordered(candidates, scores, options.strategy, input);
  // Who is resting is asked last, whatever is thought of it.
  const standing = order.filter((index) => candidates[index]!.available);
  const resting = order.filter((index) => !candidates[index]!.available);
  const row = [...standing, ...resting];
  const bound = row.findIndex((index) => candidates[index]!.key === input.bound);
  if (bound >= 0 && mayStay(candidates, scores, row, row[bound]!))
    return { order: toFront(row, bound), scores, why: "bound" };
  const explores = options.strategy === "intelligent" && standing.length > 1 && input.chance() < options.exploreShare;
  if (!explores) return { order: options.strategy === "single" ? row.slice(0, 1) : row, scores, why: "strategy" };
  const other = 1 + Math.min(standing.length - 2, Math.floor(input.chance() * (standing.length - 1)));
  return { order: toFront(row, other), scores, why: "explored" };
}

function mayStay(
  candidates: readonly AiCandidate[],
  scores: readonly Scored[],
  row: readonly number[],
  index: number,
): boolean {
  if (!candidates[index]!.available) return false;
  const best = Math.max(...row.map((each) => scores[each]!.score));
  return scores[index]!.score >= best * BOUND_SHARE;
}

const toFront = (row: readonly number[], at: number): number[] => [row[at]!, ...row.slice(0, at), ...row.slice(at + 1)];

function ordered(
  candidates: readonly AiCandidate[],
  scores: readonly Scored[],
  strategy: AiStrategy,
  input: SelectInput,
): number[] {
  const row = candidates.map((_, index) => index);
  const by = (worth: (candidate: AiCandidate, index: number) => number): number[] =>
    row.sort((a, b) => worth(candidates[a]!, a) - worth(candidates[b]!, b));
  switch (strategy) {
    case "single":
      return row;
    case "priority":
      return by(({ priority }) => priority);
    case "round_robin": {
      const first = candidates.length === 0 ? 0 : input.turn % candidates.length;
      return [...row.slice(first), ...row.slice(0, first)];
    }
    case "least_connections":
      return by(({ inFlight, weight }) => (inFlight + 1) / Math.max(weight, 1e-9));
    case "weighted_random":
      return drawn(candidates, input.chance);
    case "geographic":
      return by(({ distanceKm }) => distanceKm ?? Infinity);
    case "latency":
      // Who was never asked is tried first: else nobody would ever know.
      return by(({ history }) => expectedMs(history) ?? 0);
    case "cost":
      return by((candidate) => callCost(candidate, input) ?? Infinity);
    case "intelligent":
      return by((_, index) => -scores[index]!.score);
  }
}

/** Weighted, without putting back (Efraimidis and Spirakis, 2006: the greatest u^(1/w) comes first). */
function drawn(candidates: readonly AiCandidate[], chance: Chance): number[] {
  const keys = candidates.map(({ weight }) => (weight <= 0 ? -1 : chance() ** (1 / weight)));
  return candidates.map((_, index) => index).sort((a, b) => keys[b]! - keys[a]!);
}

function callCost({ price }: AiCandidate, { promptTokens, answerTokens }: SelectInput): number | undefined {
  return price === undefined ? undefined : promptTokens * price.input + answerTokens * price.output;
}

function scoresOf(candidates: readonly AiCandidate[], options: SelectOptions, input: SelectInput): Scored[] {
  const times = candidates.map(({ history }) => expectedMs(history));
  const costs = candidates.map((candidate) => callCost(candidate, input));
  const fastest = Math.min(...times.map((ms) => ms ?? Infinity));
  const cheapest = Math.min(...costs.map((cost) => cost ?? Infinity));
  const busiest = Math.max(0, ...candidates.map(({ inFlight }) => inFlight));
  const { weights } = options;
  const sum = weights.performance + weights.cost + weights.reliability + weights.load;
  return candidates.map(({ history, inFlight }, index) => {
    const performance = share(fastest, times[index]);
    const cost = share(cheapest, costs[index]);
    const reliable = reliability(history, options.history);
    const load = 100 * (1 - inFlight / (busiest + 1));
    const weighed =
      weights.performance * performance + weights.cost * cost + weights.reliability * reliable + weights.load * load;
    return { performance, cost, reliability: reliable, load, score: weighed / sum };
  });
}

/** 100 for the best, half of it for what takes or costs twice as much. */
function share(best: number, own: number | undefined): number {
  if (own === undefined) return NEUTRAL;
  return own <= 0 ? 100 : (100 * best) / own;
}
