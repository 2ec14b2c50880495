import { describe, expect, test } from "vitest";
import {
  contentRange,
  contentRangeField,
  heldBy,
  isWhole,
  joined,
  rangeWithin,
  requestedRange,
  resolveRange,
} from "../../../worker/core/cache/range.ts";

describe("a range that is asked for, of ten bytes", () => {
  test.each<[string, [number, number] | "ignored" | "unsatisfiable"]>([
    ["bytes=0-1", [0, 1]],
    ["bytes=1-", [1, 9]],
    ["bytes=-1", [9, 9]],
    ["bytes=-50", [0, 9]],
    ["bytes=8-50", [8, 9]],
    ["Bytes=0-0", [0, 0]],
    ["bytes = 0-0", [0, 0]],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=2-1", "ignored"],
    ["bytes=0-1,3-4", "ignored"],
    ["lines=0-1", "ignored"],
    ["bytes=a-b", "ignored"],
    ["bytes=-", "ignored"],
    ["bytes", "ignored"],
    ["0-1", "ignored"],
  ])("%s", (field, expected) => {
    const spec = requestedRange(field);
    if (expected === "ignored") expect(spec).toBeUndefined();
    else if (expected === "unsatisfiable") expect(resolveRange(spec!, 10)).toBeUndefined();
    else expect(resolveRange(spec!, 10)).toEqual({ first: expected[0], last: expected[1] });
  });
});

describe("Content-Range", () => {
  test.each<[string | null, [number, number, number] | undefined]>([
    ["bytes 0-4/10", [0, 4, 10]],
    ["bytes 0-4/*", [0, 4, -1]],
    ["BYTES 0-4/10", [0, 4, 10]],
    ["bytes */10", undefined],
    ["bytes 5-4/10", undefined],
    ["bytes 0-10/10", undefined],
    ["items 0-4/10", undefined],
    [null, undefined],
  ])("%j", (field, held) => {
    const [first, last, total] = held ?? [0, 0, 0];
    expect(contentRange(field)).toEqual(held === undefined ? undefined : { first, last, total });
  });

  test("is written as it is read", () => {
    expect(contentRange(contentRangeField({ first: 2, last: 5 }, 9))).toEqual({ first: 2, last: 5, total: 9 });
    expect(contentRangeField({ first: 2, last: 5 }, -1)).toBe("bytes 2-5/*");
  });
});

describe("a stored part", () => {
  const part = { first: 4, last: 8, total: 9 };
  test.each<[string, [number, number] | undefined]>([
    ["bytes=6-8", [6, 8]],
    ["bytes=6-", [6, 8]],
    ["bytes=-1", [8, 8]],
    ["bytes=-5", [4, 8]],
    ["bytes=3-8", undefined],
    ["bytes=0-", undefined],
    ["bytes=-6", undefined],
  ])("answers %s", (field, expected) => {
    const range = rangeWithin(requestedRange(field)!, part);
    expect(range).toEqual(expected === undefined ? undefined : { first: expected[0], last: expected[1] });
  });

  test("of a whole of unknown length answers only what is named by both ends", () => {
    const open = { first: 4, last: 8, total: -1 };
    expect(rangeWithin(requestedRange("bytes=5-6")!, open)).toEqual({ first: 5, last: 6 });
    expect(rangeWithin(requestedRange("bytes=5-")!, open)).toBeUndefined();
    expect(rangeWithin(requestedRange("bytes=-1")!, open)).toBeUndefined();
  });

  test("holds what it says, or ends where its bytes do when it says that it reaches the end", () => {
    expect(heldBy({ first: 4, last: 8, total: 10 }, 5)).toEqual({ first: 4, last: 8, total: 10 });
    expect(heldBy({ first: 4, last: 9, total: 10 }, 5)).toEqual({ first: 4, last: 8, total: 9 });
    expect(heldBy({ first: 4, last: 8, total: 10 }, 4)).toBeUndefined();
    expect(heldBy({ first: 4, last: 9, total: 10 }, 7)).toBeUndefined();
    expect(heldBy({ first: 4, last: 9, total: 10 }, 0)).toBeUndefined();
  });

  test("joins what touches it, and nothing across a gap or of another length", () => {
    const a = { first: 0, last: 4, total: 10 };
    expect(joined(a, { first: 5, last: 9, total: 10 })).toEqual({ first: 0, last: 9, total: 10 });
    expect(joined({ first: 3, last: 9, total: 10 }, a)).toEqual({ first: 0, last: 9, total: 10 });
    expect(joined(a, { first: 6, last: 9, total: 10 })).toBeUndefined();
    expect(joined(a, { first: 5, last: 9, total: 11 })).toBeUndefined();
    expect(isWhole({ first: 0, last: 9, total: 10 })).toBe(true);
    expect(isWhole(a)).toBe(false);
  });
});
