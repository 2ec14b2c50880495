import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinPath, readJson } from "../../../worker/core/protocol/json.ts";

const limits = { maxBytes: 1000, maxDepth: 5, maxMembers: 4 };

describe("readJson", () => {
  it.each<[string, string, unknown]>([
    ["a document", ' {"a": [1, {"b": null}], "c": "{[\\"]}"} ', { a: [1, { b: null }], c: '{["]}' }],
    ["the same name in different objects", '[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ["as deep as may be", "[[[[[1]]]]]", [[[[[1]]]]]],
    ["as many as may be", "[1,2,3,4]", [1, 2, 3, 4]],
    ["brackets in strings", '"[[[[[[[["', "[[[[[[[["],
    ["escaped quotes", '{"a\\\\":"\\\\\\"[[[[[["}', { "a\\": '\\"[[[[[[' }],
  ])("reads %s", (_, text, value) => {
    expect(readJson(text, limits)).toEqual({ ok: true, value });
  });

  it.each([
    ["too many bytes", `"${"é".repeat(500)}"`, "", "must be at most 1000 bytes"],
    ["too deep", "[[[[[[1]]]]]]", "", "must not be nested more than 5 deep"],
    ["too deep and not JSON", "[[[[[[", "", "must not be nested more than 5 deep"],
    ["too many members", '{"a":[1,2,3,4,5]}', "a", "must have at most 4 entries"],
    ["nothing", "", "", "is not JSON: it ends too early"],
    ["a name twice", '{"a":[{"b":1,"b":2}]}', "a[0].b", "stands twice in the same object"],
    ["a name twice, once escaped", '{"b":1,"\\u0062":2}', "b", "stands twice in the same object"],
    ["__proto__", '[0,{"x":{"__proto__":1}}]', "[1].x.__proto__", "is not a name that may be used"],
  ])("refuses %s", (_, text, path, message) => {
    expect(readJson(text, limits)).toEqual({ ok: false, error: { path, message } });
  });

  // A ^ stands before the character that is wrong.
  it.each([
    '{"a":\n  ^oops}',
    '{"a":1,^}',
    "[1,^]",
    "[1 ^2]",
    '{"a" ^1}',
    "{^a:1}",
    '{"a":1,^2:3}',
    "[^}",
    '{"a":[1^}}',
    "0^1",
    "[^-]",
    "1.5e3^x",
    "[^tru]",
    "[1]^,",
    '"a^\n"',
    '["a^\\x"]',
    '["a^\\u12"]',
    "[^'a']",
    "^\uFEFF{}",
    "[1, ^// 2\n]",
  ])("says where %j stops being JSON", (marked) => {
    const text = marked.replace("^", "");
    const at = marked.indexOf("^");
    const line = text.slice(0, at).split("\n").length;
    const message = `is not JSON: line ${line}, column ${at - text.slice(0, at).lastIndexOf("\n")}`;
    expect(readJson(text, limits)).toEqual({ ok: false, error: { path: "", message } });
  });

  it.each(['{"a":1', "[", '"abc', '["a\\"]', "  "])("says that %j ends too early", (text) => {
    expect(readJson(text, limits)).toEqual({
      ok: false,
      error: { path: "", message: "is not JSON: it ends too early" },
    });
  });

  it("never throws, and refuses exactly what JSON.parse refuses", () => {
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "1",
      "-",
      ".",
      "e",
      "true",
      "null",
      '"a"',
      " ",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        const read = readJson(text, { maxBytes: 1000, maxDepth: 100, maxMembers: 100 });
        if (isJson(text)) expect(read.ok || read.error.message).toEqual(read.ok || "stands twice in the same object");
        else expect(!read.ok && read.error.message).toMatch(/^is not JSON: (line \d+, column \d+|it ends too early)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with JSON.parse on whatever it takes, and takes all JSON within its limits", () => {
    const wide = { maxBytes: 1e6, maxDepth: 100, maxMembers: 1e4 };
    const value = fc
      .jsonValue({ noUnicodeString: false })
      .filter((each) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(each)));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, "\t"), (document, space) => {
        const text = JSON.stringify(document, null, space);
        expect(readJson(text, wide)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  it("counts bytes as UTF-8 does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        const written = JSON.stringify(text);
        const size = new TextEncoder().encode(written).length;
        expect(readJson(written, { ...limits, maxBytes: size }).ok).toBe(true);
        expect(readJson(written, { ...limits, maxBytes: size - 1 }).ok).toBe(false);
      }),
    );
  });
});

describe("joinPath", () => {
  it.each([
    ["", "a", "a"],
    ["a", "b-c", "a.b-c"],
    ["a", 3, "a[3]"],
    ["", 3, "[3]"],
    ["a", "b c", 'a["b c"]'],
    ["a", "sluice:viewer", 'a["sluice:viewer"]'],
    ["a", "", 'a[""]'],
    ["a", "\n", 'a["\\n"]'],
  ])("%j and %j", (path, key, joined) => {
    expect(joinPath(path, key)).toBe(joined);
  });
});
