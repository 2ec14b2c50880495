import { describe, expect, test } from "vitest";
import {
  earn,
  finished,
  Hotness,
  judge,
  precision,
  refreshAheadMs,
  spend,
  warmLedger,
  type WarmOptions,
} from "../../../worker/core/cache/warmth.ts";

const OPTIONS: WarmOptions = {
  hotOver: 5,
  hotWindowSeconds: 300,
  maxConcurrent: 3,
  trafficShare: 0.05,
  minimumPrecision: 0.2,
  history: 1000,
};
const START = 1_800_000_000_000;

describe("hot patterns", () => {
  test("the sixth request within five minutes makes a key hot", () => {
    const hotness = new Hotness();
    const hot = Array.from({ length: 6 }, (_, n) => hotness.saw("a", START + n * 10_000, OPTIONS));
    expect(hot).toEqual([false, false, false, false, false, true]);
    expect(hotness.hot(START + 60_000, OPTIONS)).toEqual([["a", 6]]);
  });

  test("what was asked for earlier counts no more", () => {
    const hotness = new Hotness();
    for (let n = 0; n < 6; n++) hotness.saw("a", START, OPTIONS);
    expect(hotness.count("a")).toBe(6);
    expect(hotness.hot(START + 301_000, OPTIONS)).toEqual([]);
    expect(hotness.saw("a", START + 302_000, OPTIONS)).toBe(false);
    expect(hotness.count("a")).toBe(1);
  });

  test("one request a minute is five in five minutes: not hot", () => {
    const hotness = new Hotness();
    for (let n = 0; n < 60; n++) expect(hotness.saw("a", START + n * 60_000, OPTIONS)).toBe(false);
  });

  test("the number of keys is bounded", () => {
    const hotness = new Hotness();
    const options = { ...OPTIONS, history: 10 };
    for (let n = 0; n < 100; n++) hotness.saw(`k${n}`, START, options);
    expect(hotness.count("k89")).toBe(0);
    expect(hotness.count("k90")).toBe(1);
  });
});

test.each([
  [5_000, 1_000],
  [60_000, 6_000],
  [3_600_000, 30_000],
])("an entry of %i ms is fetched again %i ms before its end", (lifetimeMs, ahead) => {
  expect(refreshAheadMs(lifetimeMs)).toBe(ahead);
});

describe("the budget", () => {
  test("at most three at once", () => {
    const ledger = { ...warmLedger(), credit: 10 };
    expect([1, 2, 3, 4].map(() => spend(ledger, true, START, OPTIONS))).toEqual([true, true, true, false]);
    finished(ledger);
    expect(spend(ledger, true, START, OPTIONS)).toBe(true);
  });

  test("a share of real traffic, and no more", () => {
    const ledger = { ...warmLedger(), credit: 0 };
    let spent = 0;
    for (let n = 0; n < 10_000; n++) {
      earn(ledger, OPTIONS);
      if (spend(ledger, true, START, OPTIONS)) {
        spent++;
        finished(ledger);
      }
    }
    expect(spent).toBeGreaterThan(490);
    expect(spent).toBeLessThanOrEqual(500);
  });
});

describe("paying", () => {
  test("what is used less than one time in five switches itself off, then tries again, and rests longer", () => {
    const ledger = { ...warmLedger(), credit: 10 };
    for (let n = 0; n < 25; n++) judge(ledger, n % 10 === 0, START, OPTIONS);
    expect(ledger.offUntil).toBe(START + 600_000);
    expect(spend(ledger, true, START + 1, OPTIONS)).toBe(false);
    // A hot key is no guess.
    expect(spend(ledger, false, START + 1, OPTIONS)).toBe(true);
    expect(spend(ledger, true, START + 600_000, OPTIONS)).toBe(true);
    const later = START + 600_000;
    for (let n = 0; n < 25; n++) judge(ledger, false, later, OPTIONS);
    expect(ledger.offUntil).toBe(later + 1_200_000);
  });

  test("what is used goes on, and its precision is told", () => {
    const ledger = warmLedger();
    expect(precision(ledger)).toBe(1);
    for (let n = 0; n < 100; n++) judge(ledger, n % 2 === 0, START, OPTIONS);
    expect(ledger.offUntil).toBe(0);
    expect(precision(ledger)).toBeCloseTo(0.5, 1);
    expect(ledger).toMatchObject({ used: 50, unused: 50 });
  });
});
