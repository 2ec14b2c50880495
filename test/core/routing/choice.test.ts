import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { NONE, REFUSED, anyEligible, chooseInstance, isPanic, whyNone } from "../../../worker/core/routing/choice.ts";
import { strategies } from "../../../worker/core/routing/strategies.ts";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import type { Candidate, ChoiceInput } from "../../../worker/core/routing/strategy.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const adaptive = strategies.intelligent_adaptive;

function pool(states: string, priorities = ""): Candidate[] {
  // "+" available, "-" unavailable but not open, "x" open
  return [...states].map((state, i) => {
    const c = candidate({ id: `i-${i}`, priority: Number(priorities[i] ?? 0) });
    c.available = state === "+";
    c.open = state === "x";
    return c;
  });
}

function tally(candidates: readonly Candidate[], input: ChoiceInput, count: number) {
  const chosen = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    const index = chooseInstance(adaptive, candidates, input);
    chosen.set(index, (chosen.get(index) ?? 0) + 1);
  }
  return (index: number): number => (chosen.get(index) ?? 0) / count;
}

test.each([
  [0, 0, false],
  [1, 1, false],
  [1, 2, false],
  [1, 3, true],
  [2, 4, false],
  [1, 4, true],
  [2, 5, true],
])("%i of %i available: panic is %s", (available, total, panic) => {
  expect(isPanic(available, total)).toBe(panic);
});

describe("panic", () => {
  test("one of four, the others open: it gets twice its fair share and no more, over any ten requests", () => {
    const candidates = pool("xx+x");
    const input = choiceInput(seededChance(1));
    let chosen = 0;
    for (let n = 1; n <= 1000; n++) {
      const index = chooseInstance(adaptive, candidates, input);
      expect([2, REFUSED]).toContain(index);
      expect(input.state.last.panic).toBe(true);
      if (index === 2) chosen++;
      expect(chosen).toBeLessThanOrEqual(n / 2 + 1);
    }
    expect(chosen).toBeGreaterThanOrEqual(499);
  });

  test("those that are down but not open are asked too, and then nobody is refused", () => {
    const share = tally(pool("--+x"), choiceInput(seededChance(1)), 900);
    expect(share(0)).toBeCloseTo(1 / 3, 2);
    expect(share(1)).toBeCloseTo(1 / 3, 2);
    expect(share(2)).toBeCloseTo(1 / 3, 2);
    expect(share(3)).toBe(0);
    expect(share(REFUSED)).toBe(0);
  });

  test("no survivor gets more than twice its fair share by weight, retries counted as draws of their own", () => {
    const cases = fc.array(
      fc.record({ weight: fc.integer({ min: 1, max: 9 }), state: fc.constantFrom("+", "-", "x") }),
      {
        minLength: 3,
        maxLength: 9,
      },
    );
    fc.assert(
      fc.property(cases, fc.nat(), (instances, seed) => {
        const candidates = instances.map(({ weight, state }, i) => {
          const c = candidate({ id: `i-${i}`, weight });
          c.available = state === "+";
          c.open = state === "x";
          return c;
        });
        const available = instances.filter(({ state }) => state === "+").length;
        if (!isPanic(available, instances.length) || available === 0) return;
        const whole = instances.reduce((sum, { weight }) => sum + weight, 0);
        const share = tally(candidates, choiceInput(seededChance(seed)), 2000);
        instances.forEach(({ weight, state }, i) => {
          if (state === "x") expect(share(i)).toBe(0);
          else expect(share(i)).toBeLessThanOrEqual((2 * weight) / whole + 0.01);
        });
      }),
      { numRuns: 200 },
    );
  });

  test("none available is a refusal, not panic", () => {
    const input = choiceInput(seededChance(1));
    expect(chooseInstance(adaptive, pool("xxxx"), input)).toBe(NONE);
    expect(chooseInstance(adaptive, pool("---x"), input)).toBe(NONE);
    expect(input.state.last.panic).toBe(false);
  });
});

describe("priorities", () => {
  test.each([
    { states: "++++++", first: 1, why: "all of the first stand" },
    { states: "+++-++", first: 1, why: "three of four times 1.4 is enough" },
    { states: "++--++", first: 0.7, why: "half times 1.4" },
    { states: "+---++", first: 0.35, why: "a quarter times 1.4" },
    { states: "----++", first: 0, why: "none" },
  ])("$states: the first priority keeps $first ($why)", ({ states, first }) => {
    const share = tally(pool(states, "000011"), choiceInput(seededChance(5)), 20_000);
    const kept = share(0) + share(1) + share(2) + share(3);
    expect(Math.abs(kept - first)).toBeLessThan(0.015);
    expect(kept + share(4) + share(5)).toBeCloseTo(1, 10);
  });

  test("a second attempt goes on to the next priority when the first has been tried", () => {
    const candidates = pool("+++", "001");
    const input = choiceInput(seededChance(5));
    input.exclude = [0, 1];
    expect(chooseInstance(adaptive, candidates, input)).toBe(2);
    input.exclude = [0, 1, 2];
    expect(chooseInstance(adaptive, candidates, input)).toBe(NONE);
  });

  test("what both can carry together is too little: panic over all of them", () => {
    const candidates = pool("+xxxxx", "000011");
    const input = choiceInput(seededChance(5));
    const share = tally(candidates, input, 1200);
    expect(input.state.last.panic).toBe(true);
    expect(share(0)).toBeCloseTo(2 / 6, 2);
    expect(share(REFUSED)).toBeCloseTo(4 / 6, 2);
  });
});

test("why nobody was found", () => {
  const input = choiceInput(seededChance(1));
  expect(whyNone([], input)).toBe("no_instances");
  expect(whyNone(pool("x-"), input)).toBe("none_available");
  input.exclude = [0, 1];
  expect(whyNone(pool("++"), input)).toBe("all_tried");
  expect(anyEligible(pool("++"), input)).toBe(false);
  expect(anyEligible(pool("+++"), input)).toBe(true);
  const demands = { security: 1, maxPayloadBytes: 10, methods: 255, supportsComplex: true };
  input.payloadBytes = 11;
  expect(whyNone([candidate({ id: "small", demands })], input)).toBe("none_fits");
});
