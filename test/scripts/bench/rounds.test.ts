import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calmHalf, median, orderOf, percentile, summarise, usable } from "../../../scripts/bench/rounds.ts";
import type { Round, Saturation } from "../../../scripts/bench/rounds.ts";

const turn = (perSecond: number): Saturation => ({ perSecond, cpuMicros: 100, p50Ms: 1, p99Ms: 2 });
const round = (floor: number, gateway: number, disturbance = 0): Round => ({
  saturation: { floor: turn(floor), gateway: turn(gateway) },
  steady: {},
  disturbance,
});

describe("orderOf", () => {
  it("holds each Worker once, and none is always first or last", () => {
    const workers = ["bare", "floor", "gateway", "map"];
    const orders = Array.from({ length: 8 }, (_, index) => orderOf(workers, index));
    for (const order of orders) expect(order.toSorted()).toEqual(workers);
    expect(new Set(orders.map((order) => order[0])).size).toBe(4);
    expect(new Set(orders.map((order) => order.at(-1))).size).toBe(4);
  });
});

describe("percentile", () => {
  it.each([
    [[5], 0.99, 5],
    [[4, 1, 3, 2], 0.5, 2],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9, 9],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.99, 10],
  ])("of %j at %d is %d", (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  it("is a value that was measured, and never falls as the share rises", () => {
    const values = fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
        expect(list).toContain(percentile(list, share));
        expect(percentile(list, share)).toBeLessThanOrEqual(percentile(list, 1));
      }),
    );
  });
});

describe("median", () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

describe("calmHalf", () => {
  it("leaves out what others on the machine have added", () => {
    expect(calmHalf([100, 900, 104, 5000, 102])).toBe(102);
    expect(calmHalf([7])).toBe(7);
  });
});

describe("summarise", () => {
  it("takes ratios within a round: a machine that slows down between rounds changes none", () => {
    const rounds = [round(4000, 3800), round(2000, 1900), round(1000, 950)];
    const [, gateway] = summarise(rounds, ["floor", "gateway"], ["floor", "bare"]);
    expect(gateway!.of["floor"]).toEqual({ median: 0.95, low: 0.95, high: 0.95 });
    expect(gateway!.of["bare"]).toBeUndefined();
    expect(gateway!.cpuMicros).toEqual({ median: 100, low: 100, high: 100, calm: 100 });
    expect(gateway!.cpuOf).toEqual({ floor: 1 });
    expect(gateway!.perSecond).toEqual({ median: 1900, low: 950, high: 3800 });
  });

  it("takes the middle of what each round's latencies were: one pause decides over one round", () => {
    const latencies = [Float64Array.of(1, 1), Float64Array.of(1, 100), Float64Array.of(2, 2)];
    const rounds = latencies.map((floor) => ({ ...round(1, 1), steady: { floor } }));
    const [floor, gateway] = summarise(rounds, ["floor", "gateway"], []);
    expect(floor!.steady).toEqual({ p50Ms: 1, p90Ms: 2, p99Ms: 2, requests: 6 });
    expect(gateway!.steady).toBeUndefined();
  });

  it("says nothing about CPU where it was not measured", () => {
    const rounds = [{ saturation: { floor: { ...turn(10), cpuMicros: undefined } }, steady: {}, disturbance: 0 }];
    const [floor] = summarise(rounds, ["floor"], ["floor"]);
    expect(floor!.cpuMicros).toBeUndefined();
    expect(floor!.cpuOf).toEqual({});
  });
});

describe("usable", () => {
  it("throws disturbed rounds away", () => {
    const rounds = [round(1, 1), round(2, 2, 0.5), round(3, 3)];
    expect(usable(rounds, 2, 0.1)).toEqual({ rounds: [rounds[0], rounds[2]], calm: true });
  });

  it("takes the calmest, and says so, when too few were undisturbed", () => {
    const rounds = [round(1, 1, 0.9), round(2, 2, 0.3), round(3, 3, 0.2)];
    expect(usable(rounds, 2, 0.1)).toEqual({ rounds: [rounds[2], rounds[1]], calm: false });
  });
});
