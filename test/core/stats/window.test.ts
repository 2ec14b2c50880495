import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, clear, copyWindow, count, recent, rollingWindow, total } from "../../../worker/core/stats/window.ts";

const NOW = 1_700_000_000_000;

describe("RollingWindow", () => {
  test("a bucket falls out after the window's length, not before", () => {
    const window = rollingWindow(10_000, 10, 2);
    advance(window, NOW);
    count(window, 0);
    count(window, 1, 5);
    advance(window, NOW + 9_999);
    expect([total(window, 0), total(window, 1)]).toEqual([1, 5]);
    advance(window, NOW + 10_000);
    expect([total(window, 0), total(window, 1)]).toEqual([0, 0]);
  });

  test("an idle gap clears everything and says so, once", () => {
    const window = rollingWindow(10_000, 10, 1);
    expect(advance(window, NOW)).toBe(true);
    count(window, 0);
    expect(advance(window, NOW + 1)).toBe(false);
    expect(advance(window, NOW + 9_000)).toBe(false);
    expect(advance(window, NOW + 3_600_000)).toBe(true);
    expect(total(window, 0)).toBe(0);
    expect(advance(window, NOW + 3_600_000)).toBe(false);
  });

  test("recent reads the newest buckets only", () => {
    const window = rollingWindow(10_000, 10, 1);
    for (let second = 0; second < 5; second++) {
      advance(window, NOW + second * 1000);
      count(window, 0, second + 1);
    }
    expect([1, 2, 5, 10, 99].map((buckets) => recent(window, 0, buckets))).toEqual([5, 9, 15, 15, 15]);
  });

  test("a clock that steps back counts on; one from another machine starts anew", () => {
    const window = rollingWindow(10_000, 10, 1);
    advance(window, NOW);
    count(window, 0);
    advance(window, NOW - 3000);
    count(window, 0);
    expect(total(window, 0)).toBe(2);
    advance(window, NOW - 86_400_000);
    expect(total(window, 0)).toBe(0);
    count(window, 0);
    advance(window, NOW - 86_400_000 + 9000);
    expect(total(window, 0)).toBe(1);
  });

  test("survives JSON, and a copy shares nothing", () => {
    const window = rollingWindow(10_000, 10, 1);
    advance(window, NOW);
    count(window, 0, 3);
    const stored = JSON.parse(JSON.stringify(window)) as typeof window;
    expect(stored).toEqual(window);
    const copy = copyWindow(window);
    clear(window);
    expect([total(window, 0), total(copy, 0)]).toEqual([0, 3]);
  });

  test("holds exactly what a list of all events would say", () => {
    const events = fc.array(fc.tuple(fc.nat(3000), fc.nat(2), fc.integer({ min: 1, max: 9 })), { maxLength: 60 });
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 12 }), (steps, buckets) => {
        const window = rollingWindow(buckets * 700, buckets, 3);
        const seen: { bucket: number; field: number; amount: number }[] = [];
        let now = NOW;
        for (const [gapMs, field, amount] of steps) {
          now += gapMs;
          advance(window, now);
          count(window, field, amount);
          const newest = Math.floor(now / 700);
          seen.push({ bucket: newest, field, amount });
          const within = (most: number) =>
            seen.reduce((sum, one) => sum + (one.field === field && one.bucket > newest - most ? one.amount : 0), 0);
          expect(total(window, field)).toBe(within(buckets));
          expect(recent(window, field, 2)).toBe(within(Math.min(2, buckets)));
        }
      }),
    );
  });
});
