// The command line of `npm run build:workerd`. Exit codes: 0 the folder is made; 1 it could not be; 2 wrong input.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { styleText } from "node:util";
import { Command, InvalidArgumentError } from "commander";
import { parsePolicy } from "../../worker/core/policy/parse.ts";
import { namedBindings } from "../../worker/core/policy/bindings.ts";
import { namedSecrets } from "../../worker/core/policy/secrets.ts";
import { checkTarget } from "../../worker/core/policy/targets.ts";
import { OWN_BINDINGS } from "../../worker/core/protocol/fields.ts";
import { problemLines } from "../policy/print.ts";
import { buildFolder } from "./folder.ts";

const FAILED = 1;
const INVALID_INPUT = 2;

export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** Files named in arguments are meant from here. */
  readonly folder: string;
}

/** `NAME=URL`, and files for TLS behind commas. */
export interface ViaFlag {
  readonly name: string;
  readonly url: URL;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

interface Flags {
  readonly out: string;
  readonly policy?: string;
  readonly port: number;
  readonly address: string;
  readonly allowPrivate?: true;
  readonly behindProxy?: true;
  readonly secret: readonly string[];
  readonly via: readonly ViaFlag[];
}

const NAME = /^[A-Z][A-Z0-9_]*$/;

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError("It must be a port.");
  return value;
}

function secretName(text: string, before: readonly string[]): readonly string[] {
  if (!NAME.test(text)) throw new InvalidArgumentError("It must be a name in capitals, such as OPENAI_KEY.");
  return [...before, text];
}

export function viaFlag(text: string, before: readonly ViaFlag[]): readonly ViaFlag[] {
  const [target = "", ...options] = text.split(",");
  const at = target.indexOf("=");
  const name = target.slice(0, at);
  const url = URL.parse(target.slice(at + 1));
  const files = Object.fromEntries(options.map((option) => option.split("=", 2)));
  const known = Object.keys(files).every((file) => ["cert", "key", "ca"].includes(file));
  if (!NAME.test(name) || OWN_BINDINGS.includes(name) || url === null || !/^https?:$/.test(url.protocol) || !known) {
    throw new InvalidArgumentError("It must be NAME=URL, or NAME=https://HOST,cert=FILE,key=FILE,ca=FILE.");
  }
  if ((files["cert"] === undefined) !== (files["key"] === undefined)) {
    throw new InvalidArgumentError("A client certificate takes both cert=FILE and key=FILE.");
  }
  return [...before, { name, url, cert: files["cert"], key: files["key"], ca: files["ca"] }];
}

export async function runBuildWorkerd(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command("build:workerd")
    .description("Makes a folder that runs the gateway on plain workerd, its state on disk beside it.")
    .requiredOption("--out <folder>", "where to")
    .option("--policy <file>", "policy in force until one is published (default: none; 503 until then)")
    .option("--port <n>", "port it listens on", port, 8787)
    .option("--address <ip>", "address it listens on; * for all", "127.0.0.1")
    .option("--allow-private", "upstreams may have private and loopback addresses")
    .option(
      "--behind-proxy",
      "a proxy in front sets CF-Connecting-IP and X-Forwarded-Proto; without it, connections tell",
    )
    .option("--secret <name>", "a further variable to be read from the environment, repeatable", secretName, [])
    .option(
      "--via <NAME=URL>",
      "binding for upstreams with this via, repeatable; ,cert= ,key= ,ca= for TLS",
      viaFlag,
      [],
    )
    .addHelpText("after", "\nThe whole story: docs/deployment.md")
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
    return error.exitCode === 0 ? 0 : INVALID_INPUT;
  }
  const flags = program.opts<Flags>();
  const from = (file: string): string => path.resolve(terminal.folder, file);
  const files = flags.via.flatMap(({ cert, key, ca }) => [cert, key, ca].flatMap((file) => file ?? []));
  const absent = [...files, ...(flags.policy === undefined ? [] : [flags.policy])].find(
    (file) => !existsSync(from(file)),
  );
  if (absent !== undefined) {
    terminal.err(`${absent} is not there`);
    return INVALID_INPUT;
  }
  const policyText = flags.policy === undefined ? "" : readFileSync(from(flags.policy), "utf8").replace(/^\uFEFF/, "");
  const checked = flags.policy === undefined ? { secrets: [], problems: [] } : check(policyText, flags);
  if (checked.problems.length > 0) {
    terminal.err(problemLines(flags.policy ?? "policy", checked.problems));
    return INVALID_INPUT;
  }
  const folder = from(flags.out);
  try {
    await buildFolder({
      folder,
      policy: policyText,
      address: `${flags.address}:${flags.port}`,
      port: flags.port,
      allowPrivate: flags.allowPrivate === true,
      behindProxy: flags.behindProxy === true,
      secrets: [...new Set([...checked.secrets, ...flags.secret])],
      via: flags.via.map(({ name, url, cert, key, ca }) => ({
        name,
        url,
        certificate: cert === undefined || key === undefined ? undefined : { cert: from(cert), key: from(key) },
        authority: ca === undefined ? undefined : from(ca),
      })),
    });
  } catch (error) {
    terminal.err(`build:workerd: ${error instanceof Error ? error.message : String(error)}`);
    return FAILED;
  }
  terminal.out(`${styleText("green", "✓")} ${folder}
  ADMIN_TOKEN=… ${path.join(flags.out, "run.sh")}        http://${flags.address === "*" ? "127.0.0.1" : flags.address}:${flags.port}
  or: docker compose up (in that folder); README.md there says more`);
  return 0;
}

/** Names of the secrets, and what is wrong with the policy where it will run. */
function check(text: string, { allowPrivate, via }: Flags) {
  const parsed = parsePolicy(text);
  if (!parsed.ok) return { secrets: [], problems: parsed.error };
  const bound = new Set(via.map(({ name }) => name));
  const unbound = namedBindings(parsed.value).filter(({ name }) => !bound.has(name));
  return {
    secrets: namedSecrets(parsed.value).map(({ name }) => name),
    problems: [
      ...checkTarget(parsed.value, "local", { allowPrivate: allowPrivate === true }).map((problem) =>
        problem.message.includes("ALLOW_PRIVATE")
          ? { ...problem, message: `${problem.message}: --allow-private` }
          : problem,
      ),
      ...unbound.map(({ path, name }) => ({ path, message: `names a binding: say --via ${name}=URL` })),
    ],
  };
}
