import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addDelta, answers, emptyTally, meanMs, reportInterval, smooth } from "../../../worker/core/protocol/merge.ts";
import type { InstanceDelta } from "../../../worker/core/protocol/reports.ts";

const count = fc.nat(1_000);
const delta: fc.Arbitrary<InstanceDelta> = fc
  .record({
    ok: count,
    failed: count,
    limited: count,
    slow: count,
    inFlight: count,
    ewmaMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
    bucket: fc.nat(300),
  })
  .map(({ bucket, ...counts }) => ({ ...counts, times: counts.ok === 0 ? [] : [bucket, counts.ok] }));

describe("merging deltas", () => {
  it("adds counts and buckets, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(delta, { minLength: 1, maxLength: 12 }), (deltas) => {
        const forth = deltas.reduce(addDelta, emptyTally());
        const back = deltas.toReversed().reduce(addDelta, emptyTally());
        expect(answers(forth)).toBe(deltas.reduce((sum, each) => sum + answers(each), 0));
        expect({ ...forth, timeMs: 0 }).toEqual({ ...back, timeMs: 0 });
        expect(meanMs(forth)).toBeCloseTo(meanMs(back), 3);
      }),
    );
  });

  it("keeps the mean response time between the smallest and the largest that has answers behind it", () => {
    fc.assert(
      fc.property(fc.array(delta, { minLength: 1, maxLength: 12 }), (deltas) => {
        const weighed = deltas.filter((each) => each.ewmaMs > 0 && answers(each) > 0).map(({ ewmaMs }) => ewmaMs);
        const mean = meanMs(deltas.reduce(addDelta, emptyTally()));
        if (weighed.length === 0) expect(mean).toBe(0);
        else {
          expect(mean).toBeGreaterThanOrEqual(Math.min(...weighed) - 1e-6);
          expect(mean).toBeLessThanOrEqual(Math.max(...weighed) + 1e-6);
        }
      }),
    );
  });

  it("weighs response times by the answers behind them", () => {
    const slow = { ok: 1, failed: 0, limited: 0, slow: 0, inFlight: 0, ewmaMs: 1_000, times: [] };
    const fast = { ...slow, ok: 99, ewmaMs: 10 };
    const idle = { ...slow, ok: 0, ewmaMs: 60_000 };
    expect(meanMs([slow, fast, idle].reduce(addDelta, emptyTally()))).toBeCloseTo(19.9, 6);
  });
});

describe("the interval between reports", () => {
  it.each([
    [0, 1_000],
    [1, 1_000],
    [200, 1_000],
    [201, 1_005],
    [1_000, 5_000],
    [10_000, 50_000],
    [1_000_000, 60_000],
  ])("for %i isolates is %i ms", (isolates, ms) => {
    expect(reportInterval(isolates)).toBe(ms);
  });

  it("holds 200 reports a second up to 12,000 isolates", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12_000 }), (isolates) => {
        expect((isolates * 1_000) / reportInterval(isolates)).toBeLessThanOrEqual(200);
      }),
    );
  });
});

it("moves an average by a tenth of the difference", () => {
  expect(smooth(undefined, 50)).toBe(50);
  expect(smooth(100, 50)).toBe(95);
});
