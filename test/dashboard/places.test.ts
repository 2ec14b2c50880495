// Where a problem's path stands in a text that is being typed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinPath } from "../../worker/core/protocol/json.ts";
import { keysOf, lineAt, offsetOfLine, placeOf } from "../../worker/dashboard/policy/places.ts";

const text = `{
  "services": {
    "web": { "instances": [{ "id": "a" }, { "id": "b", "url": "x" }] },
    "a b": { "text": "},{[\\"" },
    "last": [1, [2, 3]]
  }
}`;
const at = (path: string): string => {
  const { from, to, exact } = placeOf(text, path);
  return `${exact ? "" : "near "}${text.slice(from, to)}`;
};

describe("the place of a path", () => {
  it.each([
    ["services.web.instances[1].url", '"url": "x"'],
    ["services.web.instances[1]", '{ "id": "b", "url": "x" }'],
    ['services["a b"].text', '"text": "},{[\\""'],
    ["services.last[1][0]", "2"],
    ["services.web.instances[1].weight", 'near { "id": "b", "url": "x" }'],
    ["services.web.instances[7].id", 'near "instances": [{ "id": "a" }, { "id": "b", "url": "x" }]'],
    ["nothing.at.all", `near ${text}`],
    ["", text],
  ])("%s", (path, expected) => {
    expect(at(path)).toBe(expected);
  });

  it("is found of every member of every document, and read back as written", () => {
    const check = (document: fc.JsonValue): void => {
      const written = JSON.stringify(document, undefined, 2);
      const visit = (value: unknown, path: string): void => {
        const { from, to, exact } = placeOf(written, path);
        expect(exact).toBe(true);
        const found = written.slice(from, to);
        const own = JSON.stringify(value);
        // A member's place begins with its name.
        expect([found, `{${found}}`].some((each) => isJsonOf(each, own))).toBe(true);
        if (Array.isArray(value)) value.forEach((each, index) => visit(each, joinPath(path, index)));
        else if (typeof value === "object" && value !== null)
          for (const [name, each] of Object.entries(value)) visit(each, joinPath(path, name));
      };
      visit(document, "");
    };
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), check), { numRuns: 200 });
  });

  it("never throws, whatever is typed", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (typed, path) => {
        const { from, to } = placeOf(typed, path);
        expect(from).toBeLessThanOrEqual(typed.length);
        expect(to).toBeLessThanOrEqual(typed.length);
      }),
    );
  });
});

function isJsonOf(text: string, expected: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === expected || JSON.stringify(Object.values(Object(value))[0]) === expected;
  } catch {
    return false;
  }
}

it("keys of a path are those it was joined of", () => {
  const key = fc.oneof(fc.nat(99), fc.string({ maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(key), (keys) => {
      expect(keysOf(keys.reduce<string>(joinPath, ""))).toEqual(keys);
    }),
  );
});

it("lines and offsets lead to each other", () => {
  expect([1, 2, 3, 9].map((line) => offsetOfLine("ab\nc\nd", line))).toEqual([0, 3, 5, 5]);
  expect([0, 2, 3, 5].map((offset) => lineAt("ab\nc\nd", offset))).toEqual([1, 1, 2, 3]);
});
