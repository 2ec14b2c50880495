import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { ageSeconds, deltaSeconds, MAX_DELTA_SECONDS } from "../../../worker/core/cache/delta.ts";
import {
  NO_DIRECTIVES,
  parseDirectives,
  parseRequestDirectives,
  type Directives,
  type RequestDirectives,
} from "../../../worker/core/cache/directives.ts";

describe("delta-seconds (RFC 9111 §1.2.2)", () => {
  test.each([
    ["0", 0],
    ["003600", 3600],
    ["2147483647", 2_147_483_647],
    ["2147483648", MAX_DELTA_SECONDS],
    ["99999999999", MAX_DELTA_SECONDS],
    ["9".repeat(400), MAX_DELTA_SECONDS],
    ["", -1],
    ["-1", -1],
    ["+1", -1],
    ["3600.0", -1],
    ["1e3", -1],
    ["3600a", -1],
    ["a3600", -1],
    ["'3600'", -1],
    ["٣", -1],
  ])("%j is %i", (text, seconds) => {
    expect(deltaSeconds(text)).toBe(seconds);
  });
});

describe("Age: the first member, and nothing where that is no number (§5.1)", () => {
  test.each([
    [null, 0],
    ["30", 30],
    [" 30 ", 30],
    ["7200, 0", 7200],
    ["0, 7200", 0],
    ["abc", 0],
    ["-7200", 0],
    ["7200.0", 0],
    ["7200;foo=bar", 0],
    ["2147483649", MAX_DELTA_SECONDS],
  ])("%j is %i", (field, seconds) => {
    expect(ageSeconds(field)).toBe(seconds);
  });
});

describe("Cache-Control of an answer", () => {
  test.each<[string, Partial<Directives>]>([
    ["", {}],
    ["max-age=60", { maxAge: 60 }],
    ["MaX-aGe=60", { maxAge: 60 }],
    ['max-age="60"', { maxAge: 60 }],
    ["foobar, max-age=60", { maxAge: 60 }],
    ["max-age=60,", { maxAge: 60 }],
    [",,max-age=60", { maxAge: 60 }],
    ["max-age=60, s-maxage=1", { maxAge: 60, sharedMaxAge: 1 }],
    // Invalid lifetimes are none (§4.2.1).
    ["max-age=a60", { maxAge: 0 }],
    ["max-age=60a", { maxAge: 0 }],
    ["max-age='60'", { maxAge: 0 }],
    ["max-age=-60", { maxAge: 0 }],
    ["max-age=60.5", { maxAge: 0 }],
    ["max-age =60", { maxAge: 0 }],
    ["max-age= 60", { maxAge: 0 }],
    ["max-age", { maxAge: 0 }],
    ["max-age=", { maxAge: 0 }],
    // The most restrictive of duplicates.
    ["max-age=1, max-age=1800", { maxAge: 1 }],
    ["max-age=1800, max-age=1", { maxAge: 1 }],
    ["max-age=1800, max-age=x", { maxAge: 0 }],
    // Nothing inside another's quotes.
    ['extension="max-age=3600", max-age=1', { maxAge: 1 }],
    ['max-age=1, extension="max-age=3600"', { maxAge: 1 }],
    ['extension="max-age=3600", max-age="1"', { maxAge: 1 }],
    ['extension="no-store, private"', {}],
    ['extension="a\\", no-store, b"', {}],
    ['extension="unfinished, no-store', {}],
    ["No-StOrE", { noStore: true }],
    ["no-store, max-age=60", { noStore: true, maxAge: 60 }],
    ["private", { isPrivate: true }],
    ['private="set-cookie", max-age=60', { isPrivate: true, maxAge: 60 }],
    ["no-cache", { noCache: true }],
    ['no-cache="A, b", max-age=60', { noCacheFields: ["a", "b"], maxAge: 60 }],
    ['no-cache="", max-age=60', { noCache: true, maxAge: 60 }],
    ["public, must-revalidate", { isPublic: true, mustRevalidate: true }],
    ["proxy-revalidate, must-understand", { proxyRevalidate: true, mustUnderstand: true }],
    ["stale-while-revalidate=30, stale-if-error=60", { staleWhileRevalidate: 30, staleIfError: 60 }],
    ["x-no-store, no-stored", {}],
  ])("%j", (field, directives) => {
    expect(parseDirectives(field)).toEqual({ ...NO_DIRECTIVES, ...directives });
  });

  test("any text is read to an end, and no-store among tokens is always found", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        parseDirectives(text);
        parseRequestDirectives(text, text);
      }),
    );
    const token = fc.stringMatching(/^[a-z-]{1,12}(=[a-z0-9]{1,6})?$/);
    fc.assert(
      fc.property(fc.array(token), fc.array(token), (before, after) => {
        expect(parseDirectives([...before, "no-store", ...after].join(", ")).noStore).toBe(true);
      }),
    );
  });
});

describe("Cache-Control of a request", () => {
  const none = parseRequestDirectives(undefined, undefined);
  test.each<[string | undefined, string | undefined, Partial<RequestDirectives>]>([
    ["no-cache", undefined, { noCache: true }],
    ["No-Store", undefined, { noStore: true }],
    ["max-age=0", undefined, { maxAge: 0 }],
    ["max-age=x", undefined, {}],
    ["min-fresh=10", undefined, { minFresh: 10 }],
    ["max-stale", undefined, { maxStale: Infinity }],
    ["max-stale=10", undefined, { maxStale: 10 }],
    ["max-stale=x", undefined, {}],
    ["only-if-cached", undefined, { onlyIfCached: true }],
    ["stale-if-error=60", undefined, { staleIfError: 60 }],
    // Pragma last (§5.4).
    [undefined, "no-cache", { noCache: true }],
    [undefined, "unknown", {}],
    ["nothing-to-see-here", "no-cache", {}],
  ])("%j and Pragma %j", (field, pragma, directives) => {
    expect(parseRequestDirectives(field, pragma)).toEqual({ ...none, ...directives });
  });
});
