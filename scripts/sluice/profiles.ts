// Gateways by name, with their tokens: `~/.config/sluice/profiles.json` (XDG_CONFIG_HOME), readable by its owner alone. A file that others
// can read is not used: the token in it is everybody's. Written whole or not at all.
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as v from "valibot";
import { ok, refuse, type Result } from "../../worker/core/result/result.ts";

const profile = v.strictObject({ url: v.string(), token: v.optional(v.string()) });
export type Profile = v.InferOutput<typeof profile>;

const document = v.strictObject({
  version: v.literal(1),
  current: v.optional(v.string()),
  profiles: v.record(v.string(), profile),
});
export type Profiles = v.InferOutput<typeof document>;

export const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

type Environment = Readonly<Record<string, string | undefined>>;

export function profilesFile(env: Environment): string {
  const own = env["SLUICE_PROFILES"];
  if (own !== undefined && own !== "") return own;
  const config = env["XDG_CONFIG_HOME"] || path.join(env["HOME"] || os.homedir(), ".config");
  return path.join(config, "sluice", "profiles.json");
}

/** None where there is no file. */
export function readProfiles(file: string): Result<Profiles, string> {
  let text: string;
  try {
    // Windows has no such bits.
    if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0)
      return refuse(`${file} can be read by others, and holds tokens: chmod 600 it`);
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT"
      ? ok({ version: 1, profiles: {} })
      : refuse(`${file} cannot be read (${code ?? "unknown"})`);
  }
  try {
    const parsed = v.safeParse(document, JSON.parse(text));
    if (parsed.success) return ok(parsed.output);
  } catch {
    // Not JSON: told as any other damage is.
  }
  return refuse(`${file} is no profile file: mend it or remove it`);
}

export function writeProfiles(file: string, profiles: Profiles): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const aside = `${file}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  chmodSync(aside, 0o600);
  renameSync(aside, file);
}
