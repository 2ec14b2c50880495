// wrangler as the deployment speaks to it: one process a command, its answer a value. What it did is read from the file
// of events that it writes for machines (WRANGLER_OUTPUT_FILE_PATH), never from its words to people.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "../bundle.ts";

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What wrangler says it did, oldest first. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

/** Runs wrangler with these arguments. Never throws for what wrangler answers. */
export type Wrangler = (args: readonly string[]) => Promise<Answer>;

export const wrangler =
  (env: Readonly<Record<string, string | undefined>>): Wrangler =>
  (args) => {
    const scratch = mkdtempSync(path.join(os.tmpdir(), "sluice-wrangler-"));
    const events = path.join(scratch, "events.ndjson");
    const child = spawn(path.join(root, "node_modules", ".bin", "wrangler"), args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, WRANGLER_OUTPUT_FILE_PATH: events, FORCE_COLOR: "0" },
    });
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (bytes: Buffer) => void (said.stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => void (said.stderr += bytes.toString()));
    const stop = (): void => void child.kill("SIGKILL");
    process.once("exit", stop);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        process.off("exit", stop);
        const lines = readIfThere(events).split("\n");
        rmSync(scratch, { recursive: true, force: true });
        resolve({ code: code ?? 1, ...said, events: lines.flatMap(eventOf) });
      });
    });
  };

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // A command that failed early has written none.
    return "";
  }
}

function eventOf(line: string): Readonly<Record<string, unknown>>[] {
  return line === "" ? [] : [JSON.parse(line) as Readonly<Record<string, unknown>>];
}

/** The error in wrangler's own words, without its frame, colours and the place of its log. */
export function wordsOf({ stdout, stderr, events }: Answer): string {
  const failed = events.findLast(({ type }) => type === "command-failed");
  if (typeof failed?.["message"] === "string") return failed["message"].trim();
  const plain = stripVTControlCharacters(`${stderr}\n${stdout}`)
    .split("\n")
    .map((line) => line.replace(/^✘ \[ERROR\] /, "").trim())
    .filter((line) => line !== "" && !line.startsWith("🪵"));
  return plain.slice(0, 6).join(" ") || "wrangler said nothing";
}
