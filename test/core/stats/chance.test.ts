import { describe, expect, test } from "vitest";
import { draw, evenChance, seededChance } from "../../../worker/core/stats/chance.ts";

describe("seededChance", () => {
  test("the same seed draws the same numbers, neighbouring seeds have nothing in common", () => {
    const first = Array.from({ length: 100 }, seededChance(7));
    expect(Array.from({ length: 100 }, seededChance(7))).toEqual(first);
    const second = Array.from({ length: 100 }, seededChance(8));
    expect(second.filter((value, at) => Math.abs(value - first[at]!) < 1e-3).length).toBeLessThan(3);
  });

  test("is uniform: every hundredth holds its share of a million draws, and neighbours do not depend on each other", () => {
    const chance = seededChance(20261121);
    const held = new Array<number>(100).fill(0);
    const pairs = new Array<number>(100).fill(0);
    let before = chance();
    let outside = 0;
    for (let n = 0; n < 1_000_000; n++) {
      const value = chance();
      if (value < 0 || value >= 1) outside++;
      held[Math.floor(value * 100)]!++;
      pairs[Math.floor(before * 10) * 10 + Math.floor(value * 10)]!++;
      before = value;
    }
    expect(outside).toBe(0);
    // Chi-square with 99 degrees of freedom stays under 150 but for one seed in a thousand.
    for (const cells of [held, pairs]) {
      expect(cells.reduce((sum, cell) => sum + (cell - 10_000) ** 2 / 10_000, 0)).toBeLessThan(150);
    }
  });

  test("draw gives whole numbers below its bound", () => {
    expect(draw(() => 0, 5)).toBe(0);
    expect(draw(() => 0.999_999, 5)).toBe(4);
  });
});

test("evenChance keeps to a share, also for every n-th draw", () => {
  for (const every of [1, 2, 3, 5, 8]) {
    const chance = evenChance(0.37);
    let below = 0;
    for (let n = 0; n < 1_000 * every; n++) if (chance() < 0.3 && n % every === 0) below++;
    expect(Math.abs(below - 300)).toBeLessThanOrEqual(8);
  }
});
