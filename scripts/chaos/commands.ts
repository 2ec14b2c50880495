// npm run chaos -- run FILE | list | show ID | stop ID
//
// Exit codes: 0 all is well, for `run`: the experiment passed; 1 the gateway could not be reached or refused, or the experiment
// failed; 2 the input is wrong. Results go to stdout, progress and problems to stderr.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { progress } from "@clack/prompts";
import Table from "cli-table3";
import { Command } from "commander";
import * as v from "valibot";
import { Gateway, type GatewayProblem } from "../policy/gateway.ts";
import type { Terminal } from "../policy/commands.ts";

const OK = 0;
const FAILED = 1;
const INVALID_INPUT = 2;

const LOOK_EVERY_MS = 1_000;

const figures = v.object({
  requests: v.number(),
  errorRate: v.number(),
  p50Ms: v.number(),
  p95Ms: v.number(),
  perSecond: v.number(),
});
const experiment = v.looseObject({
  id: v.string(),
  name: v.string(),
  hypothesis: v.string(),
  state: v.picklist(["running", "completed", "stopped"]),
  startedAt: v.number(),
  endsAt: v.number(),
  stopped: v.nullable(v.object({ at: v.number(), by: v.string(), reason: v.string() })),
  whole: figures,
  faulted: figures,
  control: figures,
  recoverySeconds: v.nullable(v.number()),
  criteria: v.array(v.object({ name: v.string(), met: v.boolean(), value: v.nullable(v.number()), words: v.string() })),
  passed: v.boolean(),
  recommendations: v.array(v.string()),
});
type Experiment = v.InferOutput<typeof experiment>;
const started = v.object({ id: v.string(), endsAt: v.number() });
const list = v.object({ items: v.array(experiment) });

interface Options {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly html?: string;
}

/** Runs one command and answers with its exit code. */
export async function runChaos(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = OK;
  const program = new Command("chaos")
    .description("Breaks things on purpose, within the policy's bounds, and says what came of it.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 the gateway cannot be reached or refuses, or the experiment failed, 2 invalid input.",
    );
  const command = (usage: string, description: string): Command =>
    program
      .command(usage)
      .description(description)
      .option("--json", "one JSON document instead of words")
      .option("--url <url>", "the gateway", "http://127.0.0.1:8787")
      .option("--token <token>", "admin token (default: SLUICE_ADMIN_TOKEN)");
  const of = (options: Options) => new Gateway(options.url, options.token ?? terminal.env["SLUICE_ADMIN_TOKEN"] ?? "");
  command("run", "Starts an experiment, shows how it goes, and waits for its report. Ctrl-C stops it.")
    .argument("<file>", 'the experiment as JSON; {"experiment": NAME} for one of the policy')
    .option("--html <file>", "writes the report as a page")
    .action(async (file: string, options: Options) => void (code = await run(terminal, of(options), file, options)));
  command("list", "Lists experiments, newest first.").action(
    async (options: Options) => void (code = await show(terminal, of(options), options)),
  );
  command("show", "Shows the report of one experiment.")
    .argument("<id>")
    .action(async (id: string, options: Options) => void (code = await showOne(terminal, of(options), id, options)));
  command("stop", "Ends an experiment at once.")
    .argument("<id>")
    .action(async (id: string, options: Options) => void (code = await stop(terminal, of(options), id)));
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // commander throws where it would have exited: 0 for help, 1 for arguments that are wrong.
    if (!(error instanceof Error) || !("exitCode" in error)) throw error;
    return error.exitCode === 0 ? OK : INVALID_INPUT;
  }
  return code;
}

async function run(terminal: Terminal, gateway: Gateway, file: string, options: Options): Promise<number> {
  let body: string;
  try {
    body = JSON.stringify(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    terminal.err(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    return INVALID_INPUT;
  }
  const begun = await gateway.json({ method: "POST", path: "/chaos/experiments", body }, started);
  if (!begun.ok) return tell(terminal, begun.error);
  const { id, endsAt } = begun.value;
  const halt = (): void => void stop(terminal, gateway, id);
  process.once("SIGINT", halt);
  const seconds = Math.max(1, Math.round((endsAt - Date.now()) / 1_000));
  const bar = progress({ max: seconds, output: process.stderr });
  bar.start(`${id}: ${seconds} s`);
  let done = 0;
  let seen: Experiment | undefined;
  do {
    await sleep(LOOK_EVERY_MS);
    const answer = await gateway.json({ method: "GET", path: `/chaos/experiments/${id}` }, experiment);
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
  } while (seen === undefined || isOpen(seen, Date.now()));
  bar.stop(seen.stopped === null ? "over" : `stopped: ${seen.stopped.reason}`);
  process.removeListener("SIGINT", halt);
  if (options.html !== undefined) {
    const page = await gateway.text(`/chaos/experiments/${id}?format=html`);
    if (!page.ok) return tell(terminal, page.error);
    writeFileSync(options.html, page.value);
  }
  terminal.out(options.json === true ? JSON.stringify(seen, undefined, 2) : inWords(seen));
  return seen.passed ? OK : FAILED;
}

/** Running, or so freshly over that errors may still come back to normal. */
function isOpen({ state, startedAt, endsAt, stopped, recoverySeconds }: Experiment, now: number): boolean {
  if (state === "running") return now < endsAt + 30_000;
  const endedAt = stopped?.at ?? endsAt;
  return recoverySeconds === null && now < Math.max(endedAt, startedAt) + 15_000;
}

async function show(terminal: Terminal, gateway: Gateway, options: Options): Promise<number> {
  const answer = await gateway.json({ method: "GET", path: "/chaos/experiments" }, list);
  if (!answer.ok) return tell(terminal, answer.error);
  const { items } = answer.value;
  if (options.json === true) terminal.out(JSON.stringify(items, undefined, 2));
  else if (items.length === 0) terminal.out("no experiment was run yet");
  else {
    const table = new Table({
      head: ["id", "name", "state", "started", "struck", "errors"],
      style: { head: [], border: [] },
    });
    for (const each of items)
      table.push([
        each.id,
        each.name,
        each.state,
        new Date(each.startedAt).toISOString(),
        each.faulted.requests,
        percent(each.whole.errorRate),
      ]);
    terminal.out(table.toString());
  }
  return OK;
}

async function showOne(terminal: Terminal, gateway: Gateway, id: string, options: Options): Promise<number> {
  const answer = await gateway.json(
    { method: "GET", path: `/chaos/experiments/${encodeURIComponent(id)}` },
    experiment,
  );
  if (!answer.ok) return tell(terminal, answer.error);
  terminal.out(options.json === true ? JSON.stringify(answer.value, undefined, 2) : inWords(answer.value));
  return OK;
}

async function stop(terminal: Terminal, gateway: Gateway, id: string): Promise<number> {
  const path = `/chaos/experiments/${encodeURIComponent(id)}:stop`;
  const answer = await gateway.json({ method: "POST", path }, v.looseObject({ state: v.string() }));
  if (!answer.ok) return tell(terminal, answer.error);
  terminal.err(`${id} is ${answer.value.state}`);
  return OK;
}

function tell(terminal: Terminal, problem: GatewayProblem): number {
  terminal.err(problem.words);
  if (problem.kind === "invalid")
    for (const { path, message } of problem.problems) terminal.err(`  ${path} ${message}`);
  return problem.kind === "invalid" ? INVALID_INPUT : FAILED;
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
