import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGlob, compilePathGlob, matchGlob, matchPathFrom } from "../../../worker/core/match/glob.ts";

/** The path dialect as a regular expression: the specification the linear matcher is held to. */
function pathReference(pattern: string): RegExp {
  const tail = pattern.endsWith("/*");
  const body = tail ? pattern.slice(0, -2) : pattern;
  let source = "";
  for (let i = 0; i < body.length; i++) {
    if (body[i] !== "*") source += body[i]!.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    else if (i === pattern.length - 1) source += "[^]*";
    else if (body[i - 1] === "/" && pattern[i + 1] === "/") source += "[^/]+";
    else source += "[^/]*";
  }
  return new RegExp(`^${source}${tail ? "(/[^]*)?" : ""}$`);
}

const textReference = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, "[^]*")}$`);

// A small alphabet, so that patterns and paths meet.
const pathPattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "."), maxLength: 12 }).map((s) => `/${s}`);
const path = fc.string({ unit: fc.constantFrom("a", "b", "/", "."), maxLength: 16 }).map((s) => `/${s}`);

describe("path globs", () => {
  it.each([
    ["/", "/", true],
    ["/", "/a", false],
    ["/a", "/a", true],
    ["/a", "/a/", false],
    ["/a", "/A", false],
    ["/*", "/", true],
    ["/*", "/a/b", true],
    ["/a/*", "/a", true],
    ["/a/*", "/a/", true],
    ["/a/*", "/a/b/c", true],
    ["/a/*", "/ab", false],
    ["/a*", "/ab/c", true],
    ["/a*", "/a", true],
    ["/a*", "/b", false],
    ["/users/*/orders", "/users/42/orders", true],
    ["/users/*/orders", "/users/4/2/orders", false],
    ["/users/*/orders", "/users//orders", false],
    ["/users/*/orders/*", "/users/42/orders", true],
    ["/users/*/orders/*", "/users/42/orders/7/lines", true],
    ["/files/*.js", "/files/a.min.js", true],
    ["/files/*.js", "/files/a/b.js", false],
    ["/files/*.js", "/files/.js", true],
    ["/v*/x", "/v1/x", true],
    ["/v*/x", "/v1/y/x", false],
    ["/a*b/c", "/axbyb/c", true],
    ["/*a*b*/c", "/xaybz/c", true],
  ])("%s and %s: %s", (pattern, text, expected) => {
    expect(compilePathGlob(pattern)(text)).toBe(expected);
    expect(matchPathFrom(pattern, 0, text, 0)).toBe(expected);
  });

  it("agree with their specification", () => {
    fc.assert(
      fc.property(pathPattern, path, (pattern, text) => {
        fc.pre(!pattern.includes("**"));
        const expected = pathReference(pattern).test(text);
        expect(matchPathFrom(pattern, 0, text, 0)).toBe(expected);
        expect(compilePathGlob(pattern)(text)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("text globs", () => {
  it.each([
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "a/b", true],
    ["a*", "abc", true],
    ["*c", "abc", true],
    ["a*c", "ac", true],
    ["a*c", "abd", false],
    ["a**c", "abc", true],
    ["*/img/*.png", "/x/y/img/z/a.png", true],
    ["abc", "ab", false],
  ])("%s and %s: %s", (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
    expect(matchGlob(pattern, text)).toBe(expected);
  });

  it("agree with their specification", () => {
    const unit = fc.constantFrom("a", "b", "*");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 10 }), fc.string({ unit, maxLength: 14 }), (pattern, text) => {
        const expected = textReference(pattern).test(text);
        expect(matchGlob(pattern, text)).toBe(expected);
        expect(compileGlob(pattern)(text)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it("do not explode where a backtracking matcher does", () => {
    const started = performance.now();
    expect(matchGlob(`${"*a".repeat(50)}*b`, "a".repeat(16_384))).toBe(false);
    expect(compilePathGlob(`/${"*a".repeat(50)}*b`)(`/${"a".repeat(16_384)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
