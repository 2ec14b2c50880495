// The command line of the benchmark. Exit codes: 0 measured; 1 it could not be measured, what would be measured was
// not what it should be, or memory was not flat; 2 wrong arguments. Results go to stdout and to files, progress to stderr.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { API_KEY } from "./callers.ts";
import { countCalls, type CallsCase } from "./calls.ts";
import { enduranceText, measureEndurance } from "./endure.ts";
import { flameSvg, framesOf } from "./flame.ts";
import { measureOwn } from "./own.ts";
import { cpuMicros } from "./processes.ts";
import { profileOf, selfTimes, sourceLines } from "./profile.ts";
import { Generator, startUpstream } from "./programs.ts";
import { prove } from "./proof.ts";
import { runBench } from "./run.ts";
import type { Settings } from "./run.ts";
import { scratchFolder, startWorkerd } from "./runtime.ts";
import { measureStreams, streamsText } from "./streams.ts";
import { enduranceSvg, reportSvg } from "./svg.ts";
import { callsText, ownText, profileText, reportText } from "./table.ts";
import { EXCHANGES } from "./traffic.ts";
import type { Kind } from "./traffic.ts";
import { FEATURES, isGateway, sourceOf, WORKERS } from "./workers.ts";
import type { WorkerName } from "./workers.ts";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Files named in arguments are meant from here. */
  readonly folder: string;
}

interface Flags {
  readonly rounds?: number;
  readonly seconds?: number;
  readonly only?: WorkerName[];
  readonly kinds: Kind[];
  readonly rate: number;
  readonly tolerance: number;
  readonly json?: string;
  readonly svg?: string;
  readonly quick?: true;
  readonly profile?: string | true;
  readonly calls?: true;
  readonly own?: true;
  readonly streams?: true;
  readonly flame?: string;
  readonly endure?: number;
}

const KINDS = Object.keys(EXCHANGES) as Kind[];
/** The features alone are asked for by name. */
const BY_DEFAULT: readonly WorkerName[] = ["bare", "floor", "gateway", "everything", "map"];
const PROFILE_ROWS = 40;

const number =
  (least: number, whole: boolean) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`It must be ${whole ? "a whole number" : "a number"} from ${least} on.`);
    }
    return value;
  };

const namesOf =
  <T extends string>(known: readonly T[]) =>
  (text: string): T[] => {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.find((name) => !known.includes(name as T));
    if (unknown !== undefined) throw new InvalidArgumentError(`There is no ${unknown}: ${known.join(", ")}.`);
    return [...new Set(names as T[])];
  };

/** Few services and many, then a limit that few callers meet often and one that many meet seldom. */
const COUNTED: readonly CallsCase[] = [
  { services: 1, callers: 0 },
  { services: 20, callers: 0 },
  { services: 1, callers: 5 },
  { services: 1, callers: 20_000 },
];

/** What the flags ask for, defaults filled: the full run takes about four minutes, the quick one 20 seconds. */
export function settingsOf(
  flags: Omit<Flags, "json" | "svg" | "profile" | "flame" | "calls" | "own" | "streams" | "endure">,
): Settings {
  const quick = flags.quick === true;
  return {
    workers: flags.only ?? BY_DEFAULT,
    kinds: flags.kinds,
    rounds: flags.rounds ?? (quick ? 2 : 6),
    seconds: flags.seconds ?? (quick ? 1 : 4),
    rate: flags.rate,
    tolerance: flags.tolerance,
    startups: quick ? 0 : 7,
    quick,
  };
}

export async function runBenchCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command("bench")
    .description(
      "Measures the gateway against a bare pass-through, the honest floor and a Worker answering from memory.",
    )
    .option("--rounds <n>", "rounds, each holding every Worker once (default 6)", number(1, true))
    .option("--seconds <s>", "seconds of each Worker's turn (default 4)", number(0.2, false))
    .option("--only <list>", `Workers, out of ${WORKERS.join(", ")}`, namesOf(WORKERS))
    .option("--kinds <list>", `requests, out of ${KINDS.join(", ")}`, namesOf(KINDS), ["get-1k"] satisfies Kind[])
    .option("--rate <n>", "requests per second of the open loop, 0 for none", number(0, false), 100)
    .option("--tolerance <share>", "share of a processor others may use in a round", number(0, false), 0.1)
    .option("--json <file>", "write all figures to a file")
    .option("--svg <file>", "draw them")
    .option("--quick", "two rounds of one second, no cold starts: to see that it works, not to compare")
    .option("--profile [file]", "instead: a CPU profile of the gateway (or of --only) under load, and where it went")
    .option("--flame <file>", "with --profile, or instead of it: the same as a flame graph (SVG)")
    .option(
      "--endure <minutes>",
      "instead: memory over time, under a large policy and many callers and URLs",
      number(0.1, false),
    )
    .option("--calls", "instead: calls to objects and KV a thousand requests cost, counted at 200 requests/s")
    .option("--own", "instead: what our own code costs a request, with fetch replaced; steady on a busy machine")
    .option("--streams", "instead: what a token costs, of a hundred answers that stream at once")
    .addHelpText("after", "\nThe method, and what the figures mean: docs/performance.md")
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
  const flags = program.opts<Flags>();
  try {
    if (flags.calls === true) await count(flags, terminal);
    else if (flags.own === true) await own(flags, terminal);
    else if (flags.streams === true) await streams(flags, terminal);
    else if (flags.endure !== undefined) return (await endure(flags, flags.endure, terminal)) ? 0 : 1;
    else if (flags.profile !== undefined || flags.flame !== undefined)
      await profile(flags, flags.profile ?? true, terminal);
    else await measure(flags, terminal);
    return 0;
  } catch (error) {
    terminal.err(`bench: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function measure(flags: Flags, terminal: Terminal): Promise<void> {
  const report = await runBench(settingsOf(flags), {
    stage: (text) => terminal.err(text),
    step: (text) => terminal.err(`  ${text}`),
  });
  terminal.out(reportText(report));
  if (flags.json !== undefined) write(terminal, flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (flags.svg !== undefined) write(terminal, flags.svg, reportSvg(report));
}

async function own(flags: Flags, terminal: Terminal): Promise<void> {
  const workers = flags.only ?? (["floor", "gateway", "limited"] satisfies WorkerName[]);
  const costs = await measureOwn(workers, flags.kinds[0]!, flags.rounds ?? 120, (text) => terminal.err(text));
  terminal.out(ownText(costs));
  if (flags.json !== undefined) write(terminal, flags.json, `${JSON.stringify(costs, undefined, 2)}\n`);
}

async function count(flags: Flags, terminal: Terminal): Promise<void> {
  const seconds = flags.seconds ?? (flags.quick === true ? 5 : 30);
  const reports = await countCalls({ cases: COUNTED, perSecond: 200, seconds }, (text) => terminal.err(text));
  terminal.out(callsText(reports));
  if (flags.json !== undefined) write(terminal, flags.json, `${JSON.stringify(reports, undefined, 2)}\n`);
}

async function streams(flags: Flags, terminal: Terminal): Promise<void> {
  const rounds = flags.rounds ?? (flags.quick === true ? 1 : 5);
  const measured = await measureStreams(rounds, (text) => terminal.err(`  ${text}`));
  terminal.out(streamsText(measured));
  if (flags.json !== undefined) write(terminal, flags.json, `${JSON.stringify(measured, undefined, 2)}\n`);
}

/** Whether memory was flat. */
async function endure(flags: Flags, minutes: number, terminal: Terminal): Promise<boolean> {
  const measured = await measureEndurance(minutes, (text) => terminal.err(`  ${text}`));
  terminal.out(enduranceText(measured));
  if (flags.json !== undefined) write(terminal, flags.json, `${JSON.stringify(measured, undefined, 2)}\n`);
  if (flags.svg !== undefined) write(terminal, flags.svg, enduranceSvg(measured));
  return measured.verdict.flat;
}

/** Profiles one Worker: the gateway, or the first of `--only`. */
async function profile(flags: Flags, file: string | true, terminal: Terminal): Promise<void> {
  const worker = flags.only?.[0] ?? "gateway";
  const kind = flags.kinds[0]!;
  const ms = (flags.seconds ?? 8) * 1000;
  const scratch = scratchFolder();
  const upstream = await startUpstream();
  const generator = new Generator();
  try {
    terminal.err(`building and starting ${worker}`);
    const source = await sourceOf(worker, upstream, flags.kinds, true);
    const runtime = await startWorkerd(source, scratch, true);
    try {
      if (worker === "gateway" || worker === "floor") await prove({ [worker]: runtime.port });
      const key = isGateway(worker) && FEATURES[worker].key ? API_KEY : undefined;
      const order = { loop: "closed", port: runtime.port, kind, key } as const;
      await generator.run({ ...order, ms: 2_000 });
      terminal.err(`profiling ${kind} for ${ms / 1000} s`);
      let requests = 0;
      const before = cpuMicros(runtime.pid);
      const taken = await profileOf(runtime.inspectorPort!, async () => {
        ({ requests } = await generator.run({ ...order, ms }));
      });
      const after = cpuMicros(runtime.pid);
      const perRequest = before === undefined || after === undefined ? undefined : (after - before) / requests;
      const fileOf = sourceLines(source.script);
      terminal.out(profileText(selfTimes(taken, fileOf), perRequest, PROFILE_ROWS));
      const what = `${worker}, ${kind}: ${perRequest === undefined ? "" : `${perRequest.toFixed(0)} µs of CPU a request; `}who called whom, by share of the time`;
      if (flags.flame !== undefined) write(terminal, flags.flame, flameSvg(framesOf(taken, fileOf), what));
      if (file !== true) write(terminal, file, JSON.stringify(taken));
    } finally {
      await runtime.stop();
    }
  } finally {
    await Promise.all([generator.stop(), upstream.stop()]);
  }
}

function write(terminal: Terminal, file: string, content: string): void {
  const target = path.resolve(terminal.folder, file);
  writeFileSync(target, content);
  terminal.err(`wrote ${target}`);
}
