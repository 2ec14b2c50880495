import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  history,
  ORDINARY_HISTORY,
  recordOutcome,
  recordSpeed,
  reliability,
} from "../../../worker/core/providers/history.ts";
import { select } from "../../../worker/core/providers/select.ts";
import type { AiCandidate, AiStrategy, SelectInput, SelectOptions } from "../../../worker/core/providers/select.ts";

const one = (key: string, changes: Partial<AiCandidate> = {}): AiCandidate => ({
  key,
  weight: 1,
  priority: 1,
  price: undefined,
  history: history(),
  inFlight: 0,
  available: true,
  distanceKm: undefined,
  ...changes,
});
const options = (strategy: AiStrategy, changes: Partial<SelectOptions> = {}): SelectOptions => ({
  strategy,
  weights: { performance: 0.4, cost: 0.3, reliability: 0.2, load: 0.1 },
  history: ORDINARY_HISTORY,
  exploreShare: 0,
  ...changes,
});
const input = (changes: Partial<SelectInput> = {}): SelectInput => ({
  promptTokens: 1_000,
  answerTokens: 500,
  turn: 0,
  bound: undefined,
  chance: () => 0.5,
  ...changes,
});
const price = (input: number, output: number) => ({ input, output, cacheRead: input, cacheWrite: input });
const fast = () => {
  const known = history();
  for (let at = 0; at < 10; at++) recordSpeed(known, 100, 200, 1_000, ORDINARY_HISTORY);
  return known;
};
const slow = () => {
  const known = history();
  for (let at = 0; at < 10; at++) recordSpeed(known, 1_000, 200, 20_000, ORDINARY_HISTORY);
  return known;
};
const keys = (candidates: readonly AiCandidate[], ...rest: [SelectOptions, SelectInput?]): string[] =>
  select(candidates, rest[0], rest[1] ?? input()).order.map((index) => candidates[index]!.key);

describe("strategies", () => {
  it.each<[AiStrategy, AiCandidate[], Partial<SelectInput>, string[]]>([
    ["priority", [one("a", { priority: 2 }), one("b", { priority: 1 })], {}, ["b", "a"]],
    ["single", [one("a"), one("b")], {}, ["a"]],
    ["round_robin", [one("a"), one("b"), one("c")], { turn: 4 }, ["b", "c", "a"]],
    ["least_connections", [one("a", { inFlight: 3 }), one("b", { inFlight: 4, weight: 4 })], {}, ["b", "a"]],
    ["geographic", [one("a"), one("b", { distanceKm: 900 }), one("c", { distanceKm: 20 })], {}, ["c", "b", "a"]],
    ["latency", [one("a", { history: slow() }), one("b", { history: fast() })], {}, ["b", "a"]],
    ["cost", [one("a"), one("b", { price: price(1, 5) }), one("c", { price: price(2, 1) })], {}, ["c", "b", "a"]],
    ["intelligent", [one("a", { history: slow() }), one("b", { history: fast() })], {}, ["b", "a"]],
  ])("%s", (strategy, candidates, changes, expected) => {
    expect(keys(candidates, options(strategy), input(changes))).toEqual(expected);
  });

  it("draws by weight, and the weightless last", () => {
    let first = 0;
    const candidates = [one("heavy", { weight: 3 }), one("light"), one("none", { weight: 0 })];
    for (let draw = 0; draw < 2_000; draw++) {
      const order = keys(candidates, options("weighted_random"), input({ chance: Math.random }));
      if (order[0] === "heavy") first++;
      expect(order[2]).toBe("none");
    }
    expect(first / 2_000).toBeGreaterThan(0.7);
    expect(first / 2_000).toBeLessThan(0.8);
  });

  it("asks who rests last, whatever is thought of it", () => {
    const candidates = [one("a", { history: fast(), available: false }), one("b", { history: slow() })];
    expect(keys(candidates, options("intelligent"))).toEqual(["b", "a"]);
  });

  it("keeps a conversation where it was, unless that is far worse or rests", () => {
    const cheap = one("cheap", { price: price(1, 1) });
    const dear = one("dear", { price: price(2, 2) });
    expect(keys([cheap, dear], options("cost"), input({ bound: "dear" }))).toEqual(["dear", "cheap"]);
    expect(keys([cheap, { ...dear, available: false }], options("cost"), input({ bound: "dear" }))).toEqual([
      "cheap",
      "dear",
    ]);
    const awful = one("awful", { price: price(99, 99), history: slow(), inFlight: 9 });
    const good = one("good", { price: price(1, 1), history: fast() });
    expect(keys([good, awful], options("intelligent"), input({ bound: "awful" }))).toEqual(["good", "awful"]);
  });

  it("explores its share", () => {
    const candidates = [one("a", { history: fast() }), one("b", { history: slow() })];
    const { order, why } = select(
      candidates,
      options("intelligent", { exploreShare: 0.02 }),
      input({ chance: () => 0.01 }),
    );
    expect([order, why]).toEqual([[1, 0], "explored"]);
  });

  it("is neutral where nothing is known (SEEDS A2)", () => {
    const { scores } = select([one("a")], options("intelligent"), input());
    expect(scores[0]).toMatchObject({ performance: 50, cost: 50, reliability: 50, load: 100 });
    expect(scores[0]!.score).toBeCloseTo(55);
  });

  it("orders everybody once, whatever it is given", () => {
    const candidate = fc.record({
      weight: fc.double({ min: 0, max: 10, noNaN: true }),
      inFlight: fc.nat(9),
      available: fc.boolean(),
      distanceKm: fc.option(fc.nat(9_999), { nil: undefined }),
      priority: fc.nat(3),
    });
    const strategy = fc.constantFrom<AiStrategy>(
      "priority",
      "round_robin",
      "least_connections",
      "weighted_random",
      "geographic",
      "latency",
      "cost",
      "intelligent",
    );
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 6 }), strategy, fc.nat(99), (made, name, turn) => {
        const candidates = made.map((each, index) => one(String(index), each));
        const { order } = select(
          candidates,
          options(name, { exploreShare: 0.5 }),
          input({ turn, chance: Math.random }),
        );
        expect([...order].sort((a, b) => a - b)).toEqual(candidates.map((_, index) => index));
      }),
    );
  });
});

describe("history", () => {
  it("keeps the last hundred outcomes and is neutral below ten", () => {
    const known = history();
    for (let at = 0; at < 9; at++) recordOutcome(known, false, ORDINARY_HISTORY);
    expect(reliability(known, ORDINARY_HISTORY)).toBe(50);
    for (let at = 0; at < 100; at++) recordOutcome(known, at % 4 !== 0, ORDINARY_HISTORY);
    expect(known.outcomes).toHaveLength(100);
    expect(reliability(known, ORDINARY_HISTORY)).toBe(75);
  });

  it("keeps the last ten speeds", () => {
    const known = history();
    for (let at = 0; at < 30; at++) recordSpeed(known, at, 100, 1_000, ORDINARY_HISTORY);
    expect(known.firstMs).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
  });
});
