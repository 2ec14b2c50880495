// Levels put together: who is asked, what moves up, what is let in where it costs.
import { expect, test } from "vitest";
import { Presence } from "../../../worker/core/cache/presence.ts";
import { BlobTier, blobName } from "../../../worker/platform/cache/blobs.ts";
import { LayeredTier } from "../../../worker/platform/cache/layered.ts";
import { MemoryBlobs } from "../../support/blobs.ts";
import { entryMeta, NOW } from "../../support/entries.ts";

const LIMITS = { timeoutMs: 50, largestBytes: 1_000_000, fewestSeconds: 1 };
const hello = (): Uint8Array<ArrayBuffer> => new Uint8Array([104, 105]);
const meta = entryMeta({ key: "k", bodyBytes: 2 });

function stack(presence = new Presence(), shared = new MemoryBlobs()) {
  const work: Promise<unknown>[] = [];
  const [edge, global] = [new MemoryBlobs(), shared];
  const layered = new LayeredTier({
    below: [new BlobTier("edge", edge, LIMITS, () => NOW), new BlobTier("global", global, LIMITS, () => NOW)],
    usual: ["memory", "edge", "global"],
    admitAfter: 2,
    presence,
  });
  const background = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) };
  return { layered, edge, global, background, settled: () => Promise.all(work) };
}

test("an answer goes to the cheap levels at once, and to a costly one when it was used twice", async () => {
  const { layered, edge, global, background, settled } = stack();
  await layered.put(meta, hello(), background);
  expect([edge.held.size, global.held.size]).toEqual([1, 0]);
  const use = async () => layered.used((await layered.variants("k"))[0]!, background);
  await use();
  await settled();
  expect(global.held.size).toBe(0);
  await use();
  await settled();
  expect(global.held.size).toBe(1);
  expect(layered.drain()).toEqual([blobName("k").slice(0, 16)]);
  expect(layered.drain()).toEqual([]);
  // What has proven itself is written through when it is fetched again.
  global.held.clear();
  await layered.put(meta, hello(), background);
  expect(global.held.size).toBe(1);
});

test("where no cheaper level is named, a costly one takes what comes", async () => {
  const { layered, edge, global, background } = stack();
  await layered.put({ ...meta, tiers: ["global"] }, hello(), background);
  expect([edge.held.size, global.held.size]).toEqual([0, 1]);
  expect((await layered.variants("k", ["global"])).map(({ level }) => level)).toEqual(["global"]);
});

test("a miss asks a costly level only where it may hold the key", async () => {
  const { layered, edge, global } = stack();
  await layered.variants("never seen");
  expect([edge.reads, global.reads]).toEqual([1, 0]);
  expect(layered.spared).toBe(1);
});

test("what another isolate stored is found, and moves up", async () => {
  const shared = new MemoryBlobs();
  const presence = new Presence();
  const one = stack(presence, shared);
  await one.layered.put(meta, hello(), one.background);
  for (let n = 0; n < 2; n++) one.layered.used((await one.layered.variants("k"))[0]!, one.background);
  await one.settled();
  const two = stack(presence, shared);
  const [found] = await two.layered.variants("k");
  expect(found!.level).toBe("global");
  two.layered.used(found!, two.background);
  await two.settled();
  expect(two.edge.held.size).toBe(1);
  expect((await two.layered.variants("k"))[0]!.level).toBe("edge");
});

test("a rule's levels are the only ones it uses", async () => {
  const { layered, edge, global, background } = stack();
  await layered.put({ ...meta, tiers: ["memory"] }, hello(), background);
  expect(edge.held.size + global.held.size).toBe(0);
  await layered.put({ ...meta, tiers: ["memory", "edge"] }, hello(), background);
  expect(await layered.variants("k", ["memory"])).toEqual([]);
  expect(await layered.variants("k", ["edge"])).toHaveLength(1);
  for (let n = 0; n < 3; n++)
    layered.used({ meta: { ...meta, tiers: ["edge"] }, body: hello(), level: "memory" }, background);
  expect(global.held.size).toBe(0);
});

test("forgetting and validating reach every level", async () => {
  const { layered, edge, background } = stack();
  await layered.put(meta, hello(), background);
  expect(await layered.update({ ...meta, etag: '"2"' }, background)).toBe(true);
  expect((await layered.variants("k"))[0]!.meta.etag).toBe('"2"');
  await layered.delete("k");
  expect(edge.held.size).toBe(0);
});

test("a stream that no level takes is let go of, or it would heap up behind the answer it was split from", async () => {
  const { layered, background } = stack();
  const cancelled: string[] = [];
  const streaming = (name: string, bytes: number) => ({
    bytes,
    open: async () => new ReadableStream<Uint8Array>({ cancel: () => void cancelled.push(name) }),
  });
  await layered.put({ ...meta, tiers: ["memory"] }, streaming("nowhere", 10), background);
  await layered.put(meta, streaming("too large", 2_000_000), background);
  await layered.put({ ...meta, lifetimeMs: 0 }, streaming("over at once", 10), background);
  expect(cancelled).toEqual(["nowhere", "too large", "over at once"]);
});
