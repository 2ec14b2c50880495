// The whole choice of one attempt: which priority is in play, whether there is panic, then the strategy. One pass over the
// candidates, no allocation. The answer is an index, or one of two refusals: nobody may be asked, or nobody should be.
import { ANY_TIER, compatibility, eligible } from "./strategy.ts";
import type { Candidate, ChoiceInput, Strategy } from "./strategy.ts";

/** No candidate is eligible; `whyNone` says why. */
export const NONE = -1;
/** Panic: the survivors have their share, this request is turned away so that they keep standing. Not to be tried again. */
export const REFUSED = -2;

/** A survivor carries at most this many times the share it would have if all were well. */
const PANIC_SHARE = 2;
/** As in Envoy: a priority keeps all of its traffic until it has lost more than 1 - 1/1.4 = 29 % of its members. */
const OVERPROVISION = 1.4;

/**
 * Chooses the instance for one attempt. `input.state.last` says afterwards what was compared, whether it explored, and
 * whether there was panic.
 */
export function chooseInstance(strategy: Strategy, candidates: readonly Candidate[], input: ChoiceInput): number {
  const last = input.state.last;
  last.rival = -1;
  last.explored = false;
  last.agreed = 0;
  last.opposed = 0;

  let available = 0;
  let first = Number.POSITIVE_INFINITY;
  let lowest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    if (c.available) available++;
    if (c.priority < first) first = c.priority;
    if (c.priority > lowest) lowest = c.priority;
  }
  input.tier = ANY_TIER;
  last.panic = false;
  if (available === 0) return NONE;

  if (first === lowest) {
    last.panic = isPanic(available, candidates.length);
    return last.panic ? chooseInPanic(candidates, input) : strategy.choose(candidates, input);
  }

  const health = drawTier(candidates, first, input);
  if (health < 1 && isPanic(available, candidates.length)) {
    last.panic = true;
    input.tier = ANY_TIER;
    return chooseInPanic(candidates, input);
  }
  const chosen = strategy.choose(candidates, input);
  if (chosen >= 0) return chosen;
  input.tier = ANY_TIER; // the drawn priority has been tried, or cannot take the request
  return strategy.choose(candidates, input);
}

/** Fewer than half of two or more are available (Envoy's panic threshold, DESIGN's rule for what to do about it). */
export function isPanic(available: number, total: number): boolean {
  return total >= 2 && available * 2 < total;
}

/**
 * Panic: weighted turns over all that are not open, healthy or not, and a share for refusing that keeps every survivor at or
 * below `PANIC_SHARE` times its fair share. Turns, not chance: the bound holds over any handful of requests.
 */
function chooseInPanic(candidates: readonly Candidate[], input: ChoiceInput): number {
  const state = input.state;
  let whole = 0;
  let standing = 0;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    whole += c.weight;
    if (!c.open) standing += c.weight;
  }
  let refusing = whole / PANIC_SHARE - standing;
  let total = 0;
  let best = NONE;
  let furthest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    if (c.open || c.weight <= 0) continue;
    if (c.demands !== undefined && compatibility(c.demands, input) === 0) continue;
    if (input.exclude.length > 0 && input.exclude.includes(i)) {
      refusing += c.weight; // a second attempt does not pour onto one survivor what another one has refused
      continue;
    }
    if (c.turn !== c.turn) c.turn = input.chance() * c.weight;
    c.turn += c.weight;
    total += c.weight;
    if (c.turn > furthest) {
      furthest = c.turn;
      best = i;
    }
  }
  if (best === NONE) return NONE;
  if (refusing > 0) {
    if (state.refusedTurn !== state.refusedTurn) state.refusedTurn = input.chance() * refusing;
    state.refusedTurn += refusing;
    total += refusing;
    if (state.refusedTurn > furthest) {
      state.refusedTurn -= total;
      return REFUSED;
    }
  }
  candidates[best]!.turn -= total;
  return best;
}

/**
 * Draws the priority in play into `input.tier` and returns how much of the traffic the priorities can carry together, 0-1.
 * Each takes what it can of what the ones before it left.
 */
function drawTier(candidates: readonly Candidate[], first: number, input: ChoiceInput): number {
  const draw = input.chance();
  let carried = 0;
  let tier = first;
  let fallback = first;
  input.tier = ANY_TIER;
  while (tier !== Number.POSITIVE_INFINITY && carried < 1) {
    let members = 0;
    let available = 0;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const c = candidates[i]!;
      if (c.priority === tier) {
        members++;
        if (c.available) available++;
      } else if (c.priority > tier && c.priority < next) next = c.priority;
    }
    if (available > 0) fallback = tier;
    carried += Math.min(1 - carried, (OVERPROVISION * available) / members);
    if (input.tier === ANY_TIER && draw < carried) input.tier = tier;
    tier = next;
  }
  if (input.tier === ANY_TIER) input.tier = fallback;
  return carried;
}

/** Why `chooseInstance` found nobody: for the refusal's record and `explain`, never on the way to an answer. */
export function whyNone(
  candidates: readonly Candidate[],
  input: ChoiceInput,
): "no_instances" | "none_available" | "none_fits" | "all_tried" {
  if (candidates.length === 0) return "no_instances";
  let fits = 0;
  let available = 0;
  for (const c of candidates) {
    if (!c.available) continue;
    available++;
    if (c.demands === undefined || compatibility(c.demands, input) > 0) fits++;
  }
  if (available === 0) return "none_available";
  return fits === 0 ? "none_fits" : "all_tried";
}

/** Whether anybody else could still be asked: the attempt machine's question before it waits for a second try. */
export function anyEligible(candidates: readonly Candidate[], input: ChoiceInput): boolean {
  input.tier = ANY_TIER;
  for (let i = 0; i < candidates.length; i++) if (eligible(candidates[i]!, i, input)) return true;
  return false;
}
