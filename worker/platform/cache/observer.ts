// What this isolate sees of its cache: how often each key is asked for and how it is answered, what clients ask for one after the other,
// and how answers change from fetch to fetch. Counted behind the answer's back, in tables of fixed size; told to the region once a
// second as deltas. It knows clients by hashes and keys by labels without secrets.
import { LRUCache } from "lru-cache";
import {
  addUsage,
  countAccess,
  hitRatio,
  keyLabel,
  noUsage,
  requestsOf,
  type Access,
  type Usage,
} from "../../core/cache/analytics.ts";
import { noHistory, visited, type ChangeHistory, type Visit } from "../../core/cache/change-rate.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import { LearnedRates, UntoldVisits } from "../../core/cache/fleet-rates.ts";
import { countsOf } from "../../core/cache/insight.ts";
import type { CacheOptions } from "../../core/cache/options.ts";
import type { Experience } from "../../core/cache/strategy.ts";
import { Sequences, type Features, type Prediction } from "../../core/cache/sequence.ts";
import { Hotness, type WarmOptions } from "../../core/cache/warmth.ts";
import { parseHttpDate } from "../../core/http/date.ts";
import type { CacheNews } from "../../core/protocol/cache-news.ts";

import { blobName } from "./blobs.ts";

export type PrefetchOptions = Exclude<CacheOptions["prefetch"], false>;

const KEYS = 500;
const PATTERNS = 300;
const KEYS_TOLD = 50;
const PATTERNS_TOLD = 100;
const HISTORIES = 1_000;

/** What counts as of late for P15, where the policy fetches nothing ahead. */
const OF_LATE: WarmOptions = {
  hotOver: 5,
  hotWindowSeconds: 300,
  history: 1_000,
  maxConcurrent: 1,
  trafficShare: 0,
  minimumPrecision: 0,
};

/** What the last fetch of a key brought. */
interface Known {
  readonly etag: string;
  readonly lastModified: string;
  readonly hash: string;
  readonly at: number;
  readonly history: ChangeHistory;
}

/** A key under its name for people, and the pattern it counts for. */
export interface Described {
  readonly label: string;
  readonly pattern: string;
}

/** A key that was asked for since the last report. */
interface Live extends Described {
  readonly usage: Usage;
  /** Of its pattern since the isolate began. */
  readonly all: Usage;
}

export class CacheObserver {
  readonly hotness = new Hotness();
  readonly sequences = new Sequences();
  /** Of the rules that learn lifetimes: for the other isolates, and from them. */
  readonly visits = new UntoldVisits();
  readonly fleet = new LearnedRates();
  /** By primary key. */
  #live = new Map<string, Live>();
  /** What did not fit among the live ones. */
  #overflow = new Map<string, Usage>();
  #patterns = new LRUCache<string, Usage>({ max: PATTERNS });
  #known = new LRUCache<string, Known>({ max: HISTORIES });

  /** Counts one request; `describe` is asked only at the first of a key. */
  saw(key: string, access: Access, describe: () => Described): Described {
    let live = this.#live.get(key);
    if (live === undefined) {
      if (this.#live.size >= KEYS) this.#makeRoom();
      const described = describe();
      live = { ...described, usage: noUsage(), all: this.#usage(described.pattern) };
      this.#live.set(key, live);
    }
    countAccess(live.usage, access);
    countAccess(live.all, access);
    return live;
  }

  /** A flood of keys between two reports: those that were asked for once count for their patterns alone. */
  #makeRoom(): void {
    for (const [key, { pattern, usage }] of this.#live) {
      if (requestsOf(usage) > 1 && this.#live.size > KEYS / 2) continue;
      addUsage(usageIn(this.#overflow, pattern), usage);
      this.#live.delete(key);
    }
    if (this.#live.size < KEYS) return;
    for (const { pattern, usage } of this.#live.values()) addUsage(usageIn(this.#overflow, pattern), usage);
    this.#live.clear();
  }

  /** Counts a request of late; true when the key is hot with it. */
  heat(label: string, now: number, options: WarmOptions = OF_LATE): boolean {
    return this.hotness.saw(label, now, options);
  }

  /** What this client will ask for next, from what it and others like it have; learns from this request. */
  next(client: number, features: Features, key: string, now: number, options: PrefetchOptions): Prediction[] {
    this.sequences.saw(client, features, key, now, options);
    return this.sequences.predict(features, key, options);
  }

  experience(label: string, pattern: string, key: string): Experience {
    const usage = this.#patterns.get(pattern);
    return {
      recentRequests: this.hotness.count(label),
      hitRatio: usage === undefined ? 0 : hitRatio(usage),
      changes: this.changes(key),
      fleet: this.fleet.count === 0 ? undefined : this.fleet.of(fleetName(key)),
    };
  }

  changes(key: string): ChangeHistory {
    return this.#known.get(key)?.history ?? noHistory;
  }

  /** A fetch brought a whole answer, the hash of its body known where it has no validator. */
  fetched(meta: EntryMeta, hash: string): void {
    const { etag, lastModified, receivedAt } = meta;
    const name = knownName(meta);
    const before = this.#known.get(name);
    if (before === undefined) {
      this.#known.set(name, { etag, lastModified, hash, at: receivedAt, history: noHistory });
      return;
    }
    const changed = hasChanged(before, { etag, lastModified, hash });
    const modifiedAt = changed ? parseHttpDate(lastModified, receivedAt) : undefined;
    const ageMs = modifiedAt === undefined ? undefined : Math.max(0, receivedAt - modifiedAt);
    const visit = { elapsedMs: receivedAt - before.at, changed, ageMs };
    const history = this.#learn(name, meta, before.history, visit);
    this.#known.set(name, { etag, lastModified, hash, at: receivedAt, history });
  }

  /** The origin said that what is stored still holds. */
  confirmed(meta: EntryMeta): void {
    const name = knownName(meta);
    const before = this.#known.get(name);
    if (before === undefined) return;
    const visit = { elapsedMs: meta.receivedAt - before.at, changed: false };
    const history = this.#learn(name, meta, before.history, visit);
    this.#known.set(name, { ...before, at: meta.receivedAt, history });
  }

  #learn(name: string, meta: EntryMeta, history: ChangeHistory, visit: Visit): ChangeHistory {
    const { host, search } = new URL(meta.url);
    if (visit.elapsedMs > 0)
      this.visits.note(fleetName(name), keyLabel("GET", host, meta.path, search), meta.rule, visit);
    return visited(history, visit);
  }

  /** Counts since the last call; undefined when nothing was asked for. */
  drain(): Pick<CacheNews, "keys" | "patterns"> | undefined {
    if (this.#live.size + this.#overflow.size === 0) return undefined;
    const patterns = this.#overflow;
    for (const { pattern, usage } of this.#live.values()) addUsage(usageIn(patterns, pattern), usage);
    const keys = most([...this.#live.values()], KEYS_TOLD).map(({ label, pattern, usage }) => {
      return [label, { pattern, counts: countsOf(usage) }] as const;
    });
    const told = most(
      [...patterns].map(([name, usage]) => ({ name, usage })),
      PATTERNS_TOLD,
    ).map(({ name, usage }) => [name, countsOf(usage)] as const);
    this.#live = new Map();
    this.#overflow = new Map();
    return { keys: Object.fromEntries(keys), patterns: Object.fromEntries(told) };
  }

  #usage(pattern: string): Usage {
    let usage = this.#patterns.get(pattern);
    if (usage === undefined) this.#patterns.set(pattern, (usage = noUsage()));
    return usage;
  }
}

/** What isolates call a key when they speak of it. */
const fleetName = (key: string): string => blobName(key).slice(0, 16);

/** Of one answer among those of its key. */
const knownName = ({ key, variant }: EntryMeta): string => (variant === "" ? key : `${key}\n${variant}`);

/** By the strongest thing that both fetches brought. */
function hasChanged(
  before: Pick<Known, "etag" | "lastModified" | "hash">,
  now: Pick<Known, "etag" | "lastModified" | "hash">,
): boolean {
  if (before.etag !== "" && now.etag !== "") return before.etag !== now.etag;
  if (before.lastModified !== "" && now.lastModified !== "") return before.lastModified !== now.lastModified;
  return before.hash !== now.hash;
}

function usageIn(map: Map<string, Usage>, name: string): Usage {
  let usage = map.get(name);
  // A flood of patterns between two reports is summed under one name.
  if (usage === undefined && map.size >= PATTERNS) return usageIn(map, OTHERS);
  if (usage === undefined) map.set(name, (usage = noUsage()));
  return usage;
}

const OTHERS = "others";

const most = <T extends { readonly usage: Usage }>(all: T[], count: number): T[] =>
  all.length <= count ? all : all.sort((a, b) => requestsOf(b.usage) - requestsOf(a.usage)).slice(0, count);
