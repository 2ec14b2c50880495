import { describe, expect, it } from "vitest";
import { expectedGeneration, matches } from "../../worker/admin/etag.ts";

describe("If-Match on a write", () => {
  it.each([
    [undefined, undefined, undefined],
    ['"7"', undefined, 7],
    [' "7" ', undefined, 7],
    ['"0"', undefined, 0],
    ["*", undefined, undefined],
    ['W/"7"', undefined, "never"],
    ['"7", "8"', undefined, "never"],
    ['"seven"', undefined, "never"],
    ["7", undefined, "never"],
    ["", undefined, "never"],
    ['"-1"', undefined, "never"],
    ['"9999999999999999"', undefined, "never"],
    [undefined, "*", 0],
    [undefined, '"7"', undefined],
  ])("%j with If-None-Match %j expects %j", (ifMatch, ifNoneMatch, expected) => {
    expect(expectedGeneration(ifMatch, ifNoneMatch)).toBe(expected);
  });
});

describe("If-None-Match on a read", () => {
  it.each([
    [undefined, false],
    ['"7"', true],
    ['W/"7"', true],
    ['"6", W/"7"', true],
    ["*", true],
    ['"6"', false],
    ["7", false],
    ["", false],
  ])("%j", (header, same) => {
    expect(matches(header, '"7"')).toBe(same);
  });
});
