// Gates and choice together: what resilience says of instances, and what the choice makes of it.
import { describe, expect, test } from "vitest";
import { NOBODY, lonely, soonestMs, survey, suspect, suspectFrom } from "../../../worker/core/resilience/available.ts";
import {
  LEASE_USE_MS,
  gate,
  hear,
  wantsLease,
  type Gate,
  type NewsState,
} from "../../../worker/core/resilience/gate.ts";
import type { Verdict } from "../../../worker/core/protocol/reports.ts";
import { chooseInstance, REFUSED } from "../../../worker/core/routing/choice.ts";
import { candidate, choiceInput } from "../../../worker/core/routing/strategy.ts";
import { roundRobin } from "../../../worker/core/routing/turns.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { BREAKER } from "./fleet.ts";

const NOW = 1_700_000_000_000;
const news = (): NewsState => ({ at: NOW, freshMs: 2000, away: false });
const told = (verdict?: Verdict, leaseEnd = 0): Gate => {
  const one = gate(BREAKER);
  hear(one, verdict, leaseEnd, NOW, BREAKER, () => 0.5);
  return one;
};
const OPEN: Verdict = { state: "open", reason: "rate", until: NOW + 2000, generation: 1 };
const HALF: Verdict = { state: "half_open", reason: "rate", until: 0, generation: 2 };
const RAMP: Verdict = { state: "ramp", reason: "", until: NOW + 5000, generation: 3 };
const sick = (): Gate => Object.assign(told(), { healthy: false });
const candidates = (gates: readonly Gate[]) => gates.map((_, n) => candidate({ id: `u${n + 1}` }));

describe("survey", () => {
  test("writes what choice needs to know", () => {
    const gates = [told(), told(OPEN), told(HALF, NOW + 10_000), told(RAMP), sick()];
    const list = candidates(gates);
    expect(survey(gates, list, news(), NOW, BREAKER)).toBe(2);
    expect(list.map(({ available, open, ramp }) => [available, open, Number(ramp.toFixed(2))])).toEqual([
      [true, false, 1],
      [false, true, 1],
      [false, true, 1],
      [true, false, 0.1],
      [false, false, 1],
    ]);
  });

  test("with others to go to, a half-open instance gets its lease by the next report, and nobody waits", () => {
    const gates = [told(), told(HALF)];
    expect(survey(gates, candidates(gates), news(), NOW, BREAKER)).toBe(NOBODY);
    expect(wantsLease(gates[1]!, news(), NOW)).toBe(true);
  });

  test("a policy that ramps from nothing does not keep an instance out for good", () => {
    const gates = [told(RAMP)];
    const list = candidates(gates);
    survey(gates, list, news(), NOW, { ...BREAKER, rampFrom: 0 });
    expect(list[0]!.ramp).toBeGreaterThan(0);
  });
});

describe("A18: ejection and panic", () => {
  const shares = (gates: readonly Gate[]) => {
    const list = candidates(gates);
    const input = choiceInput(seededChance(1));
    const taken = gates.map(() => 0);
    let refused = 0;
    let panic = false;
    for (let n = 0; n < 400; n++) {
      survey(gates, list, news(), NOW, BREAKER);
      const chosen = chooseInstance(roundRobin, list, input);
      panic = input.state.last.panic;
      if (chosen === REFUSED) refused++;
      else taken[chosen]!++;
    }
    return { taken, refused, panic };
  };

  test("one of four open: it gets nothing, nobody is refused", () => {
    const { taken, refused, panic } = shares([told(OPEN), told(), told(), told()]);
    expect([taken[0], refused, panic]).toEqual([0, 0, false]);
  });

  test("three of four open: the survivor gets twice its fair share and not more", () => {
    const { taken, refused, panic } = shares([told(OPEN), told(OPEN), told(OPEN), told()]);
    expect(panic).toBe(true);
    expect(taken[3]).toBeLessThanOrEqual(201);
    expect(taken[3]).toBeGreaterThanOrEqual(199);
    expect(refused + taken[3]!).toBe(400);
  });

  test("sick by active checks but not open: panic spreads over them too", () => {
    const { taken, refused, panic } = shares([sick(), sick(), sick(), told()]);
    expect([panic, refused]).toEqual([true, 0]);
    for (const share of taken) expect(share).toBe(100);
  });
});

test("soonestMs is the first of them all", () => {
  expect(soonestMs([told(OPEN), told({ ...OPEN, until: NOW + 700 })], news(), NOW)).toBe(700);
  expect(soonestMs([], news(), NOW)).toBe(0);
});

describe("who failed last is asked until its breaker knows", () => {
  /** One gate for each number of failures in a row. */
  function failing(...runs: number[]) {
    const gates = runs.map(() => told());
    gates.forEach(({ local }, n) => (local.consecutive = runs[n]!));
    const list = candidates(gates);
    survey(gates, list, news(), NOW, BREAKER);
    return { gates, list, from: suspectFrom(gates, list, BREAKER) };
  }

  test.each<[string, number[], number, number]>([
    ["nobody while all are well", [0, 0, 0], 0, NOBODY],
    ["nobody for one failure", [1, 0, 0], 2, NOBODY],
    ["from the second failure on", [0, 2, 0], 2, 1],
    ["from the first where most failed last, for the few others cannot carry it all", [0, 1, 1], 1, 1],
    ["the only one needs no preference", [1], 2, NOBODY],
  ])("%s", (_, runs, from, who) => {
    const one = failing(...runs);
    expect(one.from).toBe(from);
    expect(from === 0 ? NOBODY : suspect(one.gates, one.list, from, [], BREAKER)).toBe(who);
  });

  test("no more than it takes, those under way counted; none that was tried; none without a breaker", () => {
    const { gates, list, from } = failing(3, 0, 0);
    expect(suspect(gates, list, from, [0], BREAKER)).toBe(NOBODY);
    list[0]!.owed = 1;
    expect(suspect(gates, list, from, [], BREAKER)).toBe(0);
    list[0]!.owed = 2;
    expect(suspect(gates, list, from, [], BREAKER)).toBe(NOBODY);
    expect(suspectFrom(gates, list, { ...BREAKER, consecutiveFailures: Number.POSITIVE_INFINITY })).toBe(0);
  });
});

describe("a probe where requests are seldom", () => {
  test("the request that finds it due asks for the lease itself, if no other one would be there to use it", () => {
    const gates = [told(), told(HALF)];
    const list = candidates(gates);
    survey(gates, list, news(), NOW, BREAKER);
    expect(lonely(gates, [], news(), () => 0)).toBe(1);
    expect(lonely(gates, [1], news(), () => 0)).toBe(NOBODY);
    survey(gates, list, news(), NOW + LEASE_USE_MS, BREAKER);
    expect(lonely(gates, [], news(), () => 0)).toBe(NOBODY);
    survey(gates, list, news(), NOW + 2 * LEASE_USE_MS + 1, BREAKER);
    expect(lonely(gates, [], news(), () => 0)).toBe(1);
  });

  test("and not all of a large fleet at once", () => {
    const gates = [told(HALF)];
    survey(gates, candidates(gates), news(), NOW, BREAKER);
    const large = { ...news(), freshMs: 75_000 }; // reports are 50 s apart: 10,000 isolates
    const chance = seededChance(3);
    const asking = Array.from({ length: 10_000 }, () => lonely(gates, [], large, chance)).filter((at) => at === 0);
    expect(asking.length).toBeGreaterThan(100);
    expect(asking.length).toBeLessThan(300);
  });
});
