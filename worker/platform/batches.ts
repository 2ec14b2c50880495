// This isolate's way to the `BatchObject`s. A call that comes alone is made at once: only while another of its kind is under way,
// or was a moment ago, does the next one go to meet others. When the object is away, calls go one by one.
import type { BatchAsk, BatchResult, BatchRun } from "../core/protocol/batch.ts";
import { batchObjectName } from "../core/protocol/names.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

/** Until the object has said that it is there. */
const HEARD_MS = 250;
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
      return await this.#meet(ask, run);
    } finally {
      traffic.underWay--;
    }
  }

  async #meet(ask: BatchAsk, run: BatchRun): Promise<BatchResult> {
    let left = false;
    const forAll: BatchRun = (items) => {
      // The object was slow to be heard of: this caller has asked for itself meanwhile.
      if (left) throw new Error("this caller has left");
      return run(items);
    };
    let joined: Promise<BatchResult> | undefined;
    const heard = await this.#offPath.call(() => {
      const { promise, resolve } = Promise.withResolvers<void>();
      joined = this.#env.BATCH.getByName(batchObjectName(ask.key)).join(ask, forAll, resolve) as Promise<BatchResult>;
      return Promise.race([promise, joined]);
    }, HEARD_MS);
    if (heard.ok && joined !== undefined) {
      try {
        return await joined;
      } catch {
        // It died with the batch: everybody asks for himself.
        return run(ask.items);
      }
    }
    left = true;
    void joined?.catch(() => undefined);
    return run(ask.items);
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
