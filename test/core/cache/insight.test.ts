import { describe, expect, test } from "vitest";
import {
  analyseCache,
  cacheInsight,
  hearCache,
  loadCache,
  readCache,
  saveCache,
  type CacheInsight,
} from "../../../worker/core/cache/insight.ts";
import type { CacheNews, UsageCounts } from "../../../worker/core/protocol/cache-news.ts";

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;

const news = (changes: Partial<CacheNews> = {}): CacheNews => ({ keys: {}, patterns: {}, admitted: [], ...changes });
const of = (name: string, counts: UsageCounts): CacheNews =>
  news({ keys: { [`GET a${name}`]: { pattern: name, counts } }, patterns: { [name]: counts } });

function heard(...all: CacheNews[]): CacheInsight {
  const state = cacheInsight(NOW);
  for (const each of all) hearCache(state, each, NOW);
  return state;
}

describe("sums", () => {
  test("regions add up", () => {
    const reading = readCache(heard(of("/x", [8, 1, 2, 2, 80, 800]), of("/x", [2, 0, 8, 3, 20, 200])), 7);
    const expected = { hits: 10, stale: 1, misses: 10, stored: 5, hitRatio: 0.5, savedMs: 100, bytes: 1000, wasted: 0 };
    expect(reading.total).toMatchObject(expected);
    expect(reading.keys).toEqual([{ name: "GET a/x", pattern: "/x", error: 0, ...expected }]);
    expect(reading.patterns).toEqual([{ name: "/x", ...expected }]);
    expect(reading.admitted).toBe(7);
  });

  test("stay bounded, and keep what is used often", () => {
    const state = heard();
    for (let n = 0; n < 3000; n++) {
      hearCache(state, of("/hot", [3, 0, 0, 0, 0, 0]), NOW);
      hearCache(state, of(`/cold/${n}`, [0, 0, 1, 0, 0, 0]), NOW);
    }
    expect(state.keys.count).toBeLessThanOrEqual(500);
    expect(state.patternOf.size).toBeLessThanOrEqual(1000);
    expect(state.patterns.size).toBeLessThanOrEqual(300);
    expect(readCache(state, 0).keys[0]).toMatchObject({ name: "GET a/hot", hits: 9000 });
  });

  test("old days count less", () => {
    const state = heard(of("/x", [100, 0, 0, 0, 0, 0]));
    hearCache(state, news(), NOW + DAY_MS);
    expect(readCache(state, 0).total.hits).toBe(50);
  });

  test("survive a restart", () => {
    const state = heard(
      of("/x", [8, 1, 2, 2, 80, 800]),
      news({ warm: { fetched: 4, used: 3, unused: 1, refused: 0 } }),
    );
    const again = loadCache(JSON.parse(JSON.stringify(saveCache(state))) as ReturnType<typeof saveCache>);
    expect(readCache(again, 0)).toEqual(readCache(state, 0));
    expect(readCache(again, 0).warm.precision).toBe(0.75);
  });
});

describe("advice", () => {
  const rules = { "GET /x": { ttlSeconds: 100, strategy: "content_based" } };
  const adviceOn = (name: string, counts: UsageCounts) => {
    const state = heard({ ...of(name, counts), rules });
    analyseCache(state, NOW + 1);
    return state.advice;
  };

  test.each<[string, string, UsageCounts, object | undefined]>([
    [
      "a rule that does well may keep longer",
      "GET /x",
      [900, 0, 100, 100, 0, 0],
      { kind: "raise_ttl", before: 100, after: 130 },
    ],
    ["one whose entries are over too soon", "GET /x", [20, 0, 80, 20, 0, 0], { kind: "raise_ttl", after: 200 }],
    ["one that stores for nothing", "GET /x", [2, 0, 98, 98, 0, 0], { kind: "drop_rule" }],
    ["a path that nothing is stored of", "/free", [0, 0, 100, 0, 0, 0], { kind: "add_rule", target: "/free" }],
    ["one that does as it should", "GET /x", [50, 0, 50, 50, 0, 0], undefined],
    ["too little to say anything", "GET /x", [40, 0, 5, 5, 0, 0], undefined],
  ])("%s", (_, name, counts, expected) => {
    const advice = adviceOn(name, counts);
    if (expected === undefined) expect(advice).toEqual([]);
    else expect(advice).toMatchObject([expected]);
  });

  test("newer advice stands in the place of older; what came before is not judged twice", () => {
    const state = heard({ ...of("GET /x", [900, 0, 100, 100, 0, 0]), rules });
    analyseCache(state, NOW + 1);
    analyseCache(state, NOW + 2);
    hearCache(state, of("GET /x", [5, 0, 95, 20, 0, 0]), NOW + 3);
    analyseCache(state, NOW + 4);
    expect(state.advice).toHaveLength(1);
    expect(state.advice[0]).toMatchObject({ id: "cache.2", after: 200 });
  });
});
