// What an isolate sees of its cache: counts that are told once, and how answers change.
import { expect, test } from "vitest";
import { changeRate } from "../../../worker/core/cache/change-rate.ts";
import { CacheObserver } from "../../../worker/platform/cache/observer.ts";
import { entryMeta, NOW } from "../../support/entries.ts";

const hit = { outcome: "hit", stored: false, savedMs: 5, bytes: 10 } as const;
const miss = { outcome: "miss", stored: true, savedMs: 0, bytes: 0 } as const;
const named =
  (label: string, pattern = "/x") =>
  () => ({ label, pattern });

test("counts by key and pattern, told once", () => {
  const observer = new CacheObserver();
  observer.saw("k1", miss, named("GET a/1"));
  observer.saw("k1", hit, () => {
    throw new Error("its name is known");
  });
  observer.saw("k2", miss, named("GET a/2"));
  expect(observer.drain()).toEqual({
    keys: {
      "GET a/1": { pattern: "/x", counts: [1, 0, 1, 1, 5, 10] },
      "GET a/2": { pattern: "/x", counts: [0, 0, 1, 1, 0, 0] },
    },
    patterns: { "/x": [1, 0, 2, 2, 5, 10] },
  });
  expect(observer.drain()).toBeUndefined();
  expect(observer.experience("GET a/1", "/x", "k1").hitRatio).toBeCloseTo(1 / 3);
});

test("a flood of keys loses none of the counts of its patterns", () => {
  const observer = new CacheObserver();
  for (let n = 0; n < 5000; n++) observer.saw(`k${n}`, miss, named(`GET a/${n}`, `/p${n % 3}`));
  const news = observer.drain()!;
  expect(Object.keys(news.keys)).toHaveLength(50);
  expect(Object.values(news.patterns).reduce((sum, [, , misses]) => sum + misses, 0)).toBe(5000);
});

test("learns from validators, from the bodies where there are none, and from confirmations", () => {
  const observer = new CacheObserver();
  const at = (minute: number) => ({ receivedAt: NOW + minute * 60_000 });
  for (let n = 0; n < 10; n++)
    observer.fetched(entryMeta({ key: "etag", etag: `"${Math.floor(n / 5)}"`, ...at(n) }), "");
  expect(observer.changes("etag").visits.map(({ changed }) => changed)).toEqual([
    ...[false, false, false, false],
    true,
    ...[false, false, false, false],
  ]);
  for (let n = 0; n < 3; n++) observer.fetched(entryMeta({ key: "hash", ...at(n) }), n < 2 ? "aa" : "bb");
  expect(observer.changes("hash").visits.map(({ changed }) => changed)).toEqual([false, true]);
  observer.confirmed(entryMeta({ key: "hash", ...at(9) }));
  expect(observer.changes("hash").visits.at(-1)).toEqual({ elapsedMs: 7 * 60_000, changed: false });
  expect(changeRate(observer.changes("etag"))! * 60_000).toBeCloseTo(1 / 9, 1);
  observer.confirmed(entryMeta({ key: "never seen" }));
  expect(observer.changes("never seen").visits).toEqual([]);
});
