// npm run policy -- check | diff | push | pull | rollback | history | explain | import | schema | reference
//
// Exit codes: 0 all is well; 1 the gateway could not be reached or refused; 2 the input is wrong. Problems go to stderr,
// results to stdout, and --json makes every result one JSON document.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, styleText } from "node:util";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { compilePolicy } from "../../worker/core/policy/compile.ts";
import { differences } from "../../worker/core/policy/differences.ts";
import { explainRoute } from "../../worker/core/policy/explain.ts";
import { policyJsonSchema } from "../../worker/core/policy/jsonschema.ts";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import type { PolicyProblem } from "../../worker/core/policy/parse.ts";
import { pendingSections } from "../../worker/core/policy/pending.ts";
import type { Policy } from "../../worker/core/policy/schema.ts";
import { policyReference } from "./reference.ts";
import { namedSecrets } from "../../worker/core/policy/secrets.ts";
import { checkTarget } from "../../worker/core/policy/targets.ts";
import type { Target } from "../../worker/core/policy/targets.ts";
import { ok, refuse } from "../../worker/core/result/result.ts";
import type { Result } from "../../worker/core/result/result.ts";
import { Gateway } from "./gateway.ts";
import { FORMATS, importPolicy, type Format, type ImportOptions } from "./import/command.ts";
import type { GatewayProblem, Precondition } from "./gateway.ts";
import { changeLines, explanationLines, historyTable, problemLines, table } from "./print.ts";

const OK = 0;
const GATEWAY_PROBLEM = 1;
const INVALID_INPUT = 2;
type ExitCode = typeof OK | typeof GATEWAY_PROBLEM | typeof INVALID_INPUT;

export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs one command and answers with its exit code. `args` are those behind the script's name. */
export async function runPolicy(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = OK;
  const program = policyCommand(terminal, (exitCode) => (code = exitCode));
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // commander throws where it would have exited: 0 for help, 1 for arguments that are wrong.
    if (!(error instanceof Error) || !("exitCode" in error)) throw error;
    return error.exitCode === 0 ? OK : INVALID_INPUT;
  }
  return code;
}

interface RemoteOptions {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
}

function policyCommand(terminal: Terminal, exit: (code: ExitCode) => void): Command {
  const program = new Command("policy")
    .description("Checks, compares and publishes the policy of a Sluice gateway.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText("after", "\nExit codes: 0 ok, 1 the gateway cannot be reached or refuses, 2 invalid input.");

  const command = (usage: string, description: string): Command =>
    program.command(usage).description(description).option("--json", "one JSON document instead of words");
  const remote = (usage: string, description: string): Command =>
    command(usage, description)
      .option("--url <url>", "the gateway", httpBase, "http://127.0.0.1:8787")
      .option("--token <token>", "admin token (default: SLUICE_ADMIN_TOKEN)");
  const gateway = ({ url, token }: RemoteOptions): Gateway =>
    new Gateway(url, token ?? terminal.env["SLUICE_ADMIN_TOKEN"] ?? "");

  command("check", "Validates a policy file.")
    .argument("[file]", "the policy", "policy.json")
    .addOption(new Option("--target <target>", "where it will run").choices(["local", "cloudflare"]).default("local"))
    .option("--allow-private", "private addresses are allowed on the target, as ALLOW_PRIVATE says (local: always)")
    .action((file: string, options: CheckOptions) => exit(check(terminal, file, options)));

  remote("diff", "Shows what pushing a file would change.")
    .argument("[file]", "the policy", "policy.json")
    .option("--generation <number>", "compare with this generation instead of the one in force", generation)
    .action(async (file: string, options: DiffOptions) => exit(await diff(terminal, gateway(options), file, options)));

  remote("push", "Publishes a file as the next generation.")
    .argument("[file]", "the policy", "policy.json")
    .option("--if-match <generation>", "only if this generation is in force", generation)
    .option("--force", "whatever generation is in force")
    .option("--note <words>", "kept in the history", "")
    .action(async (file: string, options: PushOptions) => exit(await push(terminal, gateway(options), file, options)));

  remote("pull", "Fetches the policy in force.")
    .argument("[file]", "where to write it (default: standard output)")
    .option("--generation <number>", "an earlier generation", generation)
    .action(async (file: string | undefined, options: DiffOptions) =>
      exit(await pull(terminal, gateway(options), file, options)),
    );

  remote("rollback", "Publishes an earlier generation's document again, as a new generation.")
    .argument("<generation>", "which one: see history", generation)
    .option("--note <words>", "kept in the history", "")
    .action(async (number: number, options: RollbackOptions) =>
      exit(await rollback(terminal, gateway(options), number, options)),
    );

  remote("history", "Lists the generations, newest first.")
    .option("--limit <number>", "at most so many", limit, 20)
    .action(async (options: HistoryOptions) => exit(await history(terminal, gateway(options), options)));

  remote("explain", "Tells which route takes a request, and why.")
    .argument("<url>", "absolute, or a path on the gateway")
    .option("-X, --request <method>", "method", "GET")
    .option("-H, --header <field>", "header field 'Name: value', repeatable", headerField, [])
    .option("--file <file>", "ask this policy instead of the gateway's")
    .action(async (url: string, options: ExplainOptions) =>
      exit(await explain(terminal, gateway(options), url, options)),
    );

  command("import", "Makes a policy of another gateway's configuration; what it has no place for is listed.")
    .addArgument(new Argument("<format>", "whose it is").choices([...FORMATS]))
    .argument("<file>", "LiteLLM's config.yaml, or a Portkey config as JSON")
    .option("--out <file>", "where to write it (default: standard output)")
    .option("--name <name>", "what the model is called that a Portkey config becomes", "default")
    .option("--strict", "exit code 2 when anything was changed or left out")
    .action((format: Format, file: string, options: ImportOptions) =>
      exit(importPolicy(terminal, format, file, options)),
    );

  program
    .command("schema")
    .description("Writes the policy's JSON Schema.")
    .option("--out <file>", "where to", path.join(root, "policy.schema.json"))
    .option("--stdout", "to standard output instead")
    .option("--check", "write nothing; exit code 2 when the file is not current")
    .action((options: SchemaOptions) => exit(schema(terminal, options)));

  program
    .command("reference")
    .description("Writes the page that lists every field.")
    .option("--out <file>", "where to", path.join(root, "docs", "policy-reference.md"))
    .action(({ out }: { out: string }) => {
      writeFileSync(out, policyReference(policyJsonSchema()));
      terminal.out(`${path.relative(process.cwd(), out)} written`);
      exit(OK);
    });

  return program;
}

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

// --- arguments ---

function httpBase(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError("It must be an http:// or https:// URL.");
  return value;
}

function generation(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number))
    throw new InvalidArgumentError("It must be a generation's number.");
  return number;
}

function limit(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 200) throw new InvalidArgumentError("It must be 1 to 200.");
  return number;
}

type HeaderField = readonly [name: string, value: string];

function headerField(written: string, before: readonly HeaderField[]): readonly HeaderField[] {
  const colon = written.indexOf(":");
  const field: HeaderField = [written.slice(0, colon).trim(), written.slice(colon + 1).trim()];
  try {
    new Headers([[...field]]);
  } catch {
    throw new InvalidArgumentError("It must be 'Name: value'.");
  }
  return [...before, field];
}

// --- files ---

interface PolicyFile {
  readonly text: string;
  readonly policy: Policy;
}

function readPolicy(file: string): Result<PolicyFile, readonly PolicyProblem[]> {
  let text: string;
  try {
    text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return refuse([{ path: "", message: `cannot be read (${reason})` }]);
  }
  const parsed = parsePolicy(text);
  return parsed.ok ? ok({ text, policy: parsed.value }) : parsed;
}

function refuseFile(terminal: Terminal, file: string, problems: readonly PolicyProblem[], json = false): ExitCode {
  if (json) terminal.out(JSON.stringify({ valid: false, problems }));
  else terminal.err(problemLines(file, problems));
  return INVALID_INPUT;
}

function refuseRemote(terminal: Terminal, problem: GatewayProblem, json = false): ExitCode {
  const problems = problem.kind === "invalid" ? problem.problems : [];
  if (json) terminal.out(JSON.stringify({ error: problem.kind, detail: problem.words, problems }));
  else terminal.err([problem.words, ...(problems.length > 0 ? [problemLines("policy", problems)] : [])].join("\n"));
  return problem.kind === "invalid" ? INVALID_INPUT : GATEWAY_PROBLEM;
}

// --- commands ---

interface CheckOptions {
  readonly target: Target;
  readonly allowPrivate?: boolean;
  readonly json?: boolean;
}

function check(
  terminal: Terminal,
  file: string,
  { target, allowPrivate = false, json = false }: CheckOptions,
): ExitCode {
  const read = readPolicy(file);
  if (!read.ok) return refuseFile(terminal, file, read.error, json);
  const { policy } = read.value;
  const problems = checkTarget(policy, target, { allowPrivate: allowPrivate || target === "local" });
  if (problems.length > 0) return refuseFile(terminal, file, problems, json);
  const pending = pendingSections(policy);
  const secrets = namedSecrets(policy);
  if (json) {
    terminal.out(JSON.stringify({ valid: true, target, pending, secrets }));
    return OK;
  }
  const count = (section: string, map: object): string => `${Object.keys(map).length} ${section}`;
  const { services, routes, models } = policy;
  terminal.out(
    `${styleText("green", "✓")} ${file} is valid for ${target}: ${[count("services", services), count("routes", routes), count("models", models)].join(", ")}`,
  );
  if (secrets.length > 0) {
    terminal.out(`\nSecrets it names:\n${table(secrets.map(({ path: at, name }) => [`  ${name}`, at]))}`);
  }
  if (pending.length > 0) {
    terminal.out(
      `\nNot acted on by this version:\n${table(pending.map(({ section, reason }) => [`  ${section}`, reason]))}`,
    );
  }
  return OK;
}

interface DiffOptions extends RemoteOptions {
  readonly generation?: number;
}

async function diff(terminal: Terminal, gateway: Gateway, file: string, options: DiffOptions): Promise<ExitCode> {
  const read = readPolicy(file);
  if (!read.ok) return refuseFile(terminal, file, read.error, options.json);
  const remote = await gateway.policy(options.generation);
  if (!remote.ok) return refuseRemote(terminal, remote.error, options.json);
  const changes = differences(JSON.parse(remote.value.text), JSON.parse(read.value.text));
  if (options.json === true) {
    terminal.out(JSON.stringify({ generation: remote.value.generation, changes }));
    return OK;
  }
  const name = `generation ${remote.value.generation}`;
  const before = parsePolicy(remote.value.text);
  if (changes.length === 0) terminal.out(`${file} is ${name}`);
  else {
    terminal.out(changeLines(changes));
    if (before.ok && isDeepStrictEqual(before.value, read.value.policy))
      terminal.out(`\nwritten differently, but the same as ${name}`);
  }
  return OK;
}

interface PushOptions extends RemoteOptions {
  readonly ifMatch?: number;
  readonly force?: boolean;
  readonly note: string;
}

/** Without a generation to match, the one that is in force as the command begins: two who push at once do not overwrite. */
async function precondition(gateway: Gateway, options: PushOptions): Promise<Result<Precondition, GatewayProblem>> {
  if (options.ifMatch !== undefined) return ok({ generation: options.ifMatch });
  if (options.force === true) return ok("any");
  const current = await gateway.policy();
  if (current.ok) return ok({ generation: current.value.generation });
  return current.error.kind === "missing" ? ok("none") : current;
}

async function push(terminal: Terminal, gateway: Gateway, file: string, options: PushOptions): Promise<ExitCode> {
  const read = readPolicy(file);
  if (!read.ok) return refuseFile(terminal, file, read.error, options.json);
  const only = await precondition(gateway, options);
  if (!only.ok) return refuseRemote(terminal, only.error, options.json);
  const put = await gateway.put(read.value.text, only.value, options.note);
  if (!put.ok) return refuseRemote(terminal, put.error, options.json);
  const { generation: now, outcome } = put.value;
  if (options.json === true) terminal.out(JSON.stringify({ generation: now, outcome }));
  else if (outcome === "unchanged") terminal.out(`unchanged: ${file} is generation ${now} already`);
  else terminal.out(`${styleText("green", "✓")} ${file} is generation ${now}; every region has it within 5 s`);
  return OK;
}

async function pull(
  terminal: Terminal,
  gateway: Gateway,
  file: string | undefined,
  options: DiffOptions,
): Promise<ExitCode> {
  const remote = await gateway.policy(options.generation);
  if (!remote.ok) return refuseRemote(terminal, remote.error, options.json);
  const { generation: number, text } = remote.value;
  if (file === undefined) {
    terminal.out(
      options.json === true
        ? JSON.stringify({ generation: number, policy: JSON.parse(text) as unknown })
        : text.trimEnd(),
    );
    return OK;
  }
  try {
    writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`);
  } catch (error) {
    terminal.err(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return INVALID_INPUT;
  }
  terminal.out(
    options.json === true ? JSON.stringify({ generation: number, file }) : `${file} is generation ${number}`,
  );
  return OK;
}

interface RollbackOptions extends RemoteOptions {
  readonly note: string;
}

async function rollback(
  terminal: Terminal,
  gateway: Gateway,
  number: number,
  options: RollbackOptions,
): Promise<ExitCode> {
  const answer = await gateway.rollback(number, options.note);
  if (!answer.ok) return refuseRemote(terminal, answer.error, options.json);
  const { generation: now } = answer.value;
  terminal.out(
    options.json === true
      ? JSON.stringify({ generation: now, rollbackOf: number })
      : `${styleText("green", "✓")} generation ${now} is generation ${number} again; every region has it within 5 s`,
  );
  return OK;
}

interface HistoryOptions extends RemoteOptions {
  readonly limit: number;
}

async function history(terminal: Terminal, gateway: Gateway, options: HistoryOptions): Promise<ExitCode> {
  const answer = await gateway.history(options.limit);
  if (!answer.ok) return refuseRemote(terminal, answer.error, options.json);
  terminal.out(options.json === true ? JSON.stringify({ generations: answer.value }) : historyTable(answer.value));
  return OK;
}

interface ExplainOptions extends RemoteOptions {
  readonly request: string;
  readonly header: readonly HeaderField[];
  readonly file?: string;
}

async function explain(
  terminal: Terminal,
  gateway: Gateway,
  written: string,
  options: ExplainOptions,
): Promise<ExitCode> {
  const url = URL.parse(written, gateway.url)?.href;
  if (url === undefined) {
    terminal.err(`${written} is not a URL`);
    return INVALID_INPUT;
  }
  const method = options.request.toUpperCase();
  if (options.file === undefined) {
    const answer = await gateway.explain({ method, url, headers: Object.fromEntries(options.header) });
    if (!answer.ok) return refuseRemote(terminal, answer.error, options.json);
    terminal.out(options.json === true ? JSON.stringify(answer.value) : explanationLines(answer.value));
    return OK;
  }
  const read = readPolicy(options.file);
  if (!read.ok) return refuseFile(terminal, options.file, read.error, options.json);
  const headers = new Headers(options.header.map(([name, value]): [string, string] => [name, value]));
  const explanation = explainRoute(compilePolicy(read.value.policy, 0), { method, url, headers });
  terminal.out(options.json === true ? JSON.stringify(explanation) : explanationLines(explanation));
  return OK;
}

interface SchemaOptions {
  readonly out: string;
  readonly stdout?: boolean;
  readonly check?: boolean;
}

function schema(terminal: Terminal, { out, stdout = false, check: checks = false }: SchemaOptions): ExitCode {
  const text = `${JSON.stringify(policyJsonSchema(), null, 2)}\n`;
  if (stdout) {
    terminal.out(text.trimEnd());
    return OK;
  }
  if (checks) {
    const current = readIfThere(out) === text;
    if (!current) terminal.err(`${out} is not current: run npm run policy schema`);
    return current ? OK : INVALID_INPUT;
  }
  writeFileSync(out, text);
  terminal.out(`${path.relative(process.cwd(), out)} written`);
  return OK;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A file that is not there is not current.
    return undefined;
  }
}
