// Secrets that must be nowhere: those of clients, of the policy, and the keys that the gateway has made. Everything that is said is
// searched as it comes, what lies on disk at the end.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { History } from "./history.ts";

export class Canaries {
  readonly #history: History;
  readonly #secrets: Set<string>;
  /** Answers that may hold a key once: the one that made it. */
  searched = 0;

  constructor(history: History, secrets: readonly string[]) {
    this.#history = history;
    this.#secrets = new Set(secrets);
  }

  add(secret: string): void {
    this.#secrets.add(secret);
  }

  search(what: string, text: string): void {
    this.searched += text.length;
    for (const secret of this.#secrets) {
      const at = text.indexOf(secret);
      if (at !== -1) this.#history.violate("leaked", `${what}: …${text.slice(Math.max(0, at - 80), at)}<secret>`);
    }
  }

  /** Every file below; how many there were. */
  searchFiles(folder: string): number {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files) {
      const file = path.join(parentPath, name);
      const bytes = readFileSync(file);
      this.searched += bytes.length;
      for (const secret of this.#secrets) {
        if (bytes.includes(secret))
          this.#history.violate("leaked", `a secret stands in ${path.relative(folder, file)}`);
      }
    }
    return files.length;
  }
}
