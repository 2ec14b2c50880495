import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finalise, fnv1a, hash32, hashShare } from "../../../worker/core/stats/hash.ts";

describe("fnv1a", () => {
  // From the authors' own list of test vectors (isthe.com/chongo/tech/comp/fnv).
  test.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["b", 0xe70c2de5],
    ["foobar", 0xbf9cf968],
    ["chongo was here!\n", 0xd49930d5],
  ])("%j", (words, expected) => {
    expect(fnv1a(words)).toBe(expected);
  });

  test("hashes the UTF-8 bytes of any string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (words) => {
        let hash = 0x811c9dc5;
        for (const byte of new TextEncoder().encode(words)) hash = Math.imul(hash ^ byte, 0x01000193);
        expect(fnv1a(words)).toBe(hash >>> 0);
      }),
    );
  });

  test.each(["\ud800", "\udc00", "a\ud83d", "\ud83dx", "\ude00\ud83d"])("a lone surrogate is U+FFFD: %j", (words) => {
    expect(fnv1a(words)).toBe(fnv1a(words.toWellFormed()));
  });
});

test("the finaliser is MurmurHash3's", () => {
  expect([0, 1, 0xffffffff].map(finalise)).toEqual([0, 0x514e28b7, 0x81f16f39]);
});

test("like-named ids spread evenly over the whole range", () => {
  const held = new Array<number>(16).fill(0);
  for (let n = 0; n < 16_000; n++) held[Math.floor(hashShare(`users-${n}`) * 16)]!++;
  // Chi-square with 15 degrees of freedom.
  expect(held.reduce((sum, cell) => sum + (cell - 1000) ** 2 / 1000, 0)).toBeLessThan(38);
  expect(hash32("users-1")).not.toBe(hash32("users-2"));
});
