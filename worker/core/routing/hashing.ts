// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018): a client keeps its instance as long as that
// one stands and is not overloaded; when it goes, only its clients move. The ring depends on ids and weights alone, so
// every isolate everywhere builds the same one.
import { finalise, hash32 } from "../stats/hash.ts";
import { weightedRandom } from "./turns.ts";
import { eligible } from "./strategy.ts";
import type { Candidate, ChoiceInput, Ring, Strategy } from "./strategy.ts";

/** Points on the ring for a weight of 1. 100 keep shares within about 10 % of what the weights say. */
const POINTS_PER_WEIGHT = 100;
/** A ring is at most this long, whatever the weights: 24 KiB. */
const MOST_POINTS = 4096;

/** Without anything that binds the client it is a weighted draw. */
export const consistentHash: Strategy = {
  name: "consistent_hash",
  choose(candidates, input) {
    if (input.affinityHash < 0) return weightedRandom.choose(candidates, input);
    if (candidates.length === 0) return -1;
    const state = input.state;
    if (state.ring === undefined || state.ring.of !== candidates) state.ring = buildRing(candidates);
    return walk(state.ring, candidates, input);
  },
};

/** Clockwise from the client's point to the first eligible one with room; if all are full, the first eligible one. */
function walk(ring: Ring, candidates: readonly Candidate[], input: ChoiceInput): number {
  let inFlight = 1; // with this one
  let weights = 0;
  let left = 0;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    if (!eligible(c, i, input)) continue;
    inFlight += c.inFlight;
    weights += c.weight;
    left++;
  }
  if (left === 0) return -1;

  const { points, owners } = ring;
  const start = firstAtOrAfter(points, input.affinityHash);
  let fallback = -1;
  for (let step = 0; step < points.length; step++) {
    const index = owners[(start + step) % points.length]!;
    const c = candidates[index]!;
    if (!eligible(c, index, input)) continue;
    if (c.inFlight < Math.ceil((input.boundedLoad * inFlight * c.weight) / weights)) {
      // While it ramps, part of its clients keep going where they went while it was away; which part is fixed by their hash.
      if (c.ramp >= 1 || left === 1 || finalise(input.affinityHash) / 2 ** 32 < c.ramp) return index;
    }
    if (fallback < 0) fallback = index;
  }
  return fallback;
}

export function buildRing(candidates: readonly Candidate[]): Ring {
  let wanted = 0;
  for (const c of candidates) wanted += Math.max(1, Math.round(c.weight * POINTS_PER_WEIGHT));
  const scale = Math.min(1, MOST_POINTS / wanted);
  const placed: { point: number; owner: number }[] = [];
  candidates.forEach((c, owner) => {
    if (c.weight <= 0) return;
    const count = Math.max(1, Math.round(c.weight * POINTS_PER_WEIGHT * scale));
    const base = hash32(c.id);
    for (let k = 0; k < count; k++) placed.push({ point: finalise(base + Math.imul(k, 0x9e3779b1)), owner });
  });
  // Equal points go by id, so that the order of the list does not matter.
  placed.sort((a, b) => a.point - b.point || (candidates[a.owner]!.id < candidates[b.owner]!.id ? -1 : 1));
  return {
    of: candidates,
    points: Uint32Array.from(placed, (p) => p.point),
    owners: Uint16Array.from(placed, (p) => p.owner),
  };
}

function firstAtOrAfter(points: Uint32Array, hash: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]! < hash) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
