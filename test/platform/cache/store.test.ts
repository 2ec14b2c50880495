import { expect, test } from "vitest";
import { CacheStore } from "../../../worker/platform/cache/store.ts";
import type { CacheTier, Purges, StoredEntry } from "../../../worker/platform/cache/tier.ts";
import { entryMeta } from "../../support/entries.ts";

const NOW = Date.now();
const background = { waitUntil: () => undefined };
const body = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

function store(): CacheStore {
  const made = new CacheStore();
  made.sized(1_000_000);
  return made;
}

/** A lower level that writes down what it is asked. */
function level(): CacheTier & { readonly said: string[] } {
  const said: string[] = [];
  return {
    name: "below",
    said,
    variants: () => Promise.resolve([]),
    put: (meta) => {
      said.push(`put ${meta.key} ${meta.variant}`);
      return Promise.resolve(true);
    },
    update: (meta) => {
      said.push(`update ${meta.key} ${meta.variant}`);
      return Promise.resolve(true);
    },
    delete: (key) => {
      said.push(`delete ${key}`);
      return Promise.resolve();
    },
  };
}

test("a fetch under way is found by its key until it has ended, and tells how", async () => {
  const cache = store();
  const fill = cache.lead("k", NOW);
  expect(cache.fills.get("k")).toBe(fill);
  fill.end("stored");
  fill.end("alone");
  expect(await fill.done).toBe("stored");
  expect(cache.fills.size).toBe(0);
});

test("fetches that have lost their requests do not pile up", () => {
  const cache = store();
  for (let n = 0; n < 3_000; n++) cache.lead(`lost ${n}`, NOW);
  cache.lead("late", NOW + 120_000);
  expect(cache.fills.size).toBe(1);
});

test("a key is uncacheable for its time, or until something could be stored", () => {
  const cache = store();
  cache.markUncacheable("k", NOW + 10);
  expect(cache.uncacheableUntil("k", NOW + 9)).toBeGreaterThan(0);
  expect(cache.uncacheableUntil("k", NOW + 10)).toBe(0);
  cache.markUncacheable("k", NOW + 10);
  cache.markCacheable("k");
  expect(cache.uncacheableUntil("k", NOW)).toBe(0);
});

test("what is kept, updated and forgotten is so in every level", () => {
  const cache = store();
  const below = level();
  cache.below = below;
  const entry = cache.keep(entryMeta({ key: "k" }), body("a"), background)!;
  cache.update(entry, entryMeta({ key: "k", etag: '"2"' }), background);
  cache.update(entry, entryMeta({ key: "k", variant: "new" }), background);
  expect(cache.memory.peek("k").map(({ meta }) => meta.variant)).toEqual(["new", ""]);
  cache.forget("k", background);
  expect(cache.memory.peek("k")).toEqual([]);
  expect(below.said).toEqual(["put k ", "update k ", "put k new", "delete k"]);
});

test("an entry that a rule keeps out of memory is only in the levels below", () => {
  const cache = store();
  const below = level();
  cache.below = below;
  expect(cache.keep(entryMeta({ key: "k", tiers: ["edge"] }), body("a"), background)).toBeUndefined();
  expect(cache.memory.peek("k")).toEqual([]);
  expect(below.said).toEqual(["put k "]);
});

test("all keys of a URL are forgotten together, and what was asked for before that is not kept", () => {
  const cache = store();
  const url = "https://example.com/a";
  for (const key of ["k1", "k2"]) cache.keep(entryMeta({ key, url }), body("a"), background);
  cache.keep(entryMeta({ key: "other", url: "https://example.com/b" }), body("b"), background);
  cache.forgetUrl(url, "k", background);
  expect(cache.memory.peek("k1")).toEqual([]);
  expect(cache.memory.peek("k2")).toEqual([]);
  expect(cache.memory.peek("other")).toHaveLength(1);
  expect(cache.forgottenSince("k1", NOW - 1)).toBe(true);
  expect(cache.forgottenSince("k1", Date.now() + 1)).toBe(false);
  expect(cache.forgottenSince("other", 0)).toBe(false);
});

test("purges are asked once an epoch about an entry that stands", () => {
  const cache = store();
  let asked = 0;
  let verdict: "stands" | "gone" = "stands";
  const purges: { epoch: number } & Purges = {
    epoch: 1,
    verdict: () => {
      asked++;
      return verdict;
    },
  };
  cache.purges = purges;
  const entry: StoredEntry = cache.keep(entryMeta({ key: "k" }), body("a"), background)!;
  for (let n = 0; n < 5; n++) expect(cache.verdict(entry)).toBe("stands");
  expect(asked).toBe(1);
  purges.epoch = 2;
  verdict = "gone";
  expect(cache.verdict(entry)).toBe("gone");
  expect(asked).toBe(2);
});
