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
import { FORMATS, importPolicy, type Format, type ImportOptions } from "./import/command.ts";
import { connected, remote, withJson, type RemoteOptions } from "../sluice/connection.ts";
import type { Gateway, GatewayProblem, Precondition } from "./gateway.ts";
import { headerField, type HeaderField } from "../sluice/header-field.ts";
import { changeLines, explanationLines, historyTable, problemLines, table } from "./print.ts";
import { runProgram, type Run } from "../sluice/run.ts";
import { EXIT_CODES, INVALID_INPUT, OK, tell, type ExitCode, type Terminal } from "../sluice/terminal.ts";

/** Runs one command and answers with its exit code. `args` are those behind the script's name. */
export const runPolicy = (args: readonly string[], terminal: Terminal): Promise<number> =>
  runProgram(args, terminal, (run) => addPolicy(new Command("policy"), run));

/** The commands, under a command that is called `policy`. */
export function addPolicy(program: Command, { terminal, exit }: Run): Command {
  program
    .description("Checks, compares and publishes the policy of a Sluice gateway.")
    .addHelpText("after", EXIT_CODES);
  const command = (usage: string, description: string): Command =>
    withJson(program.command(usage).description(description));
  const asking = (usage: string, description: string): Command =>
    remote(program.command(usage).description(description));

  command("check", "Validates a policy file.")
    .argument("[file]", "the policy", "policy.json")
    .addOption(new Option("--target <target>", "where it will run").choices(["local", "cloudflare"]).default("local"))
    .option("--allow-private", "private addresses are allowed on the target, as ALLOW_PRIVATE says (local: always)")
    .action((file: string, options: CheckOptions) => exit(check(terminal, file, options)));

  asking("diff", "Shows what pushing a file would change.")
    .argument("[file]", "the policy", "policy.json")
    .option("--generation <number>", "compare with this generation instead of the one in force", generation)
    .action(async (file: string, options: DiffOptions) =>
      exit(await connected(terminal, options, (gateway) => diff(terminal, gateway, file, options))),
    );

  asking("push", "Publishes a file as the next generation.")
    .argument("[file]", "the policy", "policy.json")
    .option("--if-match <generation>", "only if this generation is in force", generation)
    .option("--force", "whatever generation is in force")
    .option("--note <words>", "kept in the history", "")
    .action(async (file: string, options: PushOptions) =>
      exit(await connected(terminal, options, (gateway) => push(terminal, gateway, file, options))),
    );

  asking("pull", "Fetches the policy in force.")
    .argument("[file]", "where to write it (default: standard output)")
    .option("--generation <number>", "an earlier generation", generation)
    .action(async (file: string | undefined, options: DiffOptions) =>
      exit(await connected(terminal, options, (gateway) => pull(terminal, gateway, file, options))),
    );

  asking("rollback", "Publishes an earlier generation's document again, as a new generation.")
    .argument("<generation>", "which one: see history", generation)
    .option("--note <words>", "kept in the history", "")
    .action(async (number: number, options: RollbackOptions) =>
      exit(await connected(terminal, options, (gateway) => rollback(terminal, gateway, number, options))),
    );

  asking("history", "Lists the generations, newest first.")
    .option("--limit <number>", "at most so many", limit, 20)
    .action(async (options: HistoryOptions) =>
      exit(await connected(terminal, options, (gateway) => history(terminal, gateway, options))),
    );

  addExplain(program, { terminal, exit });

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

/** `explain`, which stands here and among the first words of `sluice`. */
export function addExplain(program: Command, { terminal, exit }: Run): void {
  remote(program.command("explain").description("Tells where a request goes, and why."))
    .argument("<url>", "absolute, or a path on the gateway")
    .option("-X, --request <method>", "method", "GET")
    .option("-H, --header <field>", "header field 'Name: value', repeatable", headerField, [])
    .option("--file <file>", "ask this policy instead of the gateway's")
    .addHelpText("after", "\nExample:\n  sluice explain /api/v1/users/7 -H 'Accept-Language: fr'")
    .action(async (url: string, options: ExplainOptions) =>
      exit(await connected(terminal, options, (gateway) => explain(terminal, gateway, url, options))),
    );
}

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

// --- arguments ---

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
  if (!remote.ok) return tell(terminal, remote.error, options.json);
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
  if (!only.ok) return tell(terminal, only.error, options.json);
  const put = await gateway.put(read.value.text, only.value, options.note);
  if (!put.ok) return tell(terminal, put.error, options.json);
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
  if (!remote.ok) return tell(terminal, remote.error, options.json);
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
  const answer = await gateway.ask("POST /admin/policy/rollback", ({ admin }) =>
    admin.policy.rollback.$post({ json: { generation: number, note: options.note } }),
  );
  if (!answer.ok) return tell(terminal, answer.error, options.json);
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
  const answer = await gateway.ask("GET /admin/policy/history", ({ admin }) =>
    admin.policy.history.$get({ query: { limit: String(options.limit) } }),
  );
  if (!answer.ok) return tell(terminal, answer.error, options.json);
  terminal.out(
    options.json === true ? JSON.stringify({ generations: answer.value.items }) : historyTable(answer.value.items),
  );
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
    const answer = await gateway.ask("POST /admin/explain", ({ admin }) =>
      admin.explain.$post({ json: { method, url, headers: Object.fromEntries(options.header) } }),
    );
    if (!answer.ok) return tell(terminal, answer.error, options.json);
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
