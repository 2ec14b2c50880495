// Which commit is running. To be asked for before a long measurement begins: the checkout may move on meanwhile.
import { execFileSync } from "node:child_process";
import { root } from "./bundle.ts";

/** Short, and marked when the product, or one of `folders`, differs from it. */
export function commit(...folders: readonly string[]): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    const changed = git("status", "--porcelain", "--", "worker", "durable-objects", ...folders) !== "";
    return git("rev-parse", "--short", "HEAD") + (changed ? " with changes" : "");
  } catch {
    return "unknown";
  }
}
