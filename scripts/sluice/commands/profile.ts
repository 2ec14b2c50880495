// sluice profile: gateways by name. Tokens come from a file, the environment, a prompt or a pipe, never from an argument.
import { text } from "node:stream/consumers";
import { isCancel, password } from "@clack/prompts";
import type { Command } from "commander";
import { httpBase, tokenIn, withJson } from "../connection.ts";
import { table } from "../../policy/print.ts";
import { PROFILE_NAME, profilesFile, readProfiles, writeProfiles, type Profiles } from "../profiles.ts";
import type { Run } from "../run.ts";
import { OK, printJson, tellInput, type ExitCode } from "../terminal.ts";

interface AddOptions {
  readonly url: string;
  readonly tokenFile?: string;
  readonly tokenStdin?: boolean;
  readonly json?: boolean;
}

export function addProfile(program: Command, run: Run): void {
  const profile = program
    .command("profile")
    .description("Gateways by name, with their tokens, in a file only you can read.");
  withJson(profile.command("add").description("Adds a gateway, or puts it in the place of one of that name."))
    .argument("<name>")
    .requiredOption("--url <url>", "the gateway", httpBase)
    .option("--token-file <file>", "takes the token from a file")
    .option("--token-stdin", "takes the token from the standard input")
    .addHelpText(
      "after",
      "\nWithout --token-file and --token-stdin the token is SLUICE_TOKEN, or asked for at a terminal.\n" +
        "\nExample:\n  sluice profile add prod --url https://api.example.com",
    )
    .action(async (name: string, options: AddOptions) => run.exit(await add(run, name, options)));
  withJson(profile.command("list").description("Lists the gateways, without their tokens.")).action(
    (options: { json?: boolean }) => run.exit(list(run, options.json)),
  );
  withJson(profile.command("use").description("Makes one the gateway that is meant when none is named."))
    .argument("<name>")
    .action((name: string, options: { json?: boolean }) =>
      run.exit(change(run, name, options.json, (profiles) => ({ ...profiles, current: name }), `${name} is in use`)),
    );
  withJson(profile.command("remove").description("Forgets one, and its token."))
    .argument("<name>")
    .action((name: string, options: { json?: boolean }) =>
      run.exit(change(run, name, options.json, (profiles) => without(profiles, name), `${name} is forgotten`)),
    );
}

function without({ profiles, current, version }: Profiles, name: string): Profiles {
  const { [name]: _, ...rest } = profiles;
  return { version, profiles: rest, ...(current === undefined || current === name ? {} : { current }) };
}

async function add({ terminal }: Run, name: string, options: AddOptions): Promise<ExitCode> {
  const { url, json } = options;
  if (!PROFILE_NAME.test(name))
    return tellInput(terminal, `${name} is no name: letters, digits, '.', '_' and '-'`, json);
  const file = profilesFile(terminal.env);
  const read = readProfiles(file);
  if (!read.ok) return tellInput(terminal, read.error, json);
  const token = await tokenOf(options, terminal.env["SLUICE_TOKEN"] ?? "");
  if (token === undefined) return tellInput(terminal, "no token was given", json);
  const { profiles, current = name } = read.value;
  const added = { ...profiles, [name]: { url, ...(token === "" ? {} : { token }) } };
  writeProfiles(file, { version: 1, current, profiles: added });
  if (json === true) printJson(terminal, { name, url, hasToken: token !== "", inUse: current === name });
  else
    terminal.out(
      `${name} is ${url}${token === "" ? ", without a token" : ""}${current === name ? "; it is in use" : ""}`,
    );
  return OK;
}

/** Undefined when none could be had. */
async function tokenOf({ tokenFile, tokenStdin }: AddOptions, fromEnvironment: string): Promise<string | undefined> {
  if (tokenFile !== undefined) {
    const token = tokenIn(tokenFile);
    return token.ok ? token.value : undefined;
  }
  if (tokenStdin === true) return (await text(process.stdin)).trim() || undefined;
  if (fromEnvironment !== "" || !process.stdin.isTTY) return fromEnvironment;
  const asked = await password({ message: "Token", output: process.stderr });
  return isCancel(asked) ? undefined : asked.trim();
}

function list({ terminal }: Run, json = false): ExitCode {
  const file = profilesFile(terminal.env);
  const read = readProfiles(file);
  if (!read.ok) return tellInput(terminal, read.error, json);
  const { profiles, current } = read.value;
  const items = Object.entries(profiles).map(([name, { url, token }]) => ({
    ...{ name, url },
    hasToken: token !== undefined,
    inUse: name === current,
  }));
  if (json) printJson(terminal, { file, items });
  else if (items.length === 0) terminal.out("there is no profile yet: sluice profile add NAME --url URL");
  else {
    const rows = items.map(({ name, url, hasToken, inUse }) => [
      name,
      url,
      hasToken ? "" : "no token",
      inUse ? "in use" : "",
    ]);
    terminal.out(table(rows, ["name", "gateway", "", ""]));
  }
  return OK;
}

function change(
  { terminal }: Run,
  name: string,
  json: boolean | undefined,
  how: (profiles: Profiles) => Profiles,
  words: string,
): ExitCode {
  const file = profilesFile(terminal.env);
  const read = readProfiles(file);
  if (!read.ok) return tellInput(terminal, read.error, json);
  if (!Object.hasOwn(read.value.profiles, name)) return tellInput(terminal, `there is no profile ${name}`, json);
  const changed = how(read.value);
  writeProfiles(file, changed);
  if (json === true) printJson(terminal, { current: changed.current ?? null, names: Object.keys(changed.profiles) });
  else terminal.out(words);
  return OK;
}
