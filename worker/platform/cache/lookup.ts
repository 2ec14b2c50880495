// What a request would find in the cache, and why: the same key, rule, selection and judgement as the walk's own, asked by an operator.
// Nothing is forwarded, stored or counted. Keys are shown as hashes: they hold URLs, and those may hold secrets.
import { expectedStaleness } from "../../core/cache/change-rate.ts";
import { parseRequestDirectives } from "../../core/cache/directives.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import { keyLabel, pathPattern } from "../../core/cache/analytics.ts";
import type { RequestInfluence } from "../../core/cache/influence.ts";
import { primaryKey } from "../../core/cache/key.ts";
import type { CacheOptions } from "../../core/cache/options.ts";
import type { CompiledRule } from "../../core/cache/rules.ts";
import { adaptiveTtl, storeScore } from "../../core/cache/score.ts";
import { influenceOf, judgedBy, learnedSeconds, NO_RULE, rateOf, type Experience } from "../../core/cache/strategy.ts";
import { ageMs, freshMs, usability } from "../../core/cache/usability.ts";
import { select } from "../../core/cache/vary.ts";
import { readTarget } from "../../core/http/target.ts";
import { canonicalPath } from "../../core/http/path.ts";
import { sha256Hex } from "../../core/stats/sha256.ts";
import type { CompiledPolicy } from "../../core/policy/compiled.ts";
import type { CacheKeeper } from "./keeper.ts";
import type { StoredEntry } from "./tier.ts";

export interface LookupQuestion {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: Headers;
  /** Hash of the body it would have; "" for none. */
  readonly payloadHash: string;
  readonly payloadBytes: number;
}

export async function lookUp(keeper: CacheKeeper, policy: CompiledPolicy, asked: LookupQuestion, now: number) {
  const options = policy.policy.cache;
  if (options === false) return { would: "bypass", why: "the policy switches the cache off" };
  const target = readTarget(asked.url);
  const path = target === undefined ? undefined : canonicalPath(target.path);
  if (target === undefined || path === undefined || !path.ok) return { would: "refused", why: "the URL is none" };
  const route = policy.route(target.host, path.value, asked.method, asked.headers);
  if (route === undefined) return { would: "refused", why: "no route takes it" };
  const rule = keeper.rules(policy).find({ ...asked, host: target.host, path: path.value });
  const pattern = rule?.id ?? pathPattern(path.value);
  const label = keyLabel(asked.method, target.authority, path.value, target.query);
  const request = {
    method: asked.method,
    now,
    payloadBytes: asked.payloadBytes,
    payloadHash: asked.payloadHash,
    identity: "",
    query: target.query,
    header: (name: string) => asked.headers.get(name),
  };
  const experience = (key: string): Experience => keeper.observer.experience(label, pattern, key);
  const influence = rule === undefined ? NO_RULE : influenceOf(rule, request, options, () => experience(""));
  const { scheme, authority, query } = target;
  const key = primaryKey(
    asked.method,
    { tenant: "", route: route.id, scheme, authority, path: target.path, query },
    influence,
  );
  const base = {
    key: sha256Hex(key, 32),
    label,
    pattern,
    route: route.id,
    rule: rule === undefined ? null : ruleShown(rule),
  };
  if (influence.bypass) return { ...base, would: "bypass", why: "the rule's conditions or strategy let it pass by" };
  if (asked.method !== "GET" && asked.method !== "HEAD" && !influence.takesMethod) {
    return { ...base, would: "bypass", why: `no rule caches ${asked.method}` };
  }
  const entries = await everywhere(keeper, key, influence);
  const judged = judge(keeper, entries, asked.headers, now);
  const selected = entries.find(({ meta }) => meta === judged.selected);
  return {
    ...base,
    ...judged.verdict,
    variants: entries.map((entry) => shown(keeper, entry, now)),
    ...(rule === undefined || selected === undefined ? {} : reasons(rule, selected.meta, options, experience(key))),
  };
}

async function everywhere(keeper: CacheKeeper, key: string, { tiers }: RequestInfluence): Promise<StoredEntry[]> {
  const here = keeper.store.memory.peek(key);
  const below = (await keeper.levels?.variants(key, tiers)) ?? [];
  return [...here, ...below];
}

function judge(keeper: CacheKeeper, entries: readonly StoredEntry[], headers: Headers, now: number) {
  const standing = entries.filter(({ meta }) => keeper.purges.verdict(meta) !== "gone");
  const selected = select(standing, headers)?.meta;
  const miss = (why: string) => ({ selected, verdict: { would: "miss", level: null, why } });
  if (entries.length === 0) return miss("nothing is stored under its key");
  if (standing.length === 0) return miss("what is stored was purged");
  if (selected === undefined) return miss("no stored variant is for these fields (Vary)");
  const isPurged = keeper.purges.verdict(selected) === "stale";
  const control = headers.get("cache-control") ?? undefined;
  const directives = parseRequestDirectives(control, headers.get("pragma") ?? undefined);
  const use = usability(selected, directives, now, isPurged);
  const level = standing.find(({ meta }) => meta === selected)!.level;
  const would = use === "fresh" ? "hit" : use === "while-revalidating" ? "stale" : "validate";
  return { selected, verdict: { would, level, why: isPurged ? "softly purged" : use } };
}

function shown(keeper: CacheKeeper, { meta, level }: StoredEntry, now: number) {
  return {
    level,
    status: meta.status,
    variant: meta.variant,
    vary: meta.vary.map(([name]) => name),
    ageSeconds: Math.floor(ageMs(meta, now) / 1000),
    ttlSeconds: Math.floor(freshMs(meta, now) / 1000),
    lifetimeFrom: meta.lifetimeFrom,
    rule: meta.rule,
    tags: meta.tags,
    bytes: meta.bodyBytes,
    etag: meta.etag,
    storedAt: new Date(meta.receivedAt).toISOString(),
    purge: keeper.purges.verdict(meta),
  };
}

const ruleShown = ({ id, options }: CompiledRule) => ({
  id,
  strategy: options.strategy,
  priority: options.priority,
  ttlSeconds: options.ttlSeconds ?? null,
  mode: options.mode,
  varyBy: options.varyBy,
});

/** How the rule came to its lifetime: every factor of P15 and P16, and what was learned. */
function reasons(rule: CompiledRule, meta: EntryMeta, options: CacheOptions, experience: Experience) {
  const type = meta.headers.find(([name]) => name === "content-type")?.[1] ?? "";
  const contentType = type.split(";")[0]!.trim().toLowerCase();
  const { status, bodyBytes: bytes, upstreamMs } = meta;
  const judged = judgedBy({ status, contentType, bytes, upstreamMs }, experience);
  const rate = rateOf(experience);
  const seconds = learnedSeconds(rule, options, experience);
  return {
    score: storeScore(judged, options.decision, options.maxEntryBytes),
    adaptiveTtl: adaptiveTtl(judged, rule.options.ttlSeconds, options.adaptiveTtl),
    learned: {
      visits: experience.changes.visits.length,
      fleetVisits: experience.fleet?.visits ?? 0,
      changesPerHour: rate === undefined ? null : rate * 3_600_000,
      ttlSeconds: seconds ?? null,
      expectedStaleness: rate === undefined || seconds === undefined ? null : expectedStaleness(rate, seconds * 1000),
    },
  };
}
