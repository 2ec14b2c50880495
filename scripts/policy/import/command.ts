// npm run policy -- import litellm|portkey FILE: another gateway's configuration as a policy. The policy goes to standard output or
// a file; what could not be taken over as it was goes to standard error, all of it, by path and never by value.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { styleText } from "node:util";
import { parseDocument } from "yaml";
import { parsePolicy } from "../../../worker/core/policy/parse.ts";
import { namedSecrets } from "../../../worker/core/policy/secrets.ts";
import type { PolicyProblem } from "../../../worker/core/policy/parse.ts";
import { problemLines } from "../print.ts";
import type { Note } from "./document.ts";
import { fromLiteLlm, type Imported } from "./litellm.ts";
import { fromPortkey } from "./portkey.ts";

export const FORMATS = ["litellm", "portkey"] as const;
export type Format = (typeof FORMATS)[number];

export interface ImportOptions {
  readonly out?: string;
  readonly name: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const OK = 0;
const INVALID_INPUT = 2;

export function importPolicy(
  terminal: Terminal,
  format: Format,
  file: string,
  options: ImportOptions,
): typeof OK | typeof INVALID_INPUT {
  const folder = terminal.env["INIT_CWD"] ?? process.cwd();
  const read = documentIn(path.resolve(folder, file));
  if (typeof read === "string") {
    terminal.err(`${file}: ${read}`);
    return INVALID_INPUT;
  }
  const { policy, notes } = convert(format, read.document, options.name);
  const text = `${JSON.stringify(policy, null, 2)}\n`;
  const parsed = parsePolicy(text);
  const problems = parsed.ok ? [] : parsed.error;
  const secrets = parsed.ok ? namedSecrets(parsed.value).map(({ name }) => name) : [];
  const isWell = problems.length === 0 && !(options.strict === true && notes.length > 0);
  if (options.out !== undefined) writeFileSync(path.resolve(folder, options.out), text);
  if (options.json === true) terminal.out(JSON.stringify({ policy, notes, problems, secrets: [...new Set(secrets)] }));
  else {
    if (options.out === undefined) terminal.out(text.trimEnd());
    for (const line of wordsOf(file, notes, problems, secrets)) terminal.err(line);
  }
  return isWell ? OK : INVALID_INPUT;
}

const convert = (format: Format, document: unknown, name: string): Imported =>
  format === "litellm" ? fromLiteLlm(document) : fromPortkey(document, name);

/** YAML holds JSON, too. Aliases are bounded: a few of them could stand for a billion values. */
function documentIn(file: string): { document: unknown } | string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return `cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unreadable"})`;
  }
  const parsed = parseDocument(text, { prettyErrors: false });
  const [wrong] = parsed.errors;
  // Its own words would show the line, and a key may stand in it.
  if (wrong !== undefined) return `is no YAML (${wrong.code} at character ${wrong.pos[0]})`;
  try {
    return { document: parsed.toJS({ maxAliasCount: 100 }) as unknown };
  } catch {
    return "has too many aliases";
  }
}

function wordsOf(
  file: string,
  notes: readonly Note[],
  problems: readonly PolicyProblem[],
  secrets: readonly string[],
): string[] {
  const list = notes.map(
    ({ path: at, message }) =>
      `${styleText("yellow", "!")} ${at === "" ? "the document" : styleText("bold", at)} ${message}`,
  );
  return [
    ...list,
    ...(problems.length === 0 ? [] : [problemLines("policy", problems)]),
    ...(secrets.length === 0 ? [] : [`Secrets it names: ${[...new Set(secrets)].join(", ")}`]),
    `${file}: ${notes.length === 0 ? "all of it was taken over" : `${notes.length} of it changed or left out, see above`}`,
  ];
}
