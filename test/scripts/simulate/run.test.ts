// Whole runs: they can be repeated, and the bars of the outage hold with the breakers as they are.
import { expect, test } from "vitest";
import { RIVALS } from "../../../scripts/simulate/rivals.ts";
import { simulate } from "../../../scripts/simulate/run.ts";
import { SEEDS } from "../../../scripts/simulate/scenario.ts";
import type { Scenario } from "../../../scripts/simulate/scenario.ts";
import { SCENARIOS } from "../../../scripts/simulate/scenarios.ts";
import { SLUICE, SLUICE_DEAD, SLUICE_LOCAL } from "../../../scripts/simulate/sluice.ts";

const named = (name: string): Scenario => SCENARIOS.find((scenario) => scenario.name === name)!;
const short = (name: string): Scenario => ({
  ...named(name),
  seconds: 12,
  warmUp: 2,
  faults: named(name).faults.map((fault) => ({ ...fault, from: 4, to: 8 })),
});

test.each([...RIVALS, SLUICE, SLUICE_DEAD, SLUICE_LOCAL])("$name: a run is decided by its seed", (contestant) => {
  const first = simulate(contestant, short("brown-out"), 5);
  expect(first.requests).toBeGreaterThan(9000);
  expect(simulate(contestant, short("brown-out"), 5)).toEqual(first);
  expect(simulate(contestant, short("brown-out"), 6).p99Ms).not.toBe(first.p99Ms);
});

test("a 60 s outage of a single upstream: at most 1,300 bad requests reach it, and 10 s later all is well", () => {
  const result = simulate(SLUICE, named("single outage"), SEEDS[0]!);
  expect(result.spoilt).toBeLessThanOrEqual(1300);
  expect(result.recoverSeconds).toBeLessThanOrEqual(10);
});

test.each([SLUICE, SLUICE_DEAD, SLUICE_LOCAL])(
  "$name: of an outage of half of the instances nobody notices",
  (contestant) => {
    const { failedShare, refusedShare } = simulate(contestant, named("half down"), SEEDS[0]!);
    expect(failedShare).toBeLessThan(0.0001);
    expect(refusedShare).toBe(0);
  },
);
