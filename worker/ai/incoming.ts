// A provider's stream as it comes in: read, cut into frames, and judged frame by frame by the commit gate, with a deadline
// that only progress moves. One timer serves the whole stream; it is set again when it has gone off, not with every event.
//
// Laws: nothing is read further once it has failed or is whole; whoever is done with it calls `close`, which ends the
// provider's connection as well.
import type { Frame, StreamReader } from "../core/providers/deltas.ts";
import type { Failure } from "../core/providers/failures.ts";
import {
  lookAt,
  startGate,
  step,
  type Gate,
  type GateEvent,
  type GateOptions,
  type Verdict,
} from "../core/providers/gate.ts";

export type End =
  | { readonly kind: "whole"; readonly marked: boolean; readonly finished: boolean }
  | { readonly kind: "failed"; readonly failure: Failure };

type Read = { readonly done: boolean; readonly value?: Uint8Array | undefined } | "lost" | "time";

const LONGEST_TIMER_MS = 2_147_483_647;

export class Incoming {
  /** Frames to be passed on, in order; whoever takes them empties it. */
  frames: Frame[] = [];
  end: End | undefined = undefined;
  readonly #options: GateOptions;
  readonly #gate: Gate;
  readonly #reader: StreamReader;
  readonly #body: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: () => void;
  #read: Read | undefined = undefined;
  #isReading = false;
  #wake: ((read: Read) => void) | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAt = 0;
  #closed = false;

  /** `abort` ends the request it is the answer to. */
  constructor(body: ReadableStream<Uint8Array>, reader: StreamReader, options: GateOptions, abort: () => void) {
    this.#body = body.getReader();
    this.#reader = reader;
    this.#options = options;
    this.#gate = startGate(options);
    this.#abort = abort;
    this.#watch();
  }

  /** Until the answer has begun; what is wrong when it does not. */
  async begin(): Promise<Failure | undefined> {
    while (!this.#gate.committed && this.end === undefined) await this.more();
    if (this.end?.kind !== "failed" || this.#gate.committed) return undefined;
    this.close();
    return this.end.failure;
  }

  /** Takes what comes next into `frames`, or sets `end`. */
  async more(): Promise<void> {
    if (this.end !== undefined) return;
    const read = await this.#next();
    if (read === "time") this.#judge({ kind: "time" });
    else if (read === "lost") this.#judge({ kind: "lost" });
    else {
      for (const frame of read.done ? this.#reader.end() : this.#reader.push(read.value!)) {
        this.#judge({ kind: "frame", frame });
        if (this.end !== undefined) break;
      }
      if (read.done && this.end === undefined) this.#judge({ kind: "ended" });
    }
    if (this.end !== undefined) clearTimeout(this.#timer);
    else if (lookAt(this.#gate, this.#options) < this.#timerAt) {
      // The first word, or the last: from here on less time is given.
      clearTimeout(this.#timer);
      this.#watch();
    }
  }

  /** Nobody wants more of it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wake?.("lost");
    // It may have ended by itself; the request then has nothing left to abort.
    void this.#body.cancel().catch(() => undefined);
    this.#abort();
  }

  #judge(event: GateEvent): void {
    const verdict: Verdict = step(this.#gate, event, this.#options, Date.now());
    switch (verdict.do) {
      case "hold":
      case "commit":
      case "pass":
        if (event.kind === "frame") this.frames.push(event.frame);
        return;
      case "drop":
        return;
      case "finish":
        if (verdict.marked && event.kind === "frame") this.frames.push(event.frame);
        this.end = { kind: "whole", marked: verdict.marked, finished: verdict.finished };
        return;
      case "fail":
        this.end = { kind: "failed", failure: verdict.failure };
    }
  }

  /** One read is under way at most; a deadline that passes meanwhile leaves it there. */
  #next(): Promise<Read> {
    if (this.#read !== undefined) {
      const read = this.#read;
      this.#read = undefined;
      return Promise.resolve(read);
    }
    const { promise, resolve } = Promise.withResolvers<Read>();
    this.#wake = resolve;
    if (this.#isReading) return promise;
    this.#isReading = true;
    this.#body.read().then(
      (read) => this.#came(read),
      () => this.#came("lost"),
    );
    return promise;
  }

  #came(read: Read): void {
    this.#isReading = false;
    const wake = this.#wake;
    this.#wake = undefined;
    if (wake === undefined) this.#read = read;
    else wake(read);
  }

  /** A client that reads slowly is no provider that stalls: the deadline counts only while we wait for the provider. */
  readonly #watch = (): void => {
    const left = lookAt(this.#gate, this.#options) - Date.now();
    if (left <= 0) {
      const wake = this.#wake;
      this.#wake = undefined;
      wake?.("time");
      if (this.end !== undefined || this.#closed) return;
    }
    const ms = Math.min(Math.max(left, 10), LONGEST_TIMER_MS);
    this.#timerAt = Date.now() + ms;
    this.#timer = setTimeout(this.#watch, ms);
  };
}
