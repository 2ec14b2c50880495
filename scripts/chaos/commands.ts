// sluice chaos, npm run chaos -- run FILE | list | show ID | stop ID
//
// Exit codes: 0 all is well, for `run`: the experiment passed; 1 the gateway could not be reached or refused, or the experiment
// failed; 2 the input is wrong. Results go to stdout, progress and problems to stderr.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { progress } from "@clack/prompts";
import Table from "cli-table3";
import { Command } from "commander";
import { connected, remote, type RemoteOptions } from "../sluice/connection.ts";
import { inPath, type AnswerOf, type Gateway } from "../policy/gateway.ts";
import { more, paged, type PageOptions } from "../sluice/pages.ts";
import { runProgram, type Run } from "../sluice/run.ts";
import {
  EXIT_CODES,
  FAILED,
  OK,
  printJson,
  tell,
  tellInput,
  type ExitCode,
  type Terminal,
} from "../sluice/terminal.ts";

const LOOK_EVERY_MS = 1_000;
/** Behind the end of an experiment of which nothing was ever to be seen. */
const GIVE_UP_AFTER_MS = 30_000;

type Experiment = AnswerOf<"GET /admin/chaos/experiments/:action">;

interface RunOptions extends RemoteOptions {
  readonly html?: string;
}

/** Runs one command and answers with its exit code. */
export const runChaos = (args: readonly string[], terminal: Terminal): Promise<number> =>
  runProgram(args, terminal, (run) => addChaos(new Command("chaos"), run));

/** The commands, under a command that is called `chaos`. */
export function addChaos(program: Command, { terminal, exit }: Run): Command {
  program
    .description("Breaks things on purpose, within the policy's bounds, and says what came of it.")
    .addHelpText("after", EXIT_CODES);
  const asking = (usage: string, description: string): Command =>
    remote(program.command(usage).description(description));
  asking("run", "Starts an experiment, shows how it goes, and waits for its report. Ctrl-C stops it.")
    .argument("<file>", 'the experiment as JSON; {"experiment": NAME} for one of the policy')
    .option("--html <file>", "writes the report as a page")
    .action(async (file: string, options: RunOptions) =>
      exit(await connected(terminal, options, (gateway) => run(terminal, gateway, file, options))),
    );
  paged(asking("list", "Lists experiments, newest first.")).action(async (options: PageOptions) =>
    exit(await connected(terminal, options, (gateway) => list(terminal, gateway, options))),
  );
  asking("show", "Shows the report of one experiment.")
    .alias("report")
    .argument("<id>")
    .action(async (id: string, options: RemoteOptions) =>
      exit(await connected(terminal, options, (gateway) => show(terminal, gateway, id, options))),
    );
  asking("stop", "Ends an experiment at once.")
    .argument("<id>")
    .action(async (id: string, options: RemoteOptions) =>
      exit(await connected(terminal, options, (gateway) => stop(terminal, gateway, id, options))),
    );
  return program;
}

/** A file that holds JSON, or the words that say why not. */
function jsonIn(file: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(readFileSync(path.resolve(file), "utf8")) as unknown };
  } catch (error) {
    return { problem: `${file}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const read = (gateway: Gateway, id: string) => {
  const param = { action: inPath(id) };
  return gateway.ask("GET /admin/chaos/experiments/:action", ({ admin }) =>
    admin.chaos.experiments[":action"].$get({ param }),
  );
};

async function run(terminal: Terminal, gateway: Gateway, file: string, options: RunOptions): Promise<ExitCode> {
  const document = jsonIn(file);
  if ("problem" in document) return tellInput(terminal, document.problem, options.json);
  // What it must be the gateway knows best, and says where it is not.
  const json = document.value as { experiment: string };
  const begun = await gateway.ask("POST /admin/chaos/experiments", ({ admin }) =>
    admin.chaos.experiments.$post({ json }),
  );
  if (!begun.ok) return tell(terminal, begun.error, options.json);
  const { id, endsAt } = begun.value;
  const halt = (): void => void stop(terminal, gateway, id, {});
  process.once("SIGINT", halt);
  const seconds = Math.max(1, Math.round((endsAt - Date.now()) / 1_000));
  const bar = process.stderr.isTTY ? progress({ max: seconds, output: process.stderr }) : inLines(terminal);
  bar.start(`${id}: ${seconds} s`);
  let done = 0;
  let seen: Experiment | undefined;
  do {
    await sleep(LOOK_EVERY_MS);
    const answer = await read(gateway, id);
    // One look that fails is none: the experiment goes on, and ends by itself.
    if (!answer.ok) continue;
    seen = answer.value;
    const passed = Math.min(seconds, Math.round((Date.now() - seen.startedAt) / 1_000));
    const { whole, faulted } = seen;
    bar.advance(
      passed - done,
      `${whole.requests} requests targeted, ${faulted.requests} struck, ${percent(whole.errorRate)} errors`,
    );
    done = passed;
  } while (seen === undefined ? Date.now() < endsAt + GIVE_UP_AFTER_MS : isOpen(seen, Date.now()));
  process.removeListener("SIGINT", halt);
  if (seen === undefined) {
    bar.stop("the gateway does not say how it went");
    return FAILED;
  }
  bar.stop(seen.stopped === null ? "over" : `stopped: ${seen.stopped.reason}`);
  if (options.html !== undefined) {
    const param = { action: inPath(id) };
    const page = await gateway.receive("GET /admin/chaos/experiments/:action", ({ admin }) =>
      admin.chaos.experiments[":action"].$get({ param, query: { format: "html" } }),
    );
    if (!page.ok) return tell(terminal, page.error, options.json);
    writeFileSync(options.html, page.value.text);
  }
  if (options.json === true) printJson(terminal, seen);
  else terminal.out(inWords(seen));
  return seen.passed ? OK : FAILED;
}

/** Where nobody looks at a terminal: its beginning and its end. */
function inLines(terminal: Terminal): Pick<ReturnType<typeof progress>, "start" | "advance" | "stop"> {
  const say = (text = ""): void => terminal.err(text);
  return { start: say, stop: say, advance: () => undefined };
}

/** Running, or so freshly over that errors may still come back to normal. */
function isOpen({ state, startedAt, endsAt, stopped, recoverySeconds }: Experiment, now: number): boolean {
  if (state === "running") return now < endsAt + 30_000;
  const endedAt = stopped?.at ?? endsAt;
  return recoverySeconds === null && now < Math.max(endedAt, startedAt) + 15_000;
}

async function list(terminal: Terminal, gateway: Gateway, options: PageOptions): Promise<ExitCode> {
  const query = options.page;
  const answer = await gateway.ask("GET /admin/chaos/experiments", ({ admin }) =>
    admin.chaos.experiments.$get({ query }),
  );
  if (!answer.ok) return tell(terminal, answer.error, options.json);
  const { items, next } = answer.value;
  if (options.json === true) printJson(terminal, answer.value);
  else if (items.length === 0) terminal.out("no experiment was run yet");
  else {
    const drawn = new Table({
      head: ["id", "name", "state", "started", "struck", "errors"],
      style: { head: [], border: [] },
    });
    for (const each of items)
      drawn.push([
        each.id,
        each.name,
        each.state,
        new Date(each.startedAt).toISOString(),
        each.faulted.requests,
        percent(each.whole.errorRate),
      ]);
    terminal.out([drawn.toString(), ...more(next)].join("\n"));
  }
  return OK;
}

async function show(terminal: Terminal, gateway: Gateway, id: string, options: RemoteOptions): Promise<ExitCode> {
  const answer = await read(gateway, id);
  if (!answer.ok) return tell(terminal, answer.error, options.json);
  if (options.json === true) printJson(terminal, answer.value);
  else terminal.out(inWords(answer.value));
  return OK;
}

async function stop(terminal: Terminal, gateway: Gateway, id: string, options: RemoteOptions): Promise<ExitCode> {
  const param = { action: `${inPath(id)}:stop` as const };
  const answer = await gateway.ask("POST /admin/chaos/experiments/:action", ({ admin }) =>
    admin.chaos.experiments[":action"].$post({ param }),
  );
  if (!answer.ok) return tell(terminal, answer.error, options.json);
  if (options.json === true) printJson(terminal, answer.value);
  else terminal.err(`${id} is ${answer.value.state}`);
  return OK;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function inWords(each: Experiment): string {
  const table = new Table({
    head: ["group", "requests", "a second", "errors", "p50", "p95"],
    style: { head: [], border: [] },
  });
  for (const [name, group] of [
    ["all targeted", each.whole],
    ["struck", each.faulted],
    ["control", each.control],
  ] as const)
    table.push([
      name,
      group.requests,
      group.perSecond.toFixed(1),
      percent(group.errorRate),
      `${Math.round(group.p50Ms)} ms`,
      `${Math.round(group.p95Ms)} ms`,
    ]);
  return [
    `${each.name} (${each.id}): ${each.state === "running" ? "running" : each.passed ? "passed" : "failed"}`,
    ...(each.hypothesis === "" ? [] : [`hypothesis: ${each.hypothesis}`]),
    ...(each.stopped === null ? [] : [`stopped by ${each.stopped.by}: ${each.stopped.reason}`]),
    table.toString(),
    ...each.criteria.filter(({ value }) => value !== null).map(({ met, words }) => `${met ? "✓" : "✗"} ${words}`),
    ...each.recommendations.map((advice) => `→ ${advice}`),
  ].join("\n");
}
