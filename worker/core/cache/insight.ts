// What becomes clear of a cache over minutes and over all regions (SEEDS P17): sums of what isolates told, and now and then advice on
// the rules. Bounded: five hundred keys, three hundred patterns, fifty pieces of advice. Once a day all counts are halved, so that what is
// read is about now. Advice is never carried out by itself: lifetimes are the policy's.
import type {
  CacheAdvice,
  CacheNews,
  CacheReading,
  ChangeReading,
  LearnedLifetime,
  RuleFacts,
  UsageCounts,
  UsageReading,
  WarmCounts,
} from "../protocol/cache-news.ts";
import type { LearnedRate } from "../protocol/ledgers.ts";
import { changeRate } from "./change-rate.ts";
import { hearVisits, type FleetChange, type FleetChanges } from "./fleet-rates.ts";
import { addUsage, hitRatio, noUsage, requestsOf, TopKeys, wasted, type KeyUsage, type Usage } from "./analytics.ts";

const MOST_KEYS = 500;
const MOST_PATTERNS = 300;
const MOST_ADVICE = 50;
const SHOWN = 100;
const DAY_MS = 86_400_000;

interface PatternState {
  usage: Usage;
  /** As it stood at the last analysis: what came since is what is judged. */
  before: Usage;
}

export interface CacheInsight {
  since: number;
  halvedAt: number;
  analysedAt: number;
  keys: TopKeys;
  /** By key, its pattern. */
  patternOf: Map<string, string>;
  patterns: Map<string, PatternState>;
  rules: Record<string, RuleFacts>;
  warm: WarmCounts;
  advice: CacheAdvice[];
  /** By the hash of a key. */
  changes: FleetChanges;
  nextId: number;
  /** By rule. */
  lifetimes: Record<string, { entries: number; meanSeconds: number; since: number; at: number }>;
}

export const cacheInsight = (now: number): CacheInsight => ({
  since: now,
  halvedAt: now,
  analysedAt: now,
  keys: new TopKeys(MOST_KEYS),
  patternOf: new Map(),
  patterns: new Map(),
  rules: {},
  warm: { fetched: 0, used: 0, unused: 0, refused: 0 },
  advice: [],
  changes: new Map(),
  nextId: 1,
  lifetimes: {},
});

export const countsOf = ({ hits, stale, misses, stored, savedMs, bytes }: Usage): UsageCounts => [
  hits,
  stale,
  misses,
  stored,
  Math.round(savedMs),
  bytes,
];

export const usageOf = ([hits, stale, misses, stored, savedMs, bytes]: UsageCounts): Usage => ({
  hits,
  stale,
  misses,
  stored,
  savedMs,
  bytes,
});

/** Counts news in, in place; what is known of the changes of what was visited. */
export function hearCache(state: CacheInsight, news: CacheNews, now: number): LearnedRate[] {
  for (const [key, { pattern, counts }] of Object.entries(news.keys)) {
    addUsage(state.keys.of(key), usageOf(counts));
    state.patternOf.set(key, pattern);
  }
  if (state.patternOf.size > 2 * MOST_KEYS) {
    for (const key of state.patternOf.keys()) if (state.keys.peek(key) === undefined) state.patternOf.delete(key);
  }
  for (const [name, counts] of Object.entries(news.patterns)) {
    const pattern = state.patterns.get(name) ?? { usage: noUsage(), before: noUsage() };
    addUsage(pattern.usage, usageOf(counts));
    // As the newest: of too many the longest silent one is forgotten.
    state.patterns.delete(name);
    state.patterns.set(name, pattern);
    if (state.patterns.size > MOST_PATTERNS) state.patterns.delete(state.patterns.keys().next().value!);
  }
  addWarm(state.warm, news.warm);
  if (news.rules !== undefined) state.rules = news.rules;
  for (const [rule, [entries, seconds]] of Object.entries(news.lifetimes ?? {}))
    hearLifetime(state, rule, entries, seconds, now);
  if (now - state.halvedAt >= DAY_MS) halve(state, now);
  return news.visits === undefined ? [] : hearVisits(state.changes, news.visits);
}

/** The newest entries count for this much at the most. */
const NEWEST_SHARE = 0.3;

function hearLifetime(state: CacheInsight, rule: string, entries: number, seconds: number, now: number): void {
  const known = Object.hasOwn(state.lifetimes, rule) ? state.lifetimes[rule] : undefined;
  if (!(entries > 0) || (known === undefined && Object.keys(state.lifetimes).length >= MOST_PATTERNS)) return;
  const mean = seconds / entries;
  const share = known === undefined ? 1 : Math.min(NEWEST_SHARE, entries / (known.entries + entries));
  state.lifetimes[rule] = {
    entries: (known?.entries ?? 0) + entries,
    meanSeconds: known === undefined ? mean : known.meanSeconds + share * (mean - known.meanSeconds),
    since: known?.since ?? now,
    at: now,
  };
}

/** Of the rules that learn by the policy in force. */
export function learnedLifetimes({ lifetimes, rules }: CacheInsight): LearnedLifetime[] {
  return Object.entries(lifetimes).flatMap(([rule, learned]) => {
    const facts = Object.hasOwn(rules, rule) ? rules[rule] : undefined;
    if (facts?.targetStaleness === undefined) return [];
    return [{ rule, ttlSeconds: facts.ttlSeconds, targetStaleness: facts.targetStaleness, ...learned }];
  });
}

export function addWarm(into: WarmCounts, more: WarmCounts | undefined): void {
  if (more === undefined) return;
  into.fetched += more.fetched;
  into.used += more.used;
  into.unused += more.unused;
  into.refused += more.refused;
}

function halve(state: CacheInsight, now: number): void {
  state.halvedAt = now;
  state.since = Math.max(state.since, now - DAY_MS);
  const half = (usage: Usage): void => {
    for (const name of ["hits", "stale", "misses", "stored", "savedMs", "bytes"] as const) {
      usage[name] = Math.floor(usage[name] / 2);
    }
  };
  for (const [, usage] of state.keys.entries()) half(usage);
  for (const { usage, before } of state.patterns.values()) {
    half(usage);
    half(before);
  }
}

/** Requests since the last analysis without which nothing is said. */
const EVIDENCE = 50;

/** Looks at every rule and pattern since the last look; in place. What was advised before of the same target gives way. */
export function analyseCache(state: CacheInsight, now: number): void {
  const found: CacheAdvice[] = [];
  for (const [name, pattern] of state.patterns) {
    const recent = difference(pattern.usage, pattern.before);
    if (requestsOf(recent) < EVIDENCE) continue;
    pattern.before = { ...pattern.usage };
    const advice = adviceOn(name, state.rules[name], recent);
    if (advice !== undefined) found.push({ ...advice, id: `cache.${state.nextId++}`, target: name, at: now });
  }
  const targets = new Set(found.map(({ target }) => target));
  const others = state.advice.filter(({ target }) => !targets.has(target));
  state.advice = [...found, ...others].slice(0, MOST_ADVICE);
  state.analysedAt = now;
}

function adviceOn(
  name: string,
  rule: RuleFacts | undefined,
  recent: Usage,
): Omit<CacheAdvice, "id" | "target" | "at"> | undefined {
  const requests = requestsOf(recent);
  const ratio = hitRatio(recent);
  // Half of it at 50 requests, nearly all at a thousand.
  const confidence = Math.round((requests / (requests + EVIDENCE)) * 100) / 100;
  if (rule === undefined) {
    const meanMs = recent.hits === 0 ? 0 : recent.savedMs / recent.hits;
    if (ratio > 0.05 || recent.stored > 0 || !name.startsWith("/")) return undefined;
    const reason = `${requests} requests and nothing stored: if its answers may be shared, a rule would spare most of them`;
    return {
      kind: "add_rule",
      before: 0,
      after: 60,
      reason,
      expectedImprovement: meanMs > 0 ? 0.5 : 0.3,
      confidence: confidence / 2,
    };
  }
  const { ttlSeconds } = rule;
  if (ratio > 0.8 && recent.stale === 0 && ttlSeconds > 0) {
    const after = Math.min(7200, Math.ceil(ttlSeconds * 1.3));
    const reason = `${percent(ratio)} hits: a longer lifetime spares more of the remaining misses`;
    if (after > ttlSeconds)
      return {
        kind: "raise_ttl",
        before: ttlSeconds,
        after,
        reason,
        expectedImprovement: (1 - ratio) * 0.2,
        confidence,
      };
    return undefined;
  }
  if (recent.stored > 0 && wasted(recent) / recent.stored > 0.9) {
    const reason = `${percent(wasted(recent) / recent.stored)} of what was stored was never used: its key may hold too much (varyBy), or its lifetime be too short`;
    const kind = ttlSeconds > 0 && ttlSeconds < 60 ? "raise_ttl" : "drop_rule";
    return {
      kind,
      before: ttlSeconds,
      after: kind === "raise_ttl" ? 60 : 0,
      reason,
      expectedImprovement: 0.1,
      confidence,
    };
  }
  if (ratio < 0.3 && recent.stored > 0 && ttlSeconds > 0 && ttlSeconds < 7200) {
    const after = Math.min(7200, ttlSeconds * 2);
    const reason = `only ${percent(ratio)} hits: entries are over before they are asked for again`;
    return { kind: "raise_ttl", before: ttlSeconds, after, reason, expectedImprovement: 0.2, confidence };
  }
  return undefined;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

const difference = (now: Usage, before: Usage): Usage => ({
  hits: Math.max(0, now.hits - before.hits),
  stale: Math.max(0, now.stale - before.stale),
  misses: Math.max(0, now.misses - before.misses),
  stored: Math.max(0, now.stored - before.stored),
  savedMs: Math.max(0, now.savedMs - before.savedMs),
  bytes: Math.max(0, now.bytes - before.bytes),
});

export function readCache(state: CacheInsight, admitted: number): CacheReading {
  const total = noUsage();
  for (const { usage } of state.patterns.values()) addUsage(total, usage);
  const { used, unused } = state.warm;
  return {
    since: state.since,
    total: readingOf("all", total),
    keys: state.keys.top(SHOWN).map(([name, usage]) => {
      const pattern = state.patternOf.get(name);
      return { ...readingOf(name, usage), error: usage.error, ...(pattern === undefined ? {} : { pattern }) };
    }),
    patterns: [...state.patterns]
      .map(([name, { usage }]) => readingOf(name, usage))
      .toSorted((a, b) => b.hits + b.misses - a.hits - a.misses)
      .slice(0, SHOWN),
    warm: { ...state.warm, precision: used + unused === 0 ? 1 : used / (used + unused) },
    advice: state.advice,
    learned: learnedShown(state.changes),
    admitted,
    analysedAt: state.analysedAt,
  };
}

/** The newest visits first. */
const learnedShown = (changes: FleetChanges): ChangeReading[] =>
  [...changes.values()]
    .toReversed()
    .slice(0, SHOWN)
    .map(({ label, rule, history }) => {
      const rate = changeRate(history);
      const changesPerHour = rate === undefined ? null : Math.round(rate * 3_600_000 * 1000) / 1000;
      return { name: label, rule, visits: history.visits.length, changesPerHour };
    });

const readingOf = (name: string, usage: Usage): UsageReading => ({
  name,
  hits: usage.hits,
  stale: usage.stale,
  misses: usage.misses,
  stored: usage.stored,
  hitRatio: Math.round(hitRatio(usage) * 1000) / 1000,
  savedMs: Math.round(usage.savedMs),
  bytes: usage.bytes,
  wasted: wasted(usage),
});

/** Plain JSON for an object's storage. */
export interface SavedCacheInsight extends Pick<
  CacheInsight,
  "since" | "halvedAt" | "analysedAt" | "rules" | "warm" | "advice" | "nextId" | "lifetimes"
> {
  keys: [string, KeyUsage, string][];
  patterns: [string, PatternState][];
  /** Absent in what earlier versions wrote. */
  changes?: [string, FleetChange][];
}

export const saveCache = (state: CacheInsight): SavedCacheInsight => ({
  since: state.since,
  halvedAt: state.halvedAt,
  analysedAt: state.analysedAt,
  rules: state.rules,
  warm: state.warm,
  advice: state.advice,
  nextId: state.nextId,
  lifetimes: state.lifetimes,
  keys: [...state.keys.entries()].map(([key, usage]) => [key, usage, state.patternOf.get(key) ?? ""]),
  patterns: [...state.patterns],
  changes: [...state.changes],
});

export function loadCache(saved: SavedCacheInsight): CacheInsight {
  const { keys, patterns, changes = [], ...rest } = saved;
  const state: CacheInsight = {
    ...rest,
    // Stored before lifetimes were told.
    lifetimes: rest.lifetimes ?? {},
    keys: new TopKeys(MOST_KEYS),
    patternOf: new Map(),
    patterns: new Map(patterns),
    changes: new Map(changes),
  };
  for (const [key, usage, pattern] of keys) {
    state.keys.set(key, usage);
    if (pattern !== "") state.patternOf.set(key, pattern);
  }
  return state;
}
