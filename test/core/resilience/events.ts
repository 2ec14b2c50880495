// How long the property tests of this room run, and on what seed. A million events by default;
// `SLUICE_EVENTS=100000000` for the long run, `SLUICE_SEED=…` to see a failure again.
import { seededChance, type Chance } from "../../../worker/core/stats/chance.ts";

export const EVENTS = Number(process.env.SLUICE_EVENTS ?? 1_000_000);

/** A seeded generator whose seed is printed, so that a failure can be replayed. */
export function printedChance(of: string, events: number = EVENTS): { chance: Chance; seed: number } {
  const seed = Number(process.env.SLUICE_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`${of}: ${events.toLocaleString("en")} events, SLUICE_SEED=${seed}`);
  return { chance: seededChance(seed), seed };
}

/** Time enough for a property over that many events. */
export const LONG_MS = 20_000 + EVENTS / 50;

export const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;
