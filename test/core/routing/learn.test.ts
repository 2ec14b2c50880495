import { describe, expect, test } from "vitest";
import fc from "fast-check";
import {
  EXPERTS,
  addTally,
  learnState,
  learnStep,
  meritOf,
  observe,
  revert,
  rewardOf,
  tally,
} from "../../../worker/core/routing/learn.ts";
import type { LearnState } from "../../../worker/core/routing/learn.ts";
import { EXPERT_LOAD, EXPERT_PERFORMANCE } from "../../../worker/core/routing/strategy.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { routing } from "./defaults.ts";

const { adaptive } = routing;
const START = { performance: 0.4, load: 0.3, proximity: 0.2, adaptive: 0.1 };
const minutes = (n: number): number => n * 60_000;

/** A period in which answer times were right and load was wrong, or the other way round. */
function period(state: LearnState, right: number, wrong: number, level = 0.5, seed = 1): LearnState {
  const chance = seededChance(seed);
  const sum = tally();
  for (let n = 0; n < 2000; n++) {
    const followed = chance() < 0.7;
    const reward = level + (followed ? 0.1 : -0.1) + (chance() - 0.5) * 0.1;
    observe(sum, followed ? right : wrong, followed ? wrong : right, reward);
  }
  addTally(state.tally, sum);
  return state;
}

test("begins with the seed's mix, and nothing happens before five minutes", () => {
  const state = period(learnState("users", adaptive, 0), EXPERT_PERFORMANCE, EXPERT_LOAD);
  expect(state.mix).toEqual(START);
  expect(learnStep(state, minutes(5) - 1, adaptive)).toBe(state);
});

test("an answer is worth nothing when it failed, half when typical", () => {
  expect([rewardOf(false, 1, 100), rewardOf(true, 100, 100), rewardOf(true, 300, 100), rewardOf(true, 5, 0)]).toEqual([
    0, 0.5, 0.25, 0.5,
  ]);
});

test("merit needs evidence on both sides", () => {
  expect(meritOf({ agreed: 50, agreedReward: 40, opposed: 50, opposedReward: 10 })).toBeCloseTo(0.6, 10);
  expect(meritOf({ agreed: 5000, agreedReward: 4000, opposed: 49, opposedReward: 0 })).toBe(0);
});

describe("analysis", () => {
  test("moves the mix towards who was right, by a step at most, and records it", () => {
    const before = period(learnState("users", adaptive, 0), EXPERT_PERFORMANCE, EXPERT_LOAD);
    const after = learnStep(before, minutes(5), adaptive);
    expect(after.mix.performance).toBeGreaterThan(0.4);
    expect(after.mix.load).toBeLessThan(0.3);
    for (const expert of EXPERTS) expect(Math.abs(after.mix[expert] - START[expert])).toBeLessThanOrEqual(0.05 + 1e-9);
    expect(after.records).toHaveLength(1);
    expect(after.records[0]).toMatchObject({
      id: 1,
      kind: "mix",
      service: "users",
      before: START,
      after: after.mix,
      appliedAt: minutes(5),
      effectiveness: null,
    });
    expect(after.records[0]!.expectedImprovement).toBeGreaterThan(0);
    expect(after.records[0]!.confidence).toBeGreaterThan(0);
    expect(after.records[0]!.confidence).toBeLessThan(1);
    expect(after.tally.choices).toBe(0);
    expect(before.mix).toEqual(START); // a step, not a change in place
  });

  test("measures what the last change brought, and takes back one that made answers worse", () => {
    let state = learnStep(
      period(learnState("users", adaptive, 0), EXPERT_PERFORMANCE, EXPERT_LOAD, 0.6),
      minutes(5),
      adaptive,
    );
    const good = learnStep(
      period(structuredClone(state), EXPERT_PERFORMANCE, EXPERT_LOAD, 0.65, 2),
      minutes(10),
      adaptive,
    );
    expect(good.records[0]!.effectiveness).toBeCloseTo(0.05, 1);
    expect(good.records.at(-1)!.kind).toBe("mix");
    state = learnStep(period(state, EXPERT_PERFORMANCE, EXPERT_LOAD, 0.4, 3), minutes(10), adaptive);
    expect(state.records[0]!.effectiveness).toBeLessThan(-0.1);
    expect(state.records.at(-1)).toMatchObject({ kind: "revert", after: START });
    expect(state.mix).toEqual(START);
  });

  test("an operator may take any change back; unknown ones change nothing", () => {
    let state = learnState("users", adaptive, 0);
    for (let n = 1; n <= 3; n++)
      state = learnStep(period(state, EXPERT_PERFORMANCE, EXPERT_LOAD, 0.5, n), minutes(5 * n), adaptive);
    const second = state.records[1]!;
    expect(revert(state, second.id, minutes(16)).mix).toEqual(second.before);
    expect(revert(state, 999, minutes(16))).toBe(state);
  });

  test("is off when the policy says so, and waits when there was hardly any traffic", () => {
    const state = period(learnState("users", adaptive, 0), EXPERT_PERFORMANCE, EXPERT_LOAD);
    expect(learnStep(state, minutes(60), { ...adaptive, learn: false })).toBe(state);
    const quiet = learnStep(learnState("users", adaptive, 0), minutes(60), adaptive);
    expect(quiet.mix).toEqual(START);
    expect(quiet.records).toEqual([]);
    expect(quiet.analysedAt).toBe(minutes(60));
  });

  test("stays within its bounds whatever comes in: sums to 1, no weight under its least, records bounded", () => {
    const verdict = fc.record({
      right: fc.integer({ min: 0, max: 15 }),
      wrong: fc.integer({ min: 0, max: 15 }),
      level: fc.double({ min: 0.2, max: 0.8, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(verdict, { minLength: 1, maxLength: 70 }), (periods) => {
        let state = learnState("users", adaptive, 0);
        periods.forEach(({ right, wrong, level }, n) => {
          const sum = state.tally;
          for (let i = 0; i < 120; i++)
            observe(sum, i % 2 ? right : wrong & ~right, i % 2 ? wrong & ~right : right, i % 2 ? level : 0);
          const before = state.mix;
          state = learnStep(state, minutes(5 * (n + 1)), adaptive);
          const reverted = state.records.at(-1)?.kind === "revert";
          for (const expert of EXPERTS) {
            expect(state.mix[expert]).toBeGreaterThanOrEqual(0.05 - 1e-9);
            if (!reverted) expect(Math.abs(state.mix[expert] - before[expert])).toBeLessThanOrEqual(0.05 + 1e-9);
          }
          expect(EXPERTS.reduce((total, expert) => total + state.mix[expert], 0)).toBeCloseTo(1, 9);
        });
        expect(state.records.length).toBeLessThanOrEqual(50);
      }),
      { numRuns: 50 },
    );
  });

  test("a way of looking that the policy gives no weight never gets any", () => {
    const start = { performance: 0.7, load: 0.3, proximity: 0, adaptive: 0 };
    let state = learnState("users", start, 0);
    for (let n = 1; n <= 10; n++)
      state = learnStep(period(state, EXPERT_PERFORMANCE | 12, EXPERT_LOAD, 0.5, n), minutes(5 * n), adaptive);
    expect(state.mix.proximity).toBe(0);
    expect(state.mix.adaptive).toBe(0);
    expect(state.mix.load).toBeCloseTo(0.05, 5);
  });
});
