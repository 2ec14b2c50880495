import { describe, expect, test } from "vitest";
import {
  addUsage,
  countAccess,
  hitRatio,
  keyLabel,
  noUsage,
  pathPattern,
  requestsOf,
  TopKeys,
  wasted,
  type Access,
} from "../../../worker/core/cache/analytics.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const access = (changes: Partial<Access> = {}): Access => ({
  outcome: "hit",
  stored: false,
  savedMs: 10,
  bytes: 100,
  ...changes,
});

test("what is counted", () => {
  const usage = noUsage();
  countAccess(usage, access({ outcome: "miss", stored: true }));
  countAccess(usage, access());
  countAccess(usage, access({ outcome: "stale" }));
  expect(usage).toEqual({ hits: 2, stale: 1, misses: 1, stored: 1, savedMs: 20, bytes: 200 });
  expect(hitRatio(usage)).toBeCloseTo(2 / 3);
  expect(wasted(usage)).toBe(0);
  expect(wasted({ ...noUsage(), stored: 5, hits: 2 })).toBe(3);
  expect(hitRatio(noUsage())).toBe(0);
  const sum = noUsage();
  addUsage(sum, usage);
  addUsage(sum, usage);
  expect(sum).toEqual({ hits: 4, stale: 2, misses: 2, stored: 2, savedMs: 40, bytes: 400 });
});

describe("a table of bounded size", () => {
  test("finds what is asked for often among a flood of what is not", () => {
    const chance = seededChance(3);
    const keys = new TopKeys(64);
    const truth = new Map<string, number>();
    for (let n = 0; n < 20_000; n++) {
      const key = chance() < 0.4 ? `hot-${Math.floor(chance() * 10)}` : `cold-${Math.floor(chance() * 100_000)}`;
      truth.set(key, (truth.get(key) ?? 0) + 1);
      keys.of(key).misses++;
    }
    expect(keys.count).toBe(64);
    const top = keys.top(10);
    expect(new Set(top.map(([key]) => key))).toEqual(new Set(Array.from({ length: 10 }, (_, n) => `hot-${n}`)));
    for (const [key, usage] of top) {
      expect(requestsOf(usage)).toBeLessThanOrEqual(truth.get(key)!);
      expect(requestsOf(usage) + usage.error).toBeGreaterThanOrEqual(truth.get(key)!);
    }
  });

  test("a newcomer inherits the count it displaced as its possible error", () => {
    const keys = new TopKeys(1);
    keys.of("a").misses += 5;
    expect(keys.of("b").error).toBe(5);
    expect(keys.peek("a")).toBeUndefined();
  });
});

test.each([
  ["HEAD", "a.example", "/x", "", "GET a.example/x"],
  ["GET", "a.example", "/x", "?q=1&token=abc&n=2", "GET a.example/x?q=1&token=…&n=2"],
  ["GET", "a.example", "/x", "?api_key=abc", "GET a.example/x?api_key=…"],
])("label of %s %s%s%s", (method, authority, path, query, label) => {
  expect(keyLabel(method, authority, path, query)).toBe(label);
});

test("a label is bounded", () => {
  expect(keyLabel("GET", "a", "/".padEnd(5000, "x"), "").length).toBe(200);
});

test.each([
  ["/users/123/orders", "/users/*/orders"],
  ["/a/b", "/a/b"],
  ["/v2/users/550e8400-e29b-41d4-a716-446655440000", "/v2/users/*"],
  ["/files/9f86d081884c7d65", "/files/*"],
  ["/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/*"],
  ["/api/v1/x", "/api/v1/x"],
])("pattern of %s", (path, pattern) => {
  expect(pathPattern(path)).toBe(pattern);
});
