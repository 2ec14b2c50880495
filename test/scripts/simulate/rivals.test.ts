// The rivals must be what their sources say: a comparison with straw men proves nothing.
import { describe, expect, test } from "vitest";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { Clock } from "../../../scripts/simulate/clock.ts";
import type { Surroundings } from "../../../scripts/simulate/gateway.ts";
import {
  ENVOY_DEFAULTS,
  ENVOY_TUNED,
  Envoy,
  LeastConnections,
  PeakEwma,
  RoundRobin,
  TwoChoices,
  WeightedRandom,
} from "../../../scripts/simulate/rivals.ts";

function around(weights: number[], ranks?: number[]): Surroundings & { clock: Clock } {
  return {
    clock: new Clock(),
    chance: seededChance(1),
    instances: weights.map((weight, i) => ({ id: `u${i}`, city: "frankfurt", workers: 1, serviceMs: 50, weight })),
    ranks: ranks ?? weights.map(() => 0),
    roundTrips: weights.map(() => 1),
    isolate: 0,
    city: "frankfurt",
  };
}

const passed = (world: { clock: Clock }, ms: number): void => world.clock.runUntil(world.clock.time + ms);

function shares(
  balancer: { pick(tried: readonly number[], waited: boolean): number },
  count: number,
  of: number,
): number[] {
  const chosen = new Array<number>(of).fill(0);
  for (let n = 0; n < count; n++) chosen[balancer.pick([], false)]!++;
  return chosen.map((times) => times / count);
}

test("round robin is nginx's smooth one: 5:1:1 never comes five in a row, and shares are exact", () => {
  const balancer = new RoundRobin(around([5, 1, 1]));
  const chosen = Array.from({ length: 70 }, () => balancer.pick([]));
  expect(chosen.filter((i) => i === 0)).toHaveLength(50);
  expect(chosen.join("")).not.toContain("00000");
  expect([0, 1].map((i) => balancer.pick([i, 2]))).not.toContain(2);
});

test("random keeps to weights", () => {
  const [a, b] = shares(new WeightedRandom(around([3, 1])), 20_000, 2);
  expect(a).toBeCloseTo(0.75, 1);
  expect(b).toBeCloseTo(0.25, 1);
});

test("least connections takes the fewest in flight for its weight, and draws among ties", () => {
  const balancer = new LeastConnections(around([1, 2, 1]));
  for (const instance of [0, 1, 1, 2, 2]) balancer.sent(instance);
  const chosen = new Set(Array.from({ length: 200 }, () => balancer.pick([])));
  expect(chosen).toEqual(new Set([0, 1])); // 1, 1 and 2
  expect(balancer.pick([0, 1])).toBe(2);
});

test("two choices: the one with the most in flight is never taken", () => {
  const balancer = new TwoChoices(around([1, 1, 1]));
  balancer.sent(0);
  for (let n = 0; n < 500; n++) expect(balancer.pick([])).not.toBe(0);
  expect(balancer.pick([1, 2])).toBe(0);
});

describe("peak EWMA", () => {
  test("jumps up to a higher sample, falls by 1 - 1/e in its decay time, and by being read alone", () => {
    const world = around([1, 1]);
    const balancer = new PeakEwma(world);
    balancer.sent(0);
    balancer.ended(0, 0, "ok", 100);
    expect(balancer.load(0)).toBe(100);
    balancer.sent(0);
    balancer.ended(0, 0, "ok", 400);
    expect(balancer.load(0)).toBe(400);
    passed(world, PeakEwma.decayMs);
    expect(balancer.load(0)).toBeCloseTo(400 / Math.E, 5);
  });
  test("multiplies by requests pending, and avoids one that has none answered yet", () => {
    const balancer = new PeakEwma(around([1, 1]));
    expect(balancer.load(0)).toBe(0);
    balancer.sent(0);
    expect(balancer.load(0)).toBeGreaterThan(1e12);
    balancer.ended(0, 0, "ok", 100);
    balancer.sent(0);
    expect(balancer.load(0)).toBe(200);
  });
  test("of two it takes the lower one", () => {
    const balancer = new PeakEwma(around([1, 1]));
    for (const [instance, ms] of [
      [0, 10],
      [1, 200],
    ] as const) {
      balancer.sent(instance);
      balancer.ended(instance, 0, "ok", ms);
    }
    expect(shares(balancer, 200, 2)).toEqual([1, 0]);
  });
});

describe("Envoy", () => {
  const fail = (envoy: Envoy, instance: number, times: number): void => {
    for (let n = 0; n < times; n++) {
      envoy.sent(instance);
      envoy.ended(instance, 0, "failed", 1);
    }
  };
  const succeed = (envoy: Envoy, instance: number, times: number): void => {
    for (let n = 0; n < times; n++) {
      envoy.sent(instance);
      envoy.ended(instance, 0, "ok", 1);
    }
  };

  test("ejects after five 5xx in a row, not after four and a success", () => {
    const envoy = new Envoy(around([1, 1, 1]), ENVOY_DEFAULTS);
    fail(envoy, 0, 4);
    succeed(envoy, 0, 1);
    fail(envoy, 0, 4);
    expect(envoy.isEjected(0)).toBe(false);
    fail(envoy, 0, 1);
    expect(envoy.isEjected(0)).toBe(true);
    expect(shares(envoy, 300, 3)[0]).toBe(0);
  });

  test("for the base time, longer each time, and looks only in its sweeps", () => {
    const world = around([1, 1, 1]);
    const envoy = new Envoy(world, ENVOY_DEFAULTS);
    fail(envoy, 0, 5);
    passed(world, 29_000);
    envoy.pick([]);
    expect(envoy.isEjected(0)).toBe(true);
    passed(world, 1_000);
    envoy.pick([]);
    expect(envoy.isEjected(0)).toBe(false);
    fail(envoy, 0, 5);
    passed(world, 50_000);
    envoy.pick([]);
    expect(envoy.isEjected(0)).toBe(true); // 30 s times two
    passed(world, 10_000);
    envoy.pick([]);
    expect(envoy.isEjected(0)).toBe(false);
  });

  test("one host may always be ejected, more only up to the limit", () => {
    const envoy = new Envoy(around([1, 1, 1, 1, 1]), ENVOY_DEFAULTS);
    fail(envoy, 0, 5);
    fail(envoy, 1, 5);
    expect([0, 1].map((i) => envoy.isEjected(i))).toEqual([true, false]);
    const tuned = new Envoy(around([1, 1, 1, 1, 1]), ENVOY_TUNED);
    for (const instance of [0, 1, 2]) fail(tuned, instance, 5);
    expect([0, 1, 2].map((i) => tuned.isEjected(i))).toEqual([true, true, true]);
  });

  test("ejects by success rate: below the mean less 1.9 standard deviations, with enough hosts and requests", () => {
    const world = around([1, 1, 1, 1, 1, 1]);
    const envoy = new Envoy(world, ENVOY_DEFAULTS);
    for (let instance = 0; instance < 6; instance++) {
      for (let n = 0; n < 100; n++) {
        envoy.sent(instance);
        envoy.ended(instance, 0, instance === 0 && n % 3 === 0 ? "failed" : "ok", 1);
      }
    }
    expect(envoy.isEjected(0)).toBe(false);
    passed(world, 10_000);
    envoy.pick([]);
    expect([0, 1, 2, 3, 4, 5].map((i) => envoy.isEjected(i))).toEqual([true, false, false, false, false, false]);
  });

  test("under the panic threshold all hosts are used", () => {
    const envoy = new Envoy(around([1, 1, 1, 1]), ENVOY_TUNED);
    for (const instance of [0, 1, 2]) fail(envoy, instance, 5);
    for (const share of shares(envoy, 4000, 4)) expect(share).toBeGreaterThan(0.2);
  });

  test("a locality keeps its traffic until it has lost more than 29 % of its hosts", () => {
    const envoy = new Envoy(around([1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]), ENVOY_TUNED);
    const near = (): number =>
      shares(envoy, 4000, 8)
        .slice(0, 4)
        .reduce((sum, share) => sum + share, 0);
    expect(near()).toBe(1);
    fail(envoy, 0, 5);
    expect(near()).toBe(1); // 3 of 4 times 1.4
    fail(envoy, 1, 5);
    expect(near()).toBeCloseTo(0.7, 1);
  });
});
