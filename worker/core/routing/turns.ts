// Plain strategies: round robin, weighted random, least connections. They look at weight, ramp and requests in flight only,
// which makes them easy to predict; the ones that learn stand in adaptive.ts.
import { eligible } from "./strategy.ts";
import type { Candidate, ChoiceInput, Strategy } from "./strategy.ts";

/**
 * Smooth weighted round robin as in nginx: every candidate in play gains its weight, the furthest ahead is taken and pays
 * the sum. 5:1:1 gives a a b a c a a, never five in a row. First turns are drawn at random within the weight: otherwise
 * every new isolate would send its first request to the first instance of the policy.
 */
export const roundRobin: Strategy = {
  name: "round_robin",
  choose: (candidates, input) => takeTurns(candidates, input, Number.POSITIVE_INFINITY),
};

export const weightedRandom: Strategy = {
  name: "weighted_random",
  choose(candidates, input) {
    let total = 0;
    for (let i = 0; i < candidates.length; i++) {
      const c = candidates[i]!;
      if (eligible(c, i, input)) total += c.weight * c.ramp;
    }
    if (total === 0) return -1;
    let rest = input.chance() * total;
    let last = -1;
    for (let i = 0; i < candidates.length; i++) {
      const c = candidates[i]!;
      if (!eligible(c, i, input)) continue;
      last = i;
      rest -= c.weight * c.ramp;
      if (rest < 0) break;
    }
    return last; // rounding may leave a crumb of `rest`: it belongs to the last one
  },
};

/**
 * The fewest requests in flight for its weight; those that tie take smooth weighted turns, as in nginx's least_conn.
 * In flight means in this isolate: with few requests most choices are ties, and then weights decide.
 */
export const leastConnections: Strategy = {
  name: "least_connections",
  choose(candidates, input) {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const c = candidates[i]!;
      if (!eligible(c, i, input)) continue;
      const load = c.inFlight / (c.weight * c.ramp);
      if (load < least) least = load;
    }
    return takeTurns(candidates, input, least);
  },
};

/** Smooth weighted turns among those that carry no more than `most` requests for their weight. */
function takeTurns(candidates: readonly Candidate[], input: ChoiceInput, most: number): number {
  let total = 0;
  let best = -1;
  let furthest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    if (!eligible(c, i, input)) continue;
    const weight = c.weight * c.ramp;
    if (c.inFlight / weight > most) continue;
    advance(c, weight, input);
    total += weight;
    if (c.turn > furthest) {
      furthest = c.turn;
      best = i;
    }
  }
  if (best >= 0) candidates[best]!.turn -= total;
  return best;
}

function advance(c: Candidate, weight: number, input: ChoiceInput): void {
  if (c.turn !== c.turn) c.turn = input.chance() * weight; // NaN: its first turn
  c.turn += weight;
}
