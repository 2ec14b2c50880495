// Which gateway a command speaks to, and with what token. Laws: a token of a profile goes to that profile's gateway and to no other; a token
// need never stand in the arguments, which other users of a machine can read and a shell's history keeps.
import { readFileSync } from "node:fs";
import { InvalidArgumentError, Option, type Command } from "commander";
import { ok, refuse, type Result } from "../../worker/core/result/result.ts";
import { Gateway } from "../policy/gateway.ts";
import { profilesFile, readProfiles, type Profile } from "./profiles.ts";
import { tellInput, type ExitCode, type Terminal } from "./terminal.ts";

const LOCAL = "http://127.0.0.1:8787";

export interface RemoteOptions {
  readonly url?: string;
  readonly profile?: string;
  readonly tokenFile?: string;
  readonly token?: string;
  readonly json?: boolean;
}

export const withJson = (command: Command): Command => command.option("--json", "one JSON document instead of words");

/** A command that asks a gateway. */
export const remote = (command: Command): Command =>
  withJson(command)
    .option("--url <url>", `the gateway (default: SLUICE_URL, the profile in use, ${LOCAL})`, httpBase)
    .option("--profile <name>", "a gateway of the profile file (default: SLUICE_PROFILE, the one in use)")
    .option("--token-file <file>", "a file that holds the token (default: SLUICE_TOKEN, the profile's)")
    .addOption(new Option("--token <token>", "the token; other users of this machine can see it there").hideHelp());

export function httpBase(value: string): string {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError("It must be an http:// or https:// URL.");
  return value.replace(/\/+$/, "");
}

/** Runs `work` with the gateway that the options mean, and says what is wrong with them otherwise. */
export async function connected(
  terminal: Terminal,
  options: RemoteOptions,
  work: (gateway: Gateway) => Promise<ExitCode>,
): Promise<ExitCode> {
  const connection = connectionOf(options, terminal);
  if (!connection.ok) return tellInput(terminal, connection.error, options.json);
  const { url, token } = connection.value;
  if (token !== "" && isInTheClear(url)) terminal.err(`the token goes to ${url} in the clear: use https://`);
  return work(new Gateway(url, token));
}

interface Connection {
  readonly url: string;
  readonly token: string;
}

function connectionOf(options: RemoteOptions, { env }: Terminal): Result<Connection, string> {
  const found = profileOf(options, env);
  if (!found.ok) return found;
  const { profile, isNamed } = found.value;
  const url = options.url ?? (isNamed ? profile?.url : undefined) ?? given(env["SLUICE_URL"]) ?? profile?.url ?? LOCAL;
  const own =
    profile !== undefined && URL.parse(profile.url)?.origin === URL.parse(url)?.origin ? profile.token : undefined;
  if (options.tokenFile !== undefined) {
    const token = tokenIn(options.tokenFile);
    return token.ok ? ok({ url, token: token.value }) : token;
  }
  const fromEnvironment = given(env["SLUICE_TOKEN"]) ?? given(env["SLUICE_ADMIN_TOKEN"]);
  const token = options.token ?? (isNamed ? own : undefined) ?? fromEnvironment ?? own ?? "";
  return ok({ url, token });
}

const given = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

/** The profile that is named, or else the one in use. */
function profileOf(
  { profile: asked }: RemoteOptions,
  env: Terminal["env"],
): Result<{ readonly profile: Profile | undefined; readonly isNamed: boolean }, string> {
  const name = asked ?? given(env["SLUICE_PROFILE"]);
  const read = readProfiles(profilesFile(env));
  if (!read.ok) return read;
  const { profiles, current } = read.value;
  const wanted = name ?? current;
  const profile = wanted !== undefined && Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined;
  return name !== undefined && profile === undefined
    ? refuse(`there is no profile ${name}: see sluice profile list`)
    : ok({ profile, isNamed: name !== undefined });
}

export function tokenIn(file: string): Result<string, string> {
  try {
    const token = readFileSync(file, "utf8").trim();
    return token === "" || /[\r\n]/.test(token) ? refuse(`${file} holds no token`) : ok(token);
  } catch (error) {
    return refuse(`${file} cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
  }
}

/** Loopback is nobody else's wire. */
function isInTheClear(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed?.protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parsed.hostname);
}
