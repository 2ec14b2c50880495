// The isolate's own level: whole bodies in memory, bounded by bytes, least recently used out first. The one level that
// answers in the same tick, so the walk asks `peek` and no promise. It forgets everything when the isolate ends, and what is
// larger than an eighth of it is none of its business.
import { LRUCache } from "lru-cache";
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { Background } from "../news.ts";
import { Repeats, type Repeatable } from "./repeats.ts";
import type { CacheTier, StoredBody, StoredEntry } from "./tier.ts";

/** Variants of one key; one more pushes out the one with the oldest Date. */
export const MOST_VARIANTS = 16;
/** What an entry costs beside its body and the text of its metadata. */
const OVERHEAD_BYTES = 512;
const LARGEST_SHARE = 8;

/** An entry whose body is at hand, and what its user has worked out for it. */
export class MemoryEntry implements StoredEntry {
  readonly level = "memory";
  readonly meta: EntryMeta;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bytes: number;
  /** Kept by the walk: the answer's fields as they go out. Lives and dies with the entry. */
  prepared: unknown = undefined;
  /** Epoch of the purges that let it stand. */
  purgesSeen = -1;

  constructor(meta: EntryMeta, body: Uint8Array<ArrayBuffer>) {
    this.meta = meta;
    this.body = body;
    let bytes = OVERHEAD_BYTES + body.byteLength + meta.key.length + meta.url.length;
    for (const [name, value] of meta.headers) bytes += name.length + value.length;
    this.bytes = bytes;
  }
}

const NONE: readonly MemoryEntry[] = [];

export class MemoryTier implements CacheTier {
  readonly name = "memory";
  readonly maxBytes: number;
  /** Answers made of what stands here, kept by the walk. */
  readonly repeats = new Repeats<Repeatable>();
  #lines: LRUCache<string, readonly MemoryEntry[]>;
  /** Keys by URL, for invalidation: a rule may make several of one. */
  #keys = new Map<string, Set<string>>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#lines = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: (line) => line.reduce((sum, { bytes }) => sum + bytes, 0),
      dispose: (line, key, reason) => {
        this.repeats.drop(key);
        if (reason !== "set") this.#unlist(line, key);
      },
    });
  }

  /** Bytes that one entry may have at most. */
  get largestBytes(): number {
    return this.maxBytes / LARGEST_SHARE;
  }

  get bytes(): number {
    return this.#lines.calculatedSize;
  }

  get keys(): number {
    return this.#lines.size;
  }

  /** All variants of a key, at once. */
  peek(key: string): readonly MemoryEntry[] {
    return this.#lines.get(key) ?? NONE;
  }

  /** Keeps an entry, in the same tick; undefined when it is too large. */
  keep(meta: EntryMeta, body: Uint8Array<ArrayBuffer>): MemoryEntry | undefined {
    const entry = new MemoryEntry(meta, body);
    const others = this.peek(meta.key).filter((other) => other.meta.variant !== meta.variant);
    if (entry.bytes > this.largestBytes) {
      // What it would replace is older than what the origin now says.
      this.#set(meta.key, others);
      return undefined;
    }
    this.#set(meta.key, [entry, ...others]);
    return entry;
  }

  variants(key: string): Promise<readonly StoredEntry[]> {
    return Promise.resolve(this.peek(key));
  }

  put(meta: EntryMeta, body: StoredBody, _background: Background): Promise<boolean> {
    if (!(body instanceof Uint8Array)) return Promise.resolve(false);
    return Promise.resolve(this.keep(meta, body) !== undefined);
  }

  update(meta: EntryMeta, _background: Background): Promise<boolean> {
    const held = this.peek(meta.key).find((entry) => entry.meta.variant === meta.variant);
    return Promise.resolve(held !== undefined && this.keep(meta, held.body) !== undefined);
  }

  delete(key: string): Promise<void> {
    this.forget(key);
    return Promise.resolve();
  }

  forget(key: string): void {
    this.#lines.delete(key);
  }

  /** Keys that hold something of a URL. */
  keysOf(url: string): readonly string[] {
    const keys = this.#keys.get(url);
    return keys === undefined ? [] : [...keys];
  }

  #set(key: string, line: readonly MemoryEntry[]): void {
    if (line.length === 0) {
      this.forget(key);
      return;
    }
    const kept = line.length > MOST_VARIANTS ? newest(line) : line;
    this.#lines.set(key, kept);
    if (this.#lines.has(key)) this.#list(kept[0]!.meta.url, key);
  }

  #list(url: string, key: string): void {
    const keys = this.#keys.get(url);
    if (keys === undefined) this.#keys.set(url, new Set([key]));
    else keys.add(key);
  }

  #unlist(line: readonly MemoryEntry[], key: string): void {
    for (const { meta } of line) {
      const keys = this.#keys.get(meta.url);
      if (keys?.delete(key) === true && keys.size === 0) this.#keys.delete(meta.url);
    }
  }
}

/** The one that came last stands first, and stays. */
function newest([latest, ...others]: readonly MemoryEntry[]): readonly MemoryEntry[] {
  const kept = others.sort((a, b) => b.meta.dateAt - a.meta.dateAt).slice(0, MOST_VARIANTS - 1);
  return [latest!, ...kept];
}
