import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import {
  ACCURACY,
  addTimes,
  bucketOf,
  BUCKETS,
  clearSketch,
  flatten,
  mergeTimes,
  quantile,
  record,
  sketch,
  sketchQuantile,
  valueOf,
} from "../../../worker/core/stats/sketch.ts";

const filled = (times: readonly number[]) => {
  const made = sketch();
  for (const ms of times) record(made, ms);
  return made;
};
const millis = fc.array(fc.double({ min: 1, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 200 });
const exact = (times: readonly number[], q: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(q * (times.length - 1))]!;

describe("sketch", () => {
  test("every quantile is within 2 % of the true one", () => {
    fc.assert(
      fc.property(millis, fc.double({ min: 0, max: 1, noNaN: true }), (times, q) => {
        const truth = exact(times, q);
        for (const found of [sketchQuantile(filled(times), q), quantile(flatten(filled(times)), q)]) {
          expect(Math.abs(found - truth) / truth).toBeLessThanOrEqual(ACCURACY + 1e-9);
        }
      }),
    );
  });

  test("holds for times as services have them: log-normal with a long tail, 100,000 of them", () => {
    const chance = seededChance(1);
    const times = Array.from({ length: 100_000 }, () => {
      const normal = Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
      return 1 + Math.exp(3 + normal);
    });
    const flat = flatten(filled(times));
    for (const q of [0.01, 0.5, 0.95, 0.99, 0.999]) {
      expect(Math.abs(quantile(flat, q) / exact(times, q) - 1)).toBeLessThanOrEqual(ACCURACY);
    }
    expect(flat.length).toBeLessThan(2 * BUCKETS);
  });

  test("merging is exact, in any order, in both forms", () => {
    fc.assert(
      fc.property(millis, millis, millis, (a, b, c) => {
        const whole = flatten(filled([...a, ...b, ...c]));
        const [left, middle, right] = [a, b, c].map((times) => flatten(filled(times)));
        expect(mergeTimes(mergeTimes(left!, middle!), right!)).toEqual(whole);
        expect(mergeTimes(right!, mergeTimes(middle!, left!))).toEqual(whole);
        const into = filled(c);
        addTimes(into, middle!);
        addTimes(into, left!);
        expect(flatten(into)).toEqual(whole);
        expect(sketchQuantile(filled(a), 0.9, filled(b))).toBe(quantile(mergeTimes(left!, middle!), 0.9));
      }),
    );
  });

  test.each([
    [Number.NaN, 0],
    [-5, 0],
    [0, 0],
    [1, 0],
    [1.01, 1],
    [3_600_000, BUCKETS - 1],
    [Number.POSITIVE_INFINITY, BUCKETS - 1],
  ])("%d ms falls into bucket %d", (ms, bucket) => {
    expect(bucketOf(ms)).toBe(bucket);
  });

  test("buckets are in order and each stands for a value within it", () => {
    for (let bucket = 1; bucket < BUCKETS - 1; bucket++) expect(bucketOf(valueOf(bucket))).toBe(bucket);
    expect(BUCKETS).toBe(379);
  });

  test("nothing counted is 0, and clearing forgets", () => {
    const made = filled([5, 6]);
    clearSketch(made);
    expect([sketchQuantile(made, 0.5), quantile([], 0.5), flatten(made).length]).toEqual([0, 0, 0]);
  });

  test("a list from elsewhere cannot break it", () => {
    const into = sketch();
    addTimes(into, [-1, 5, BUCKETS, 5, 1.5, 5, 3, -2, 3, Number.NaN, 4, 7, 9]);
    expect(flatten(into)).toEqual([4, 7]);
    expect(into.count).toBe(7);
  });
});
