import { describe, expect, it } from "vitest";
import { armOf, compareArms, moments, slowerBy } from "../../../worker/core/insight/arms.ts";
import type { Slice } from "../../../worker/core/protocol/rollups.ts";
import type { EffectMeasure } from "../../../worker/core/protocol/suggestions.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { flatten, record, sketch } from "../../../worker/core/stats/sketch.ts";

const chance = seededChance(7);

/** `count` requests around `ms`, of which `failed` failed. */
function slice(count: number, ms: number, more: Slice = {}): Slice {
  const times = sketch();
  for (let n = 0; n < count; n++) record(times, ms * (0.6 + 0.8 * chance()));
  return { requests: count, times: flatten(times), ...more };
}

const cases: [what: string, measure: EffectMeasure, changed: Slice, holdout: Slice, verdict: string][] = [
  ["too few in one group", "mean_ms", slice(500, 10), slice(29, 100), "waiting"],
  ["clearly faster", "mean_ms", slice(100, 20), slice(60, 60), "better"],
  ["clearly slower", "mean_ms", slice(100, 60), slice(60, 20), "worse"],
  ["the same", "mean_ms", slice(300, 40), slice(200, 40), "alike"],
  ["faster, but with errors", "mean_ms", slice(200, 20, { failed: 40 }), slice(200, 60), "worse"],
  ["more hits", "hit_ratio", slice(100, 5, { lookups: 100, hits: 80 }), slice(60, 20, { lookups: 60 }), "better"],
  [
    "hits, but slower",
    "hit_ratio",
    slice(100, 90, { lookups: 100, hits: 80 }),
    slice(60, 20, { lookups: 60 }),
    "worse",
  ],
  ["fewer attempts", "attempts", slice(100, 20), slice(100, 25, { retries: 150 }), "better"],
  ["fewer attempts, more errors", "attempts", slice(100, 20, { failed: 50 }), slice(100, 20, { retries: 90 }), "worse"],
  ["fewer errors, though slower", "error_rate", slice(100, 60), slice(100, 10, { failed: 60 }), "better"],
  ["all failed in both", "attempts", slice(50, 20, { failed: 50 }), slice(50, 20, { failed: 50 }), "alike"],
];

it.each(cases)("%s (%s)", (_, measure, changed, holdout, verdict) => {
  expect(compareArms(measure, changed, holdout, 30).verdict).toBe(verdict);
});

it("takes chance for no difference, however often it looks", () => {
  let wrong = 0;
  for (let trial = 0; trial < 60; trial++) {
    const { verdict } = compareArms("mean_ms", slice(200, 50), slice(60, 50), 30);
    if (verdict !== "alike") wrong++;
  }
  expect(wrong).toBeLessThanOrEqual(1);
});

describe("times", () => {
  it("a few that hang show in the mean, a shift of all in the logarithms", () => {
    const usual = moments(slice(400, 10).times!);
    const shifted = moments(slice(400, 13).times!);
    const times = sketch();
    for (let n = 0; n < 400; n++) record(times, n % 10 === 0 ? 4_000 : 10);
    expect(slowerBy(usual, shifted)).toBeGreaterThan(4);
    expect(slowerBy(usual, moments(flatten(times)))).toBeGreaterThan(4);
    expect(slowerBy(usual, usual)).toBe(0);
    expect(slowerBy(usual, moments([]))).toBe(0);
  });
});

it("an empty group reads as nothing", () => {
  expect(armOf({})).toEqual({ requests: 0, errorRate: 0, meanMs: 0, p95Ms: 0, hitRatio: 0, attempts: 0 });
});
