// What every command has: where to write, what stands around it, and how it ends. Results go to the standard output, everything else to
// the standard error; with --json the standard output holds one JSON document and nothing beside it.
import type { PolicyProblem } from "../../worker/core/policy/parse.ts";
import { problemLines } from "../policy/print.ts";
import type { GatewayProblem } from "../policy/gateway.ts";

export const OK = 0;
/** The gateway cannot be reached or refuses, or what was to be shown does not hold. */
export const FAILED = 1;
/** The arguments, or a file they name, are wrong. */
export const INVALID_INPUT = 2;
export type ExitCode = typeof OK | typeof FAILED | typeof INVALID_INPUT;

export const EXIT_CODES =
  "\nExit codes: 0 ok, 1 the gateway cannot be reached or refuses, or something does not hold, 2 invalid input.";

export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const printJson = (terminal: Terminal, value: unknown): void => terminal.out(JSON.stringify(value));

/** A problem that the gateway, or the way to it, has. */
export function tell(terminal: Terminal, problem: GatewayProblem, json = false): ExitCode {
  const problems = problem.kind === "invalid" ? problem.problems : [];
  if (json) printJson(terminal, { error: problem.kind, detail: problem.words, problems });
  else terminal.err([problem.words, ...(problems.length > 0 ? [problemLines("  ", problems)] : [])].join("\n"));
  return problem.kind === "invalid" ? INVALID_INPUT : FAILED;
}

/** Something wrong in what was given to the command. */
export function tellInput(
  terminal: Terminal,
  words: string,
  json = false,
  problems: readonly PolicyProblem[] = [],
): ExitCode {
  if (json) printJson(terminal, { error: "input", detail: words, problems });
  else terminal.err([words, ...(problems.length > 0 ? [problemLines("  ", problems)] : [])].join("\n"));
  return INVALID_INPUT;
}
