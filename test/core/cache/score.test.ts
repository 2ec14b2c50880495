import * as v from "valibot";
import { expect, test } from "vitest";
import { cacheOptions } from "../../../worker/core/cache/options.ts";
import { adaptiveTtl, storeScore, type Judged } from "../../../worker/core/cache/score.ts";

const { decision, adaptiveTtl: lifetimes, maxEntryBytes } = v.parse(cacheOptions, {});
const answer = (changes: Partial<Judged> = {}): Judged => ({
  status: 200,
  contentType: "application/json",
  bytes: 100,
  upstreamMs: 20,
  recentRequests: 0,
  hitRatio: 0,
  ...changes,
});

test.each<[string, Partial<Judged>, number, boolean]>([
  ["json alone is not enough: 0.6 is not above 0.6", {}, 0.6, false],
  ["slow json", { upstreamMs: 501 }, 0.8, true],
  ["500 ms is not slow", { upstreamMs: 500 }, 0.6, false],
  ["very slow json", { upstreamMs: 1001 }, 1, true],
  ["a picture", { contentType: "image/png" }, 0.8, true],
  ["a style", { contentType: "text/css" }, 0.8, true],
  ["a script", { contentType: "text/javascript" }, 0.8, true],
  ["plain text asked for often", { contentType: "text/plain", recentRequests: 11 }, 0.7, true],
  ["ten times is not often", { contentType: "text/plain", recentRequests: 10 }, 0.5, false],
  ["larger than 10 KiB", { contentType: "text/plain", bytes: 10_241 }, 0.6, false],
  ["larger than 100 KiB", { contentType: "text/plain", bytes: 102_401 }, 0.7, true],
  ["everything at once is 1", { bytes: 200_000, upstreamMs: 5000, recentRequests: 99 }, 1, true],
  ["an error never", { status: 500, upstreamMs: 5000 }, 1, false],
  ["over 10 MiB never", { bytes: 10_485_761, upstreamMs: 5000 }, 1, false],
  ["10 MiB may", { bytes: 10_485_760, upstreamMs: 5000 }, 1, true],
  ["an unknown type never", { contentType: "application/octet-stream", upstreamMs: 5000 }, 0.9, false],
])("P15: %s", (_, changes, score, store) => {
  const judged = storeScore(answer(changes), decision, maxEntryBytes);
  expect(judged).toMatchObject({ score, store });
  expect(
    Math.min(
      1,
      judged.factors.reduce((sum, { by }) => sum + by, 0),
    ),
  ).toBeCloseTo(score, 9);
});

test.each<[string, Partial<Judged>, number | undefined, number]>([
  ["json of 300 s", {}, undefined, 240],
  ["html", { contentType: "text/html" }, undefined, 360],
  ["slow json", { upstreamMs: 1001 }, undefined, 480],
  ["large text", { contentType: "text/plain", bytes: 102_401 }, undefined, 450],
  ["used often", { contentType: "text/plain", hitRatio: 0.81 }, undefined, 390],
  ["a rule's own base", { contentType: "text/plain" }, 1000, 1000],
  ["never below a minute", {}, 10, 60],
  ["never above two hours", { upstreamMs: 5000 }, 7000, 7200],
  ["all at once", { contentType: "text/html", bytes: 200_000, upstreamMs: 2000, hitRatio: 0.9 }, 100, 468],
])("P16: %s", (_, changes, base, seconds) => {
  const ttl = adaptiveTtl(answer(changes), base, lifetimes);
  expect(ttl.seconds).toBe(seconds);
  expect(ttl.baseSeconds).toBe(base ?? 300);
});

test("every factor is named", () => {
  const ttl = adaptiveTtl(answer({ bytes: 200_000, upstreamMs: 2000, hitRatio: 0.9 }), undefined, lifetimes);
  expect(ttl.factors).toEqual([
    { name: "json", by: 0.8 },
    { name: "large", by: 1.5 },
    { name: "slow", by: 2 },
    { name: "hit ratio", by: 1.3 },
  ]);
});
