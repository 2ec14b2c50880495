// A program of commander as a function: arguments in, exit code out, and not a byte past the terminal it was given.
import type { Command } from "commander";
import { INVALID_INPUT, OK, type Terminal } from "./terminal.ts";

/** What the commands of a program share. */
export interface Run {
  readonly terminal: Terminal;
  /** How the command ended. */
  readonly exit: (code: number) => void;
}

export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
  build: (run: Run) => Command,
): Promise<number> {
  let code: number = OK;
  const program = build({ terminal, exit: (exitCode) => (code = exitCode) });
  tame(program, terminal);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // commander throws where it would have exited: 0 for help, 1 for arguments that are wrong.
    if (!(error instanceof Error) || !("exitCode" in error)) throw error;
    return error.exitCode === 0 ? OK : INVALID_INPUT;
  }
  return code;
}

/** Commands made before their parent was told do not inherit from it. */
function tame(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text.trimEnd()),
    writeErr: (text) => terminal.err(text.trimEnd()),
  });
  for (const each of command.commands) tame(each, terminal);
}
