// How many requests of one caller are under way at once, everywhere together. Each isolate says how many places it wants
// to hold from now on, in place of what it held: said twice, it changes nothing. What is not said again ends by itself, so
// that an isolate that is gone holds nothing for long.
import type { HoldAnswer, HoldAsk } from "../protocol/limiter.ts";

export interface Held {
  readonly places: number;
  /** Epoch ms. */
  readonly endsAt: number;
}
/** By isolate. */
export type HeldPlaces = Readonly<Record<string, Held>>;

export function hold(before: HeldPlaces, ask: Omit<HoldAsk, "limit" | "who">, now: number): [HeldPlaces, HoldAnswer] {
  const standing = Object.entries(before).filter(([isolate, held]) => held.endsAt > now && isolate !== ask.isolate);
  const others = standing.reduce((sum, [, { places }]) => sum + places, 0);
  const own = before[ask.isolate];
  const held = own !== undefined && own.endsAt > now ? own.places : 0;
  // A limit that was lowered takes no place away from a request under way.
  const places = Math.max(Math.min(ask.places, held), Math.min(ask.places, ask.most - others));
  const next = places > 0 ? [...standing, [ask.isolate, { places, endsAt: now + ask.lifeMs }] as const] : standing;
  return [Object.fromEntries(next), { places }];
}
