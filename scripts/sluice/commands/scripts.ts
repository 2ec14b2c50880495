// sluice start, bench, simulate, deploy, …: what is a script of its own runs as it would by `npm run`, with its own arguments, output and
// exit code. Which script that is, package.json says.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Run } from "../run.ts";

const root = path.dirname(path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url)))));

const SCRIPTS = {
  start: "Starts the gateway on this machine, in front of demo services or your own.",
  deploy: "Checks, deploys and smoke-tests the gateway on Cloudflare.",
  bench: "Measures what the gateway costs on this machine.",
  cost: "Tells what a million requests cost.",
  simulate: "Runs the resilience simulation.",
} as const;

export function addScripts(program: Command, run: Run): void {
  for (const [name, description] of Object.entries(SCRIPTS)) {
    program
      .command(name)
      .description(description)
      .helpOption(false)
      .passThroughOptions()
      .allowUnknownOption()
      .allowExcessArguments()
      .argument("[arguments...]", "see --help")
      .action(async (args: string[]) => run.exit(await runScript(name, args)));
  }
}

/** The words behind `node` in package.json's script of this name. */
function scriptWords(name: string): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    scripts: Readonly<Record<string, string>>;
  };
  const [node, ...words] = (scripts[name] ?? "").split(" ");
  if (node !== "node" || words.length === 0) throw new TypeError(`package.json has no script ${name} that node runs`);
  return words;
}

function runScript(name: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...scriptWords(name), ...args], { cwd: root, stdio: "inherit" });
  // Whoever ends us means it: a key pressed at a terminal reaches the child by itself.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, pass);
  process.on("SIGINT", () => undefined);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 1 : constants.signals[signal])));
  });
}
