// The contract of a level for those that need no workerd: memory, Redis (a real redis-server), and levels put together.
import { afterAll, beforeAll } from "vitest";
import { Presence } from "../../worker/core/cache/presence.ts";
import { BlobTier } from "../../worker/platform/cache/blobs.ts";
import { LayeredTier } from "../../worker/platform/cache/layered.ts";
import { MemoryTier } from "../../worker/platform/cache/memory.ts";
import { REDIS_LARGEST_BYTES, RedisBlobs } from "../../worker/platform/cache/redis.ts";
import { apart, MemoryBlobs } from "../support/blobs.ts";
import { NOW } from "../support/entries.ts";
import { startUpstashFront } from "../support/upstash-front.ts";
import type { UpstashFront } from "../support/upstash-front.ts";
import { tierSuite } from "./tier-suite.ts";

const limits = { timeoutMs: 2_000, largestBytes: REDIS_LARGEST_BYTES, fewestSeconds: 1 };
let front: UpstashFront;
let rooms = 0;

beforeAll(async () => {
  front = await startUpstashFront();
});
afterAll(() => front?.close());

tierSuite("memory", () => new MemoryTier(1_000_000));

tierSuite("redis", () => {
  const blobs = new RedisBlobs({ url: front.url, token: front.token, prefix: "test", timeoutMs: 2_000 });
  return new BlobTier("redis", apart(blobs, String(rooms++)), limits, () => NOW);
});

tierSuite("layered", () => {
  const level = (name: "edge" | "global") => new BlobTier(name, new MemoryBlobs(), limits, () => NOW);
  return new LayeredTier({
    below: [level("edge"), level("global")],
    usual: ["memory", "edge", "global"],
    admitAfter: 1,
    presence: new Presence(),
  });
});
