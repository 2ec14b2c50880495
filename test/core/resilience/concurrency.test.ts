import { describe, expect, test } from "vitest";
import {
  enter,
  hasRoom,
  leave,
  limiter,
  type ConcurrencyOptions,
  type Limiter,
} from "../../../worker/core/resilience/concurrency.ts";
import type { Outcome } from "../../../worker/core/resilience/outcome.ts";
import { EVENTS, LONG_MS, pick, printedChance } from "./events.ts";

const ADAPTIVE: ConcurrencyOptions = {
  algorithm: "gradient2",
  initial: 20,
  min: 1,
  max: 200,
  ewmaAlpha: 0.1,
  tolerance: 1.5,
  shrinkOverErrorRate: 0.1,
};
const NOW = 1_700_000_000_000;

/**
 * An upstream that works on `workers` requests at once, `serviceMs` each, and queues the rest, under as many clients as
 * the limiter lets in. Returns the limit after `seconds`.
 */
function load(
  of: Limiter,
  given: { workers: number; serviceMs: number; seconds: number; from?: number; outcome?: Outcome },
) {
  const { workers, serviceMs, seconds, from = NOW, outcome = "ok" } = given;
  let now = from;
  while (now < from + seconds * 1000) {
    while (enter(of));
    // A closed loop in its steady state: with n inside, an answer takes as long as n / workers rounds.
    const inside = of.inFlight;
    const answerMs = serviceMs * Math.max(1, inside / workers);
    now += answerMs;
    for (let n = 0; n < inside; n++) leave(of, outcome, answerMs, now, ADAPTIVE);
  }
  return { limit: of.limit, now };
}

describe("fixed", () => {
  const FIXED: ConcurrencyOptions = { algorithm: "fixed", max: 50 };

  test("A21: of 200 at once exactly 50 enter", () => {
    const of = limiter(FIXED);
    const entered = Array.from({ length: 200 }, () => enter(of)).filter(Boolean);
    expect([entered.length, of.inFlight, hasRoom(of)]).toEqual([50, 50, false]);
    leave(of, "ok", 5, NOW, FIXED);
    expect([hasRoom(of), enter(of), enter(of)]).toEqual([true, true, false]);
  });

  test("nothing changes it", () => {
    const of = limiter(FIXED);
    for (let n = 0; n < 1000; n++) {
      enter(of);
      leave(of, "failed", 30_000, NOW + n * 100, FIXED);
    }
    expect(of.limit).toBe(50);
  });
});

describe("gradient2", () => {
  test("grows while answers take no longer, up to its maximum", () => {
    expect(load(limiter(ADAPTIVE), { workers: 1000, serviceMs: 50, seconds: 120 }).limit).toBe(200);
  });

  test("stays near what the upstream can do at once, instead of filling its queue", () => {
    const { limit } = load(limiter(ADAPTIVE), { workers: 40, serviceMs: 50, seconds: 60 });
    expect(limit).toBeGreaterThan(30);
    expect(limit).toBeLessThan(120);
  });

  test("follows an upstream that has become slower, and comes back with it", () => {
    const of = limiter(ADAPTIVE);
    const well = load(of, { workers: 100, serviceMs: 20, seconds: 30 });
    const ill = load(of, { workers: 10, serviceMs: 20, seconds: 30, from: well.now });
    expect(ill.limit).toBeLessThan(well.limit / 2);
    const again = load(of, { workers: 100, serviceMs: 20, seconds: 60, from: ill.now });
    expect(again.limit).toBeGreaterThan(well.limit * 0.8);
  });

  test("does not grow where the limit is not what holds the traffic back", () => {
    const of = limiter(ADAPTIVE);
    for (let n = 0; n < 2000; n++) {
      enter(of);
      leave(of, "ok", 10, NOW + n * 10, ADAPTIVE);
    }
    expect(of.limit).toBe(20);
  });

  test("A10: shrinks on errors over 10 %, not on 5 %, and never under its minimum", () => {
    for (const [each, shrinks] of [
      [5, true],
      [20, false],
    ] as const) {
      const of = limiter(ADAPTIVE);
      for (let n = 0; n < 400; n++) {
        for (let m = 0; m < 10; m++) enter(of);
        for (let m = 0; m < 10; m++)
          leave(of, (n * 10 + m) % each === 0 ? "failed" : "ok", 10, NOW + n * 200, ADAPTIVE);
      }
      expect(of.limit < 20).toBe(shrinks);
    }
    expect(load(limiter(ADAPTIVE), { workers: 100, serviceMs: 20, seconds: 60, outcome: "limited" }).limit).toBe(1);
  });

  test("calls that were given up say nothing", () => {
    const of = limiter(ADAPTIVE);
    for (let n = 0; n < 1000; n++) {
      enter(of);
      leave(of, "cancelled", 5000, NOW + n * 10, ADAPTIVE);
    }
    expect(of).toMatchObject({ limit: 20, errorRate: 0, longMs: 0, inFlight: 0 });
  });

  test("one slow answer among fast ones is no trend", () => {
    const of = limiter(ADAPTIVE);
    load(of, { workers: 1000, serviceMs: 20, seconds: 5 });
    const before = of.limit;
    for (let n = 0; n < 40; n++) enter(of);
    for (let n = 0; n < 40; n++) leave(of, "ok", n === 7 ? 200 : 20, NOW + 5000 + n * 10, ADAPTIVE);
    expect(of.limit).toBeGreaterThanOrEqual(before);
  });
});

test(
  "property: never more inside than the limit, the limit always within its bounds, places are never lost",
  () => {
    const { chance } = printedChance("limiter");
    const of = limiter(ADAPTIVE);
    let now = NOW;
    let inside = 0;
    for (let n = 0; n < EVENTS; n++) {
      now += Math.floor(chance() * 20);
      if (chance() < 0.55) {
        const could = hasRoom(of);
        const entered = enter(of);
        if (entered) inside++;
        if (entered !== could) throw new Error("hasRoom() foretells enter()");
        if (entered && inside > of.limit) throw new Error("more inside than the limit");
      } else if (inside > 0) {
        inside--;
        const ms = chance() < 0.05 ? chance() * 20_000 : chance() * 50;
        leave(
          of,
          pick<Outcome>(chance, ["ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "failed", "cancelled"]),
          ms,
          now,
          ADAPTIVE,
        );
      }
      if (of.inFlight !== inside) throw new Error("a place was lost");
      if (!(of.limit >= 1 && of.limit <= 200)) throw new Error(`limit ${of.limit}`);
    }
    while (inside-- > 0) leave(of, "ok", 10, now, ADAPTIVE);
    expect(of.inFlight).toBe(0);
  },
  LONG_MS,
);
