// The contract of a level for those that workerd is made of: this colo's cache and KV, alone and behind memory.
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { BlobTier, INLINE_BYTES } from "../../worker/platform/cache/blobs.ts";
import { EdgeBlobs } from "../../worker/platform/cache/edge.ts";
import { KvBlobs, KV_FEWEST_SECONDS, KV_LARGEST_BYTES } from "../../worker/platform/cache/global.ts";
import { apart } from "../support/blobs.ts";
import { entryMeta, NOW } from "../support/entries.ts";
import { tierSuite } from "./tier-suite.ts";

let rooms = 0;
const background = { waitUntil: () => undefined };

const edge = (): BlobTier => {
  const limits = { timeoutMs: 2_000, largestBytes: 10_485_760, fewestSeconds: 1 };
  return new BlobTier("edge", apart(new EdgeBlobs(caches), `edge${rooms++}`), limits, () => NOW);
};
const global = (): BlobTier => {
  const limits = { timeoutMs: 2_000, largestBytes: KV_LARGEST_BYTES, fewestSeconds: KV_FEWEST_SECONDS };
  return new BlobTier("global", apart(new KvBlobs(env.KV), `global${rooms++}`), limits, () => NOW);
};

tierSuite("edge", edge);
tierSuite("global", global);

describe.each([
  ["edge", edge],
  ["global", global],
] as const)("large bodies: %s", (_, make) => {
  const size = INLINE_BYTES + 1;
  const source = (bytes: number) => () => Promise.resolve(new Response(new Uint8Array(bytes).fill(7)).body!);

  test("stream in and out, beside their metadata", async () => {
    const level = make();
    expect(await level.put(entryMeta({ key: "k", bodyBytes: -1 }), { bytes: -1, open: source(size) }, background)).toBe(
      true,
    );
    const entry = (await level.variants("k")).at(0);
    expect(entry?.meta.bodyBytes).toBe(size);
    const body = entry?.body;
    if (body === undefined) throw new Error("it is not there");
    if (body instanceof Uint8Array) throw new Error("it came along");
    const bytes = new Uint8Array(await new Response(await body.open()).arrayBuffer());
    expect(bytes.byteLength).toBe(size);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  });

  test("that end early, or break off, or are not there, are never seen", async () => {
    const level = make();
    const broken = () =>
      Promise.resolve(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            controller.enqueue(new Uint8Array(1000));
            controller.error(new Error("cut"));
          },
        }),
      );
    expect(await level.put(entryMeta({ key: "k" }), { bytes: size + 1, open: source(size) }, background)).toBe(false);
    expect(await level.put(entryMeta({ key: "k" }), { bytes: -1, open: broken }, background)).toBe(false);
    expect(await level.put(entryMeta({ key: "k" }), { bytes: 5, open: async () => undefined }, background)).toBe(false);
    expect(await level.variants("k")).toEqual([]);
  });
});

test("KV is not asked to keep what is over in less than a minute", async () => {
  const level = global();
  expect(await level.put(entryMeta({ key: "k", lifetimeMs: 59_000 }), new Uint8Array(1), background)).toBe(false);
  expect(level.refused).toBe(1);
  expect(await level.variants("k")).toEqual([]);
});
