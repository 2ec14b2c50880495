import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { matches, nominate, nominatedBy, normalised, select, variantName } from "../../../worker/core/cache/vary.ts";
import { entryMeta } from "../../support/entries.ts";

test.each<[string | null, readonly string[] | "*"]>([
  [null, []],
  ["", []],
  ["Foo", ["foo"]],
  ["Foo, Bar", ["bar", "foo"]],
  ["foo,, FOO ,", ["foo"]],
  ["*", "*"],
  ["*, *", "*"],
  [", *", "*"],
  ["*, Foo", "*"],
  ["Foo, *", "*"],
  [Array.from({ length: 40 }, (_, n) => `f${n}`).join(), "*"],
])("Vary %j nominates %j", (vary, names) => {
  expect(nominatedBy(vary)).toEqual(names);
});

describe("normalisation keeps what a value means", () => {
  test.each([
    ["foo", "1, 2", "1,2"],
    ["foo", " 1,2 ", "1,2"],
    ["foo", "2, 1", "2,1"],
    ["foo", 'a="x, y", b', 'a="x, y",b'],
    ["accept-language", "de, en", "de,en"],
    ["accept-language", "en,   de", "de,en"],
    ["accept-language", "eN, De", "de,en"],
    ["accept-language", "fr;q=0.5, de;q=1.0", "de,fr;q=0.5"],
    ["accept-encoding", "gzip, br", "br,gzip"],
    ["accept-encoding", "gzip;q=0", "gzip;q=0"],
    ["accept", "text/html;level=1, */*;q=0.1", "text/html;level=1,*/*;q=0.1"],
  ])("%s: %s is %s", (name, value, meant) => {
    expect(normalised(name, value)).toBe(meant);
  });

  test("twice is once", () => {
    fc.assert(
      fc.property(fc.constantFrom("foo", "accept", "accept-language"), fc.string(), (name, value) => {
        const once = normalised(name, value)!;
        expect(normalised(name, once)).toBe(once);
      }),
    );
  });
});

describe("selection (RFC 9111 §4.1)", () => {
  const stored = (request: Record<string, string>, vary: string) =>
    entryMeta({ vary: nominate(nominatedBy(vary) as readonly string[], new Headers(request)) });

  test.each<[string, Record<string, string>, string, Record<string, string>, boolean]>([
    ["the same", { foo: "1" }, "Foo", { foo: "1" }, true],
    ["another value", { foo: "1" }, "Foo", { foo: "2" }, false],
    ["left out", { foo: "1" }, "Foo", {}, false],
    ["not left out", {}, "Foo", { foo: "1" }, false],
    ["left out by both", { foo: "1" }, "Foo, Bar", { foo: "1" }, true],
    ["empty is not left out", { foo: "" }, "Foo", {}, false],
    ["one of two", { foo: "1", bar: "a" }, "Foo, Bar", { foo: "2", bar: "a" }, false],
    ["not nominated", { foo: "1", other: "2" }, "Foo", { foo: "1", other: "3" }, true],
    ["white space", { foo: "1,2" }, "Foo", { foo: " 1, 2 " }, true],
    ["language order", { "accept-language": "en, de" }, "Accept-Language", { "accept-language": "de, en" }, true],
  ])("%s", (_, first, vary, second, does) => {
    expect(matches(stored(first, vary), new Headers(second))).toBe(does);
  });

  test("an answer in the language a request likes best is its answer", () => {
    const meta = entryMeta({
      vary: [["accept-language", "de,en"]],
      headers: [["content-language", "de"]],
    });
    const asks = (value: string) => matches(meta, new Headers({ "accept-language": value }));
    expect(asks("fr;q=0.5, de;q=1.0")).toBe(true);
    expect(asks("DE")).toBe(true);
    expect(asks("fr, de")).toBe(false);
    expect(asks("fr, de;q=0.9")).toBe(false);
  });

  test("of several the newest Date, and never a part", () => {
    const entries = [
      { meta: entryMeta({ dateAt: 1 }) },
      { meta: entryMeta({ dateAt: 3, range: { first: 0, last: 1, total: 9 } }) },
      { meta: entryMeta({ dateAt: 2 }) },
    ];
    expect(select(entries, new Headers())).toBe(entries[2]);
    expect(select([], new Headers())).toBeUndefined();
  });

  test("names of variants tell values, absence and emptiness apart", () => {
    const name = (value: string | null) => variantName([["foo", value]]);
    expect(new Set([variantName([]), name("1"), name("2"), name(""), name(null)]).size).toBe(5);
  });
});
