// One replay of a log through a cache of bounded size with one lifetime, and through the gateway's own decisions on what is kept warm and
// fetched ahead (worker/core/cache): the same functions that run in a Worker, with time taken from the log.
import { LRUCache } from "lru-cache";
import { Sequences, type PredictOptions } from "../../../worker/core/cache/sequence.ts";
import {
  earn,
  finished,
  Hotness,
  judge,
  refreshAheadMs,
  spend,
  warmLedger,
  type WarmOptions,
} from "../../../worker/core/cache/warmth.ts";
import { hash32 } from "../../../worker/core/stats/hash.ts";
import type { LoggedRequest } from "./log.ts";

export type Mode = "none" | "hot" | "predict" | "both";

export interface ReplayOptions extends WarmOptions, PredictOptions {
  readonly mode: Mode;
  readonly ttlSeconds: number;
  readonly cacheBytes: number;
  /** What a fetch takes: only then is what was fetched ahead at hand. */
  readonly fetchMs: number;
}

export interface Outcome {
  readonly requests: number;
  readonly hits: number;
  readonly hitRatio: number;
  /** Fetches from the origin: misses, refreshes, guesses. */
  readonly fetches: number;
  readonly refreshed: number;
  readonly prefetched: number;
  /** Of what was fetched ahead, the share that was asked for in time. */
  readonly precision: number;
  /** Times fetching ahead switched itself off. */
  readonly rests: number;
  /** Hit ratio of each of sixty parts of the log. */
  readonly course: readonly number[];
}

const PARTS = 60;
const AWAITED_MS = 300_000;

interface Held {
  readonly freshAt: number;
  readonly until: number;
}

export function replay(requests: readonly LoggedRequest[], options: ReplayOptions): Outcome {
  const run = new Replay(options);
  const first = requests[0]?.atMs ?? 0;
  const spanMs = Math.max(1, (requests.at(-1)?.atMs ?? 0) - first);
  const parts = Array.from({ length: PARTS }, () => ({ requests: 0, hits: 0 }));
  for (const request of requests) {
    const part = parts[Math.min(PARTS - 1, Math.floor(((request.atMs - first) / spanMs) * PARTS))]!;
    part.requests++;
    if (run.ask(request)) part.hits++;
  }
  const { hits, misses, refreshed, prefetched, used, unused } = run;
  return {
    requests: requests.length,
    hits,
    hitRatio: requests.length === 0 ? 0 : hits / requests.length,
    fetches: misses + refreshed + prefetched,
    refreshed,
    prefetched,
    precision: used + unused === 0 ? 1 : used / (used + unused),
    rests: run.rests,
    course: parts.map((part) => (part.requests === 0 ? 0 : part.hits / part.requests)),
  };
}

class Replay {
  hits = 0;
  misses = 0;
  refreshed = 0;
  prefetched = 0;
  rests = 0;
  readonly #options: ReplayOptions;
  readonly #cache: LRUCache<string, Held>;
  readonly #sizes = new Map<string, number>();
  readonly #hotness = new Hotness();
  readonly #sequences = new Sequences();
  readonly #ledger = warmLedger();
  readonly #awaited = new Map<string, number>();
  /** Fetches under way: epoch ms of their end. */
  #running: number[] = [];

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#cache = new LRUCache({
      maxSize: options.cacheBytes,
      sizeCalculation: (_, url) => Math.max(1, this.#sizes.get(url) ?? 1) + 512,
    });
  }

  get used(): number {
    return this.#ledger.used;
  }

  get unused(): number {
    return this.#ledger.unused + this.#awaited.size;
  }

  /** Whether it was answered from the cache. */
  ask({ atMs: now, client, agent, url, bytes }: LoggedRequest): boolean {
    const options = this.#options;
    this.#sizes.set(url, bytes);
    const held = this.#cache.get(url);
    const isHit = held !== undefined && held.freshAt <= now && now < held.until;
    if (isHit) this.hits++;
    else {
      this.misses++;
      this.#keep(url, now);
    }
    if (options.mode === "none") return isHit;
    this.#end(now);
    earn(this.#ledger, options);
    const isHot = this.#hotness.saw(url, now, options);
    if (options.mode !== "predict" && isHit && isHot) this.#refresh(url, held, now);
    if (options.mode !== "hot") this.#predict(hash32(client), agent, url, now);
    return isHit;
  }

  #keep(url: string, now: number): void {
    const { ttlSeconds, fetchMs } = this.#options;
    this.#cache.set(url, { freshAt: now + fetchMs, until: now + fetchMs + ttlSeconds * 1000 });
  }

  #refresh(url: string, { until }: Held, now: number): void {
    const options = this.#options;
    if (until - now > refreshAheadMs(options.ttlSeconds * 1000)) return;
    if (!spend(this.#ledger, false, now, options)) return;
    this.#running.push(now + options.fetchMs);
    this.refreshed++;
    // What is being refreshed stays usable meanwhile.
    this.#cache.set(url, { freshAt: now, until: now + options.fetchMs + options.ttlSeconds * 1000 });
  }

  #predict(client: number, agent: string, url: string, now: number): void {
    const options = this.#options;
    this.#settle(url, now);
    const features = [agent];
    this.#sequences.saw(client, features, url, now, options);
    for (const { key } of this.#sequences.predict(features, url, options)) {
      const held = this.#cache.peek(key);
      if (this.#awaited.has(key) || (held !== undefined && now < held.until)) continue;
      if (!spend(this.#ledger, true, now, options)) return;
      this.#running.push(now + options.fetchMs);
      this.prefetched++;
      this.#awaited.set(key, now + AWAITED_MS);
      this.#keep(key, now);
    }
  }

  #settle(url: string, now: number): void {
    const until = this.#awaited.get(url);
    if (until !== undefined && this.#awaited.delete(url)) this.#judge(now <= until, now);
    for (const [other, end] of this.#awaited) {
      if (end > now) break;
      this.#awaited.delete(other);
      this.#judge(false, now);
    }
  }

  #judge(wasUsed: boolean, now: number): void {
    const before = this.#ledger.offUntil;
    judge(this.#ledger, wasUsed, now, this.#options);
    if (this.#ledger.offUntil !== before) this.rests++;
  }

  #end(now: number): void {
    if (this.#running.length === 0) return;
    const still = this.#running.filter((end) => end > now);
    for (let ended = still.length; ended < this.#running.length; ended++) finished(this.#ledger);
    this.#running = still;
  }
}
