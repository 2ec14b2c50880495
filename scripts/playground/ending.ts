// How a start ends, whatever ends it: a key, a signal, a parent that is gone, a failure. Every step leaves behind how to
// undo it, and the end undoes them, the last one first. What hangs is left to the guardian, which sees us go.
const END_WITHIN_MS = 2000;
/** npm, the shell and the terminal may each pass one Ctrl-C on; one that comes later than this is a second one. */
const ONE_PRESS_MS = 500;
const LOOK_AT_PARENT_MS = 500;

export class Ending {
  #undo: (() => unknown)[] = [];
  #begun: number | undefined;
  readonly #tell: (problem: string) => void;

  constructor(tell: (problem: string) => void) {
    this.#tell = tell;
  }

  get isBegun(): boolean {
    return this.#begun !== undefined;
  }

  /** A step that comes to be while everything is being undone is undone at once. */
  undoLater(step: () => unknown): void {
    if (this.isBegun) void this.#try(step);
    else this.#undo.push(step);
  }

  /** Never returns to what was going on: the process exits with `code`. */
  async end(code: number): Promise<void> {
    if (this.isBegun) return;
    this.#begun = performance.now();
    setTimeout(() => process.exit(code), END_WITHIN_MS).unref();
    for (const step of this.#undo.toReversed()) await this.#try(step);
    process.exit(code);
  }

  listen(): void {
    this.takeSignals();
    // npm passes no SIGTERM on and nobody a SIGKILL: a parent that is gone ends us as well.
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && void this.end(0), LOOK_AT_PARENT_MS).unref();
    process.on("uncaughtException", (error) => {
      // What breaks because everything is being undone is no news.
      if (!this.isBegun) this.#tell(`a bug ended this start: ${error.stack ?? error.message}`);
      void this.end(1);
    });
    // Whoever read what we say may leave first.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  }

  /** To be repeated when a library may have listened: Miniflare exits at once, in the middle of our undoing. */
  takeSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeAllListeners(signal);
    process.on("SIGINT", () => {
      if (this.#begun !== undefined && performance.now() - this.#begun > ONE_PRESS_MS) process.exit(130);
      void this.end(0);
    });
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => void this.end(0));
  }

  async #try(step: () => unknown): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#tell(`while ending: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
