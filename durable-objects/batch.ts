// One BatchObject a provider and model: the place where calls of many isolates that may go together meet (SEEDS A11). Nothing is
// stored: a batch lives as long as its callers wait, at most the policy's few hundred milliseconds and one call. When this
// object dies, its callers are refused at once and make their calls themselves.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { fits, join, meeting, shareOut, type Meeting } from "../worker/core/batch/meeting.ts";
import type { BatchAsk, BatchResult, BatchRpc, BatchRun } from "../worker/core/protocol/batch.ts";
import type { Env } from "../worker/platform/env.ts";

interface Open {
  readonly meeting: Meeting;
  readonly runs: BatchRun[];
  readonly done: Promise<BatchResult[]>;
  readonly close: () => void;
}

const MISMATCH: BatchResult = { ok: false, alone: true, error: "mismatch" };

export class BatchObject extends DurableObject<Env> implements BatchRpc {
  #open = new Map<string, Open>();
  #batches = 0;
  #calls = 0;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok" }))
    .get("/state", () => ({ open: this.#open.size, batches: this.#batches, calls: this.#calls }));

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  async join(ask: BatchAsk, run: BatchRun, heard: () => void): Promise<BatchResult> {
    heard();
    this.#calls++;
    let open = this.#open.get(ask.key);
    if (open !== undefined && !fits(open.meeting, ask)) {
      open.close();
      open = undefined;
    }
    open ??= this.#begin(ask);
    const place = open.runs.push(run) - 1;
    if (join(open.meeting, ask, Date.now())) open.close();
    const results = await open.done;
    const own = results[place] ?? MISMATCH;
    // One bad item does not fail the rest: everybody asks for what is his own.
    return own.ok || !own.alone || open.runs.length === 1 ? own : run(ask.items);
  }

  #begin(ask: BatchAsk): Open {
    this.#batches++;
    let close = (): void => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const timer = setTimeout(close, ask.maxWaitMs);
    const open: Open = {
      meeting: meeting(),
      runs: [],
      close,
      done: closed.then(() => {
        clearTimeout(timer);
        if (this.#open.get(ask.key) === open) this.#open.delete(ask.key);
        return runFor(open);
      }),
    };
    this.#open.set(ask.key, open);
    return open;
  }
}

/** By the first caller; when that one has left, by the next. */
async function runFor({ meeting: met, runs }: Open): Promise<BatchResult[]> {
  const items = met.asks.flatMap((ask) => ask.items);
  for (const run of runs) {
    try {
      const result = await run(items);
      return shareOut(met, result) ?? met.asks.map(() => MISMATCH);
    } catch {
      // Its isolate has ended the request that brought it: the next caller asks for all.
      continue;
    }
  }
  return met.asks.map(() => MISMATCH);
}
