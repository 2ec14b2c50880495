// docs/reliability.md says which tests show each line of the acceptance list. Law: every line has its row, and every file and test
// that a row names exists, so that a renamed or removed test cannot leave a promise behind that nobody keeps.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { titlesOf } from "./titles.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const LINES = 48;

interface Shown {
  readonly line: number;
  readonly file: string;
  readonly tests: readonly string[];
}

/** `| A9 | what it is | [name](../file): `test` · `test`<br>[name](../file): … |`. */
function rowsOf(page: string): Shown[] {
  return page.split("\n").flatMap((text) => {
    const [, number, cell] = /^\| A(\d+) \| [^|]+ \| (.+) \|$/.exec(text) ?? [];
    if (number === undefined || cell === undefined) return [];
    return cell.split("<br>").map((part) => ({
      line: Number(number),
      file: /\]\(\.\.\/([^)]+)\)/.exec(part)?.[1] ?? "",
      tests: [...part.matchAll(/`([^`]+)`/g)].map(([, title = ""]) => title),
    }));
  });
}

/** By source text: parsing takes longer than all else here. */
const known = new Map<string, readonly string[]>();
function titlesIn(file: string, text: string): readonly string[] {
  const titles = known.get(text) ?? titlesOf(file, text);
  known.set(text, titles);
  return titles;
}

/** What is wrong with the page; `read` gives a file's text, undefined for one that is not there. */
function problemsOf(page: string, read: (file: string) => string | undefined): string[] {
  const rows = rowsOf(page);
  const problems: string[] = [];
  for (let line = 1; line <= LINES; line++) {
    if (!rows.some((row) => row.line === line)) problems.push(`A${line} has no row`);
  }
  for (const { line, file, tests } of rows) {
    const text = read(file);
    if (text === undefined) problems.push(`A${line}: there is no ${file}`);
    if (tests.length === 0) problems.push(`A${line}: no test is named`);
    const titles = text === undefined ? tests : titlesIn(file, text);
    for (const test of tests) if (!titles.includes(test)) problems.push(`A${line}: ${file} has no test "${test}"`);
  }
  return problems;
}

describe("docs/reliability.md", () => {
  const page = readFileSync(path.join(root, "docs", "reliability.md"), "utf8");
  const read = (file: string): string | undefined => {
    const target = path.join(root, file);
    return file !== "" && existsSync(target) ? readFileSync(target, "utf8") : undefined;
  };

  it("names a test that exists for every line of the acceptance list", () => {
    expect(problemsOf(page, read)).toEqual([]);
  });

  it("would say what is missing", () => {
    expect(problemsOf(page.replace(/^\| A31 .*$/m, ""), read)).toEqual(["A31 has no row"]);
    expect(problemsOf(page.replaceAll("a14-deadline.test.ts", "a14-gone.test.ts"), read)).toEqual([
      "A14: there is no test/gateway/a14-gone.test.ts",
    ]);
    const renamed = (file: string): string | undefined => read(file)?.replace("A1: the read-out", "the read-out");
    expect(problemsOf(page, renamed)).toEqual([
      'A1: test/gateway/a01-consecutive-trip.test.ts has no test "A1: the read-out says open, why and until when"',
    ]);
  });
});
