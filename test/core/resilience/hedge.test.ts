import { describe, expect, test } from "vitest";
import { hedgeDelayMs, hedgeTimes, observeAnswer } from "../../../worker/core/resilience/hedge.ts";

const NOW = 1_700_000_000_000;

describe("hedgeDelayMs", () => {
  test("is what the policy says, or never", () => {
    expect(hedgeDelayMs(hedgeTimes(), 100, NOW)).toBe(100);
    expect(hedgeDelayMs(hedgeTimes(), false, NOW)).toBe(Number.POSITIVE_INFINITY);
  });

  test("p95: nothing to speak of under a hundred answers, then within 2 % of the true one", () => {
    const times = hedgeTimes();
    for (let n = 1; n < 100; n++) observeAnswer(times, n * 10, NOW);
    expect(hedgeDelayMs(times, "p95", NOW)).toBe(Number.POSITIVE_INFINITY);
    observeAnswer(times, 1000, NOW);
    expect(hedgeDelayMs(times, "p95", NOW)).toBe(Number.POSITIVE_INFINITY); // read at most once a second
    expect(Math.abs(hedgeDelayMs(times, "p95", NOW + 1000) / 950 - 1)).toBeLessThanOrEqual(0.02);
  });

  test("forgets: after a minute without answers there is no percentile, and old ones give way to new", () => {
    const times = hedgeTimes();
    for (let n = 0; n < 200; n++) observeAnswer(times, 500, NOW);
    expect(hedgeDelayMs(times, "p95", NOW + 31_000)).toBeGreaterThan(400);
    for (let n = 0; n < 200; n++) observeAnswer(times, 20, NOW + 32_000);
    expect(hedgeDelayMs(times, "p95", NOW + 33_000)).toBeGreaterThan(400);
    for (let n = 0; n < 200; n++) observeAnswer(times, 20, NOW + 62_000);
    expect(hedgeDelayMs(times, "p95", NOW + 63_000)).toBeLessThan(25);
    expect(hedgeDelayMs(times, "p95", NOW + 200_000)).toBe(Number.POSITIVE_INFINITY);
  });

  test("a clock that steps back starts anew instead of standing still", () => {
    const times = hedgeTimes();
    for (let n = 0; n < 200; n++) observeAnswer(times, 500, NOW);
    expect(hedgeDelayMs(times, "p95", NOW)).toBeGreaterThan(400);
    for (let n = 0; n < 200; n++) observeAnswer(times, 20, NOW - 86_400_000);
    expect(hedgeDelayMs(times, "p95", NOW - 86_400_000 + 1000)).toBeLessThan(25);
  });
});
