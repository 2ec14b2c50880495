// What every routing strategy owes, whatever its idea of good is: one suite against each name of the registry.
import { describe, expect, test } from "vitest";
import fc from "fast-check";
import * as v from "valibot";
import { algorithm } from "../../worker/core/routing/options.ts";
import { strategies } from "../../worker/core/routing/strategies.ts";
import { NONE_TRIED, candidate, choiceInput } from "../../worker/core/routing/strategy.ts";
import type { Candidate, ChoiceInput, Strategy } from "../../worker/core/routing/strategy.ts";
import { seededChance } from "../../worker/core/stats/chance.ts";

const all: [string, Strategy][] = Object.entries(strategies);
const named = (name: string): Strategy => strategies[name as keyof typeof strategies];

/** Equal in everything but what the test says, with clients that come one after the other from many places. */
function pool(weights: readonly number[]): Candidate[] {
  return weights.map((weight, i) => candidate({ id: `i-${i}`, weight }));
}

function inputOf(seed: number): ChoiceInput {
  return choiceInput(seededChance(seed));
}

/** How often each index is chosen over `count` choices of different clients; requests end at once. */
function shares(strategy: Strategy, candidates: readonly Candidate[], input: ChoiceInput, count: number): number[] {
  const chosen = new Array<number>(candidates.length).fill(0);
  const clients = seededChance(99);
  for (let n = 0; n < count; n++) {
    input.affinityHash = Math.floor(clients() * 2 ** 32);
    chosen[strategy.choose(candidates, input)]!++;
  }
  return chosen.map((times) => times / count);
}

test("every algorithm a policy may name is in the registry", () => {
  for (const name of v.parse(v.array(v.string()), algorithm.options)) expect(Object.keys(strategies)).toContain(name);
});

describe.each(all)("%s", (_, strategy) => {
  test("an empty list and a list without anyone available have no answer", () => {
    const input = inputOf(1);
    expect(strategy.choose([], input)).toBe(-1);
    const candidates = pool([1, 1]);
    for (const c of candidates) c.available = false;
    expect(strategy.choose(candidates, input)).toBe(-1);
  });

  test("a single candidate is chosen, also while it ramps and when it looks bad", () => {
    const input = inputOf(2);
    const candidates = pool([3]);
    candidates[0]!.ramp = 0.1;
    candidates[0]!.score = 0.01;
    candidates[0]!.ewmaMs = 60_000;
    candidates[0]!.inFlight = 500;
    for (let n = 0; n < 200; n++) expect(strategy.choose(candidates, input)).toBe(0);
  });

  test("never one that is unavailable, tried, without weight, or unable to take the request", () => {
    const instance = fc.record({
      weight: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 100, noNaN: true })),
      available: fc.boolean(),
      ramp: fc.oneof(fc.constant(1), fc.constant(0.1)),
      inFlight: fc.nat(50),
      ewmaMs: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 10_000, noNaN: true })),
      score: fc.double({ min: 0.01, max: 1, noNaN: true }),
      load: fc.double({ min: 0, max: 1, noNaN: true }),
      region: fc.integer({ min: -1, max: 2 }),
      takesPost: fc.boolean(),
    });
    const cases = fc.record({
      seed: fc.nat(),
      instances: fc.array(instance, { maxLength: 12 }),
      tried: fc.array(fc.nat(11), { maxLength: 3 }),
      affinity: fc.oneof(fc.constant(-1), fc.nat(2 ** 31)),
      order: fc.constantFrom<number[]>([], [0, 1, 2], [2, 0, 1], [1]),
    });
    fc.assert(
      fc.property(cases, ({ seed, instances, tried, affinity, order }) => {
        const candidates = instances.map((one, i) => {
          const demands = { security: 1, maxPayloadBytes: 1000, methods: one.takesPost ? 4 : 1, supportsComplex: true };
          const c = candidate({ id: `i-${i}`, weight: one.weight, demands });
          Object.assign(c, { ...one, regionIndex: one.region, region: "", weight: one.weight });
          return c;
        });
        const input = inputOf(seed);
        Object.assign(input, { exclude: tried, affinityHash: affinity, regionOrder: order, method: 4 });
        const allowed = candidates.flatMap((c, i) =>
          c.available && c.weight > 0 && instances[i]!.takesPost && !tried.includes(i) ? [i] : [],
        );
        for (let n = 0; n < 5; n++) {
          const chosen = strategy.choose(candidates, input);
          if (allowed.length === 0) expect(chosen).toBe(-1);
          else expect(allowed).toContain(chosen);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("the same seed makes the same choices", () => {
    const run = (): number[] => {
      const candidates = pool([1, 2, 3, 4]);
      const input = inputOf(7);
      return Array.from({ length: 300 }, (_, n) => {
        const chosen = strategy.choose(candidates, input);
        if (n % 3 > 0) candidates[chosen]!.inFlight++;
        return chosen;
      });
    };
    expect(run()).toEqual(run());
  });

  test("many isolates with the same view do not all begin with the same instance", () => {
    const first = [0, 0, 0, 0];
    for (let isolate = 0; isolate < 2000; isolate++) {
      const input = inputOf(isolate);
      input.affinityHash = Math.floor(seededChance(isolate + 1_000_000)() * 2 ** 32); // each has its own clients
      first[strategy.choose(pool([1, 1, 1, 1]), input)]!++;
    }
    for (const count of first) {
      expect(count).toBeGreaterThan(350);
      expect(count).toBeLessThan(650);
    }
  });

  test("choosing leaves nothing behind: candidates and input keep their fields, scratch room stays as it is", () => {
    const candidates = pool([1, 2, 3]);
    const input = inputOf(4);
    input.affinityHash = 12345;
    strategy.choose(candidates, input);
    const { shares: scratch, ring } = input.state;
    const fields = candidates.map((c) => Object.keys(c).length);
    for (let n = 0; n < 10_000; n++) strategy.choose(candidates, input);
    expect(input.state.shares).toBe(scratch);
    expect(input.state.ring).toBe(ring);
    expect(candidates.map((c) => Object.keys(c).length)).toEqual(fields);
    expect(input.exclude).toBe(NONE_TRIED);
    for (const c of candidates) expect(Number.isNaN(c.turn) || Math.abs(c.turn) <= 12).toBe(true);
  });

  test("a candidate that ramps gets no more than its ramp's share would be if it were alone with another", () => {
    const candidates = pool([1, 1]);
    candidates[1]!.ramp = 0.2;
    candidates[1]!.ewmaMs = 1; // tempting: it has just come back and nobody is there
    candidates[0]!.ewmaMs = 50;
    const share = shares(strategy, candidates, inputOf(11), 5000)[1]!;
    expect(share).toBeLessThanOrEqual(0.24);
    expect(share).toBeGreaterThan(0);
  });
});

/** Those that promise shares by weight among equals that are idle, and how exactly they keep the promise. */
describe.each([
  ["round_robin", 0.001],
  ["weighted_random", 0.02],
  ["least_connections", 0.001],
  ["consistent_hash", 0.06],
  ["performance_based", 0.03],
  ["intelligent_adaptive", 0.03],
])("%s keeps to weights", (name, tolerance) => {
  test.each([
    { weights: [1, 1], wanted: [0.5, 0.5] },
    { weights: [2, 1], wanted: [2 / 3, 1 / 3] },
    { weights: [5, 3, 2], wanted: [0.5, 0.3, 0.2] },
  ])("$weights", ({ weights, wanted }) => {
    const candidates = pool(weights);
    for (const c of candidates) c.ewmaMs = 20;
    const got = shares(named(name), candidates, inputOf(3), 20_000);
    wanted.forEach((share, i) => expect(Math.abs(got[i]! - share)).toBeLessThanOrEqual(tolerance));
  });
});
