import { describe, expect, test } from "vitest";
import {
  changeRate,
  expectedStaleness,
  lifetimeFor,
  noHistory,
  visited,
  type ChangeHistory,
} from "../../../worker/core/cache/change-rate.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const MINUTE = 60_000;

/** Visits a resource that changes as a Poisson process, at irregular times. */
function observe(meanMs: number, visitMs: number, visits: number, dated: boolean, seed: number): ChangeHistory {
  const chance = seededChance(seed);
  const wait = (mean: number): number => -Math.log(1 - chance()) * mean;
  let history = noHistory;
  let nextChange = wait(meanMs);
  let now = 0;
  for (let n = 0; n < visits; n++) {
    const elapsedMs = wait(visitMs);
    now += elapsedMs;
    let changedAt: number | undefined;
    while (nextChange <= now) {
      changedAt = nextChange;
      nextChange += wait(meanMs);
    }
    const changed = changedAt !== undefined;
    history = visited(history, { elapsedMs, changed, ...(changed && dated ? { ageMs: now - changedAt! } : {}) });
  }
  return history;
}

describe("the estimator", () => {
  test.each([
    ["visited as often as it changes", 10 * MINUTE, 10 * MINUTE, false],
    ["visited more often", 10 * MINUTE, 3 * MINUTE, false],
    ["visited less often, without dates", 10 * MINUTE, 15 * MINUTE, false],
    ["visited much less often, with dates", 10 * MINUTE, 60 * MINUTE, true],
  ] as const)("finds the rate of a resource %s", (_, changes, visits, dated) => {
    const rates = Array.from(
      { length: 60 },
      (__, seed) => changeRate(observe(changes, visits, 32, dated, seed))! * changes,
    );
    const sorted = rates.toSorted((a, b) => a - b);
    expect(sorted[30]).toBeGreaterThan(0.8);
    expect(sorted[30]).toBeLessThan(1.25);
    expect(sorted[5]).toBeGreaterThan(0.45);
    expect(sorted[54]).toBeLessThan(1.9);
  });

  test("says nothing of three visits, and stays finite at both ends", () => {
    let never = noHistory;
    let always = noHistory;
    for (let n = 0; n < 3; n++) never = visited(never, { elapsedMs: MINUTE, changed: false });
    expect(changeRate(never)).toBeUndefined();
    for (let n = 0; n < 32; n++) {
      never = visited(never, { elapsedMs: MINUTE, changed: false });
      always = visited(always, { elapsedMs: MINUTE, changed: true });
    }
    expect(never.visits).toHaveLength(32);
    expect(changeRate(never)! * MINUTE).toBeCloseTo(0.5 / 32, 2);
    const rate = changeRate(always)! * MINUTE;
    expect(rate).toBeGreaterThan(2);
    expect(rate).toBeLessThan(10);
  });

  test("a visit that took no time tells nothing", () => {
    expect(visited(noHistory, { elapsedMs: 0, changed: true }).visits).toHaveLength(0);
  });
});

test.each([0.01, 0.05, 0.2, 0.5, 0.9])("a lifetime for a staleness of %d has just that", (target) => {
  const rate = 1 / (5 * MINUTE);
  const lifetimeMs = lifetimeFor(rate, target);
  expect(expectedStaleness(rate, lifetimeMs)).toBeCloseTo(target, 6);
  expect(expectedStaleness(rate, lifetimeMs * 1.1)).toBeGreaterThan(target);
});

test("measured: hits at random moments of the lifetime are outdated as often as was expected", () => {
  const chance = seededChance(7);
  const rate = 1 / (5 * MINUTE);
  const lifetimeMs = lifetimeFor(rate, 0.1);
  let outdated = 0;
  for (let n = 0; n < 20_000; n++) {
    const firstChange = -Math.log(1 - chance()) / rate;
    if (firstChange < chance() * lifetimeMs) outdated++;
  }
  expect(outdated / 20_000).toBeCloseTo(0.1, 1.7);
});

test("the ends", () => {
  expect(lifetimeFor(1, 0)).toBe(0);
  expect(lifetimeFor(1, 1)).toBe(Infinity);
});
