import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { parseRetryAfter, retryAfterSeconds } from "../../../worker/core/resilience/retry-after.ts";

const NOW = Date.UTC(1994, 10, 6, 8, 49, 7);

describe("parseRetryAfter", () => {
  test.each([
    ["2", null, 2000],
    ["0", null, 0],
    ["120", null, 120_000],
    ["1.5", null, 1500],
    ["Sun, 06 Nov 1994 08:49:37 GMT", null, 30_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", null, 30_000],
    ["Sun Nov  6 08:49:37 1994", null, 30_000],
    ["Sun, 06 Nov 1994 08:00:00 GMT", null, 0],
    [null, "250", 250],
    ["2", "250.5", 250.5],
    ["2", "soon", 2000],
    ["9".repeat(400), null, 31_536_000_000],
    [null, null, -1],
    ["", null, -1],
    ["-5", null, -1],
    ["soon", null, -1],
    ["2 seconds", null, -1],
    ["Sun, 06 Nov 1994", null, -1],
    ["Foo, 99 Bar 1994 08:49:37 GMT", null, -1],
    ["2026-11-21T00:00:00Z", null, -1],
  ])("Retry-After %j, retry-after-ms %j: %d ms", (seconds, millis, expected) => {
    expect(parseRetryAfter(seconds, millis, NOW)).toBe(expected);
  });

  test("never throws, never answers less than -1", () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string()), (seconds, millis) => {
        expect(parseRetryAfter(seconds, millis, NOW)).toBeGreaterThanOrEqual(-1);
      }),
    );
  });
});

describe("retryAfterSeconds", () => {
  test("is a whole number, at least 1, never sooner than the wait, at most half as long again and a second", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer(), (readyInMs, seed) => {
        const seconds = retryAfterSeconds(readyInMs, seededChance(seed));
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(Math.max(1, readyInMs / 1000));
        expect(seconds).toBeLessThanOrEqual(Math.max(1, Math.ceil(readyInMs / 1000)) * 1.5 + 1);
      }),
    );
  });

  test("spreads: a thousand clients turned away together do not come back together", () => {
    const chance = seededChance(1);
    const said = new Map<number, number>();
    for (let n = 0; n < 1000; n++) {
      const seconds = retryAfterSeconds(8000, chance);
      said.set(seconds, (said.get(seconds) ?? 0) + 1);
    }
    expect([...said.keys()].toSorted((a, b) => a - b)).toEqual([8, 9, 10, 11, 12]);
    for (const clients of said.values()) expect(clients).toBeLessThan(300);
  });

  test("a wait without end still says something a client can use", () => {
    expect(retryAfterSeconds(Number.POSITIVE_INFINITY, () => 0)).toBe(31_536_000);
  });
});
