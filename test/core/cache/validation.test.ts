import { describe, expect, test } from "vitest";
import type { EntryMeta } from "../../../worker/core/cache/entry.ts";
import {
  agrees,
  conditionsFor,
  confirmed,
  goesWithNotModified,
  ifRangeHolds,
  isNotModified,
  sameVersion,
  updatedFields,
} from "../../../worker/core/cache/validation.ts";
import { entryMeta } from "../../support/entries.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT";
const LATER = "Thu, 01 Jan 2026 00:00:01 GMT";
const EARLIER = "Wed, 31 Dec 2025 23:59:59 GMT";

describe("what a client has already (§4.3.2)", () => {
  test.each<[Partial<EntryMeta>, string | undefined, string | undefined, boolean]>([
    [{ etag: '"a"' }, '"a"', undefined, true],
    [{ etag: '"a"' }, 'W/"a"', undefined, true],
    [{ etag: 'W/"a"' }, '"a"', undefined, true],
    [{ etag: 'W/"a"' }, 'W/"a"', undefined, true],
    [{ etag: '"a"' }, '"b", "a", "c"', undefined, true],
    [{ etag: '"a"' }, '"b","c"', undefined, false],
    [{ etag: '"a,b"' }, '"x", "a,b"', undefined, true],
    [{ etag: '"a"' }, '"a,b"', undefined, false],
    [{ etag: '"a"' }, "*", undefined, true],
    [{ etag: "" }, '"a"', undefined, false],
    [{ etag: "a" }, "a", undefined, true],
    // If-None-Match goes first.
    [{ etag: '"a"', lastModified: MODIFIED }, '"b"', LATER, false],
    [{ etag: '"a"', lastModified: LATER }, '"a"', EARLIER, true],
    [{ lastModified: MODIFIED }, undefined, MODIFIED, true],
    [{ lastModified: MODIFIED }, undefined, LATER, true],
    [{ lastModified: MODIFIED }, undefined, EARLIER, false],
    [{ lastModified: MODIFIED }, undefined, "Thursday, 01-Jan-26 00:00:00 GMT", true],
    [{ lastModified: MODIFIED }, undefined, "yesterday", false],
    // Date stands in for Last-Modified.
    [{ dateAt: Date.UTC(2026, 0, 1) }, undefined, MODIFIED, true],
    [{ dateAt: Date.UTC(2026, 0, 1) }, undefined, EARLIER, false],
    // Only 2xx are conditional.
    [{ etag: '"a"', status: 404 }, '"a"', undefined, false],
  ])("%j asked with %j, %j", (changes, ifNoneMatch, ifModifiedSince, has) => {
    expect(isNotModified(entryMeta(changes), { ifNoneMatch, ifModifiedSince }, NOW)).toBe(has);
  });

  test("a 304 carries what guides a cache, and nothing about a body", () => {
    const goes = ["etag", "cache-control", "date", "vary", "expires", "content-location", "x-own"];
    expect(goes.filter((name) => !goesWithNotModified(name))).toEqual([]);
    expect(["content-length", "content-type", "content-encoding"].filter(goesWithNotModified)).toEqual([]);
  });
});

test.each<[Partial<EntryMeta>, string | undefined, boolean]>([
  [{ etag: '"a"' }, undefined, true],
  [{ etag: '"a"' }, '"a"', true],
  [{ etag: '"a"' }, '"b"', false],
  [{ etag: 'W/"a"' }, 'W/"a"', false],
  [{ lastModified: MODIFIED, dateAt: NOW }, MODIFIED, true],
  [{ lastModified: MODIFIED, dateAt: NOW }, LATER, false],
  // Modified in the same minute: it could have changed again since.
  [{ lastModified: MODIFIED, dateAt: Date.UTC(2026, 0, 1, 0, 0, 30) }, MODIFIED, false],
])("If-Range: %j asked with %j", (changes, ifRange, holds) => {
  expect(ifRangeHolds(entryMeta(changes), ifRange, NOW)).toBe(holds);
});

test("an origin is asked about every ETag as it is, and about the date of a single answer", () => {
  const a = entryMeta({ etag: '"a"', lastModified: MODIFIED });
  const b = entryMeta({ etag: 'W/"b"', lastModified: LATER });
  expect(conditionsFor([a])).toEqual({ ifNoneMatch: '"a"', ifModifiedSince: MODIFIED });
  expect(conditionsFor([a, b, a])).toEqual({ ifNoneMatch: '"a", W/"b"', ifModifiedSince: "" });
});

test("a 304 speaks of the one that was asked about, or of the one it names", () => {
  const a = { meta: entryMeta({ etag: '"a"' }) };
  const b = { meta: entryMeta({ etag: '"b"' }) };
  expect(confirmed([a], null)).toBe(a);
  expect(confirmed([a], '"other"')).toBe(a);
  expect(confirmed([a, b], 'W/"b"')).toBe(b);
  expect(confirmed([a, b], '"c"')).toBeUndefined();
  expect(confirmed([a, b], null)).toBeUndefined();
});

describe("an update (§3.2, §4.3.4)", () => {
  const stored = entryMeta({
    headers: [
      ["cache-control", "max-age=1"],
      ["content-length", "5"],
      ["date", "Thu, 01 Jan 2026 00:00:00 GMT"],
      ["x-kept", "1"],
      ["x-replaced", "1"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=1"],
    ],
  });

  test("replaces what it carries but the length, and leaves the rest", () => {
    const fields = updatedFields(
      stored,
      new Headers({
        "cache-control": "max-age=9",
        "content-length": "0",
        "x-replaced": "2",
        date: LATER,
        "x-new": "3",
      }),
    );
    expect(fields.get("cache-control")).toBe("max-age=9");
    expect(fields.get("content-length")).toBe("5");
    expect(fields.get("x-kept")).toBe("1");
    expect(fields.get("x-replaced")).toBe("2");
    expect(fields.get("x-new")).toBe("3");
    expect(fields.get("date")).toBe(LATER);
    expect(fields.getSetCookie()).toEqual(["a=1", "b=1"]);
  });

  test("with cookies replaces all cookies", () => {
    const update = new Headers();
    update.append("set-cookie", "c=1");
    expect(updatedFields(stored, update).getSetCookie()).toEqual(["c=1"]);
  });
});

test.each<[number, Record<string, string>, boolean]>([
  [200, {}, true],
  [200, { etag: '"a"', "content-length": "5" }, true],
  [200, { etag: '"b"' }, false],
  [200, { "content-length": "6" }, false],
  [200, { "last-modified": MODIFIED }, false],
  [410, {}, false],
])("a HEAD of status %i with %j agrees: %s (§4.3.5)", (status, fields, does) => {
  const meta = entryMeta({ etag: '"a"', headers: [["content-length", "5"]] });
  expect(agrees(meta, status, new Headers(fields))).toBe(does);
});

test("parts are of one version when a strong validator says so, and never otherwise", () => {
  expect(sameVersion(entryMeta({ etag: '"a"' }), new Headers({ etag: '"a"' }))).toBe(true);
  expect(sameVersion(entryMeta({ etag: '"a"' }), new Headers({ etag: '"b"' }))).toBe(false);
  expect(sameVersion(entryMeta({ etag: 'W/"a"' }), new Headers({ etag: 'W/"a"' }))).toBe(false);
  expect(sameVersion(entryMeta(), new Headers())).toBe(false);
});
