import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { httpDate, parseHttpDate } from "../../../worker/core/http/date.ts";

const NOW = Date.UTC(2026, 10, 21);
const NOV_94 = Date.UTC(1994, 10, 6, 8, 49, 37);

describe("parseHttpDate", () => {
  it.each([
    ["Sun, 06 Nov 1994 08:49:37 GMT", NOV_94],
    ["Sunday, 06-Nov-94 08:49:37 GMT", NOV_94],
    ["Sun Nov  6 08:49:37 1994", NOV_94],
    ["Sun Nov 16 08:49:37 1994", Date.UTC(1994, 10, 16, 8, 49, 37)],
    [" sun, 06 nov 1994 08:49:37 gmt ", NOV_94],
    ["SUNDAY, 06-NOV-94 08:49:37 GMT", NOV_94],
    // years past 2038, and below 100
    ["Sun, 06 Nov 2039 08:49:37 GMT", Date.UTC(2039, 10, 6, 8, 49, 37)],
    ["Fri, 31 Dec 9999 23:59:59 GMT", Date.UTC(9999, 11, 31, 23, 59, 59)],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Mon, 01 Jan 0050 00:00:00 GMT", -60589296000000],
    // a two-digit year more than 50 years ahead is past
    ["Saturday, 06-Nov-76 00:00:00 GMT", Date.UTC(2076, 10, 6)],
    ["Sunday, 06-Nov-77 00:00:00 GMT", Date.UTC(1977, 10, 6)],
    ["Monday, 06-Nov-39 00:00:00 GMT", Date.UTC(2039, 10, 6)],
    // a leap day, a leap second, a day's name that does not fit
    ["Thu, 29 Feb 2024 00:00:00 GMT", Date.UTC(2024, 1, 29)],
    ["Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0, 1)],
    ["Mon, 06 Nov 1994 08:49:37 GMT", NOV_94],
  ])("%s", (text, expected) => expect(parseHttpDate(text, NOW)).toBe(expected));

  it.each([
    "",
    "0",
    "-1",
    "3600",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Xxx, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Wed, 29 Feb 2023 00:00:00 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 08-49-37 GMT",
    "Sun, 0x Nov 1994 08:49:37 GMT",
    "Sun,_06 Nov 1994 08:49:37 GMT",
    "Someday, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 94 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6_08:49:37 1994",
    "x".repeat(10_000),
  ])("%s is none", (text) => expect(parseHttpDate(text, NOW)).toBeUndefined());

  it("reads back what httpDate writes, to the second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253402300799 }), (seconds) => {
        const text = httpDate(seconds * 1000);
        expect(text).toHaveLength(29);
        expect(parseHttpDate(text, NOW)).toBe(seconds * 1000);
      }),
    );
  });

  it("never throws, and gives a date or none", () => {
    const unit = fc.constantFrom(..."SunNovGMT ,-:0123456789");
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit, minLength: 24, maxLength: 33 })), (text) => {
        const date = parseHttpDate(text, NOW);
        expect(date === undefined || Number.isFinite(date)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

it("httpDate writes the preferred form", () => expect(httpDate(NOV_94)).toBe("Sun, 06 Nov 1994 08:49:37 GMT"));
