// Strategies that learn. All of them draw two distinct candidates and take the one that would cost less: a bare maximum
// would send every isolate to the same instance, and two draws are enough to keep away from a bad one (Mitzenmacher 2001).
// They differ in what a draw is weighted by and in what cost means. One choice in fifty explores, so that nothing stays
// unknown; a ramping candidate takes no more than its ramp's share.
import {
  EXPERT_ADAPTIVE,
  EXPERT_LOAD,
  EXPERT_PERFORMANCE,
  EXPERT_PROXIMITY,
  LEAST_SCORE,
  eligible,
  meritFor,
  scoreFor,
} from "./strategy.ts";
import { keepPace } from "./pace.ts";
import type { Candidate, ChoiceInput, ChoiceState, Strategy } from "./strategy.ts";

/** What makes one of these strategies itself. */
interface Yardstick {
  /** Weight of a candidate in the draw, above 0. */
  share(c: Candidate, input: ChoiceInput): number;
  /** What one more request there would cost, above 0; `takesMs` as `likelyMs` says. */
  cost(c: Candidate, takesMs: number, input: ChoiceInput): number;
}

/**
 * Costs closer than this are the same: answer times are noise at a few requests a second, and a winner by noise would take
 * everything from its equals, weights included. The one drawn first has it then, so equals share by weight.
 */
const SAME_COST = 1.1;
/**
 * Added to every time before it is compared: a few milliseconds more or less are the network, a fresh connection, the clock. So
 * two that answer in five milliseconds and in ten are alike, and two in fifty and in a hundred are not.
 */
const NOISE_MS = 15;
/** Home is left only for somewhere that costs this much less: the estimate of a place nobody asks is the older one. */
const LEAVES_HOME = 1.15;
/** Between regions a request in flight counts for less: it is mostly on its way. */
const IN_FLIGHT_AWAY = 0.5;

/**
 * The time it takes, x (in flight + 1) / merit. Merit is the score without its performance factor: time is in the cost already,
 * and counted twice its noise is, too. Requests in flight count by weight, relative to the others in play: one that is twice
 * as large is as busy with two as the others with one.
 */
const byExperience: Yardstick = {
  share: (c, input) => c.weight * meritFor(c, input),
  cost: (c, takesMs, input) => (takesMs * ((c.inFlight * input.state.meanWeight) / c.weight + 1)) / meritFor(c, input),
};

const byPerformance: Yardstick = {
  share: (c) => c.weight * Math.max(c.performance, LEAST_SCORE),
  cost: (c, takesMs, input) => takesMs * ((c.inFlight * input.state.meanWeight) / c.weight + 1),
};

const byLoad: Yardstick = {
  share: (c) => c.weight * Math.max(c.load, LEAST_SCORE),
  cost: (c) => (c.inFlight + 1) / (c.weight * Math.max(c.load, LEAST_SCORE)),
};

const byPlace: Yardstick = {
  share: (c) => c.weight,
  cost: (c) => (c.inFlight + 1) / c.weight,
};

/** SEEDS P7, the default: merit weighs the draw, the cost decides between two; the best region first. */
export const intelligentAdaptive: Strategy = {
  name: "intelligent_adaptive",
  choose(candidates, input) {
    const home = inBestRegion(candidates, input, byExperience);
    return home >= 0 && input.regionOrder.length > 1 ? orElsewhere(home, candidates, input) : home;
  },
};

/** Answer times alone, wherever the instance stands. */
export const performanceBased: Strategy = {
  name: "performance_based",
  choose: (candidates, input) => amongAll(candidates, input, byPerformance),
};

/** Reported load and requests in flight alone. */
export const loadBalancing: Strategy = {
  name: "load_balancing",
  choose: (candidates, input) => amongAll(candidates, input, byLoad),
};

/** The best region for the client that has anyone left, and in it the less busy of two. */
export const geographicProximity: Strategy = {
  name: "geographic_proximity",
  choose: (candidates, input) => inBestRegion(candidates, input, byPlace),
};

const ANYWHERE = -1;

function amongAll(candidates: readonly Candidate[], input: ChoiceInput, yardstick: Yardstick): number {
  const total = weigh(candidates, input, yardstick, ANYWHERE);
  return total > 0 ? chooseOfTwo(candidates, input, yardstick, total) : -1;
}

/** An instance without a region counts as standing in each. */
function inBestRegion(candidates: readonly Candidate[], input: ChoiceInput, yardstick: Yardstick): number {
  for (let rank = 0; rank < input.regionOrder.length; rank++) {
    const total = weigh(candidates, input, yardstick, input.regionOrder[rank]!);
    if (total > 0) return chooseOfTwo(candidates, input, yardstick, total);
  }
  return amongAll(candidates, input, yardstick);
}

/**
 * Home is kept as long as no other region could answer sooner, the way there included. When one might, a candidate of each is
 * compared with the choice at home: so a region that fills up overflows request by request, and only by as much as it must.
 */
function orElsewhere(home: number, candidates: readonly Candidate[], input: ChoiceInput): number {
  const { state, regionOrder } = input;
  const a = candidates[home]!;
  if (a.ewmaMs === 0 || a.regionIndex < 0 || state.last.explored) return home;
  const atHome = costAway(a, likelyMs(a, a, input), input) / LEAVES_HOME;
  if (atHome <= NOISE_MS + input.elsewhereMs) return home;
  let least = atHome;
  let best = home;
  for (let rank = 0; rank < regionOrder.length; rank++) {
    const region = regionOrder[rank]!;
    if (region === a.regionIndex) continue;
    const total = weigh(candidates, input, byExperience, region);
    if (total === 0) continue;
    const index = draw(state.shares, candidates.length, total, input.chance());
    const b = candidates[index]!;
    const there = costAway(b, likelyMs(b, a, input), input);
    if (there < least && (b.ramp >= 1 || state.evenRamp < b.ramp)) {
      least = there;
      best = index;
    }
  }
  if (best !== home) recordOpinions(candidates[best]!, a, input, home);
  return best;
}

const costAway = (c: Candidate, takesMs: number, input: ChoiceInput): number =>
  (takesMs * (IN_FLIGHT_AWAY * c.inFlight + 1)) / meritFor(c, input);

/** Writes every candidate's share of the draw into `state.shares`, 0 for those out of play, and returns the sum. */
function weigh(candidates: readonly Candidate[], input: ChoiceInput, yardstick: Yardstick, region: number): number {
  const state = input.state;
  if (state.shares.length < candidates.length) state.shares = new Float64Array(candidates.length * 2);
  const shares = state.shares;
  let total = 0;
  let weights = 0;
  let members = 0;
  state.ramping = false;
  for (let i = 0; i < candidates.length; i++) {
    const c = candidates[i]!;
    const inPlay = (region === ANYWHERE || c.regionIndex === region || c.regionIndex < 0) && eligible(c, i, input);
    shares[i] = 0;
    if (!inPlay) continue;
    total += shares[i] = yardstick.share(c, input);
    if (c.ramp < 1) state.ramping = true;
    weights += c.weight;
    members++;
  }
  state.meanWeight = weights / members;
  return total;
}

function chooseOfTwo(
  candidates: readonly Candidate[],
  input: ChoiceInput,
  yardstick: Yardstick,
  total: number,
): number {
  const state = input.state;
  const explores = takesExploringTurn(state, input);
  moveOn(state, input);
  const first = draw(state.shares, candidates.length, total, state.evenFirst);
  const rest = total - state.shares[first]!;
  state.shares[first] = 0;
  const second = draw(state.shares, candidates.length, rest, state.evenSecond);
  if (second < 0) return first;

  const a = candidates[first]!;
  const b = candidates[second]!;
  const costA = yardstick.cost(a, likelyMs(a, b, input), input);
  const costB = yardstick.cost(b, likelyMs(b, a, input), input);
  let winner = costA > costB * SAME_COST ? second : first;
  if (state.ramping) keepPace(a, winner === first || a.inFlight > b.inFlight ? 1 : costA / costB, input.now);
  // A ramping one takes its ramp's part of what is drawn for it first, its share by weight, and the same part of what another
  // one loses to it; less while that is only busy and it is idle itself, which it always is at the beginning.
  if (a.ramp < b.ramp && state.evenRamp >= a.ramp) winner = second;
  else if (a.ramp > b.ramp && state.evenRamp >= (a.inFlight > b.inFlight ? b.ramp ** 4 : b.ramp)) winner = first;
  // There is nothing to learn from one that owes an answer for longer than it usually takes, and of two that ramp differently
  // only of the lower one, if it is not asked otherwise.
  const learns = a.ramp === b.ramp || (a.ramp < b.ramp ? costA > costB * SAME_COST : costB > costA * SAME_COST);
  state.last.explored = explores && learns && !isOverdue(candidates[first + second - winner]!, input);
  if (state.last.explored) winner = first + second - winner;
  recordOpinions(candidates[winner]!, candidates[first + second - winner]!, input, first + second - winner);
  return winner;
}

/**
 * Who is drawn is left to chance: whoever takes turns meets every instance within a few requests, also the one that has just
 * stopped. Only while somebody ramps draws come from an even sequence (additive recurrence by powers of the root of
 * x^4 = x + 1, Roberts 2018) that begins at random: over any ten choices the ramp's share is what it should be, where chance
 * would need hundreds.
 */
function moveOn(state: ChoiceState, input: ChoiceInput): void {
  if (!state.ramping || state.evenRamp !== state.evenRamp) {
    state.evenFirst = input.chance();
    state.evenSecond = input.chance();
    if (state.evenRamp !== state.evenRamp) state.evenRamp = input.chance();
    return;
  }
  state.evenFirst = (state.evenFirst + 0.8191725133961645) % 1;
  state.evenSecond = (state.evenSecond + 0.6710436067037893) % 1;
  state.evenRamp = (state.evenRamp + 0.5497004779019703) % 1;
}

/** The candidate whose part of the sum `at` falls into; rounding may overshoot, and then it is the last with a part. */
function draw(shares: Float64Array, length: number, total: number, at: number): number {
  let rest = at * total;
  let last = -1;
  for (let i = 0; i < length; i++) {
    const share = shares[i]!;
    if (share === 0) continue;
    last = i;
    rest -= share;
    if (rest < 0) break;
  }
  return last;
}

/**
 * What it takes, or has already taken to answer now: one that owes an answer for longer than usual is as slow as that. Of one
 * that was never measured it is the rival's time, so that requests in flight decide.
 */
function likelyMs(c: Candidate, rival: Candidate, input: ChoiceInput): number {
  const usually = c.ewmaMs || rival.ewmaMs || 1;
  const owes = c.owedSince > 0 ? input.now - c.owedSince : 0;
  return NOISE_MS + (owes > usually ? owes : usually);
}

const isOverdue = (c: Candidate, input: ChoiceInput): boolean => c.owedSince > 0 && input.now - c.owedSince > c.ewmaMs;

/** One exploring choice in every block of 1/explore choices, at a random place in it: the share is exact, not only on average. */
function takesExploringTurn(state: ChoiceState, input: ChoiceInput): boolean {
  if (input.explore <= 0) return false;
  if (state.exploreBlock <= 0) {
    state.exploreBlock = Math.max(1, Math.round(1 / input.explore));
    state.exploreIn = Math.floor(input.chance() * state.exploreBlock);
  }
  state.exploreBlock--;
  return state.exploreIn-- === 0;
}

/** Whom each way of looking would have taken: what learning (SEEDS P10) is fed with. Indifference is no opinion. */
function recordOpinions(chosen: Candidate, rival: Candidate, input: ChoiceInput, rivalIndex: number): void {
  let agreed = 0;
  let opposed = 0;
  const times = rival.ewmaMs - chosen.ewmaMs; // the factor is cut off at 100 ms, the times are not
  if (times > 0) agreed |= EXPERT_PERFORMANCE;
  else if (times < 0) opposed |= EXPERT_PERFORMANCE;
  const load = byLoad.cost(rival, 1, input) - byLoad.cost(chosen, 1, input);
  if (load > 0) agreed |= EXPERT_LOAD;
  else if (load < 0) opposed |= EXPERT_LOAD;
  if (chosen.nearness > rival.nearness) agreed |= EXPERT_PROXIMITY;
  else if (chosen.nearness < rival.nearness) opposed |= EXPERT_PROXIMITY;
  const score = scoreFor(chosen, input) - scoreFor(rival, input);
  if (score > 0) agreed |= EXPERT_ADAPTIVE;
  else if (score < 0) opposed |= EXPERT_ADAPTIVE;
  const last = input.state.last;
  last.rival = rivalIndex;
  last.agreed = agreed;
  last.opposed = opposed;
}
