// The command line of the soak. Exit codes: 0 every promise was kept; 1 one was broken, or the soak could not go on; 2 wrong arguments.
// Progress goes to stderr, the report to stdout, to --json and, with --write, to docs/reliability.md and docs/reliability/.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { root } from "../bundle.ts";
import { commit } from "../commit.ts";
import { DEFAULT_REGIONS, placeOfRegion } from "../playground/places.ts";
import { plotsOf } from "./plots.ts";
import { reportOf, sectionOf, withSection } from "./report.ts";
import { runSoak } from "./run.ts";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Files named in arguments are meant from here. */
  readonly folder: string;
}

interface Flags {
  readonly minutes: number;
  readonly rounds: number;
  readonly seed: number;
  readonly regions: string[];
  readonly clients: number;
  readonly grace: number;
  readonly json?: string;
  readonly write?: true;
}

const PAGE = path.join(root, "docs", "reliability.md");
const PICTURES = path.join(root, "docs", "reliability");

const number =
  (least: number, isWhole: boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least || (isWhole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`It must be ${isWhole ? "a whole number" : "a number"} from ${least} on.`);
    return value;
  };

function regionNames(text: string): string[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  const unknown = names.find((name) => placeOfRegion(name, {}) === undefined);
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no region ${unknown}.`);
  return names;
}

export async function runSoakCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command("soak")
    .description(
      "Runs the gateway under mixed load while everything around it fails, and checks that it keeps its promises.",
    )
    .option("--minutes <n>", "goes on until so long has passed", number(0.1, false), 10)
    .option(
      "--rounds <n>",
      "and until there were so many rounds, each with a kill (the long form: 50)",
      number(1, true),
      1,
    )
    .option("--seed <n>", "decides what goes wrong, and what is asked", number(0, true), 1)
    .option("--regions <list>", "regions of the playground", regionNames, [...DEFAULT_REGIONS])
    .option("--clients <n>", "clients in each region", number(1, true), 4)
    .option("--grace <seconds>", "what a busy machine may add to any deadline", number(1, false), 10)
    .option("--json <file>", "write all that was seen to a file")
    .option("--write", "write docs/reliability.md and its pictures")
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .exitOverride()
    .action(async () => {
      exitCode = await soak(program.opts<Flags>(), terminal);
    });
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

async function soak(flags: Flags, terminal: Terminal): Promise<number> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-soak-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const before = { commit: commit("scripts/soak"), loadBefore: os.loadavg()[0]! };
  const until = performance.now() + flags.minutes * 60_000;
  terminal.err(
    `soaking for ${flags.minutes} min, seed ${flags.seed}: building and starting ${flags.regions.join(", ")}`,
  );
  const outcome = await runSoak({
    seed: flags.seed,
    regions: flags.regions,
    goesOn: (done) => performance.now() < until || done < flags.rounds,
    stormMs: 4_000,
    calmMs: 1_500,
    loops: flags.clients,
    thinkMs: 60,
    graceMs: flags.grace * 1_000,
    counted: 60,
    folder,
    onProgress: (words) => terminal.err(`  ${words}`),
  });
  const report = reportOf(outcome, { seed: flags.seed, regions: flags.regions, ...before }, new Date());
  const plots = plotsOf(report);
  terminal.out(sectionOf(report, []));
  if (flags.json !== undefined) {
    const target = path.resolve(terminal.folder, flags.json);
    writeFileSync(target, `${JSON.stringify(report, undefined, 2)}\n`);
    terminal.err(`wrote ${target}`);
  }
  if (flags.write === true) {
    mkdirSync(PICTURES, { recursive: true });
    for (const [name, picture] of plots) writeFileSync(path.join(PICTURES, name), picture);
    const links = [...plots.keys()].map((name) => `reliability/${name}`);
    writeFileSync(PAGE, withSection(readFileSync(PAGE, "utf8"), sectionOf(report, links)));
    terminal.err(`wrote ${PAGE} and ${plots.size} pictures`);
  }
  return report.promises.every(({ broken }) => broken === 0) ? 0 : 1;
}
