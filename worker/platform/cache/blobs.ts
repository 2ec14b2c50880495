// A level made of named blobs somewhere else: this colo's cache, KV, Redis. What an entry is and how variants lie together is
// written once (core/cache/line); a store only gets, puts and deletes bytes. Reads end after the level's timeout, and a store
// that failed five times in a row is left alone for a while; what comes back and is not what was stored counts as a failure. No
// request ever fails by any of it: the level then holds nothing.
import { encodeLine, parseLine, usefulUntil, type LineEntry } from "../../core/cache/line.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { TierName } from "../../core/cache/influence.ts";
import { sha256Hex } from "../../core/stats/sha256.ts";
import type { Background } from "../news.ts";
import { CALL_TIMEOUT_MS, OffPath } from "../offpath.ts";
import { MOST_VARIANTS } from "./memory.ts";
import type { CacheTier, StoredBody, StoredEntry } from "./tier.ts";

/** Bytes by name. May reject: whoever calls counts it. */
export interface Blobs {
  /** Undefined for nothing; empty for what cannot have come from here. */
  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** A large one, as it comes. */
  open(name: string): Promise<ReadableStream<Uint8Array> | undefined>;
  /** Keeps it for about so long. Rejects where the stream does, and then keeps nothing. */
  put(name: string, bytes: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>, keepSeconds: number): Promise<void>;
  delete(name: string): Promise<void>;
}

export interface BlobLimits {
  readonly timeoutMs: number;
  /** Of one body. */
  readonly largestBytes: number;
  /** Entries that are of use for less time are not worth it. */
  readonly fewestSeconds: number;
}

/** Bodies up to this come along with their metadata: one read instead of two. */
export const INLINE_BYTES = 131_072;
/** A blob that a line refers to outlives it: a validation may have drawn the line's life out. */
const BODY_GRACE_SECONDS = 3600;
/** Streams into a store take as long as their origin. */
const STREAM_TIMEOUT_MS = 120_000;

/** 256 bits: names are as long as any store allows, and hold nothing of the key. */
let lastHashed: readonly [key: string, name: string] = ["", ""];
export function blobName(key: string): string {
  if (lastHashed[0] !== key) lastHashed = [key, sha256Hex(key)];
  return lastHashed[1];
}

export class BlobTier implements CacheTier {
  readonly name: TierName;
  readonly reads: OffPath;
  readonly writes: OffPath;
  /** Answers that were not what was stored. */
  lies = 0;
  hits = 0;
  misses = 0;
  stored = 0;
  /** Entries that were too large or of use for too short a time. */
  refused = 0;
  #blobs: Blobs;
  #limits: BlobLimits;
  #now: () => number;
  #reference: () => string;

  constructor(
    name: TierName,
    blobs: Blobs,
    limits: BlobLimits,
    now: () => number = Date.now,
    reference: () => string = () => crypto.randomUUID(),
  ) {
    this.name = name;
    this.reads = new OffPath(`cache level ${name}`, now);
    this.writes = new OffPath(`cache level ${name} (writing)`, now);
    this.#blobs = blobs;
    this.#limits = limits;
    this.#now = now;
    this.#reference = reference;
  }

  async variants(key: string): Promise<readonly StoredEntry[]> {
    const line = await this.#read(key, this.#limits.timeoutMs);
    if (line.length === 0) this.misses++;
    else this.hits++;
    return line.map((entry) => ({ meta: entry.meta, body: this.#body(key, entry), level: this.name }));
  }

  async put(meta: EntryMeta, body: StoredBody, background: Background): Promise<boolean> {
    const keepSeconds = this.#keepSeconds(meta);
    const size = body instanceof Uint8Array ? body.byteLength : body.bytes;
    if (keepSeconds < this.#limits.fewestSeconds || size > this.#limits.largestBytes) {
      this.refused++;
      await discard(body);
      // What it would replace is older than what the origin now says.
      await this.#drop(meta, background);
      return false;
    }
    const entry = await this.#entryOf(meta, body, keepSeconds);
    if (entry === undefined) return false;
    const kept = await this.#write(meta, entry, keepSeconds);
    if (kept) this.stored++;
    return kept;
  }

  async update(meta: EntryMeta, _background: Background): Promise<boolean> {
    const keepSeconds = this.#keepSeconds(meta);
    const line = await this.#read(meta.key, CALL_TIMEOUT_MS);
    const held = line.find((entry) => entry.meta.variant === meta.variant);
    if (held === undefined || keepSeconds < this.#limits.fewestSeconds) return false;
    if (!isSameBody(held.meta, meta)) return false;
    return this.#writeLine(meta.key, [{ ...held, meta }, ...without(line, meta.variant)], keepSeconds);
  }

  async delete(key: string): Promise<void> {
    await this.writes.call(() => this.#blobs.delete(blobName(key)));
  }

  #keepSeconds(meta: EntryMeta): number {
    const now = this.#now();
    return Math.floor((usefulUntil(meta, now) - now) / 1000);
  }

  async #read(key: string, timeoutMs: number): Promise<readonly LineEntry[]> {
    const answer = await this.reads.call(async () => {
      const bytes = await this.#blobs.get(blobName(key));
      if (bytes === undefined) return [];
      const line = parseLine(bytes, key);
      if (line === undefined) throw this.#lie();
      return line;
    }, timeoutMs);
    return answer.ok ? answer.value : [];
  }

  #lie(): Error {
    this.lies++;
    return new TypeError("what came back is not what was stored");
  }

  #body(key: string, { meta, body, reference }: LineEntry): StoredBody {
    if (body !== undefined) return body;
    const open = async (): Promise<ReadableStream<Uint8Array> | undefined> => {
      const answer = await this.reads.call(() => this.#blobs.open(bodyName(key, reference)), this.#limits.timeoutMs);
      return answer.ok ? answer.value : undefined;
    };
    return { bytes: meta.bodyBytes, open };
  }

  /** Stores a large body first: an entry is seen when its body is whole. */
  async #entryOf(meta: EntryMeta, body: StoredBody, keepSeconds: number): Promise<LineEntry | undefined> {
    if (body instanceof Uint8Array) {
      const whole = { ...meta, bodyBytes: body.byteLength };
      if (body.byteLength <= INLINE_BYTES) return { meta: whole, body };
    }
    const reference = this.#reference();
    let counted = 0;
    let begun = false;
    const stored = await this.writes.call(async () => {
      begun = true;
      if (body instanceof Uint8Array) {
        counted = body.byteLength;
        await this.#blobs.put(bodyName(meta.key, reference), body, keepSeconds + BODY_GRACE_SECONDS);
        return true;
      }
      const source = await body.open();
      if (source === undefined) return false;
      const { readable, bytes } = counting(source, this.#limits.largestBytes);
      await this.#blobs.put(bodyName(meta.key, reference), readable, keepSeconds + BODY_GRACE_SECONDS);
      counted = bytes();
      return body.bytes < 0 || body.bytes === counted;
    }, STREAM_TIMEOUT_MS);
    // The store is resting: nobody has opened it.
    if (!begun) await discard(body);
    if (!stored.ok || !stored.value) return undefined;
    return { meta: { ...meta, bodyBytes: counted }, reference };
  }

  async #write(meta: EntryMeta, entry: LineEntry, keepSeconds: number): Promise<boolean> {
    // A key without variants has nothing beside it to be read first.
    const others = meta.variant === "" ? [] : without(await this.#read(meta.key, CALL_TIMEOUT_MS), meta.variant);
    const newest = [...others].sort((a, b) => b.meta.dateAt - a.meta.dateAt).slice(0, MOST_VARIANTS - 1);
    return this.#writeLine(meta.key, [entry, ...newest], keepSeconds);
  }

  async #writeLine(key: string, line: readonly LineEntry[], keepSeconds: number): Promise<boolean> {
    const now = this.#now();
    const longest = line.reduce((most, { meta }) => Math.max(most, (usefulUntil(meta, now) - now) / 1000), keepSeconds);
    const answer = await this.writes.call(async () => {
      await this.#blobs.put(blobName(key), encodeLine(line), Math.ceil(longest));
      return true;
    });
    return answer.ok;
  }

  async #drop(meta: EntryMeta, background: Background): Promise<void> {
    const line = await this.#read(meta.key, CALL_TIMEOUT_MS);
    const others = without(line, meta.variant);
    if (others.length === line.length) return;
    const dropped = others.length === 0 ? this.delete(meta.key) : this.#writeLine(meta.key, others, 0);
    background.waitUntil(dropped);
  }
}

const bodyName = (key: string, reference: string): string => `${blobName(key)}/${reference}`;

const without = (line: readonly LineEntry[], variant: string): LineEntry[] =>
  line.filter((entry) => entry.meta.variant !== variant);

/** A stream that nobody reads may hold up, or heap up, the answer it was split from. */
export async function discard(body: StoredBody): Promise<void> {
  if (body instanceof Uint8Array) return;
  const source = await body.open();
  await Promise.allSettled([source?.cancel()]);
}

/** What was validated is one answer; a level that still holds an older one of the same name must not call it new. */
const isSameBody = (held: EntryMeta, meta: EntryMeta): boolean =>
  held.bodyBytes === meta.bodyBytes &&
  (held.etag === "" || meta.etag === "" || held.etag === meta.etag) &&
  (held.lastModified === "" || meta.lastModified === "" || held.lastModified === meta.lastModified);

/** Passes a stream on and counts it; one that is longer than `most` breaks off, and with it what would keep it. */
function counting(
  source: ReadableStream<Uint8Array>,
  most: number,
): { readable: ReadableStream<Uint8Array>; bytes: () => number } {
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > most) controller.error(new RangeError("the body is too large for this level"));
      else controller.enqueue(chunk);
    },
  });
  return { readable: source.pipeThrough(counter), bytes: () => bytes };
}
