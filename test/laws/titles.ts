// The titles of the tests in a file, as they are written: read from the source, for running every file to learn its names
// takes minutes. A test inside a `describe` is named `outer > inner`, as vitest does; placeholders (`%s`) stay.
import { parseSync } from "rolldown/utils";

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

/** What is called in the end: `it` of `it.concurrent.each(rows)(…)`. */
function callee(node: unknown): string {
  let at = node;
  while (isNode(at)) {
    if (at.type === "Identifier") return String(at["name"]);
    at = at["object"] ?? at["callee"] ?? at["tag"];
  }
  return "";
}

/** Of `it` and `test`, in the order of the file; a title that is put together at run time has none. */
export function titlesOf(file: string, text: string): string[] {
  const titles: string[] = [];
  const visit = (value: unknown, above: readonly string[]): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, above);
    if (!isNode(value)) return;
    let within = above;
    if (value.type === "CallExpression" && Array.isArray(value["arguments"])) {
      const [first] = value["arguments"] as unknown[];
      const title = isNode(first) && first.type === "Literal" ? first["value"] : undefined;
      const called = callee(value["callee"]);
      if (typeof title === "string") {
        if (called === "describe") within = [...above, title];
        if (called === "it" || called === "test") titles.push([...above, title].join(" > "));
      }
    }
    for (const [key, child] of Object.entries(value)) if (key !== "type") visit(child, within);
  };
  visit(parseSync(file, text).program, []);
  return titles;
}
