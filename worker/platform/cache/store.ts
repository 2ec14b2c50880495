// Everything one isolate keeps for its cache between requests: its own level, the levels below it, which fetches are under
// way for others to wait for, and which keys lately brought nothing that may be stored. All of it is bounded, and none of it
// is needed for an answer to be right.
import { LRUCache } from "lru-cache";
import type { EntryMeta } from "../../core/cache/entry.ts";
import { queryHoldsSecret } from "../../core/security/redact.ts";
import { hash32 } from "../../core/stats/hash.ts";
import type { Background } from "../news.ts";
import { MemoryTier, type MemoryEntry } from "./memory.ts";
import type { CacheTier, Purges, StoredBody, StoredEntry } from "./tier.ts";

/**
 * Keys remembered as bringing nothing to store, or as invalidated: by their hash, for a URL may be long. Two keys of one hash
 * are taken for each other, and all that comes of it is a wait that is not shared, or an answer that is not kept.
 */
const MOST_REMEMBERED = 10_000;
/** Fetches under way for others; past it those that have lost their request are looked for. */
const MANY_FILLS = 1_000;
const LOST_MS = 60_000;

/** What became of a fetch that others waited for. */
export type FillEnd =
  /** In memory, whole. */
  | "stored"
  /** Nothing that can be shared: everyone for himself. */
  | "alone";

/** A fetch that fills the cache. Its promise may be awaited by other requests; nothing else of it may. */
export class Fill {
  readonly done: Promise<FillEnd>;
  readonly startedAt: number;
  #resolve: (end: FillEnd) => void;

  constructor(now: number) {
    this.startedAt = now;
    const { promise, resolve } = Promise.withResolvers<FillEnd>();
    this.done = promise;
    this.#resolve = resolve;
  }

  end(end: FillEnd): void {
    this.#resolve(end);
  }
}

export class CacheStore {
  memory = new MemoryTier(0);
  /** The levels below the isolate's own, as one; undefined for none. */
  below: CacheTier | undefined = undefined;
  /** Undefined: nothing was ever purged. */
  purges: Purges | undefined = undefined;
  /** Told of what was fetched and kept, and of what the origin confirmed: whoever learns how things change. */
  kept: ((meta: EntryMeta, body: Uint8Array<ArrayBuffer>, background: Background) => void) | undefined = undefined;
  confirmed: ((meta: EntryMeta) => void) | undefined = undefined;
  readonly fills = new Map<string, Fill>();
  #uncacheable = new LRUCache<number, number>({ max: MOST_REMEMBERED });
  #forgotten = new LRUCache<number, number>({ max: MOST_REMEMBERED });

  /** The isolate's own level, of the size that the policy gives it. */
  sized(maxBytes: number): MemoryTier {
    if (this.memory.maxBytes !== maxBytes) this.memory = new MemoryTier(maxBytes);
    return this.memory;
  }

  /** Whether a purge has taken the entry away (`gone`), or made it stale. */
  verdict(entry: StoredEntry): "stands" | "stale" | "gone" {
    const { purges } = this;
    if (purges === undefined) return "stands";
    const own = entry.level === "memory" ? (entry as MemoryEntry) : undefined;
    if (own?.purgesSeen === purges.epoch) return "stands";
    const verdict = purges.verdict(entry.meta);
    if (own !== undefined && verdict === "stands") own.purgesSeen = purges.epoch;
    return verdict;
  }

  /** Epoch ms; 0 when it is not. */
  uncacheableUntil(key: string, now: number): number {
    const until = this.#uncacheable.get(hash32(key));
    return until !== undefined && now < until ? until : 0;
  }

  markUncacheable(key: string, until: number): void {
    this.#uncacheable.set(hash32(key), until);
  }

  markCacheable(key: string): void {
    this.#uncacheable.delete(hash32(key));
  }

  /** A fetch that others may wait for; whoever asks for the same meanwhile finds it in `fills`. */
  lead(key: string, now: number): Fill {
    const fill = new Fill(now);
    if (this.fills.size > MANY_FILLS) {
      for (const [other, { startedAt }] of this.fills) if (now - startedAt > LOST_MS) this.fills.delete(other);
    }
    this.fills.set(key, fill);
    void fill.done.then(() => {
      if (this.fills.get(key) === fill) this.fills.delete(key);
    });
    return fill;
  }

  /** Keeps a whole answer: at once in memory, behind the answer's back in the levels below. */
  keep(meta: EntryMeta, body: Uint8Array<ArrayBuffer>, background: Background): MemoryEntry | undefined {
    const inMemory = meta.tiers === undefined || meta.tiers.includes("memory");
    const entry = inMemory ? this.memory.keep(meta, body) : undefined;
    this.#putBelow(meta, body, background);
    this.kept?.(meta, body, background);
    return entry;
  }

  /** A body too large for memory goes to the levels below as it streams in. False when there are none. */
  keepStream(meta: EntryMeta, body: Exclude<StoredBody, Uint8Array>, background: Background): boolean {
    if (this.below === undefined || queryHoldsSecret(meta.url)) return false;
    this.#putBelow(meta, body, background);
    return true;
  }

  /** What was asked for with a credential in its query never leaves this isolate's memory. */
  #putBelow(meta: EntryMeta, body: StoredBody, background: Background): void {
    if (this.below !== undefined && !queryHoldsSecret(meta.url))
      background.waitUntil(this.below.put(meta, body, background));
  }

  /** New metadata for what is stored already (RFC 9111 §4.3.4), in every level. */
  update(entry: StoredEntry, meta: EntryMeta, background: Background): StoredEntry {
    const { below } = this;
    this.confirmed?.(meta);
    const isNewVariant = entry.meta.variant !== meta.variant;
    if (below !== undefined && !isNewVariant) background.waitUntil(below.update(meta, background));
    if (!(entry.body instanceof Uint8Array)) return { ...entry, meta };
    if (isNewVariant) this.#putBelow(meta, entry.body, background);
    return this.memory.keep(meta, entry.body) ?? { ...entry, meta };
  }

  /** Forgets a key in every level, and what is on its way to it. */
  forget(key: string, background: Background): void {
    this.#forgotten.set(hash32(key), Date.now());
    this.memory.forget(key);
    if (this.below !== undefined) background.waitUntil(this.below.delete(key));
  }

  /** Whether the key was invalidated after `at`: an answer asked for before that is older (RFC 9111 §4.4). */
  forgottenSince(key: string, at: number): boolean {
    const forgotten = this.#forgotten.get(hash32(key));
    return forgotten !== undefined && forgotten > at;
  }

  /** The same for all keys of a URL: RFC 9111 §4.4 knows URLs, a rule may have made several keys of one. */
  forgetUrl(url: string, key: string, background: Background): void {
    for (const each of this.memory.keysOf(url)) if (each !== key) this.forget(each, background);
    this.forget(key, background);
  }
}
