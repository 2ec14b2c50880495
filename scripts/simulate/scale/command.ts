// `npm run simulate -- scale`: what the objects are asked for from ten isolates to a hundred thousand, over one region or many, and where
// the first of them reaches what an object can answer. Exit codes: 0 it ran; 2 wrong arguments. Results go to stdout and, with
// --write, to docs/scale.md and docs/scale/.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { progress } from "@clack/prompts";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { root } from "../../bundle.ts";
import type { Terminal } from "../command.ts";
import { simulateRegion, type Load } from "./fleet.ts";
import { loadPlot, pageWith, tablesOf, type Row } from "./page.ts";

interface Flags {
  readonly isolates: number[];
  readonly regions: number[];
  readonly colos: number;
  readonly services: number;
  readonly instances: number;
  readonly rate: number;
  readonly seconds: number;
  readonly seed: number;
  readonly write?: true;
}

const PAGE = path.join(root, "docs", "scale.md");
const PICTURES = path.join(root, "docs", "scale");

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1 on.");
  return value;
};
const natural = (text: string): number => (text.trim() === "0" ? 0 : whole(text));
const wholes = (text: string): number[] => text.split(",").map((each) => whole(each.trim()));
const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
};

/** Isolates begin at once and need a few of their longest intervals to find their pace. */
const SETTLE_SECONDS = 130;

export async function runScaleCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command("simulate scale")
    .description("Counts what isolates ask of the objects, from ten of them to a hundred thousand.")
    .option("--isolates <list>", "in all, over all regions", wholes, [10, 100, 1_000, 10_000, 100_000])
    .option("--regions <list>", "regions that share them evenly", wholes, [1, 3, 9, 30])
    .option(
      "--colos <n>",
      "data centres in all, shared evenly by the regions; 0: isolates tell each other nothing",
      natural,
      330,
    )
    .option("--services <n>", "services that each isolate sends to", whole, 5)
    .option("--instances <n>", "instances of each", whole, 3)
    .option("--rate <n>", "requests a second of each isolate", positive, 5)
    .option("--seconds <n>", "simulated seconds that are measured, after those that are needed to settle", whole, 60)
    .option("--seed <n>", "of the moments", whole, 1)
    .option("--write", "write docs/scale.md's table and picture anew")
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .exitOverride()
    .action(() => {
      exitCode = run(program.opts<Flags>(), terminal);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function run(flags: Flags, terminal: Terminal): number {
  const rows = rowsOf(flags, terminal);
  terminal.out(tablesOf(rows, flags));
  if (flags.write === true) {
    mkdirSync(PICTURES, { recursive: true });
    writeFileSync(path.join(PICTURES, "object-load.svg"), loadPlot(rows));
    writeFileSync(PAGE, pageWith(readFileSync(PAGE, "utf8"), tablesOf(rows, flags)));
    terminal.err(`wrote ${PAGE} and ${PICTURES}`);
  }
  return 0;
}

function rowsOf(flags: Flags, terminal: Terminal): Row[] {
  const cases = flags.regions.flatMap((regions) =>
    flags.isolates.filter((isolates) => isolates >= regions).map((isolates) => ({ isolates, regions })),
  );
  const bar = terminal.isInteractive ? progress({ max: cases.length, output: process.stderr }) : undefined;
  bar?.start(`${cases.length} fleets`);
  // Regions share nothing but what stands behind them: one of each kind says it for all.
  const known = new Map<string, Load>();
  const rows = cases.map(({ isolates, regions }): Row => {
    const own = Math.ceil(isolates / regions);
    const load =
      known.get(`${own} ${regions}`) ??
      simulateRegion({
        isolates: own,
        colos: Math.ceil(flags.colos / regions),
        services: flags.services,
        instances: flags.instances,
        requestsPerSecond: flags.rate,
        settleSeconds: SETTLE_SECONDS,
        seconds: flags.seconds,
        seed: flags.seed,
      });
    known.set(`${own} ${regions}`, load);
    bar?.advance(1, `${isolates} isolates over ${regions}`);
    return { isolates, regions, services: flags.services, load };
  });
  bar?.stop(`${cases.length} fleets`);
  return rows;
}
