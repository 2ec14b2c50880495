// Programs of the machine that some tests need: nginx, redis-server, promtool, chromium. A test without its program is
// skipped under a name that says so; where CI=true a skip is a failure, so nothing goes missing unseen.
import { accessSync, constants } from "node:fs";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import path from "node:path";
import { describe } from "vitest";

/** Debian's package for each program. */
const PACKAGES = {
  nginx: "nginx",
  "redis-server": "redis-server",
  promtool: "prometheus",
  chromium: "chromium",
} as const;
type Program = keyof typeof PACKAGES;

/** Its path, or undefined where it is not installed. */
function find(program: Program): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/usr/bin", "/usr/local/bin"];
  return folders
    .map((folder) => path.join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A suite that needs a program; `body` gets its path. */
export function describeWith(program: Program, title: string, body: (file: string) => void): void {
  const file = find(program);
  if (file !== undefined) describe(title, () => body(file));
  else
    // oxlint-disable-next-line vitest/no-disabled-tests -- counted, named, and a failure where CI=true
    describe.skip(`${title} (skipped: ${program} is not installed, apt-get install ${PACKAGES[program]})`, () =>
      body(program));
}

/** Starts a program and resolves when `ready` does; rejects with what it wrote when it ends before. */
export async function launch(
  file: string,
  args: readonly string[],
  ready: () => Promise<boolean>,
  withinMs = 10_000,
): Promise<ChildProcess> {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  // A test run that is cut short must leave nothing behind.
  const last = (): void => void child.kill("SIGKILL");
  process.once("exit", last);
  child.once("exit", () => process.off("exit", last));
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const end = Date.now() + withinMs;
  while (!(await ready())) {
    if (child.exitCode !== null || Date.now() > end) {
      child.kill("SIGKILL");
      throw new Error(`${path.basename(file)} did not start: ${said.trim()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

/** Ends a launched program and waits until it is gone. */
export async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
  await gone;
  clearTimeout(timer);
}
