import { describe, expect, test } from "vitest";
import {
  PreferredRegions,
  distanceKm,
  estimateUnmeasured,
  nearnessOf,
  observeLatency,
  orderRegions,
  regionOrderFor,
  regionStands,
} from "../../../worker/core/routing/regions.ts";
import type { Region } from "../../../worker/core/routing/regions.ts";
import { routing } from "./defaults.ts";

const options = routing.regions;
const amsterdam = { latitude: 52.37, longitude: 4.9 };
const newYork = { latitude: 40.71, longitude: -74 };
const singapore = { latitude: 1.35, longitude: 103.82 };
const london = { latitude: 51.51, longitude: -0.13 };
const tokyo = { latitude: 35.68, longitude: 139.69 };

const world = (changes: Partial<Region>[] = []): Region[] =>
  [
    { name: "weur", place: amsterdam, capacity: 1000, inFlight: 0, latencyMs: 0, leastMs: 0, healthy: true },
    { name: "enam", place: newYork, capacity: 1000, inFlight: 0, latencyMs: 0, leastMs: 0, healthy: true },
    { name: "apac", place: singapore, capacity: 500, inFlight: 0, latencyMs: 0, leastMs: 0, healthy: true },
  ].map((region, i) => ({ ...region, ...changes[i] }));

test.each([
  [amsterdam, newYork, 5860],
  [london, tokyo, 9560],
  [{ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 180 }, 20_015],
  [{ latitude: 0, longitude: 179.5 }, { latitude: 0, longitude: -179.5 }, 111],
  [tokyo, tokyo, 0],
])("great-circle distance of %o and %o is %i km", (a, b, km) => {
  expect(Math.abs(distanceKm(a, b) - km)).toBeLessThan(15);
});

test("nearness is 1 at the door and 0.1 on the other side of the world", () => {
  expect(nearnessOf(0)).toBe(1);
  expect(nearnessOf(10_007)).toBeCloseTo(0.5, 2);
  expect(nearnessOf(20_015)).toBe(0.1);
});

describe("order", () => {
  test.each([
    [london, 0],
    [newYork, 1],
    [tokyo, 2],
  ])("from %o the nearest is home", (place, home) => {
    const order = orderRegions(world(), place, -1, options);
    expect(order.stay[0]).toBe(home);
    expect(order.spillShare).toBe(0);
    expect(order.stay.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  test("a client keeps the region it is used to, while that stands and has room", () => {
    expect(orderRegions(world(), london, 1, options).stay[0]).toBe(1);
    expect(orderRegions(world([{}, { healthy: false }]), london, 1, options).stay[0]).toBe(0);
    expect(orderRegions(world([{}, { inFlight: 1000 }]), london, 1, options).stay[0]).toBe(0);
  });

  test("behind home stand the others by load x 0.6 + latency x 0.4", () => {
    // enam: .6 x .75 + .4 x 100/250 = .61; apac: .6 x .1 + .4 x 250/250 = .46
    const regions = world([{ latencyMs: 20 }, { latencyMs: 100, inFlight: 750 }, { latencyMs: 250, inFlight: 50 }]);
    expect(orderRegions(regions, london, -1, options).stay).toEqual([0, 2, 1]);
    regions[1]!.inFlight = 450; // .6 x .45 + .16 = .43
    expect(orderRegions(regions, london, -1, options).stay).toEqual([0, 1, 2]);
  });

  test("sick ones come last, full ones before them, least loaded first", () => {
    const regions = world([{ healthy: false }, { inFlight: 1100 }, { inFlight: 510 }]);
    const order = orderRegions(regions, london, 0, options);
    expect(order.stay).toEqual([2, 1, 0]); // 1.02 of its capacity before 1.1
    expect(order.spillShare).toBe(0);
  });
});

describe("overflow", () => {
  test.each([
    [700, 0],
    [800, 0],
    [900, 0.5],
    [990, 0.95],
  ])("of a region with %i of 1000 in flight, %f goes to the next", (inFlight, share) => {
    const order = orderRegions(world([{ inFlight }]), london, -1, options);
    expect(order.spillShare).toBeCloseTo(share, 10);
    expect(order.spill).toEqual([1, 2, 0]);
  });

  test("goes nowhere when nobody has room", () => {
    const order = orderRegions(world([{ inFlight: 950 }, { inFlight: 1000 }, { healthy: false }]), london, -1, options);
    expect(order.spillShare).toBe(0);
  });

  test("is drawn for each request", () => {
    const order = orderRegions(world([{ inFlight: 900 }]), london, -1, options);
    expect(regionOrderFor(order, () => 0.49)).toBe(order.spill);
    expect(regionOrderFor(order, () => 0.51)).toBe(order.stay);
  });
});

test("an order says what the next best place takes, from experience or from the map", () => {
  const measured = world([{ latencyMs: 60 }, { latencyMs: 170 }, { latencyMs: 230 }]);
  expect(orderRegions(measured, london, -1, options).elsewhereMs).toBe(170);
  const unknown = world([{ latencyMs: 60, leastMs: 60 }]);
  estimateUnmeasured(unknown, london);
  // New York is 5,200 km further than Amsterdam: 78 ms more.
  expect(unknown[1]!.leastMs).toBeCloseTo(60 + (5567 - 357) * 0.015, 0);
  expect(orderRegions(unknown, london, -1, options).elsewhereMs).toBeCloseTo(138, 0);
  const alone = world([{}, { healthy: false }, { inFlight: 500 }]);
  expect(orderRegions(alone, london, -1, options).elsewhereMs).toBe(Number.POSITIVE_INFINITY);
});

test("the least time follows a region down at once and up slowly", () => {
  const [region] = world();
  for (const ms of [100, 100, 60]) observeLatency(region!, ms, options);
  expect(region!.leastMs).toBeCloseTo(96, 5);
  for (let second = 0; second < 5; second++) observeLatency(region!, 400, options);
  expect(region!.latencyMs).toBeGreaterThan(200);
  expect(region!.leastMs).toBeLessThan(102);
});

test("latency is an EWMA of .1 whose first sample stands for itself", () => {
  const [region] = world();
  observeLatency(region!, 100, options);
  expect(region!.latencyMs).toBe(100);
  observeLatency(region!, 200, options);
  expect(region!.latencyMs).toBeCloseTo(110, 10);
});

test.each([
  [true, 0.5, undefined, true],
  [true, 0.49, undefined, false],
  [false, 0.79, undefined, false],
  [false, 0.8, undefined, true],
  [true, 1, false, false],
  [true, 1, true, true],
])("a region that stood (%s), %f of its answers good, endpoint up %s: stands %s", (stood, good, up, stands) => {
  expect(regionStands(stood, good, up)).toBe(stands);
});

describe("preferred regions", () => {
  test("are kept an hour from the first answer, not longer for being used", () => {
    const preferred = new PreferredRegions();
    preferred.keep("AMS", 0, 0, options);
    preferred.keep("AMS", 0, 3_000_000, options);
    expect(preferred.get("AMS", 3_599_999)).toBe(0);
    expect(preferred.get("AMS", 3_600_000)).toBe(-1);
    expect(preferred.get("LHR", 0)).toBe(-1);
    preferred.keep("AMS", 1, 3_600_000, options);
    expect(preferred.get("AMS", 3_600_001)).toBe(1);
  });
  test("are bounded: the oldest goes", () => {
    const preferred = new PreferredRegions(3);
    for (const place of ["a", "b", "c", "d"]) preferred.keep(place, 1, 0, options);
    expect(preferred.size).toBe(3);
    expect(preferred.get("a", 1)).toBe(-1);
    expect(preferred.get("d", 1)).toBe(1);
  });
});
