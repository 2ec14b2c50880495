// The command line of the cost model. Exit codes: 0 reckoned; 1 what was measured cannot be used; 2 wrong arguments.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { root } from "../bundle.ts";
import { costPlot } from "./plot.ts";
import { inText, pageWith, type Report } from "./report.ts";
import { reckon, reckoned, readMeasured, readPrices } from "./sources.ts";
import { PLAIN } from "./shapes.ts";
import type { Shape } from "./model.ts";

export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly folder: string;
}

type Own = Partial<Omit<Shape, "name">>;

interface Flags extends Own {
  readonly calls?: string;
  readonly json?: string;
  readonly svg?: string;
  readonly write?: true;
}

const from =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    }
    return value;
  };
const share = from(0, 1);

const PAGE = path.join(root, "docs", "cost.md");
const PICTURE = path.join(root, "docs", "cost.svg");

export function runCost(args: readonly string[], terminal: Terminal): number {
  const program = new Command("cost")
    .description("Dollars per million requests, by feature and by traffic, from counted calls and published prices.")
    .option("--per-second <n>", "a shape of your own: requests a second", from(0.001, 1e9))
    .option("--regions <n>", "regions with traffic", from(1, 50))
    .option("--isolates <n>", "isolates of all regions", from(1, 1e6))
    .option("--services <n>", "services with traffic", from(1, 1e4))
    .option("--hits <share>", "answered from memory or the colo, 0 to 1", share)
    .option("--kv-reads <share>", "requests that ask KV", share)
    .option("--kv-writes <share>", "requests whose answer is written there", share)
    .option("--redis-commands <n>", "commands to Redis a request", from(0, 10))
    .option("--limited <share>", "requests under a limit", share)
    .option("--new-callers <share>", "of those, first of their caller in an isolate", share)
    .option("--ai <share>", "requests that are AI streams", share)
    .option("--tokens <n>", "tokens of such an answer", from(0, 1e6))
    .option("--sampled <n>", "data points a request", from(0, 25))
    .option("--calls <file>", "counts of another run: npm run bench -- --calls --json FILE")
    .option("--json <file>", "write all figures to a file")
    .option("--svg <file>", "draw them")
    .option("--write", "renew docs/cost.md and docs/cost.svg")
    .addHelpText("after", "\nWhat is assumed: docs/cost.md")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    // commander throws where it would have exited: 0 for help, 1 for arguments that are wrong.
    if (!(error instanceof Error) || !("exitCode" in error)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  const { calls, json, svg, write, ...own } = program.opts<Flags>();
  const at = (file: string): string => path.resolve(terminal.folder, file);
  let report: Report;
  try {
    const measured = readMeasured(calls === undefined ? undefined : at(calls));
    report = reckon(measured, readPrices());
    if (Object.keys(own).length > 0) {
      report = {
        ...report,
        shapes: [...report.shapes, reckoned({ ...PLAIN, ...own, name: "your own" }, measured, readPrices())],
      };
    }
  } catch (error) {
    terminal.err(`cost: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
  terminal.out(inText(report));
  const files: [string, string][] = [
    ...(json === undefined ? [] : [[at(json), `${JSON.stringify(report, undefined, 2)}\n`] as [string, string]]),
    ...(svg === undefined ? [] : [[at(svg), costPlot(report)] as [string, string]]),
    ...(write === true
      ? ([
          [PAGE, pageWith(readFileSync(PAGE, "utf8"), report)],
          [PICTURE, costPlot(report)],
        ] as [string, string][])
      : []),
  ];
  for (const [file, content] of files) {
    writeFileSync(file, content);
    terminal.err(`wrote ${file}`);
  }
  return 0;
}
