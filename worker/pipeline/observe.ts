// What the cache learns from a request that has been answered, behind the answer's back: that it was asked for, how it was answered, and
// what should be fetched before somebody asks (SEEDS A5, A6). Entries that are hot are made fresh shortly before their end; what
// probably comes next is fetched ahead, as nobody in particular: no cookie and no credential ever goes along. Both spend a budget.
import type { Prediction } from "../core/cache/sequence.ts";
import { ageMs, freshMs } from "../core/cache/usability.ts";
import { earn, finished, judge, refreshAheadMs, spend } from "../core/cache/warmth.ts";
import { hash32 } from "../core/stats/hash.ts";
import type { CacheKeeper } from "../platform/cache/keeper.ts";
import type { PrefetchOptions } from "../platform/cache/observer.ts";
import { describe } from "./cache-rule.ts";
import { revalidate } from "./revalidate.ts";
import type { Walk } from "./walk.ts";

/** URLs longer than this are not learned. */
const LONGEST_URL = 500;
const MOST_AWAITED = 1_000;
/** How long something that was fetched ahead may wait to be asked for. */
const AWAITED_MS = 300_000;
/** Fields of the request at hand that shape the answer and say nothing of who asks. */
const SHAPING = ["accept", "accept-language", "accept-encoding", "user-agent"] as const;

export function observe(walk: Walk): void {
  const { cache } = walk.policy.policy;
  if (cache === false || walk.cacheKey === "" || walk.isBackground) return;
  const { keeper } = walk.gateway;
  if (keeper.ahead.has(walk.request)) return;
  const { cacheEntry: entry, cacheKey: key } = walk;
  const now = walk.arrivedAt;
  // A stored answer that the origin had to confirm is no hit: the origin was asked.
  const isHit = entry !== undefined && walk.attempts === 0;
  const isStale = isHit && freshMs(entry.meta, now) <= 0;
  const access = {
    outcome: isHit ? (isStale ? "stale" : "hit") : "miss",
    stored: walk.cacheStored,
    savedMs: isHit ? entry.meta.upstreamMs : 0,
    bytes: isHit ? Math.max(0, entry.meta.bodyBytes) : 0,
  } as const;
  const { label } = keeper.observer.saw(key, access, () => describe(walk));
  if (isHit) keeper.levels?.used(entry, walk.ctx);
  const { prefetch } = cache;
  const warms = prefetch !== false && prefetch.enabled;
  if (!warms) {
    if (keeper.scores) keeper.observer.heat(label, now);
    return;
  }
  earn(keeper.warm, prefetch);
  const isHot = keeper.observer.heat(label, now, prefetch);
  if (isHit && isHot) keepWarm(walk, prefetch, now);
  if (isPublic(walk) && (isHit || walk.cacheStored)) learn(walk, keeper, prefetch, now);
}

/** A hot entry is made fresh before its end, by whoever passes by at the right time. */
function keepWarm(walk: Walk, prefetch: PrefetchOptions, now: number): void {
  const { cache } = walk.policy.policy;
  const entry = walk.cacheEntry!;
  const { meta } = entry;
  const leftMs = freshMs(meta, now);
  if (cache === false || walk.request.method !== "GET" || leftMs <= 0 || meta.range !== undefined) return;
  if (leftMs > refreshAheadMs(leftMs + ageMs(meta, now))) return;
  const { keeper, cache: store } = walk.gateway;
  if (store.fills.has(walk.cacheKey) || !spend(keeper.warm, false, now, prefetch)) return;
  revalidate(walk, cache, walk.cacheKey, entry);
  const fill = store.fills.get(walk.cacheKey);
  const over = (): void => finished(keeper.warm);
  if (fill === undefined) over();
  else void fill.done.then(over);
}

/** Anybody might have asked it: what was answered is nobody's own. */
function isPublic(walk: Walk): boolean {
  return walk.request.method === "GET" && !walk.hasCredential && !walk.headers.has("cookie");
}

function learn(walk: Walk, keeper: CacheKeeper, prefetch: PrefetchOptions, now: number): void {
  const url = walk.publicUrl;
  settle(keeper, url, now, prefetch);
  if (url.length > LONGEST_URL) return;
  const client = hash32(`${walk.address} ${walk.headers.get("user-agent") ?? ""}`);
  for (const prediction of keeper.observer.next(client, featuresOf(walk), url, now, prefetch)) {
    if (keeper.awaited.has(prediction.key)) continue;
    if (!spend(keeper.warm, true, now, prefetch)) break;
    walk.ctx.waitUntil(fetchAhead(walk, keeper, prediction));
  }
}

/** What was fetched ahead and is asked for now was right; what was not asked for in time was not. */
function settle(keeper: CacheKeeper, url: string, now: number, prefetch: PrefetchOptions): void {
  const until = keeper.awaited.get(url);
  if (until !== undefined && keeper.awaited.delete(url)) judge(keeper.warm, now <= until, now, prefetch);
  for (const [other, end] of keeper.awaited) {
    if (end > now && keeper.awaited.size < MOST_AWAITED) break;
    keeper.awaited.delete(other);
    judge(keeper.warm, false, now, prefetch);
  }
}

async function fetchAhead(walk: Walk, keeper: CacheKeeper, { key: url }: Prediction): Promise<void> {
  const headers = new Headers({ "sec-purpose": "prefetch" });
  for (const name of SHAPING) {
    const value = walk.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const request = new Request(url, { headers });
  keeper.ahead.add(request);
  try {
    const answer = await walk.gateway.serve!(request, walk.ctx);
    const status = answer.headers.get("cache-status") ?? "";
    // What was at hand already cost nothing, and proves nothing.
    if (/sluice; hit/.test(status)) {
      keeper.warm.credit++;
      keeper.warm.fetched--;
    } else keeper.awaited.set(url, Date.now() + AWAITED_MS);
    await answer.body?.cancel();
  } finally {
    finished(keeper.warm);
  }
}

const KINDS: readonly (readonly [kind: string, words: RegExp])[] = [
  ["bot", /bot|crawl|spider|slurp/i],
  ["mobile", /mobile|android|iphone/i],
  ["browser", /mozilla/i],
];

/** Kind of client, its language, part of the day, and where the edge says it is. */
function featuresOf(walk: Walk): readonly string[] {
  const { headers } = walk;
  const agent = headers.get("user-agent") ?? "";
  const kind = KINDS.find(([, words]) => words.test(agent))?.[0] ?? "tool";
  const language = (headers.get("accept-language") ?? "").slice(0, 2).toLowerCase();
  const partOfDay = Math.floor((walk.arrivedAt % 86_400_000) / 21_600_000);
  const { country } = (walk.request.cf ?? {}) as IncomingRequestCfProperties;
  return [kind, language, String(partOfDay), country ?? ""];
}
