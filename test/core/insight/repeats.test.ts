import { expect, it } from "vitest";
import { findRepeats, keyedBy, play, takeRepeats, type Repeats } from "../../../worker/core/insight/repeats.ts";
import type { RepeatRow } from "../../../worker/core/protocol/suggestions.ts";

interface Asked {
  /** Seconds between requests. */
  every: number;
  count: number;
  value: (n: number, at: number) => string;
  who?: (n: number) => string;
  key?: (n: number) => string;
}

function target({ every, count, value, who = () => "n", key = () => "k" }: Asked): Repeats {
  const targets = new Map<string, Repeats>();
  const rows = Array.from({ length: count }, (_, n): RepeatRow => {
    const at = 1_000_000 + n * every * 1_000;
    return {
      route: "r",
      pattern: "/p",
      key: key(n),
      who: who(n),
      value: value(n, at),
      at,
      upstreamMs: 50,
      bytes: 1_000,
    };
  });
  takeRepeats(targets, rows);
  return [...targets.values()][0]!;
}
const found = (asked: Asked, share = 1) => findRepeats(target(asked), share);

it("the same answer again and again is worth the longest lifetime that was seen to hold", () => {
  expect(found({ every: 1, count: 100, value: () => "same" })).toMatchObject({
    ttlSeconds: 60,
    keyed: { credential: false, cookie: false },
    played: { differed: 0 },
    callers: 1,
  });
  expect(found({ every: 4, count: 100, value: () => "same" })!.ttlSeconds).toBe(300);
});

it("answers that change are worth as long as they stand, and no longer", () => {
  const changing = found({ every: 0.5, count: 200, value: (_, at) => String(Math.floor(at / 400_000)) });
  expect(changing!.ttlSeconds).toBe(60);
  expect(found({ every: 1, count: 100, value: (n) => String(n) })).toBeUndefined();
  expect(found({ every: 1, count: 100, value: (n) => String(n % 7 === 0) })).toBeUndefined();
});

it("too little, or too seldom asked for, is no finding", () => {
  expect(found({ every: 1, count: 15, value: () => "same" })).toBeUndefined();
  expect(found({ every: 0.01, count: 200, value: () => "same" })).toBeUndefined();
  expect(found({ every: 1, count: 100, value: () => "same", key: (n) => `k${n}` })).toBeUndefined();
});

it("who brings a credential or a cookie has entries of his own, whether or not the answers were alike", () => {
  const alike = found({ every: 1, count: 200, value: () => "same", who: (n) => `c:${n % 3}` })!;
  expect(alike).toMatchObject({ keyed: { credential: true, cookie: false }, callers: 3, differsByCaller: false });
  const own = found({ every: 1, count: 200, value: (n) => `of ${n % 3}`, who: (n) => `k:${n % 3}` })!;
  expect(own).toMatchObject({
    keyed: { credential: false, cookie: true },
    differsByCaller: true,
    played: { differed: 0 },
  });
});

it("answers that differ between identities are never found for all", () => {
  // One and the same caller is told different things as well: then there is nothing to keep.
  expect(found({ every: 1, count: 200, value: (n) => `${n % 3}`, who: () => "n" })).toBeUndefined();
  expect(keyedBy(target({ every: 1, count: 3, value: () => "", who: (n) => ["n", "b:1", "n"][n]! }).rows)).toEqual({
    credential: true,
    cookie: true,
  });
});

it("plays a cache through: an entry answers until its end, and the first after it brings the next", () => {
  const { rows } = target({ every: 2, count: 5, value: (n) => (n < 2 ? "a" : "b") });
  // Seconds 0 2 4 6 8: stored at 0, answered at 2 and 4 (differs), stored at 6, answered at 8.
  expect(play(rows, { credential: false, cookie: false }, 5)).toEqual({ hits: 3, differed: 1 });
});

it("what is looked at stands for all of it", () => {
  const all = found({ every: 1, count: 200, value: () => "same" })!;
  const share = found({ every: 1, count: 200, value: () => "same" }, 0.01)!;
  expect(share.perHour.requests).toBeCloseTo(100 * all.perHour.requests);
  expect(share.hitRatio).toBeGreaterThan(all.hitRatio);
  expect(all.perHour.ms).toBeCloseTo(all.perHour.spared * 50);
});

it("is bounded in targets and rows", () => {
  const targets = new Map<string, Repeats>();
  const row = { key: "k", who: "n", value: "v", upstreamMs: 1, bytes: 1, route: "r" };
  for (let n = 0; n < 500; n++) takeRepeats(targets, [{ ...row, pattern: `/p${n}`, at: n }]);
  for (let n = 0; n < 2_000; n++) takeRepeats(targets, [{ ...row, pattern: "/p499", at: n }]);
  expect(targets.size).toBe(64);
  expect(targets.get("r\n/p499")!.rows.length).toBeLessThanOrEqual(400);
});
