// Every KV key and object name stands here and nowhere else.
import { hash32 } from "../stats/hash.ts";

/** KV: the published policy document. */
export const POLICY_KEY = "policy/current";

/** KV: a blob of the cache's global level; `name` is a hash, with a reference behind it for a large body. */
export const cacheBlobKey = (name: string): string => `cache/${name}`;

/** KV: which keys the costly levels may hold. */
export const CACHE_PRESENCE_KEY = "cache-presence";

/** The one `ControlObject`. */
export const CONTROL_NAME = "control";

/** One `RegionObject` a region. */
export const regionObjectName = (region: string): string => `region:${region}`;

/** One `ServiceObject` a service and region. */
export const serviceObjectName = (service: string, region: string): string => `service:${service}@${region}`;

/** The one `InsightObject`. */
export const INSIGHT_NAME = "insight";

/** Limits and budgets are spread over this many objects by whom they count. */
export const LIMITER_SHARDS = 32;

/** One `LimiterObject` a shard. `who` is as stored (core/security/counted): no secret ever names an object. */
export const limiterObjectName = (shard: number): string => `limiter:${shard}`;
export const limiterShard = (who: string): number => hash32(who) % LIMITER_SHARDS;

/** KV: what is kept of an API key, its hash and whom it speaks for; `ControlObject` holds the original. */
export const apiKeyName = (id: string): string => `keys/${id}`;

/** Calls that may go together meet in one of so many `BatchObject`s. */
const BATCH_SHARDS = 64;
export const batchObjectName = (key: string): string => `batch:${hash32(key) % BATCH_SHARDS}`;

/** Isolates of one region that miss the same key meet in one of so many of its `BatchObject`s. */
export const CROWD_SHARDS = 16;
export const crowdShard = (key: string): number => hash32(key) % CROWD_SHARDS;
export const crowdObjectName = (region: string, shard: number): string => `crowd:${region}:${shard}`;
