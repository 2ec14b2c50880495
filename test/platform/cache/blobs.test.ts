// What a level made of blobs does when its store misbehaves: nothing, and it says so in its counters.
import { describe, expect, test } from "vitest";
import { encodeLine } from "../../../worker/core/cache/line.ts";
import { BlobTier, blobName, INLINE_BYTES } from "../../../worker/platform/cache/blobs.ts";
import { MemoryBlobs } from "../../support/blobs.ts";
import { entryMeta, NOW } from "../../support/entries.ts";

const background = { waitUntil: () => undefined };
const LIMITS = { timeoutMs: 50, largestBytes: 1_000_000, fewestSeconds: 1 };
const hello = (): Uint8Array<ArrayBuffer> => new Uint8Array([104, 105]);

function levelOver(blobs = new MemoryBlobs(), limits = LIMITS): { level: BlobTier; blobs: MemoryBlobs } {
  return {
    level: new BlobTier(
      "edge",
      blobs,
      limits,
      () => NOW,
      () => "ref-1",
    ),
    blobs,
  };
}

describe("a store that lies", () => {
  test.each([
    ["HTML", new TextEncoder().encode("<html>")],
    ["nothing at all", new Uint8Array(0)],
    ["another key's line", encodeLine([{ meta: entryMeta({ key: "other", bodyBytes: 2 }), body: hello() }])],
  ])("%s is ignored and counted", async (_, bytes) => {
    const { level, blobs } = levelOver();
    blobs.held.set(blobName("k"), new Uint8Array(bytes));
    expect(await level.variants("k")).toEqual([]);
    expect(level).toMatchObject({ lies: 1, misses: 1, hits: 0 });
  });

  test("is left alone after five lies in a row", async () => {
    const { level, blobs } = levelOver();
    blobs.instead = async () => new Uint8Array(3);
    for (let n = 0; n < 9; n++) await level.variants("k");
    expect(blobs.reads).toBe(5);
    expect(level.reads.skipped).toBe(4);
  });
});

test("a store that hangs costs its timeout, five times, and then nothing", async () => {
  const { level, blobs } = levelOver();
  blobs.instead = () => new Promise(() => undefined);
  for (let n = 0; n < 9; n++) expect(await level.variants("k")).toEqual([]);
  expect(level.reads.timeouts).toBe(5);
  expect(blobs.reads).toBe(5);
});

test("a large body lies beside its metadata, for longer than these", async () => {
  const { level, blobs } = levelOver();
  const large = new Uint8Array(INLINE_BYTES + 1).fill(3);
  expect(await level.put(entryMeta({ key: "k", bodyBytes: large.byteLength }), large, background)).toBe(true);
  expect(blobs.kept).toEqual([
    { name: `${blobName("k")}/ref-1`, keepSeconds: 3660 },
    { name: blobName("k"), keepSeconds: 60 },
  ]);
  const [entry] = await level.variants("k");
  if (entry!.body instanceof Uint8Array) throw new Error("it came along");
  expect((await new Response(await entry!.body.open()).arrayBuffer()).byteLength).toBe(large.byteLength);
});

test("what is too large is not kept, and what it would replace goes", async () => {
  const { level } = levelOver(new MemoryBlobs(), { ...LIMITS, largestBytes: 10 });
  await level.put(entryMeta({ key: "k" }), hello(), background);
  expect(await level.put(entryMeta({ key: "k" }), new Uint8Array(11), background)).toBe(false);
  expect(await level.variants("k")).toEqual([]);
});

test("a validation of one answer is none of another that lies there under the same name", async () => {
  const { level } = levelOver();
  await level.put(entryMeta({ key: "k", bodyBytes: 2, etag: '"old"' }), hello(), background);
  expect(await level.update(entryMeta({ key: "k", bodyBytes: 2, etag: '"new"' }), background)).toBe(false);
  expect(await level.update(entryMeta({ key: "k", bodyBytes: 3, etag: '"old"' }), background)).toBe(false);
  expect(await level.update(entryMeta({ key: "k", bodyBytes: 2, etag: '"old"', lifetimeMs: 1000 }), background)).toBe(
    true,
  );
});
