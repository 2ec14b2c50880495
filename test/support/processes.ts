// Processes as the system lists them: to see that nothing is left of what a test has started.
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** Every process that `pid` started, directly or not, as long as its parents live. */
export function descendants(pid: number): number[] {
  const parents = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) for (const [child = 0, of] of parents) if (of === parent) found.push(child);
  return found.slice(1);
}

/** Until none of these runs; rejects with those that still do. */
export async function gone(pids: readonly number[], withinMs = 5000): Promise<void> {
  for (const end = Date.now() + withinMs; ; await sleep(50)) {
    const left = pids.filter((pid) => isRunning(pid));
    if (left.length === 0) return;
    if (Date.now() > end) throw new Error(`still there after ${withinMs} ms: ${listed(left)}`);
  }
}

/** The program's name; "" when it runs no more. */
export const nameOf = (pid: number): string => ps("comm=", [pid]);

/** A zombie has ended; it only waits for its parent to hear of it. */
const isRunning = (pid: number): boolean => !/^(Z.*)?$/.test(ps("stat=", [pid]));

const listed = (pids: readonly number[]): string => ps("pid=,args=", pids);

function ps(columns: string, pids: readonly number[]): string {
  try {
    return execFileSync("ps", ["-o", columns, "-p", pids.join()], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    // ps fails when it finds none of them.
    return "";
  }
}
