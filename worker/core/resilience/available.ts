// Who may be chosen: gates and active checks, written into the fields that choice reads. Choice itself, with its panic
// rule (fewer than half of two or more available: spread over all that are not open, nobody above twice its fair
// share), stands in core/routing. One pass, nothing allocated: it runs before every choice.
import type { BreakerOptions } from "./breaker.ts";
import { ramp, readyInMs, standing, type Gate, type NewsState } from "./gate.ts";

/** The part of a candidate that resilience answers for. */
export interface Availability {
  available: boolean;
  /** Shut by a breaker or an operator: never chosen, not even in panic. */
  open: boolean;
  /** Share of its traffic that it may take while it recovers, above 0 up to 1. */
  ramp: number;
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
    if (stands === "needs") one.neededAt = now;
    candidate.open = stands !== "closed" && stands !== "ramp";
    candidate.available = !candidate.open && one.healthy;
    candidate.ramp = candidate.open ? 1 : Math.max(ramp(one, now, options), LEAST_RAMP);
  }
  return due;
}

/** A ramp of nothing would keep out for good what is only asked in order to find out. */
const LEAST_RAMP = 0.01;

/** The soonest that any of them could be asked again, ms from now, for an honest Retry-After. */
export function soonestMs(gates: readonly Gate[], news: NewsState, now: number): number {
  let soonest = Number.POSITIVE_INFINITY;
  for (const one of gates) soonest = Math.min(soonest, readyInMs(one, news, now));
  return soonest === Number.POSITIVE_INFINITY ? 0 : soonest;
}
