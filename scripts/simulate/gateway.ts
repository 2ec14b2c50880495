// What a contestant is: one isolate's way of choosing. Everything else (sending, deadlines, retries within one budget) is done
// by the same driver for all of them, so that scenarios compare choosing and nothing else.
import type { Outcome } from "../../worker/core/resilience/outcome.ts";
import type { Chance } from "../../worker/core/stats/chance.ts";
import type { Clock } from "./clock.ts";
import type { City } from "./places.ts";
import type { InstanceSetup } from "./scenario.ts";

/** Nobody may be asked: the breakers are open. */
export const NOBODY = -1;
/** Somebody could be asked, but those who stand have their share. */
export const SHED = -2;
/** Ask again when `Balancer.settled` calls, or when its patience is over. */
export const WAIT = -3;

/** One isolate of a contestant. */
export interface Balancer {
  /** Index of the instance for a request's next attempt, none of `tried`, or one of the refusals. `waited`: after WAIT. */
  pick(tried: readonly number[], waited: boolean): number;
  /** Whether `pick` could find somebody who is not in `tried`. */
  hasOthers(tried: readonly number[]): boolean;
  /** The attempt is on its way; the ticket comes back with its end. */
  sent(instance: number): number;
  ended(instance: number, ticket: number, outcome: Outcome, tookMs: number): void;
  /** What pick's WAIT waits for at most, ms, and where to be called when it is over. */
  readonly patienceMs?: number;
  whenSettled?(call: () => void): void;
}

/** What an isolate knows when it begins. */
export interface Surroundings {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly instances: readonly InstanceSetup[];
  /** For each instance: its city's rank by nearness from this isolate, 0 for the nearest. Equal cities have equal ranks. */
  readonly ranks: readonly number[];
  /** Time there and back to each instance's city, ms, as known from a map. */
  readonly roundTrips: readonly number[];
  /** Which isolate: its number, and where it stands. */
  readonly isolate: number;
  readonly city: City;
}

export interface Contestant {
  readonly name: string;
  /** For the table's notes: what it is after. */
  readonly source: string;
  /** One run: what all its isolates share, such as objects. */
  begin(clock: Clock, chance: Chance): Run;
}

export interface Run {
  balancer(surroundings: Surroundings): Balancer;
  /** Calls made to objects so far. */
  readonly objectCalls: number;
}
