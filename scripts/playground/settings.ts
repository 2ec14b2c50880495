// What `npm start` was asked to do: flags and environment as one plain value, or the one line that says what is wrong
// with them. Nothing is opened, started or loaded here, so a wrong flag is told at once.
import { Command, CommanderError, InvalidArgumentError } from "commander";
import path from "node:path";
import type { Result } from "../../worker/core/result/result.ts";
import { ok, refuse } from "../../worker/core/result/result.ts";

export interface Settings {
  /** In front of what: servers of the caller's own, a policy file, the demo, or nothing (`none`: what is persisted). */
  readonly source:
    | { readonly kind: "upstreams"; readonly urls: readonly string[] }
    | { readonly kind: "policy"; readonly file: string }
    | { readonly kind: "demo" }
    | { readonly kind: "none" };
  /** AI providers to stand in front of as well. */
  readonly providers: readonly ProviderSettings[];
  /** Of the first region; the others follow. 0: free ones. */
  readonly port: number;
  /** As given; undefined: the policy's own, else the three of the contract. */
  readonly regions: readonly string[] | undefined;
  /** Where state is kept; undefined: nowhere. */
  readonly persist: string | undefined;
  readonly quiet: boolean;
  readonly adminToken: string | undefined;
}

export interface ProviderSettings {
  readonly name: string;
  /** Undefined: the provider's public address. */
  readonly url: string | undefined;
  /** Name of the secret that holds its key, and the key; undefined where the environment has none. */
  readonly secret: string;
  readonly key: string | undefined;
}

/** `text` was asked for (--help); `problem` is what is wrong, in one line. */
export type Refusal = { readonly text: string } | { readonly problem: string };

interface Flags {
  upstream?: string[];
  provider?: [name: string, url: string | undefined][];
  policy?: string;
  port: number;
  regions?: string[];
  persist?: string;
  demo: boolean;
  quiet: boolean;
}

/** Flags that npm takes for its own when `--` is forgotten: they arrive as these variables and would do nothing. */
const SWALLOWED = ["upstream", "provider", "policy", "port", "regions", "persist"];

/** `folder` is where the command was given: relative files are meant from there. */
export function readSettings(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): Result<Settings, Refusal> {
  const swallowed = SWALLOWED.find((flag) => environment[`npm_config_${flag}`] !== undefined);
  if (swallowed !== undefined) {
    return refuse({ problem: `npm kept --${swallowed} for itself: write 'npm start -- --${swallowed} ...'` });
  }
  let help = "";
  const command = describe().configureOutput({ writeOut: (text) => (help += text), writeErr: () => undefined });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return refuse({ text: help });
    return refuse({ problem: `${error.message.replace(/^error: /, "")} (npm start -- --help lists the flags)` });
  }
  const flags = command.opts<Flags>();
  if (flags.upstream !== undefined && flags.policy !== undefined) {
    return refuse({ problem: "--upstream and --policy exclude each other: name the upstreams in the policy" });
  }
  if (flags.provider !== undefined && (flags.policy !== undefined || !(flags.demo || flags.upstream !== undefined))) {
    return refuse({ problem: "--provider is for the demo and --upstream: name the providers in the policy" });
  }
  return ok({
    source: sourceOf(flags, folder),
    providers: (flags.provider ?? []).map(([name, url]) => providerOf(name, url, environment)),
    port: flags.port,
    regions: flags.regions,
    persist: flags.persist === undefined ? undefined : path.resolve(folder, flags.persist),
    quiet: flags.quiet,
    adminToken: environment["ADMIN_TOKEN"] || undefined,
  });
}

function sourceOf({ upstream, policy, demo }: Flags, folder: string): Settings["source"] {
  if (upstream !== undefined) return { kind: "upstreams", urls: upstream };
  if (policy !== undefined) return { kind: "policy", file: path.resolve(folder, policy) };
  return { kind: demo ? "demo" : "none" };
}

function describe(): Command {
  return new Command("npm start --")
    .description("Three regions of the gateway on this machine, in front of demo services or of servers of your own.")
    .option(
      "--upstream <url>",
      "an HTTP server to stand in front of; repeat it for instances of one service",
      addUpstream,
    )
    .option(
      "--provider <name[=url]>",
      "an AI provider to stand in front of, its key in NAME_API_KEY: --provider openai, --provider mine=http://host:1234/v1",
      addProvider,
    )
    .option("--policy <file>", "policy to run, watched: a valid change is taken over, an invalid one is told and left")
    .option("--port <number>", "port of the first region, the others follow (0: free ports)", readPort, 8787)
    .option(
      "--regions <list>",
      "names, comma-separated (default: those of the policy, else weur,enam,apac)",
      readRegions,
    )
    .option("--persist <folder>", "keep KV and objects there (default: a temporary folder, removed at the end)")
    .option("--no-demo", "no demo services: run the policy that is persisted, or wait for one to be pushed")
    .option("--quiet", "say only what is needed to use it", false)
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .exitOverride();
}

/** `OPENAI_API_KEY` for `openai`. */
function providerOf(name: string, url: string | undefined, environment: Readonly<Record<string, string | undefined>>) {
  const secret = `${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_API_KEY`;
  return { name, url, secret, key: environment[secret] || undefined };
}

function addProvider(
  written: string,
  before: [name: string, url: string | undefined][] = [],
): [name: string, url: string | undefined][] {
  const at = written.indexOf("=");
  const name = at === -1 ? written : written.slice(0, at);
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new InvalidArgumentError("A name such as openai is needed.");
  if (before.some(([other]) => other === name)) throw new InvalidArgumentError(`${name} stands there twice.`);
  return [...before, [name, at === -1 ? undefined : addUpstream(written.slice(at + 1), undefined)[0]]];
}

function addUpstream(written: string, before: string[] | undefined): string[] {
  const url = URL.parse(written);
  if (url === null || !/^https?:\/\//i.test(written) || url.hostname === "") {
    throw new InvalidArgumentError("An http:// or https:// URL is needed.");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError("A URL without credentials, query and fragment is needed.");
  }
  return [...(before ?? []), url.href.replace(/\/$/, "")];
}

function readPort(written: string): number {
  const port = Number(written);
  if (!/^\d{1,5}$/.test(written) || port > 65_535)
    throw new InvalidArgumentError("A number from 0 to 65535 is needed.");
  return port;
}

function readRegions(written: string): string[] {
  const names = written.split(",").map((name) => name.trim());
  if (names.includes("")) throw new InvalidArgumentError("Names separated by commas are needed.");
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} stands there twice.`);
  return names;
}
