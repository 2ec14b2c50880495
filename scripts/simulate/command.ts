// The command line of the simulator. Exit codes: 0 it ran, and with --check every bar is met; 1 a bar is not met, or a run broke;
// 2 wrong arguments. Results go to stdout and, with --write, to docs/simulation; progress to stderr.
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { progress } from "@clack/prompts";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { CONTESTANTS } from "./contestants.ts";
import type { Done, Job } from "./job.ts";
import { runJobs } from "./jobs.ts";
import { comparisonPlot, timePlot } from "./plot.ts";
import { SEEDS } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { resultsPage, resultsText } from "./table.ts";
import { bars, rowsOf } from "./verdict.ts";
import type { Row } from "./verdict.ts";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly isInteractive: boolean;
  /** Files named in arguments are meant from here. */
  readonly folder: string;
}

interface Flags {
  readonly scenario?: string[];
  readonly contestant?: string[];
  readonly seed: number[];
  readonly threads: number;
  readonly write?: string | true;
  readonly json?: string;
  readonly check?: true;
}

const DOCUMENTATION = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "simulation");

/** A name, or several with `;` between them: scenario names contain commas. */
const namesOf =
  (known: readonly { readonly name: string }[]) =>
  (text: string, before: readonly string[] | undefined): string[] => {
    const names = text.split(";").map((name) => name.trim());
    const unknown = names.find((name) => !known.some((one) => one.name === name));
    if (unknown !== undefined) {
      throw new InvalidArgumentError(`There is no "${unknown}": ${known.map(({ name }) => name).join("; ")}.`);
    }
    return [...(before ?? []), ...names];
  };

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1 on.");
  return value;
};

export async function runSimulateCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command("simulate")
    .description("Drives the gateway's choice and breakers, and those of others, through seeded scenarios.")
    .option("--scenario <names>", "only these (repeatable, or with ; between them)", namesOf(SCENARIOS))
    .option("--contestant <names>", "only these (repeatable, or with ; between them)", namesOf(CONTESTANTS))
    .option("--seed <number...>", "seeds to run each with", (text, before: number[] | undefined) => [
      ...(before ?? []),
      whole(text),
    ])
    .option("--threads <number>", "runs at a time", whole, Math.max(1, Math.min(4, os.availableParallelism() - 1)))
    .option("--write [folder]", "write page, pictures and figures (to docs/simulation, or here)")
    .option("--json <file>", "write every figure of every run")
    .option("--check", "exit with 1 when a bar is not met")
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .exitOverride()
    .action(async () => {
      const flags = program.opts<Omit<Flags, "seed"> & { seed?: number[] }>();
      exitCode = await run({ ...flags, seed: flags.seed ?? [...SEEDS] }, terminal);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

async function run(flags: Flags, terminal: Terminal): Promise<number> {
  const scenarios = SCENARIOS.map(({ name }) => name).filter((name) => flags.scenario?.includes(name) ?? true);
  const contestants = CONTESTANTS.map(({ name }) => name).filter((name) => flags.contestant?.includes(name) ?? true);
  const jobs = scenarios.flatMap((scenario) =>
    contestants.flatMap((contestant) => flags.seed.map((seed): Job => ({ scenario, contestant, seed }))),
  );
  const done = await runWithProgress(jobs, flags.threads, terminal);
  const rows = rowsOf(done);
  terminal.out(resultsText(rows));
  if (flags.json !== undefined) {
    writeFileSync(path.resolve(terminal.folder, flags.json), `${JSON.stringify(done, null, 1)}\n`);
  }
  if (flags.write !== undefined) {
    const folder = flags.write === true ? DOCUMENTATION : path.resolve(terminal.folder, flags.write);
    terminal.err(`written to ${writeResults(rows, flags.seed, folder)}`);
  }
  return flags.check === true && bars(rows).some(({ met }) => !met) ? 1 : 0;
}

async function runWithProgress(jobs: readonly Job[], threads: number, terminal: Terminal): Promise<Done[]> {
  const done: Done[] = [];
  const began = performance.now();
  const took = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  if (terminal.isInteractive) {
    const bar = progress({ max: jobs.length, output: process.stderr });
    bar.start(`${jobs.length} runs`);
    await runJobs(jobs, threads, (one) => {
      done.push(one);
      bar.advance(1, `${done.length} of ${jobs.length}: ${one.scenario}, ${one.contestant}`);
    });
    bar.stop(`${jobs.length} runs in ${took()}`);
    return done;
  }
  // Where nobody watches, a line a scenario is enough.
  const left = new Map<string, number>();
  for (const { scenario } of jobs) left.set(scenario, (left.get(scenario) ?? 0) + 1);
  await runJobs(jobs, threads, (one) => {
    done.push(one);
    const rest = left.get(one.scenario)! - 1;
    left.set(one.scenario, rest);
    if (rest === 0) terminal.err(`${one.scenario} (${done.length} of ${jobs.length} runs, ${took()})`);
  });
  return done;
}

/** Scenarios whose course over time is worth a picture, and of what. */
const PICTURES = [
  ["single outage", "faultyBySecond"],
  ["single outage", "failedBySecond"],
  ["outage", "faultyBySecond"],
  ["brown-out", "faultyBySecond"],
  ["half down", "failedBySecond"],
  ["region down", "failedBySecond"],
] as const;

function writeResults(rows: readonly Row[], seeds: readonly number[], folder: string): string {
  mkdirSync(folder, { recursive: true });
  const plots = new Map([["comparison.svg", comparisonPlot(rows)]]);
  for (const [scenario, series] of PICTURES) {
    if (!rows.some((row) => row.scenario === scenario)) continue;
    const kind = series === "failedBySecond" ? "failed" : "traffic";
    plots.set(`${scenario.replaceAll(" ", "-")}-${kind}.svg`, timePlot(rows, scenario, series));
  }
  for (const [name, svg] of plots) writeFileSync(path.join(folder, name), svg);
  writeFileSync(path.join(folder, "results.md"), resultsPage(rows, seeds, [...plots.keys()]));
  const figures = rows.map(({ scenario, contestant, mean }) => ({ scenario, contestant, ...mean }));
  writeFileSync(path.join(folder, "results.json"), `${JSON.stringify(figures, null, 1)}\n`);
  return folder;
}
