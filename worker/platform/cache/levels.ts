// The levels that a policy names, made for one isolate. A level whose secret is missing is left out: `ready` names the secret, and
// requests are answered without it.
import type { CacheOptions } from "../../core/cache/options.ts";
import type { Presence } from "../../core/cache/presence.ts";
import type { TierName } from "../../core/cache/influence.ts";
import { secretOf } from "../call-headers.ts";
import type { Env } from "../env.ts";
import { BlobTier, type Blobs, type BlobLimits } from "./blobs.ts";
import { EdgeBlobs } from "./edge.ts";
import { KV_FEWEST_SECONDS, KV_LARGEST_BYTES, KvBlobs } from "./global.ts";
import { LayeredTier } from "./layered.ts";
import { REDIS_LARGEST_BYTES, RedisBlobs } from "./redis.ts";

const BELOW: readonly Exclude<TierName, "memory">[] = ["edge", "global", "redis"];

/** Undefined when nothing lies below memory. */
export function levelsOf(options: CacheOptions, env: Env, presence: Presence): LayeredTier | undefined {
  const named = new Set<TierName>([...options.tiers, ...options.rules.flatMap(({ tiers }) => tiers ?? [])]);
  const below: BlobTier[] = [];
  for (const name of BELOW) {
    const store = named.has(name) ? storeOf(name, options, env) : undefined;
    if (store !== undefined) below.push(new BlobTier(name, store.blobs, store.limits));
  }
  if (below.length === 0) return undefined;
  return new LayeredTier({ below, usual: options.tiers, admitAfter: options.admitAfter, presence });
}

function storeOf(
  name: Exclude<TierName, "memory">,
  options: CacheOptions,
  env: Env,
): { blobs: Blobs; limits: BlobLimits } | undefined {
  const { tierTimeoutMs: timeoutMs, maxEntryBytes } = options;
  switch (name) {
    case "edge":
      if (env.CACHE_API === "none") return undefined;
      return { blobs: new EdgeBlobs(caches), limits: { timeoutMs, largestBytes: maxEntryBytes, fewestSeconds: 1 } };
    case "global": {
      const largestBytes = Math.min(maxEntryBytes, KV_LARGEST_BYTES);
      return { blobs: new KvBlobs(env.KV), limits: { timeoutMs, largestBytes, fewestSeconds: KV_FEWEST_SECONDS } };
    }
    case "redis": {
      const { redis } = options;
      if (redis === undefined) return undefined;
      const token = secretOf(redis.token, env);
      const url = typeof redis.url === "string" ? redis.url : secretOf(redis.url, env);
      if (token === undefined || url === undefined || URL.parse(url) === null) return undefined;
      const settings = { url, token, prefix: redis.prefix, timeoutMs: redis.timeoutMs };
      const largestBytes = Math.min(maxEntryBytes, REDIS_LARGEST_BYTES);
      const limits = { timeoutMs: redis.timeoutMs, largestBytes, fewestSeconds: 1 };
      return { blobs: new RedisBlobs(settings), limits };
    }
  }
}
