// Who may be chosen: gates and active checks, written into the fields that choice reads. Choice itself, with its panic
// rule (fewer than half of two or more available: spread over all that are not open, nobody above twice its fair
// share), stands in core/routing. One pass, nothing allocated: it runs before every choice.
import type { BreakerOptions } from "./breaker.ts";
import type { Chance } from "../stats/chance.ts";
import { LEASE_USE_MS, ramp, readyInMs, standing, type Gate, type NewsState } from "./gate.ts";

/** The part of a candidate that resilience answers for. */
export interface Availability {
  available: boolean;
  /** Shut by a breaker or an operator: never chosen, not even in panic. */
  open: boolean;
  /** Share of its traffic that it may take while it recovers, above 0 up to 1. */
  ramp: number;
  /** Requests that it owes an answer. */
  readonly owed: number;
}

/** Nobody is due for a probe. */
export const NOBODY = -1;

/**
 * Brings candidates up to date with their gates (same order) and says which one is due for a probe, or `NOBODY`. Offer
 * a request that may be repeated to that one first, by `admit`: if the probe fails, another instance still answers the
 * client.
 */
export function survey(
  gates: readonly Gate[],
  candidates: readonly Availability[],
  news: NewsState,
  now: number,
  options: BreakerOptions,
): number {
  let due = NOBODY;
  for (let at = 0; at < gates.length; at++) {
    const one = gates[at]!;
    const candidate = candidates[at]!;
    const stands = standing(one, news, now);
    if (stands === "due" && due === NOBODY) due = at;
    // This request passes it by for another one; the next report asks for a lease, so that a later one need not.
    one.lonely = stands === "needs" && now - one.neededAt > LEASE_USE_MS;
    if (stands === "needs") one.neededAt = now;
    candidate.open = stands !== "closed" && stands !== "ramp";
    candidate.available = !candidate.open && one.healthy;
    candidate.ramp = candidate.open ? 1 : Math.max(ramp(one, now, options), LEAST_RAMP);
  }
  return due;
}

/** A ramp of nothing would keep out for good what is only asked in order to find out. */
const LEAST_RAMP = 0.01;

/** News is believed this long in a region whose isolates report once a second. */
const SHORTEST_BELIEF_MS = 1_500;

/**
 * Who needs a probe that this isolate's next report would ask a lease for in vain, for the lease would be over before its next
 * request: so this request asks and waits. One in as many as the fleet is larger than what reports once a second, or they
 * would all ask together. `NOBODY` otherwise; call it once a request, after `survey`.
 */
export function lonely(gates: readonly Gate[], tried: readonly number[], news: NewsState, chance: Chance): number {
  for (let at = 0; at < gates.length; at++) {
    if (!gates[at]!.lonely || tried.includes(at)) continue;
    return chance() * news.freshMs < SHORTEST_BELIEF_MS ? at : NOBODY;
  }
  return NOBODY;
}

/**
 * Failures in a row from which on an instance is asked before others; 0 for never. Choice keeps away from what failed last,
 * and its breaker would learn the rest only by exploring. So who failed twice in a row is asked until its breaker has seen
 * enough, or it answers. When most of them failed last, once is enough: else everything would fall on the few others
 * meanwhile. `candidates` as `survey` left them.
 */
export function suspectFrom(
  gates: readonly Gate[],
  candidates: readonly Availability[],
  options: BreakerOptions,
): number {
  if (options.consecutiveFailures === Number.POSITIVE_INFINITY) return 0;
  let standing = 0;
  let suspects = 0;
  for (let at = 0; at < gates.length; at++) {
    if (!candidates[at]!.available) continue;
    standing++;
    if (gates[at]!.local.consecutive > 0) suspects++;
  }
  if (suspects === 0) return 0;
  return gates.length > 1 && (standing - suspects) * 2 < gates.length ? 1 : 2;
}

/** The first that is to be asked for that, none of `tried`, or `NOBODY`: with what is under way, no more than it takes. */
export function suspect(
  gates: readonly Gate[],
  candidates: readonly Availability[],
  from: number,
  tried: readonly number[],
  options: BreakerOptions,
): number {
  for (let at = 0; at < gates.length; at++) {
    const { available, owed } = candidates[at]!;
    const { consecutive } = gates[at]!.local;
    if (!available || consecutive < from || tried.includes(at)) continue;
    if (consecutive + owed < options.consecutiveFailures) return at;
  }
  return NOBODY;
}

/** The soonest that any of them could be asked again, ms from now, for an honest Retry-After. */
export function soonestMs(gates: readonly Gate[], news: NewsState, now: number): number {
  let soonest = Number.POSITIVE_INFINITY;
  for (const one of gates) soonest = Math.min(soonest, readyInMs(one, news, now));
  return soonest === Number.POSITIVE_INFINITY ? 0 : soonest;
}
