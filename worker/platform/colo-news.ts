// What isolates of one colo tell each other of their region's news, through the colo's cache, once they are so many that their reports are
// stretched: then one question a colo and two seconds stands for those of all its isolates. A word says what was true and when, so
// whoever hears it is no worse informed than its age; what is newer than he knows he asks the region for himself. And always, that their
// region let a call run out of time: who has never heard of it need not find out by waiting. A cache that is slow, inert or broken is left
// alone, and everybody asks the region as before.
import type { Epochs, Reply } from "../core/protocol/reports.ts";
import { COLO_SILENCE_MS, COLO_WORD_MS } from "../core/protocol/pace.ts";
import { OffPath } from "./offpath.ts";

const CACHE_NAME = "sluice-news";
/** A host that is nobody's (RFC 6761 §6.4). */
const addressOf = (region: string): string => `https://news.invalid/${encodeURIComponent(region)}`;
const silenceOf = (region: string): string => `${addressOf(region)}/silence`;
/** It must cost less than the call it spares. */
const READ_TIMEOUT_MS = 25;
const WRITE_TIMEOUT_MS = 1_000;
/** Clocks of machines of one colo differ by less; a word from further ahead is none. */
const AHEAD_MS = 500;

/** The part of a reply that is the same for all isolates of a region. */
type Shared = Omit<Reply, "leases" | "instances" | "ledgers">;

export interface Word {
  readonly epochs: Epochs;
  /** How old it is, ms. */
  readonly ageMs: number;
  readonly reply: Reply;
}

interface Stored {
  /** When it was true, epoch ms. */
  readonly at: number;
  readonly epochs: Epochs;
  readonly reply: Shared;
}

export class ColoNews {
  readonly reads: OffPath;
  readonly writes: OffPath;
  /** Questions that the region was spared. */
  spared = 0;
  /** Waits for a silent region that were cut short by another's word. */
  hushed = 0;
  #caches: () => Pick<CacheStorage, "open">;
  #now: () => number;

  constructor(now: () => number = Date.now, storage: () => Pick<CacheStorage, "open"> = () => caches) {
    this.reads = new OffPath("news in the colo's cache", now);
    this.writes = new OffPath("news into the colo's cache", now);
    this.#caches = storage;
    this.#now = now;
  }

  /** The newest word of anybody in this colo; undefined when it is too old, or there is none. */
  async read(region: string): Promise<Word | undefined> {
    const read = await this.reads.call(async () => {
      const cache = await this.#caches().open(CACHE_NAME);
      return (await cache.match(addressOf(region)))?.json<Stored>();
    }, READ_TIMEOUT_MS);
    if (!read.ok || read.value === undefined) return undefined;
    const { at, epochs, reply } = read.value;
    const ageMs = this.#now() - at;
    if (ageMs > COLO_WORD_MS || ageMs < -AHEAD_MS) return undefined;
    return { epochs, ageMs: Math.max(0, ageMs), reply: { ...reply, leases: {} } };
  }

  /** Tells the others; whether it arrives matters to nobody. */
  async tell(region: string, ageMs: number, reply: Reply): Promise<void> {
    const { leases: _leases, instances: _instances, ledgers: _ledgers, ...shared } = reply;
    const word: Stored = { at: this.#now() - ageMs, epochs: reply.epochs, reply: shared };
    await this.writes.call(async () => {
      const cache = await this.#caches().open(CACHE_NAME);
      await cache.put(addressOf(region), kept(JSON.stringify(word), COLO_WORD_MS));
    }, WRITE_TIMEOUT_MS);
  }

  /** Whether a call of anybody in this colo to its region ran out of time just now. */
  async isSilent(region: string): Promise<boolean> {
    const read = await this.reads.call(async () => {
      const cache = await this.#caches().open(CACHE_NAME);
      return (await cache.match(silenceOf(region)))?.json<unknown>();
    }, READ_TIMEOUT_MS);
    if (!read.ok || typeof read.value !== "number") return false;
    const ageMs = this.#now() - read.value;
    const silent = ageMs >= -AHEAD_MS && ageMs < COLO_SILENCE_MS;
    if (silent) this.hushed++;
    return silent;
  }

  /** Tells the others that a call has just run out of time. */
  async tellSilence(region: string): Promise<void> {
    await this.writes.call(async () => {
      const cache = await this.#caches().open(CACHE_NAME);
      await cache.put(silenceOf(region), kept(String(this.#now()), COLO_SILENCE_MS));
    }, WRITE_TIMEOUT_MS);
  }
}

const kept = (json: string, forMs: number): Response =>
  new Response(json, {
    headers: { "cache-control": `public, max-age=${forMs / 1_000}`, "content-type": "application/json" },
  });
