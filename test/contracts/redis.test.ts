// Redis as a level when Redis is not well: it holds nothing, in time, and is asked once a call.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BlobTier, blobName } from "../../worker/platform/cache/blobs.ts";
import { RedisBlobs } from "../../worker/platform/cache/redis.ts";
import { entryMeta, NOW } from "../support/entries.ts";
import { startUpstashFront } from "../support/upstash-front.ts";
import type { Misbehaviour, UpstashFront } from "../support/upstash-front.ts";

const background = { waitUntil: () => undefined };
const LIMITS = { timeoutMs: 300, largestBytes: 1_000_000, fewestSeconds: 1 };
const hello = (): Uint8Array<ArrayBuffer> => new Uint8Array([104, 105]);

describe("Redis", () => {
  let front: UpstashFront;
  beforeAll(async () => {
    front = await startUpstashFront();
  });
  afterAll(() => front?.close());

  const level = (timeoutMs = 300, token = front.token): BlobTier => {
    const blobs = new RedisBlobs({ url: front.url, token, prefix: "sluice", timeoutMs });
    return new BlobTier("redis", blobs, { ...LIMITS, timeoutMs }, () => NOW);
  };

  test("keys carry the prefix and hold nothing of the request; they end with the entry", async () => {
    const key = "GET https://example.com/?token=secret\n/*";
    await level(2000).put(entryMeta({ key, bodyBytes: 2 }), hello(), background);
    expect(await front.send("KEYS", "*")).toEqual([`sluice:cache:${blobName(key)}`]);
    expect(await front.send("TTL", `sluice:cache:${blobName(key)}`)).toBe(60);
  });

  test.each<[Misbehaviour]>([["hangs"], ["slow"], ["fails"], ["html"], ["number"], ["another"]])(
    "that %s holds nothing, and is asked once a call",
    async (how) => {
      const redis = level();
      await level(2000).put(entryMeta({ key: "k", bodyBytes: 2 }), hello(), background);
      front.behave = how;
      const before = front.commands.length;
      const began = performance.now();
      expect(await redis.variants(how === "another" ? "not-there" : "k")).toEqual([]);
      expect(performance.now() - began).toBeLessThan(1500);
      expect(front.commands.length - before).toBe(1);
      front.behave = "well";
      expect(await level(2000).variants("k")).toHaveLength(1);
    },
  );

  test("that refuses the token, or is gone, holds nothing", async () => {
    expect(await level(300, "wrong").variants("k")).toEqual([]);
    const gone = new RedisBlobs({ url: "http://127.0.0.1:9", token: "t", prefix: "x", timeoutMs: 300 });
    expect(await new BlobTier("redis", gone, LIMITS, () => NOW).variants("k")).toEqual([]);
  });
});
