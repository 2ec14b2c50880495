import { expect, test } from "vitest";
import { MemoryTier } from "../../../worker/platform/cache/memory.ts";
import { entryMeta } from "../../support/entries.ts";

const body = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

test("never holds more than its bytes: the least recently used goes", () => {
  const memory = new MemoryTier(100_000);
  for (let n = 0; n < 50; n++) {
    memory.keep(entryMeta({ key: `k${n}` }), body(10_000));
    memory.peek("k0");
    expect(memory.bytes).toBeLessThanOrEqual(100_000);
  }
  expect(memory.peek("k0")).toHaveLength(1);
  expect(memory.peek("k1")).toHaveLength(0);
  expect(memory.peek("k49")).toHaveLength(1);
});

test("refuses what is larger than its share, and forgets what that replaces", () => {
  const memory = new MemoryTier(100_000);
  expect(memory.keep(entryMeta({ key: "k" }), body(10))).toBeDefined();
  expect(memory.keep(entryMeta({ key: "k" }), body(20_000))).toBeUndefined();
  expect(memory.peek("k")).toHaveLength(0);
});

test("an update starts with nothing worked out", async () => {
  const memory = new MemoryTier(100_000);
  memory.keep(entryMeta({ key: "k" }), body(10))!.prepared = "fields";
  await memory.update(entryMeta({ key: "k", etag: '"2"' }), { waitUntil: () => undefined });
  expect(memory.peek("k")[0]!.prepared).toBeUndefined();
});
