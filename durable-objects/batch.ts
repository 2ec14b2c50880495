// The place where what many isolates ask for at once meets, that one may ask for all: calls of a provider's model that may go
// together (SEEDS A11), a shard of all of them each object; and keys that several isolates of a region miss. Nothing is stored:
// a batch lives as long as its callers wait, what was fetched for others a few seconds. When this object dies, its callers
// are refused at once and ask for themselves.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { fits, join, meeting, shareOut, type Meeting } from "../worker/core/batch/meeting.ts";
import type { BatchAsk, BatchResult, BatchRpc, BatchRun, CrowdPlace } from "../worker/core/protocol/batch.ts";
import { CrowdRoom } from "../worker/platform/crowd-room.ts";
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
  #crowds = new CrowdRoom();
  #batches = 0;
  #calls = 0;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok" }))
    .get("/state", () => ({
      open: this.#open.size,
      batches: this.#batches,
      calls: this.#calls,
      keys: this.#crowds.keys,
    }));

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

  lead(key: string, leaseMs: number): Promise<CrowdPlace> {
    return Promise.resolve(this.#crowds.lead(key, leaseMs));
  }

  follow(key: string, waitMs: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#crowds.follow(key, waitMs);
  }

  bring(key: string, lease: number, line: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    this.#crowds.bring(key, lease, line);
    return Promise.resolve();
  }

  #begin(ask: BatchAsk): Open {
    this.#batches++;
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
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
