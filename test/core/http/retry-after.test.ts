import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { httpDate } from "../../../worker/core/http/date.ts";
import { parseRetryAfter, retryAfterSeconds, spreadOut } from "../../../worker/core/http/retry-after.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const NOW = Date.UTC(2026, 10, 21);
const A_YEAR_MS = 31_536_000_000;

describe("parseRetryAfter", () => {
  it.each([
    ["2", null, 2000],
    ["0", null, 0],
    [" 30 ", null, 30_000],
    ["1.5", null, 1500],
    ["120", null, 120_000],
    ["9".repeat(400), null, A_YEAR_MS],
    [httpDate(NOW + 5000), null, 5000],
    [httpDate(NOW - 5000), null, 0],
    [httpDate(NOW + 86_400_000), null, 86_400_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", null, 0],
    ["Sat Nov 21 00:00:30 2026", null, 30_000],
    [null, "250", 250],
    ["7", "250.5", 250.5],
    ["7", "x", 7000],
    ["7", "", 7000],
    [null, "9".repeat(400), A_YEAR_MS],
    [null, null, -1],
    ["", null, -1],
    ["-1", null, -1],
    ["+1", null, -1],
    ["1e3", null, -1],
    ["1.", null, -1],
    [".5", null, -1],
    ["1.2.3", null, -1],
    ["soon", null, -1],
    ["0x10", null, -1],
    ["2 seconds", null, -1],
    ["Sun, 06 Nov 1994", null, -1],
    ["Foo, 99 Bar 1994 08:49:37 GMT", null, -1],
    ["2026-11-21T00:00:00Z", null, -1],
  ])("Retry-After %j, retry-after-ms %j: %d ms", (seconds, ms, expected) => {
    expect(parseRetryAfter(seconds, ms, NOW)).toBe(expected);
  });

  it("never throws, never answers less than -1", () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string()), (seconds, millis) => {
        expect(parseRetryAfter(seconds, millis, NOW)).toBeGreaterThanOrEqual(-1);
      }),
    );
  });
});

it.each([
  [0, 1],
  [1, 1],
  [1000, 1],
  [1001, 2],
  [59_999, 60],
  [Number.POSITIVE_INFINITY, 31_536_000],
])("%d ms are %d seconds", (ms, seconds) => expect(retryAfterSeconds(ms)).toBe(seconds));

describe("spreadOut", () => {
  it("is whole seconds, at least 1, never sooner than the wait, at most half as long again and a second", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer(), (waitMs, seed) => {
        const seconds = spreadOut(waitMs, seededChance(seed)) / 1000;
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(Math.max(1, waitMs / 1000));
        expect(seconds).toBeLessThanOrEqual(Math.max(1, Math.ceil(waitMs / 1000)) * 1.5 + 1);
      }),
    );
  });

  it("spreads: a thousand clients turned away together do not come back together", () => {
    const chance = seededChance(1);
    const said = new Map<number, number>();
    for (let n = 0; n < 1000; n++) {
      const ms = spreadOut(8000, chance);
      said.set(ms, (said.get(ms) ?? 0) + 1);
    }
    expect([...said.keys()].toSorted((a, b) => a - b)).toEqual([8000, 9000, 10_000, 11_000, 12_000]);
    for (const clients of said.values()) expect(clients).toBeLessThan(300);
  });
});
