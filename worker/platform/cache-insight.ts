// The cache's room in `InsightObject`: sums over all regions in memory, written down once a minute; advice every few minutes while there is
// news; and the presence filter of the costly levels, published to KV at most every ten seconds when it has grown. A crash loses
// a minute of counts; the filter is read back from KV.
import {
  analyseCache,
  cacheInsight,
  hearCache,
  learnedLifetimes,
  loadCache,
  readCache,
  saveCache,
  type CacheInsight,
  type SavedCacheInsight,
} from "../core/cache/insight.ts";
import { Presence } from "../core/cache/presence.ts";
import type { CacheNews, CacheReading, LearnedLifetime } from "../core/protocol/cache-news.ts";
import type { LearnedRate } from "../core/protocol/ledgers.ts";
import { CACHE_PRESENCE_KEY } from "../core/protocol/names.ts";
import type { Suggestion } from "../core/protocol/suggestions.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS cache (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, state TEXT NOT NULL);`;

const PUBLISH_EVERY_MS = 10_000;

export class CacheInsightRoom {
  readonly kv = new OffPath("KV (cache presence)");
  #env: Pick<Env, "KV">;
  #sql: SqlStorage;
  #state: CacheInsight;
  #presence = new Presence();
  #loading: Promise<void> | undefined;
  #dirty = false;
  #grown = false;
  #publishedAt = 0;

  constructor(env: Pick<Env, "KV">, sql: SqlStorage) {
    this.#env = env;
    this.#sql = sql;
    sql.exec(SCHEMA);
    const saved = sql.exec<{ state: string }>("SELECT state FROM cache").toArray()[0];
    this.#state =
      saved === undefined ? cacheInsight(Date.now()) : loadCache(JSON.parse(saved.state) as SavedCacheInsight);
  }

  async hear(news: CacheNews, analyseEverySeconds: number): Promise<LearnedRate[]> {
    const now = Date.now();
    const learned = hearCache(this.#state, news, now);
    this.#dirty = true;
    if (now - this.#state.analysedAt >= analyseEverySeconds * 1000) analyseCache(this.#state, now);
    for (const hash of news.admitted) if (this.#presence.add(hash)) this.#grown = true;
    if (this.#grown) await this.#publish(now);
    return learned;
  }

  reading(): CacheReading {
    return readCache(this.#state, this.#presence.count);
  }

  /** Learned lifetimes, as suggestions that were applied: the rule's own `targetStaleness` has asked for it. */
  lifetimes(): Suggestion[] {
    return learnedLifetimes(this.#state).map(suggestionOf);
  }

  /** Written down when there is anything new. */
  save(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const row = [1, Date.now(), JSON.stringify(saveCache(this.#state))];
    this.#sql.exec("INSERT OR REPLACE INTO cache (id, at, state) VALUES (?, ?, ?)", ...row);
  }

  async #publish(now: number): Promise<void> {
    if (now - this.#publishedAt < PUBLISH_EVERY_MS) return;
    this.#publishedAt = now;
    this.#grown = false;
    await (this.#loading ??= this.#load());
    const written = await this.kv.call(() => this.#env.KV.put(CACHE_PRESENCE_KEY, this.#presence.encode()));
    if (!written.ok) this.#grown = true;
  }

  /** What was published before this object began. */
  async #load(): Promise<void> {
    const held = await this.kv.call(() => this.#env.KV.get(CACHE_PRESENCE_KEY, "arrayBuffer"));
    if (held.ok && held.value !== null) this.#presence.merge(new Uint8Array(held.value));
  }
}

function suggestionOf(learned: LearnedLifetime): Suggestion {
  const { rule, ttlSeconds, targetStaleness, meanSeconds, entries, since, at } = learned;
  const mean = Math.round(meanSeconds);
  return {
    ...{ id: `lifetime.${rule}`, kind: "lifetime", state: "kept", service: "", route: "" },
    reason: `${entries} entries got the lifetime that changes seen so far allow, with ${targetStaleness * 100} % of the answers stale at the most`,
    change: {
      path: `cache.rules[${rule}].ttlSeconds`,
      before: JSON.stringify(ttlSeconds === 0 ? null : ttlSeconds),
      after: JSON.stringify(mean),
    },
    effect: { measure: "staleness", expected: targetStaleness, real: null },
    ...{ expected: { meanSeconds: mean, entries }, confidence: entries / (entries + 20), measured: null },
    ...{ risk: { share: targetStaleness, reason: "answers that changed before their end" }, holdoutShare: 0 },
    ...{ proposedAt: since, appliedAt: since, decidedAt: at, decidedBy: "policy", outcome: "in force" },
  };
}
