// The cache as an operator sees and commands it: purges, what it is worth, what a request would find and why, what is kept warm. A purge
// is stored by `ControlObject`, which also writes it down, and told to every region at once; isolates and levels that cannot be
// reached obey when they next answer from an older entry. Reading counts nothing and forwards nothing.
import { readPurge, purgeKey, purgeText } from "../core/cache/purge.ts";
import { precision } from "../core/cache/warmth.ts";
import { hexDigest } from "../platform/cache/digest.ts";
import { lookUp } from "../platform/cache/lookup.ts";
import type { CacheKeeper } from "../platform/cache/keeper.ts";
import { readShape } from "./body.ts";
import type { Asked } from "./context.ts";
import { cut, page, timedKey } from "./paging.ts";
import { lookupQuestion, purgeQuestion } from "./questions.ts";
import { refusal, unavailable } from "./refuse.ts";
import { tellRegions } from "./state.ts";

export async function purgeCache(c: Asked): Promise<Response> {
  const body = await readShape(c, purgeQuestion);
  if (!body.ok) return body.error;
  const purge = readPurge(body.value);
  if (typeof purge === "string") {
    return refusal(c, { code: "body_invalid", errors: [{ path: "", message: purge }] });
  }
  const change = { actor: c.get("actor"), note: "" };
  const stored = await c
    .get("isolate")
    .objects.askControl((control) => control.append("purge", purgeKey(purge), purgeText(purge), "cache.purge", change));
  if (!stored.ok) return unavailable(c);
  return c.json({ ...purge, number: stored.value, heard: await tellRegions(c) });
}

export async function lookUpCache(c: Asked): Promise<Response> {
  const asked = await readShape(c, lookupQuestion);
  if (!asked.ok) return asked.error;
  const isolate = c.get("isolate");
  const policy = await isolate.refresh(c.executionCtx, c.req.raw.cf as IncomingRequestCfProperties | undefined);
  const { cache } = isolate;
  if (policy === undefined || cache === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const { method, url, headers, body } = asked.value;
  const absolute = url.startsWith("/") ? new URL(c.req.url).origin + url : url;
  if (!URL.canParse(absolute)) {
    return refusal(c, { code: "body_invalid", errors: [{ path: "url", message: "must be a URL or a path" }] });
  }
  let fields: Headers;
  try {
    fields = new Headers(headers);
  } catch {
    return refusal(c, { code: "body_invalid", errors: [{ path: "headers", message: "must hold header values" }] });
  }
  const bytes = body === undefined ? undefined : new Uint8Array(new TextEncoder().encode(body));
  const question = {
    method: method.toUpperCase(),
    url: new URL(absolute).href,
    headers: fields,
    payloadBytes: bytes?.byteLength ?? 0,
    payloadHash: bytes === undefined ? "" : await hexDigest(bytes),
  };
  return c.json({ region: isolate.region.name, ...(await lookUp(cache, policy, question, Date.now())) });
}

/** This isolate's own view, and the sums over all regions. */
export async function getCacheStats(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const reading = await isolate.objects.askInsight((insight) => insight.cacheReading());
  if (!reading.ok) return unavailable(c);
  const { since, total, patterns, advice, learned, admitted, analysedAt, warm } = reading.value;
  const { cache } = isolate;
  return c.json({
    since: new Date(since).toISOString(),
    total,
    patterns,
    warm,
    advice,
    learned,
    analysedAt: new Date(analysedAt).toISOString(),
    admitted,
    isolate: cache === undefined ? null : isolateShown(cache),
  });
}

function isolateShown({ store, levels, purges, presence, crowds, outdated }: CacheKeeper) {
  const { memory } = store;
  return {
    memory: { bytes: memory.bytes, maxBytes: memory.maxBytes, keys: memory.keys },
    repeats: { urls: memory.repeats.size, given: memory.repeats.given },
    levels: (levels?.levels.below ?? []).map((level) => ({
      name: level.name,
      hits: level.hits,
      misses: level.misses,
      stored: level.stored,
      refused: level.refused,
      lies: level.lies,
      reads: level.reads.calls,
      timeouts: level.reads.timeouts + level.writes.timeouts,
      failures: level.reads.failures + level.writes.failures,
      skipped: level.reads.skipped + level.writes.skipped,
      resting: level.reads.restUntil > Date.now(),
      lastFailure: level.reads.lastFailure || level.writes.lastFailure,
    })),
    acrossIsolates: { ...crowds.counts, lies: crowds.lies },
    promoted: levels?.promoted ?? 0,
    admitted: levels?.admitted ?? 0,
    sparedReads: levels?.spared ?? 0,
    presence: presence.count,
    purges: { lines: purges.count, newest: purges.newest },
    invalidations: { told: outdated.told, dropped: outdated.dropped, heard: purges.outdated.count },
  };
}

const WASTED_SHOWN = 50;

/** The most used keys, and those that were stored for nothing. */
export async function getCacheKeys(c: Asked): Promise<Response> {
  const asked = page(c);
  if (!asked.ok) return asked.error;
  const reading = await c.get("isolate").objects.askInsight((insight) => insight.cacheReading());
  if (!reading.ok) return unavailable(c);
  const { since, keys } = reading.value;
  const ranked = keys.map((key, rank) => ({ key, rank }));
  const { items, next } = cut(ranked, ({ rank }) => timedKey(rank, ""), asked.value);
  return c.json({
    since: new Date(since).toISOString(),
    items: items.map(({ key }) => key),
    next,
    wasted: keys
      .filter(({ wasted }) => wasted > 0)
      .toSorted((a, b) => b.wasted - a.wasted)
      .slice(0, WASTED_SHOWN),
  });
}

export async function getCacheWarmth(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const reading = await isolate.objects.askInsight((insight) => insight.cacheReading());
  const { cache } = isolate;
  const prefetch = isolate.policies.current?.policy.cache;
  const options = prefetch === undefined || prefetch === false ? false : prefetch.prefetch;
  return c.json({
    enabled: options !== false && options.enabled,
    fleet: reading.ok ? reading.value.warm : null,
    isolate:
      cache === undefined
        ? null
        : {
            ...cache.warm,
            precision: precision(cache.warm),
            off: cache.warm.offUntil > Date.now(),
            awaited: cache.awaited.size,
            clients: cache.observer.sequences.clients,
            transitions: cache.observer.sequences.transitions,
            hot: options === false ? [] : cache.observer.hotness.hot(Date.now(), options).slice(0, 50),
          },
  });
}
