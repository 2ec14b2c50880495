import { describe, expect, it, test } from "vitest";
import {
  hasAnswered,
  hasFailed,
  isProven,
  longestNewsRestMs,
  newsPatienceMs,
  reliability,
  reportWaitMs,
} from "../../../worker/core/protocol/pace.ts";

const NOW = 1_700_000_000_000;

test.each([
  ["a second after the last one", 0, 1_000, 0.5, 1_000],
  ["what is left of it", 700, 1_000, 0.5, 300],
  ["a fifth less", 0, 1_000, 0, 800],
  ["a fifth more", 0, 1_000, 1, 1_200],
  ["soon after an idle time, but not before its request has ended", 60_000, 1_000, 0.5, 100],
  ["soon before the first", Number.POSITIVE_INFINITY, 1_000, 0.5, 100],
  ["never longer than a request may live in the background", 0, 50_000, 0.5, 20_000],
])("a report waits: %s", (_, sinceMs, intervalMs, draw, waitMs) => {
  expect(reportWaitMs(sinceMs, intervalMs, () => draw)).toBeCloseTo(waitMs, 6);
});

describe("patience with the region", () => {
  it("is 100 ms for who asks and, once it has answered, for all who come; 50 ms for others before", () => {
    expect([newsPatienceMs(true, false, 0), newsPatienceMs(false, true, 0), newsPatienceMs(false, false, 0)]).toEqual([
      100, 100, 50,
    ]);
  });

  it("shrinks with every failure in a row, down to none", () => {
    const waits = [0, 1, 2, 3, 4, 5].map((failures) => newsPatienceMs(true, false, failures));
    expect(waits).toEqual([100, 25, 6.25, 1.5625, 0, 0]);
  });
});

describe("rest", () => {
  it("comes after five failures in a row: 5 s, doubling to 60 s, and one answer ends it all", () => {
    const region = reliability();
    expect(isProven(region)).toBe(false);
    hasAnswered(region);
    expect(isProven(region)).toBe(true);
    let now = NOW;
    const rests: number[] = [];
    for (let failures = 0; failures < 10; failures++) {
      hasFailed(region, now);
      if (region.restUntil > now) rests.push(region.restUntil - now);
      now = Math.max(now, region.restUntil);
    }
    expect(rests).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(isProven(region)).toBe(false);
    hasAnswered(region);
    expect([isProven(region), region.failuresInARow, region.rests]).toEqual([true, 0, 0]);
  });

  it("is no longer than news is good, or than ordinary reports are apart, where an operator's word comes from", () => {
    for (const [intervalMs, longestMs] of [
      [0, 5_000],
      [1_000, 5_000],
      [12_000, 12_000],
      [90_000, 60_000],
    ] as const) {
      const region = reliability();
      let now = NOW;
      let rest = 0;
      for (let failures = 0; failures < 20; failures++) {
        hasFailed(region, now, undefined, longestNewsRestMs(intervalMs));
        rest = region.restUntil - now;
        now = Math.max(now, region.restUntil);
      }
      expect(rest).toBe(longestMs);
    }
  });

  it("is not made longer by calls that were under way together", () => {
    const region = reliability();
    for (let failures = 0; failures < 30; failures++) hasFailed(region, NOW);
    expect(region.restUntil).toBe(NOW + 5_000);
  });
});
