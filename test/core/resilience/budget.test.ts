import { describe, expect, test } from "vitest";
import { deposit, retryBudget, withdraw } from "../../../worker/core/resilience/budget.ts";
import { EVENTS, LONG_MS, printedChance } from "./events.ts";

const OPTIONS = { retryBudget: 0.2, retryFloor: 3, budgetWindowMs: 10_000 };
const NOW = 1_700_000_000_000;

describe("retryBudget", () => {
  test("A12: 50 requests a second for 20 s, all wanting two more tries: at most 200 + 60 and what it began with", () => {
    for (const idleMs of [0, 60_000]) {
      const budget = retryBudget(OPTIONS);
      deposit(budget, NOW - idleMs - 1, OPTIONS);
      let sent = 0;
      for (let n = 0; n < 1000; n++) {
        const now = NOW + n * 20;
        deposit(budget, now, OPTIONS);
        sent++;
        for (let again = 0; again < 2; again++) if (withdraw(budget, now, OPTIONS)) sent++;
      }
      expect(sent).toBeLessThanOrEqual(1000 * 1.2 + 60 + 4);
      expect(sent).toBeGreaterThanOrEqual(1000 * 1.2 + 55);
    }
  });

  test("a quiet service can retry its one request, and does not save up for a burst", () => {
    const budget = retryBudget(OPTIONS);
    deposit(budget, NOW, OPTIONS);
    expect([1, 2, 3, 4].map(() => withdraw(budget, NOW, OPTIONS))).toEqual([true, true, true, false]);
    deposit(budget, NOW + 3_600_000, OPTIONS);
    expect([1, 2, 3, 4].map(() => withdraw(budget, NOW + 3_600_000, OPTIONS))).toEqual([true, true, true, false]);
  });

  test("what was earned more than the window ago is forgotten", () => {
    const budget = retryBudget(OPTIONS);
    for (let n = 0; n < 1000; n++) deposit(budget, NOW + n, OPTIONS);
    expect(budget.tokens).toBeGreaterThan(200);
    let taken = 0;
    while (withdraw(budget, NOW + 12_000, OPTIONS)) taken++;
    expect(taken).toBe(3);
  });

  test("no floor, no share: no further tries", () => {
    const none = { retryBudget: 0, retryFloor: 0, budgetWindowMs: 10_000 };
    const budget = retryBudget(none);
    for (let n = 0; n < 100; n++) deposit(budget, NOW + n, none);
    expect(withdraw(budget, NOW + 5000, none)).toBe(false);
  });

  test("a fifth of five requests is one whole try", () => {
    const fifth = { ...OPTIONS, retryFloor: 0 };
    const budget = retryBudget(fifth);
    for (let n = 0; n < 5; n++) deposit(budget, NOW, fifth);
    expect([withdraw(budget, NOW, fifth), withdraw(budget, NOW, fifth)]).toEqual([true, false]);
  });

  test("a clock that steps back earns nothing", () => {
    const budget = retryBudget(OPTIONS);
    deposit(budget, NOW, OPTIONS);
    while (withdraw(budget, NOW, OPTIONS));
    expect(withdraw(budget, NOW - 5000, OPTIONS)).toBe(false);
    expect(withdraw(budget, NOW + 100, OPTIONS)).toBe(false);
  });
});

test(
  "property: it never holds more than was earned, nor more than its window's share and the floor",
  () => {
    const { chance } = printedChance("retry budget");
    const budget = retryBudget(OPTIONS);
    const requests: number[] = [];
    let now = NOW;
    let settledAt = 0;
    for (let n = 0; n < EVENTS; n++) {
      if (chance() < 0.3) now += chance() < 0.001 ? Math.floor(chance() * 60_000) : Math.floor(chance() * 30);
      const before = budget.tokens;
      // What step by step never exceeds what it earns cannot do so over any stretch: that is A12.
      let most = before + (settledAt === 0 ? 0 : (OPTIONS.retryFloor * (now - settledAt)) / 1000);
      if (chance() < 0.6) {
        deposit(budget, now, OPTIONS);
        requests.push(now);
        most += OPTIONS.retryBudget;
      } else if (withdraw(budget, now, OPTIONS)) most = Math.max(0, most - 1);
      settledAt = now;
      while (requests.length > 0 && requests[0]! <= now - OPTIONS.budgetWindowMs) requests.shift();
      const cap = OPTIONS.retryBudget * requests.length + OPTIONS.retryFloor;
      if (budget.tokens < 0 || budget.tokens > most + 1e-6 || budget.tokens > cap + 1e-6) {
        throw new Error(`holds ${budget.tokens} of ${most}, at most ${cap}`);
      }
    }
    expect(budget.at).toBe(now);
  },
  LONG_MS,
);
