// The line by line difference of two documents.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareLines, hunksOf, type Line } from "../../worker/dashboard/policy/lines.ts";

const SIGN = { same: " ", added: "+", removed: "-" } as const;
const shown = (lines: readonly Line[]): string[] => lines.map(({ kind, text }) => SIGN[kind] + text);

describe("lines", () => {
  it("that stayed, came and went", () => {
    expect(shown(compareLines("a\nb\nc\nd", "a\nx\nc\ny\nd"))).toEqual([" a", "-b", "+x", " c", "+y", " d"]);
    expect(shown(compareLines("a", "a"))).toEqual([" a"]);
    expect(hunksOf(compareLines("a\nb", "a\nb"))).toEqual([]);
  });

  it("give back both texts, numbered", () => {
    const document = fc.array(fc.constantFrom("a", "b", "{", "}"), { maxLength: 30 }).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(document, document, (before, after) => {
        const lines = compareLines(before, after);
        const old = lines.filter(({ kind }) => kind !== "added");
        const now = lines.filter(({ kind }) => kind !== "removed");
        expect(old.map(({ text }) => text).join("\n")).toBe(before);
        expect(now.map(({ text }) => text).join("\n")).toBe(after);
        expect(old.map((line) => line.before)).toEqual(old.map((_, index) => index + 1));
        expect(now.map((line) => line.after)).toEqual(now.map((_, index) => index + 1));
      }),
    );
  });

  it("are shown with what stands around, and those that touch together", () => {
    const before = Array.from({ length: 40 }, (_, index) => String(index));
    const after = before.with(5, "five").with(8, "eight").with(30, "thirty");
    const hunks = hunksOf(compareLines(before.join("\n"), after.join("\n")), 2);
    expect(hunks.map((hunk) => shown(hunk).join(" "))).toEqual([
      " 3  4 -5 +five  6  7 -8 +eight  9  10",
      " 28  29 -30 +thirty  31  32",
    ]);
  });
});
