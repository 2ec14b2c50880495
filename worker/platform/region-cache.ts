// What a region's isolates saw of their caches, on its way to the one `InsightObject`: merged here, told every few seconds while there is
// any. What cannot be told stays merged as far as it is bounded; nobody waits for it.
import { addUsage, type Usage } from "../core/cache/analytics.ts";
import { addWarm, countsOf, usageOf } from "../core/cache/insight.ts";
import { LearnedRates } from "../core/cache/fleet-rates.ts";
import type { CacheNews, VisitNews } from "../core/protocol/cache-news.ts";
import type { OutdatedPairs } from "../core/protocol/ledgers.ts";
import { INSIGHT_NAME } from "../core/protocol/names.ts";
import type { Report } from "../core/protocol/reports.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

const TELL_EVERY_MS = 2_000;
const TIMEOUT_MS = 1_000;
const TOLD_FOR_MS = 4_000;
const MOST_OUTDATED = 512;
const MOST_VISITED = 200;
const MOST_VISITS = 32;
const MOST_KEYS = 500;
const MOST_PATTERNS = 300;
const MOST_ADMITTED = 5_000;

export class RegionCache {
  readonly offPath = new OffPath("InsightObject (cache)");
  #env: Pick<Env, "INSIGHT">;
  #keys = new Map<string, { pattern: string; usage: Usage }>();
  #patterns = new Map<string, Usage>();
  #admitted: string[] = [];
  #warm = { fetched: 0, used: 0, unused: 0, refused: 0 };
  #rules: CacheNews["rules"];
  #lifetimes = new Map<string, [entries: number, seconds: number]>();
  #analyseEverySeconds = 300;
  /** By hash: what was found outdated when, and until when it is told. */
  #outdated = new Map<number, { readonly at: number; readonly until: number }>();
  #visits = new Map<string, VisitNews>();
  /** For the region's isolates. */
  readonly learned = new LearnedRates();
  #has = false;
  #toldAt = 0;

  constructor(env: Pick<Env, "INSIGHT">) {
    this.#env = env;
  }

  configure(analyseEverySeconds: number): void {
    this.#analyseEverySeconds = analyseEverySeconds;
  }

  take({ cache }: Report): void {
    if (cache === undefined) return;
    this.#has = true;
    for (const [key, { pattern, counts }] of Object.entries(cache.keys)) {
      const held = this.#keys.get(key);
      if (held !== undefined) addUsage(held.usage, usageOf(counts));
      else if (this.#keys.size < MOST_KEYS) this.#keys.set(key, { pattern, usage: usageOf(counts) });
    }
    for (const [pattern, counts] of Object.entries(cache.patterns)) {
      const held = this.#patterns.get(pattern);
      if (held !== undefined) addUsage(held, usageOf(counts));
      else if (this.#patterns.size < MOST_PATTERNS) this.#patterns.set(pattern, usageOf(counts));
    }
    if (this.#admitted.length < MOST_ADMITTED) this.#admitted.push(...cache.admitted);
    addWarm(this.#warm, cache.warm);
    for (const [key, news] of Object.entries(cache.visits ?? {})) {
      const held = this.#visits.get(key);
      if (held !== undefined) held.visits.push(...news.visits.slice(0, MOST_VISITS - held.visits.length));
      else if (this.#visits.size < MOST_VISITED) this.#visits.set(key, { ...news, visits: [...news.visits] });
    }
    this.#rules = cache.rules ?? this.#rules;
    for (const [rule, [entries, seconds]] of Object.entries(cache.lifetimes ?? {})) {
      const held = this.#lifetimes.get(rule) ?? [0, 0];
      if (held[0] > 0 || this.#lifetimes.size < MOST_PATTERNS)
        this.#lifetimes.set(rule, [held[0] + entries, held[1] + seconds]);
    }
  }

  /** From every copy of a report, for saying it twice changes nothing. */
  hearOutdated({ cache }: Report): void {
    const pairs: OutdatedPairs = cache?.outdated ?? [];
    const until = Date.now() + TOLD_FOR_MS;
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const hash = pairs[index]!;
      if (this.#outdated.size < MOST_OUTDATED || this.#outdated.has(hash)) {
        this.#outdated.set(hash, { at: pairs[index + 1]!, until });
      }
    }
  }

  /** For `ControlObject`, which knows what it has heard: so that a question that is lost loses nothing. */
  outdated(now: number): { outdated?: number[] } {
    for (const [hash, { until }] of this.#outdated) if (until <= now) this.#outdated.delete(hash);
    return this.#outdated.size === 0 ? {} : { outdated: [...this.#outdated].flatMap(([hash, { at }]) => [hash, at]) };
  }

  /** Tells what there is, not oftener than every few seconds. */
  async tell(): Promise<void> {
    const now = Date.now();
    if (!this.#has || now - this.#toldAt < TELL_EVERY_MS || now < this.offPath.restUntil) return;
    this.#toldAt = now;
    const news = this.#news();
    const answer = await this.offPath.call(
      () => this.#env.INSIGHT.getByName(INSIGHT_NAME).hearCache(news, this.#analyseEverySeconds),
      TIMEOUT_MS,
    );
    if (answer.ok) this.learned.take(answer.value, Date.now());
  }

  /** A call that fails loses some seconds of counts: telling them twice would be worse. */
  #news(): CacheNews {
    const keys = [...this.#keys].map(
      ([key, { pattern, usage }]) => [key, { pattern, counts: countsOf(usage) }] as const,
    );
    const patterns = [...this.#patterns].map(([name, usage]) => [name, countsOf(usage)] as const);
    const news: CacheNews = {
      keys: Object.fromEntries(keys),
      patterns: Object.fromEntries(patterns),
      admitted: this.#admitted,
      warm: this.#warm,
      ...(this.#visits.size === 0 ? {} : { visits: Object.fromEntries(this.#visits) }),
      ...(this.#rules === undefined ? {} : { rules: this.#rules }),
      ...(this.#lifetimes.size === 0 ? {} : { lifetimes: Object.fromEntries(this.#lifetimes) }),
    };
    this.#keys.clear();
    this.#patterns.clear();
    this.#lifetimes.clear();
    this.#admitted = [];
    this.#visits = new Map();
    this.#warm = { fetched: 0, used: 0, unused: 0, refused: 0 };
    this.#has = false;
    return news;
  }
}
