// What surrounds the cache of one isolate: the rules in force, the levels below memory, purges as they were heard, what was seen of its
// use, and what may be fetched ahead. All of it follows the policy, once a generation; nothing of it is needed for an answer
// to be right. The presence filter of the costly levels is shared through KV, read in the background while there is traffic.
import { addWarm } from "../../core/cache/insight.ts";
import { OutdatedNews } from "../../core/cache/outdated.ts";
import { Presence } from "../../core/cache/presence.ts";
import type { CompiledRules } from "../../core/cache/rules.ts";
import { warmLedger, type Awaited, type WarmLedger } from "../../core/cache/warmth.ts";
import type { CompiledPolicy } from "../../core/policy/compiled.ts";
import type { CacheNews, RuleFacts, WarmCounts } from "../../core/protocol/cache-news.ts";
import { CACHE_PRESENCE_KEY } from "../../core/protocol/names.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import { after } from "../after.ts";
import type { Env } from "../env.ts";
import type { Background } from "../news.ts";
import { OffPath } from "../offpath.ts";
import type { Orders } from "../orders.ts";
import type { Reporter } from "../reporter.ts";
import type { RegionLink } from "../region.ts";
import { hexDigest } from "./digest.ts";
import type { LayeredTier } from "./layered.ts";
import { Crowds } from "./crowds.ts";
import { levelsOf } from "./levels.ts";
import { CacheObserver } from "./observer.ts";
import { HeardPurges } from "./purges.ts";
import { Rulebook } from "./rulebook.ts";
import type { CacheStore } from "./store.ts";

const PRESENCE_EVERY_MS = 10_000;
const TELL_EVERY_MS = 1_000;
const TELL_ROUNDS = 5;

export class CacheKeeper {
  readonly rulebook = new Rulebook();
  readonly observer = new CacheObserver();
  readonly presence = new Presence();
  readonly purges: HeardPurges;
  readonly store: CacheStore;
  /** What fetching ahead costs and brings, in this isolate. */
  readonly warm: WarmLedger = warmLedger();
  /** Fetched ahead and not asked for yet: by URL, until when it may still be. */
  readonly awaited: Awaited = new Map();
  /** What unsafe requests made outdated, for all other isolates. */
  readonly outdated = new OutdatedNews();
  /** Requests of ours: neither counted nor learned from. */
  readonly ahead = new WeakSet<Request>();
  /** Below memory; undefined for none. */
  levels: LayeredTier | undefined = undefined;
  /** Other isolates that miss the same. */
  readonly crowds: Crowds;
  readonly kv = new OffPath("KV (cache presence)");
  #env: Env;
  #policy: CompiledPolicy | undefined;
  #told: WarmCounts = { fetched: 0, used: 0, unused: 0, refused: 0 };
  #rulesTold: CompiledPolicy | undefined;
  #presenceAt = 0;
  #tellingUntil = 0;
  /** By rule that learns: entries, and seconds of all of them, since the last report. */
  #lifetimes = new Map<string, [entries: number, seconds: number]>();

  constructor(env: Env, orders: Orders, region: RegionLink, store: CacheStore) {
    this.#env = env;
    this.crowds = new Crowds(env, region);
    this.store = store;
    this.purges = new HeardPurges(orders, (rule) => this.rulebook.queryOf(rule));
    store.purges = this.purges;
    orders.hearLearned = (page) => this.observer.fleet.hear(page);
  }

  /** A rule weighs how often something is asked for. */
  get scores(): boolean {
    return this.rulebook.scores;
  }

  /** The rules of the policy in force; the first request of a generation makes its levels. */
  rules(policy: CompiledPolicy): CompiledRules {
    const rules = this.rulebook.of(policy);
    if (policy !== this.#policy) {
      const before = this.#policy?.policy.cache;
      const { cache } = policy.policy;
      this.#policy = policy;
      // A change elsewhere in the policy must not throw away what the levels have learned of themselves.
      if (JSON.stringify(before) !== JSON.stringify(cache)) {
        this.levels = cache === false ? undefined : levelsOf(cache, this.#env, this.presence);
        this.store.below = this.levels;
      }
      this.store.kept = this.rulebook.learns ? this.#kept : undefined;
      this.store.confirmed = this.rulebook.learns ? this.#confirmed : undefined;
    }
    return rules;
  }

  /** How often what a learning rule stores does change: by its validators, or by its body where it has none. */
  #kept = (meta: EntryMeta, body: Uint8Array<ArrayBuffer>, background: Background): void => {
    if (this.rulebook.rule(meta.rule)?.options.targetStaleness === undefined) return;
    const lifetimes = this.#lifetimes.get(meta.rule) ?? [0, 0];
    this.#lifetimes.set(meta.rule, [lifetimes[0] + 1, lifetimes[1] + meta.lifetimeMs / 1_000]);
    if (meta.etag !== "" || meta.lastModified !== "") return this.observer.fetched(meta, "");
    background.waitUntil(hexDigest(body).then((hash) => this.observer.fetched(meta, hash)));
  };

  #confirmed = (meta: EntryMeta): void => this.observer.confirmed(meta);

  /** News for the region since the last call; undefined when there is none. */
  drain(): CacheNews | undefined {
    const counts = this.observer.drain();
    const admitted = this.levels?.drain() ?? [];
    const warm = this.#warmNews();
    const rules = this.#ruleNews();
    const outdated = this.outdated.drain();
    const visits = this.observer.visits.drain();
    const lifetimes = Object.fromEntries(this.#lifetimes);
    this.#lifetimes.clear();
    const isQuiet = admitted.length + outdated.length === 0 && warm === undefined && visits === undefined;
    if (counts === undefined && isQuiet) return undefined;
    return {
      keys: counts?.keys ?? {},
      patterns: counts?.patterns ?? {},
      admitted,
      ...(outdated.length === 0 ? {} : { outdated }),
      ...(visits === undefined ? {} : { visits }),
      ...(warm === undefined ? {} : { warm }),
      ...(rules === undefined ? {} : { rules }),
      ...(Object.keys(lifetimes).length === 0 ? {} : { lifetimes }),
    };
  }

  #warmNews(): WarmCounts | undefined {
    const { fetched, used, unused, refused } = this.warm;
    const news = {
      fetched: -this.#told.fetched,
      used: -this.#told.used,
      unused: -this.#told.unused,
      refused: -this.#told.refused,
    };
    addWarm(news, { fetched, used, unused, refused });
    this.#told = { fetched, used, unused, refused };
    return news.fetched + news.used + news.unused + news.refused === 0 ? undefined : news;
  }

  /**
   * What an unsafe request made outdated is told with the next report. The one that saw it may be the last request for a while, and
   * have come while a report was under way: one of them, in the background, sees to it that the news goes.
   */
  tellOutdated(reporter: Pick<Reporter, "due" | "send">, background: Background): void {
    const now = Date.now();
    if (this.outdated.pending === 0 || now < this.#tellingUntil) return;
    this.#tellingUntil = now + TELL_ROUNDS * TELL_EVERY_MS;
    background.waitUntil(this.#tellOutdated(reporter));
  }

  async #tellOutdated(reporter: Pick<Reporter, "due" | "send">): Promise<void> {
    for (let round = 0; round < TELL_ROUNDS && this.outdated.pending > 0; round++) {
      await after(TELL_EVERY_MS);
      if (this.outdated.pending > 0 && reporter.due(Date.now())) await reporter.send();
    }
    this.#tellingUntil = 0;
  }

  /** Once a generation. */
  #ruleNews(): Record<string, RuleFacts> | undefined {
    if (this.#policy === undefined || this.#rulesTold === this.#policy) return undefined;
    this.#rulesTold = this.#policy;
    const { all } = this.rulebook.of(this.#policy);
    return Object.fromEntries(
      all.map(({ id, options: { ttlSeconds = 0, strategy, targetStaleness } }) => [
        id,
        { ttlSeconds, strategy, ...(targetStaleness === undefined ? {} : { targetStaleness }) },
      ]),
    );
  }

  /** In the background of a report: what other isolates put into the costly levels. */
  async hearPresence(now: number): Promise<void> {
    if (this.levels?.isCostly !== true || now - this.#presenceAt < PRESENCE_EVERY_MS) return;
    this.#presenceAt = now;
    const answer = await this.kv.call(() =>
      this.#env.KV.get(CACHE_PRESENCE_KEY, { type: "arrayBuffer", cacheTtl: 30 }),
    );
    if (answer.ok && answer.value !== null) this.presence.merge(new Uint8Array(answer.value));
  }
}
