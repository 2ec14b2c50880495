import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ewma, observe } from "../../../worker/core/stats/ewma.ts";

const TAU_MS = 10_000;
const NOW = 1_700_000_000_000;

describe("observe", () => {
  test("the first sample stands for itself, and samples of one millisecond make a plain mean", () => {
    const state = ewma();
    observe(state, 40, NOW, TAU_MS);
    expect(state.value).toBe(40);
    observe(state, 20, NOW, TAU_MS);
    observe(state, 30, NOW, TAU_MS);
    expect(state.value).toBeCloseTo(30, 10);
  });

  test("after tau an old sample weighs 1/e", () => {
    const state = ewma();
    observe(state, 100, NOW, TAU_MS);
    observe(state, 0, NOW + TAU_MS, TAU_MS);
    expect(state.value).toBeCloseTo((100 * Math.exp(-1)) / (1 + Math.exp(-1)), 10);
  });

  test("equals the weighted mean of all samples, whatever their spacing", () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 1000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(samples, (steps) => {
        const state = ewma();
        let now = NOW;
        const seen: { at: number; sample: number }[] = [];
        for (const [gapMs, sample] of steps) {
          now += gapMs;
          observe(state, sample, now, TAU_MS);
          seen.push({ at: now, sample });
        }
        const weight = ({ at }: { at: number }) => Math.exp((at - now) / TAU_MS);
        const weights = seen.reduce((sum, one) => sum + weight(one), 0);
        expect(state.value).toBeCloseTo(seen.reduce((sum, one) => sum + one.sample * weight(one), 0) / weights, 6);
      }),
    );
  });

  test("a clock that steps back neither throws nor gives old samples more weight", () => {
    const state = ewma();
    observe(state, 10, NOW, TAU_MS);
    observe(state, 30, NOW - 5000, TAU_MS);
    expect(state.value).toBe(20);
    expect(state.at).toBe(NOW);
  });
});
