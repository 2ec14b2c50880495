// This isolate's way to the `BatchObject`s. A call that comes alone is made at once: only while another of its kind is under way,
// or was a moment ago, does the next one go to meet others. When the object is away, calls go one by one.
import type { BatchAsk, BatchResult, BatchRun } from "../core/protocol/batch.ts";
import { batchObjectName } from "../core/protocol/names.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

/** Beside the wait for a batch: how long its call may take. */
const CALL_MS = 60_000;
const MOST_KEYS = 1_000;

interface Traffic {
  underWay: number;
  lastAt: number;
}

export class Batches {
  #env: Pick<Env, "BATCH">;
  #now: () => number;
  #traffic = new Map<string, Traffic>();
  #offPath: OffPath;

  constructor(env: Pick<Env, "BATCH">, now: () => number) {
    this.#env = env;
    this.#now = now;
    this.#offPath = new OffPath("BatchObject", now);
  }

  /** Never rejects where `run` does not. */
  async call(ask: BatchAsk, run: BatchRun): Promise<BatchResult> {
    const traffic = this.#trafficOf(ask.key);
    const meets = traffic.underWay > 0 || this.#now() - traffic.lastAt < ask.maxWaitMs;
    traffic.underWay++;
    traffic.lastAt = this.#now();
    try {
      if (!meets || ask.items.length >= ask.maxItems) return await run(ask.items);
      const object = this.#env.BATCH.getByName(batchObjectName(ask.key));
      const met = await this.#offPath.call(
        () => object.join(ask, run) as Promise<BatchResult>,
        ask.maxWaitMs + CALL_MS,
      );
      return met.ok ? met.value : await run(ask.items);
    } finally {
      traffic.underWay--;
    }
  }

  #trafficOf(key: string): Traffic {
    let traffic = this.#traffic.get(key);
    if (traffic === undefined) {
      if (this.#traffic.size >= MOST_KEYS) this.#traffic.clear();
      this.#traffic.set(key, (traffic = { underWay: 0, lastAt: Number.NEGATIVE_INFINITY }));
    }
    return traffic;
  }
}
