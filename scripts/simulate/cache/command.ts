// `npm run simulate -- cache`: what keeping warm and fetching ahead are worth, on a log of yours or on made-up visitors. Exit codes: 0 it ran;
// 2 wrong arguments, or a log that cannot be read. Results go to stdout and, with --write, to docs/simulation; progress to stderr.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { progress } from "@clack/prompts";
import Table from "cli-table3";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import * as v from "valibot";
import { cacheOptions } from "../../../worker/core/cache/options.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import type { Terminal } from "../command.ts";
import { lineAt, svg, textAt } from "../plot.ts";
import { parseLog, visitors, type LoggedRequest } from "./log.ts";
import { replay, type Mode, type Outcome, type ReplayOptions } from "./replay.ts";

const DOCUMENTATION = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "docs", "simulation");

const MODES: readonly (readonly [mode: Mode, name: string])[] = [
  ["none", "plain cache"],
  ["hot", "hot kept warm (A5)"],
  ["predict", "next fetched ahead (A6)"],
  ["both", "both"],
];

interface Flags {
  readonly log?: string;
  readonly sessions: number;
  readonly hours: number;
  readonly pages: number;
  readonly skew: number;
  readonly habit: number;
  readonly seed: number;
  readonly ttl: number;
  readonly megabytes: number;
  readonly share: number;
  readonly write?: true;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
};
const share = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || value > 1) throw new InvalidArgumentError("It must be from 0 to 1.");
  return value;
};

export async function runCacheCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command("simulate cache")
    .description("Replays a log through the cache, with and without what is kept warm and fetched ahead.")
    .option("--log <file>", "an access log in the Common Log Format, instead of made-up visitors")
    .option("--sessions <number>", "visitors", positive, 6_000)
    .option("--hours <number>", "over so long", positive, 6)
    .option("--pages <number>", "pages of the site", positive, 4_000)
    .option("--skew <number>", "exponent of Zipf's law", share, 0.8)
    .option("--habit <share>", "of steps that follow a page's usual way", share, 0.7)
    .option("--seed <number>", "of the visitors", positive, 1)
    .option("--ttl <seconds>", "lifetime of an answer", positive, 300)
    .option("--megabytes <number>", "size of the cache", positive, 32)
    .option("--share <share>", "of traffic that may be fetched ahead", share, 0.05)
    .option("--write", "write page and picture to docs/simulation")
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
  let requests: LoggedRequest[];
  let what: string;
  if (flags.log === undefined) {
    requests = visitors(flags, seededChance(flags.seed));
    what = `${flags.sessions} visitors over ${flags.hours} h, ${flags.pages} pages (Zipf ${flags.skew}), ${Math.round(flags.habit * 100)} % of steps by habit, seed ${flags.seed}`;
  } else {
    let text: string;
    try {
      text = readFileSync(path.resolve(terminal.folder, flags.log), "utf8");
    } catch {
      terminal.err(`${flags.log} cannot be read`);
      return 2;
    }
    const log = parseLog(text);
    if (log.requests.length === 0) {
      terminal.err(`${flags.log} holds no GET in the Common Log Format`);
      return 2;
    }
    requests = log.requests;
    what = `${path.basename(flags.log)}: ${requests.length} requests, ${log.skipped} lines of something else`;
  }
  const outcomes = replayAll(requests, flags, terminal);
  const table = tableOf(outcomes);
  terminal.out(`${what}; answers live ${flags.ttl} s in ${flags.megabytes} MB\n${table}`);
  if (flags.write === true) terminal.err(`written to ${write(outcomes, what, flags)}`);
  return 0;
}

function replayAll(requests: readonly LoggedRequest[], flags: Flags, terminal: Terminal): Outcome[] {
  const { prefetch } = v.parse(cacheOptions, { prefetch: { trafficShare: flags.share } });
  if (prefetch === false) throw new TypeError("the defaults switch fetching ahead off");
  const bar = terminal.isInteractive ? progress({ max: MODES.length, output: process.stderr }) : undefined;
  bar?.start(`${requests.length} requests`);
  const outcomes = MODES.map(([mode, name]) => {
    const options: ReplayOptions = {
      ...prefetch,
      mode,
      ttlSeconds: flags.ttl,
      cacheBytes: flags.megabytes * 1_000_000,
      fetchMs: 80,
    };
    const outcome = replay(requests, options);
    bar?.advance(1, name);
    return outcome;
  });
  bar?.stop(`${requests.length} requests, ${MODES.length} times`);
  return outcomes;
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const HEAD = ["", "hit ratio", "fetches", "refreshed", "fetched ahead", "precision", "switched off"];

const cellsOf = (outcome: Outcome, name: string): string[] => [
  name,
  percent(outcome.hitRatio),
  String(outcome.fetches),
  String(outcome.refreshed),
  String(outcome.prefetched),
  outcome.prefetched === 0 ? "-" : percent(outcome.precision),
  String(outcome.rests),
];

function tableOf(outcomes: readonly Outcome[]): string {
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colAligns: HEAD.map((_, column) => (column === 0 ? "left" : "right")),
  });
  outcomes.forEach((outcome, index) => table.push(cellsOf(outcome, MODES[index]![1])));
  return table.toString();
}

/** Hit ratio over time, plain and with everything. */
function coursePlot(outcomes: readonly Outcome[], ttlSeconds: number): string {
  const [left, right, top, width, height] = [56, 150, 44, 760, 190];
  const x = (part: number): number => left + (part / 60) * (width - left - right);
  const y = (value: number): number => top + height - value * height;
  const title = `Hit ratio over the log, answers living ${ttlSeconds} s`;
  const content = [textAt(16, 22, title, 'class="title"')];
  for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
    content.push(lineAt(left, y(mark), width - right, y(mark)));
    content.push(textAt(left - 8, y(mark) + 4, `${mark * 100} %`, 'text-anchor="end" class="note"'));
  }
  const path = ({ course }: Outcome, own: boolean): string => {
    const points = course.map(
      (value, part) => `${part === 0 ? "M" : "L"}${x(part + 0.5).toFixed(1)} ${y(value).toFixed(1)}`,
    );
    return `<path${own ? ' class="own"' : ""} d="${points.join("")}"/>`;
  };
  const [plain, both] = [outcomes[0]!, outcomes.at(-1)!];
  content.push(path(plain, false), path(both, true));
  content.push(
    `<path class="own" d="M${width - right + 14} ${top + 8}h18"/>`,
    textAt(width - right + 38, top + 12, "kept warm"),
  );
  content.push(
    `<path d="M${width - right + 14} ${top + 28}h18"/>`,
    textAt(width - right + 38, top + 32, "plain cache"),
  );
  return svg(title, width, top + height + 20, content);
}

function write(outcomes: readonly Outcome[], what: string, flags: Flags): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const lines = outcomes.map((outcome, index) => row(cellsOf(outcome, MODES[index]![1])));
  const page = `# What warmth is worth

\`npm run simulate -- cache --write\` wrote this page: ${what}. Answers live ${flags.ttl} s in ${flags.megabytes} MB; what is fetched ahead may be
${percent(flags.share)} of traffic, three at a time. Your own log: \`npm run simulate -- cache --log access.log\`.

${row(HEAD)}
${row(HEAD.map((_, column) => (column === 0 ? "---" : "--:")))}
${lines.join("\n")}

![Hit ratio over time](cache.svg)

The decisions are the gateway's own (\`worker/core/cache/warmth.ts\`, \`sequence.ts\`), with the thresholds of the policy's defaults; only clients, clock and
origin are simulated. "Precision" is the share of what was fetched ahead that was asked for within five minutes.
`;
  writeFileSync(path.join(DOCUMENTATION, "cache.md"), page);
  writeFileSync(path.join(DOCUMENTATION, "cache.svg"), coursePlot(outcomes, flags.ttl));
  return DOCUMENTATION;
}
