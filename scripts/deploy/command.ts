// The command line of the deployment. Exit codes: 0 it is deployed (or, with --dry-run, would be); 1 something failed on the
// way, the message says after which step; 2 something is missing or wrong, and nothing was changed. Results go to stdout,
// progress and problems to stderr.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv, styleText } from "node:util";
import { confirm, isCancel, password } from "@clack/prompts";
import { Command, InvalidArgumentError } from "commander";
import { root } from "../bundle.ts";
import { deploy, type Outcome, type Settings } from "./deploy.ts";
import type { Missing } from "./checks.ts";
import { wrangler, type Wrangler } from "./wrangler.ts";
import { stages } from "./stages.ts";

const FAILED = 1;
const MISSING = 2;

export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Flags {
  readonly env?: string;
  readonly policy?: string;
  readonly secrets?: string;
  readonly newToken?: true;
  readonly token?: string;
  readonly url?: string;
  readonly gradual?: number;
  readonly config: string;
  readonly wait: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const range =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    }
    return value;
  };

function httpBase(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new InvalidArgumentError("It must be an http(s):// URL.");
  return value.replace(/\/+$/, "");
}

/** `run` is wrangler; tests put one of their own there. */
export async function runDeploy(
  args: readonly string[],
  terminal: Terminal,
  run: Wrangler = wrangler(terminal.env),
): Promise<number> {
  const program = new Command("deploy")
    .description("Checks policy, bindings and secrets, deploys with wrangler, publishes the policy, waits until ready.")
    .option("--env <name>", "environment of wrangler.toml (default: the top level)")
    .option("--policy <file>", "policy to check and publish (default: policy.json, where there is one)")
    .option("--secrets <file>", "secrets to set with this deployment: lines NAME=value, or one JSON object")
    .option("--new-token", "make an admin token, set it, and print it once")
    .option("--token <token>", "admin token the policy is published with (default: SLUICE_ADMIN_TOKEN)")
    .option("--url <url>", "where to look for the gateway afterwards (default: where wrangler says it is)", httpBase)
    .option("--gradual <percent>", "as a new version that gets this share of the traffic", range(0, 100))
    .option("--config <file>", "wrangler's configuration", path.join(root, "wrangler.toml"))
    .option("--wait <seconds>", "how long to wait for the gateway to be ready", range(0, 3600), 120)
    .option("--dry-run", "all checks and a trial build; nothing is deployed")
    .option("-y, --yes", "ask nothing")
    .option("--json", "one JSON document instead of words")
    .addHelpText(
      "after",
      "\nExit codes: 0 deployed, 1 failed on the way, 2 something is missing or wrong and nothing was changed.\nThe whole story: docs/deployment.md",
    )
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
    return error.exitCode === 0 ? 0 : MISSING;
  }
  const flags = program.opts<Flags>();
  const settings = settingsOf(flags, terminal);
  if (!("config" in settings)) return tell(terminal, { kind: "missing", missing: [settings], notes: [] }, flags);
  const shown = flags.json !== true && process.stderr.isTTY;
  const progress = stages(shown, flags.json === true ? () => undefined : (line) => terminal.err(line));
  const asks = flags.json !== true && flags.yes !== true && process.stdin.isTTY && process.stdout.isTTY;
  const outcome = await deploy(settings, {
    wrangler: run,
    progress,
    ...(asks ? { confirm: askWhether, password: askFor } : {}),
  });
  return tell(terminal, outcome, flags);
}

async function askWhether(question: string): Promise<boolean> {
  const answer = await confirm({ message: question });
  return !isCancel(answer) && answer;
}

async function askFor(what: string): Promise<string | undefined> {
  const answer = await password({ message: what });
  return isCancel(answer) || answer === "" ? undefined : answer;
}

/** What the flags ask for, files read; or why they cannot be. */
function settingsOf(flags: Flags, terminal: Terminal): Settings | Missing {
  const folder = terminal.env["INIT_CWD"] ?? process.cwd();
  const policyFile = path.resolve(folder, flags.policy ?? "policy.json");
  const policyText = readIfThere(policyFile);
  if (policyText === undefined && flags.policy !== undefined) {
    return { what: `the policy ${flags.policy} cannot be read`, how: "name a file that is there: --policy FILE" };
  }
  const secretsText = flags.secrets === undefined ? "" : readIfThere(path.resolve(folder, flags.secrets));
  if (secretsText === undefined) {
    return { what: `the secrets' file ${flags.secrets} cannot be read`, how: "name a file that is there" };
  }
  const secrets = secretsIn(secretsText);
  if (secrets === undefined) {
    return { what: `${flags.secrets} holds no secrets`, how: "lines NAME=value, or one JSON object of strings" };
  }
  return {
    environment: flags.env,
    config: path.resolve(folder, flags.config),
    policy: policyText === undefined ? undefined : { file: policyFile, text: policyText },
    secrets,
    newToken: flags.newToken === true,
    token: flags.token ?? terminal.env["SLUICE_ADMIN_TOKEN"] ?? secrets["ADMIN_TOKEN"],
    url: flags.url,
    gradual: flags.gradual,
    dryRun: flags.dryRun === true,
    waitMs: flags.wait * 1_000,
    yes: flags.yes === true,
  };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch {
    // Whoever asks says what it means that it is not there.
    return undefined;
  }
}

function secretsIn(text: string): Readonly<Record<string, string>> | undefined {
  if (!text.trimStart().startsWith("{")) return parseEnv(text) as Record<string, string>;
  try {
    const read = JSON.parse(text) as Record<string, unknown>;
    return Object.values(read).every((value) => typeof value === "string")
      ? (read as Record<string, string>)
      : undefined;
  } catch {
    return undefined;
  }
}

// --- what came of it ---

function tell(terminal: Terminal, outcome: Outcome, { json }: Pick<Flags, "json">): number {
  if (json === true) terminal.out(JSON.stringify({ ok: isGood(outcome), ...outcome }));
  else {
    const said = linesOf(outcome).join("\n");
    if (isGood(outcome)) terminal.out(said);
    else terminal.err(said);
  }
  if (outcome.kind === "missing") return MISSING;
  return isGood(outcome) ? 0 : FAILED;
}

const isGood = ({ kind }: Outcome): boolean => kind === "deployed" || kind === "tried";

function linesOf(outcome: Outcome): string[] {
  const notes = outcome.notes.map((note) => `${styleText("yellow", "!")} ${note}`);
  switch (outcome.kind) {
    case "missing":
      return [
        `Nothing was deployed. What is missing:`,
        ...outcome.missing.flatMap(({ what, how }) => [`${styleText("red", "✗")} ${what}`, `    ${how}`]),
        ...notes,
      ];
    case "failed":
      return [`${styleText("red", "✗")} ${outcome.step}: ${outcome.reason}`, ...notes];
    case "tried":
      return [`${styleText("green", "✓")} it would be deployed as ${outcome.worker}`, ...notes];
    case "deployed": {
      const { worker, version, addresses, policy, newToken } = outcome;
      return [
        `${styleText("green", "✓")} ${worker} is deployed${version === undefined ? "" : `, version ${version}`}`,
        ...(outcome.share === undefined ? [] : [`  ${outcome.share} % of its traffic goes to this version`]),
        ...addresses.map((address) => `  ${address}`),
        ...(addresses[0] === undefined ? [] : [`  dashboard ${addresses[0]}/_sluice/dashboard`]),
        ...(policy === undefined ? [] : [`  policy generation ${policy.generation} (${policy.outcome})`]),
        ...(newToken === undefined ? [] : [`  admin token, shown this once: ${newToken}`]),
        ...notes,
      ];
    }
  }
}
