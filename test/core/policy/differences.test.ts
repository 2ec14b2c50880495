import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differences } from "../../../worker/core/policy/differences.ts";

const shown = (before: unknown, after: unknown): string[] =>
  differences(before, after).map((change) => {
    switch (change.kind) {
      case "added":
        return `+ ${change.path} ${JSON.stringify(change.after)}`;
      case "removed":
        return `- ${change.path} ${JSON.stringify(change.before)}`;
      case "changed":
        return `~ ${change.path} ${JSON.stringify(change.before)} ${JSON.stringify(change.after)}`;
    }
  });

describe("differences", () => {
  it.each<[string, unknown, unknown, string[]]>([
    ["nothing", { a: [1] }, { a: [1] }, []],
    ["names in another order", { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    [
      "a field that came, one that went, one that changed",
      { a: 1, b: 2 },
      { b: 3, c: 4 },
      ["- a 1", "~ b 2 3", "+ c 4"],
    ],
    ["a field deep inside", { a: { "b c": [{ d: 1 }] } }, { a: { "b c": [{ d: 2 }] } }, ['~ a["b c"][0].d 1 2']],
    ["another kind of value", { a: [] }, { a: {} }, ["~ a [] {}"]],
    ["an entry on top", ["b", "c"], ["a", "b", "c"], ['+ [0] "a"']],
    ["an entry taken out", ["a", "b", "c"], ["a", "c"], ['- [1] "b"']],
    [
      "a route that changed between two that stayed",
      [{ p: 1 }, { p: 2, s: 1 }, { p: 3 }],
      [{ p: 1 }, { p: 2, s: 9 }, { p: 3 }],
      ["~ [1].s 1 9"],
    ],
    [
      "instances by their id",
      [
        { id: "a", w: 1 },
        { id: "b", w: 1 },
      ],
      [
        { id: "b", w: 2 },
        { id: "c", w: 1 },
      ],
      ["~ [0].w 1 2", '+ [1] {"id":"c","w":1}', '- [0] {"id":"a","w":1}'],
    ],
    [
      "alerts by their name, in another order",
      [{ name: "a" }, { name: "b" }],
      [{ name: "b" }, { name: "a" }],
      ['~  [{"name":"a"},{"name":"b"}] [{"name":"b"},{"name":"a"}]'],
    ],
  ])("%s", (_, before, after, expected) => {
    expect(shown(before, after)).toEqual(expected);
  });

  it("are none exactly when nothing changed", () => {
    // As it comes out of a document: JSON knows no -0.
    const json = fc.jsonValue({ maxDepth: 3 }).map((value): unknown => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(json, (value) => {
        expect(differences(value, structuredClone(value))).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(json, json, (before, after) => {
        const same = JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
        expect(differences(before, after).length === 0).toBe(same);
      }),
    );
  });
});

/** Order of names aside. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]): [string, unknown] => [name, sorted(each)]);
  // Not a list: `{}` and `[]` differ.
  return { members };
}
