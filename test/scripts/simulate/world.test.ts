// The world that contestants meet: time, queues, faults, and requests that are the same for everyone.
import { describe, expect, test } from "vitest";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { BEGINNING, Clock } from "../../../scripts/simulate/clock.ts";
import type { Fault, InstanceSetup, Scenario } from "../../../scripts/simulate/scenario.ts";
import { SCENARIOS } from "../../../scripts/simulate/scenarios.ts";
import { Instance, World } from "../../../scripts/simulate/world.ts";
import type { Ending, Request } from "../../../scripts/simulate/world.ts";

test("the clock lets things happen in their order, ties in the order they were asked for", () => {
  const clock = new Clock();
  const seen: string[] = [];
  clock.after(20, () => seen.push("late"));
  clock.after(10, () => {
    seen.push("first");
    clock.after(0, () => seen.push("third"));
  });
  clock.after(10, () => seen.push("second"));
  clock.runUntil(BEGINNING + 15);
  expect(seen).toEqual(["first", "second", "third"]);
  expect(clock.time).toBe(BEGINNING + 15);
  clock.runUntil(BEGINNING + 100);
  expect(seen.at(-1)).toBe("late");
});

describe("an instance", () => {
  const setup: InstanceSetup = { id: "u1", city: "frankfurt", workers: 2, serviceMs: 50, weight: 1 };
  const request: Request = { number: 0, isolate: 0, at: 0, size: 1 };
  function run(faults: readonly Fault[], atSeconds: readonly number[], from: "frankfurt" | "london" = "frankfurt") {
    const clock = new Clock();
    const instance = new Instance(setup, faults, clock, seededChance(1));
    const answers: { ending: Ending; tookMs: number }[] = [];
    for (const seconds of atSeconds) {
      clock.at(BEGINNING + seconds * 1000, () => {
        const began = clock.time;
        instance.take(request, from, (ending) => answers.push({ ending, tookMs: clock.time - began }));
      });
    }
    clock.runUntil(BEGINNING + 60_000);
    return { answers, instance };
  }
  const fault = (trouble: Fault["trouble"], more: Partial<Fault> = {}): Fault => ({
    instances: ["u1"],
    from: 10,
    to: 20,
    trouble,
    ...more,
  });

  test("works on as many as it has workers; more wait in line", () => {
    const { answers } = run([], [1, 1, 1, 1, 1]);
    expect(answers.map(({ tookMs }) => tookMs)).toEqual([50, 50, 100, 100, 150]);
  });

  test.each([
    ["refuses", fault({ kind: "refuses" }), [{ ending: "lost", tookMs: 0 }]],
    ["is silent", fault({ kind: "silent" }), []],
    ["fails", fault({ kind: "fails", share: 1 }), [{ ending: "failed", tookMs: 2 }]],
    ["is slow", fault({ kind: "slow", factor: 4 }), [{ ending: "ok", tookMs: 200 }]],
    ["is well for others", fault({ kind: "refuses" }, { seenFrom: ["london"] }), [{ ending: "ok", tookMs: 50 }]],
    [
      "is well in between",
      fault({ kind: "refuses" }, { flapping: { bad: 2, good: 8 } }),
      [{ ending: "ok", tookMs: 50 }],
    ],
  ])("%s while its fault lasts", (_, one, wanted) => {
    expect(run([one], [15]).answers).toEqual(wanted);
    expect(run([one], [9.9]).answers).toEqual([{ ending: "ok", tookMs: 50 }]);
    expect(run([one], [20]).answers).toEqual([{ ending: "ok", tookMs: 50 }]);
  });

  test("counts what reached it and what it spoilt", () => {
    const { instance } = run([fault({ kind: "refuses" })], [9, 11, 12, 21]);
    expect(instance.reached.filter(Boolean)).toHaveLength(4);
    expect(instance.spoilt[11]! + instance.spoilt[12]!).toBe(2);
  });
});

describe("traffic", () => {
  const scenario = (changes: Partial<Scenario["traffic"]> = {}): Scenario => {
    const [steady] = SCENARIOS;
    return { ...steady!, seconds: 60, traffic: { ...steady!.traffic, ...changes } };
  };
  function requests(of: Scenario, seed = 1): Request[] {
    const clock = new Clock();
    const world = new World(of, seed, clock);
    const seen: Request[] = [];
    world.open((request) => seen.push(request));
    clock.runUntil(BEGINNING + of.seconds * 1000);
    return seen;
  }

  test("is the same for the same seed and another for another one", () => {
    expect(requests(scenario())).toEqual(requests(scenario()));
    expect(requests(scenario(), 2)[10]).not.toEqual(requests(scenario(), 1)[10]);
  });

  test("has the rate, the mean size and the surge that the scenario says", () => {
    const all = requests(scenario({ surge: { from: 30, to: 40, factor: 2 } }));
    const within = (from: number, to: number): number =>
      all.filter(({ at }) => at >= BEGINNING + from * 1000 && at < BEGINNING + to * 1000).length / (to - from);
    expect(within(0, 30)).toBeGreaterThan(950);
    expect(within(0, 30)).toBeLessThan(1050);
    expect(within(30, 40)).toBeGreaterThan(1900);
    expect(all.reduce((sum, { size }) => sum + size, 0) / all.length).toBeCloseTo(1, 1);
  });

  test("is spread over isolates by the skew", () => {
    const [even, skewed] = [0, 1].map((skew) => {
      const counts = new Array<number>(200).fill(0);
      for (const { isolate } of requests(scenario({ skew }))) counts[isolate]!++;
      return counts;
    });
    expect(Math.max(...even!) / Math.min(...even!)).toBeLessThan(1.6);
    expect(skewed![0]! / skewed![7 * 9]!).toBeGreaterThan(7); // the first of a city against its tenth
  });
});
