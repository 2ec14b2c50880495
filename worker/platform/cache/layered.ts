// The levels below the isolate's own as one: asked from the cheapest to the dearest until one has the key, written from the cheapest
// down as far as an entry deserves. What is found further down moves up. The costly levels (KV, Redis) get only what has proven itself by
// being used, and are asked only for keys that the presence filter does not rule out, so that a miss costs no read there.
// Levels fail one by one and quietly; nothing here waits longer than the timeouts of the levels that are asked.
import { LRUCache } from "lru-cache";
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { TierName } from "../../core/cache/influence.ts";
import type { Presence } from "../../core/cache/presence.ts";
import type { Background } from "../news.ts";
import { blobName, discard, type BlobTier } from "./blobs.ts";
import type { CacheTier, StoredBody, StoredEntry } from "./tier.ts";

export interface Levels {
  /** Cheapest first. */
  readonly below: readonly BlobTier[];
  /** Of entries whose rule names none. */
  readonly usual: readonly TierName[];
  readonly admitAfter: number;
  readonly presence: Presence;
}

const COSTLY: ReadonlySet<TierName> = new Set(["global", "redis"]);
/** Keys whose uses are counted. */
const COUNTED_KEYS = 10_000;
/** Admitted keys that wait to be told. */
const MOST_ADMITTED = 1_000;

export class LayeredTier implements CacheTier {
  readonly name = "layered";
  readonly levels: Levels;
  /** Entries that moved up to a cheaper level, and that were let into a costly one. */
  promoted = 0;
  admitted = 0;
  /** Misses that were spared a read by the presence filter. */
  spared = 0;
  #uses = new LRUCache<string, number>({ max: COUNTED_KEYS });
  #news: string[] = [];

  /** Whether any of them costs money to ask. */
  readonly isCostly: boolean;

  constructor(levels: Levels) {
    this.levels = levels;
    this.isCostly = levels.below.some(({ name }) => COSTLY.has(name));
  }

  async variants(key: string, tiers: readonly TierName[] = this.levels.usual): Promise<readonly StoredEntry[]> {
    for (const level of this.levels.below) {
      if (!tiers.includes(level.name) || !this.#mayAsk(level, key)) continue;
      const found = await level.variants(key);
      if (found.length > 0) return found;
    }
    return [];
  }

  async put(meta: EntryMeta, body: StoredBody, background: Background): Promise<boolean> {
    const { below, usual } = this.levels;
    const tiers = meta.tiers ?? usual;
    // Where no cheaper level holds it, nothing could ever prove itself.
    const proven = tiers.every((name) => COSTLY.has(name)) || (this.#uses.get(meta.key) ?? 0) >= this.levels.admitAfter;
    const lower = below.filter(({ name }) => tiers.includes(name) && (!COSTLY.has(name) || proven));
    if (body instanceof Uint8Array) {
      const stored = await Promise.all(lower.map((level) => this.#store(level, meta, body, background)));
      return stored.includes(true);
    }
    // A stream can be read once: the first level takes it, the others read what it then holds.
    const [first, ...others] = lower;
    if (first === undefined) {
      await discard(body);
      return false;
    }
    if (!(await this.#store(first, meta, body, background))) return false;
    for (const level of others) {
      const held = (await first.variants(meta.key)).find((entry) => entry.meta.variant === meta.variant);
      if (held !== undefined) await this.#store(level, held.meta, held.body, background);
    }
    return true;
  }

  async update(meta: EntryMeta, background: Background): Promise<boolean> {
    const tiers = meta.tiers ?? this.levels.usual;
    const lower = this.levels.below.filter((level) => tiers.includes(level.name) && this.#mayAsk(level, meta.key));
    const updated = await Promise.all(lower.map((level) => level.update(meta, background)));
    return updated.includes(true);
  }

  async delete(key: string): Promise<void> {
    const lower = this.levels.below.filter((level) => this.#mayAsk(level, key));
    await Promise.all(lower.map((level) => level.delete(key)));
  }

  /** A request was answered from this entry: with its uses it earns its place in the costly levels, and its way up. */
  used(entry: StoredEntry, background: Background): void {
    if (!this.isCostly) return;
    const { meta, level } = entry;
    const uses = (this.#uses.get(meta.key) ?? 0) + 1;
    this.#uses.set(meta.key, uses);
    const { below, usual, admitAfter } = this.levels;
    const tiers = meta.tiers ?? usual;
    for (const target of below) {
      if (target.name === level || !tiers.includes(target.name)) continue;
      const admits = COSTLY.has(target.name) && !COSTLY.has(level) && uses === admitAfter;
      const promotes = target.name === "edge" && COSTLY.has(level);
      // A body that is somewhere else can be opened once, and the answer needs it.
      if ((!admits && !promotes) || !(entry.body instanceof Uint8Array)) continue;
      if (promotes) this.promoted++;
      background.waitUntil(this.#store(target, meta, entry.body, background));
    }
  }

  /** Hashes of keys that were let into a costly level since the last call, for the others' filters. */
  drain(): string[] {
    const news = this.#news;
    this.#news = [];
    return news;
  }

  async #store(level: BlobTier, meta: EntryMeta, body: StoredBody, background: Background): Promise<boolean> {
    const stored = await level.put(meta, body, background);
    if (stored && COSTLY.has(level.name)) {
      this.admitted++;
      const hash = blobName(meta.key).slice(0, 16);
      if (this.levels.presence.add(hash) && this.#news.length < MOST_ADMITTED) this.#news.push(hash);
    }
    return stored;
  }

  #mayAsk(level: BlobTier, key: string): boolean {
    if (!COSTLY.has(level.name) || this.levels.presence.mayHold(blobName(key).slice(0, 16))) return true;
    this.spared++;
    return false;
  }
}
