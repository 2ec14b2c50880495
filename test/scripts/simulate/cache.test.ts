// The cache's simulation: what it reads, that a run can be repeated, and that warmth pays where visitors have habits.
import { describe, expect, test } from "vitest";
import * as v from "valibot";
import { runCacheCommand } from "../../../scripts/simulate/cache/command.ts";
import { parseLog, parseLogLine, visitors } from "../../../scripts/simulate/cache/log.ts";
import { replay, type Mode } from "../../../scripts/simulate/cache/replay.ts";
import { cacheOptions } from "../../../worker/core/cache/options.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const SITE = { sessions: 1500, hours: 2, pages: 1000, skew: 0.8, habit: 0.8 };

describe("the Common Log Format", () => {
  test.each([
    [
      '192.0.2.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.0" 200 2326',
      { atMs: Date.UTC(2000, 9, 10, 20, 55, 36), client: "192.0.2.1", agent: "", url: "/a?b=1", bytes: 2326 },
    ],
    [
      '2001:db8::1 - - [01/Jan/2026:00:00:00 +0100] "GET / HTTP/1.1" 304 - "http://x/" "Mozilla/5.0"',
      { atMs: Date.UTC(2025, 11, 31, 23), client: "2001:db8::1", agent: "Mozilla/5.0", url: "/", bytes: 0 },
    ],
    ['192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "POST /a HTTP/1.1" 200 1', undefined],
    ['192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 500 1', undefined],
    ["something else", undefined],
  ])("%s", (line, request) => {
    expect(parseLogLine(line)).toEqual(request);
  });

  test("is put in order, and what is not read is counted", () => {
    const line = (second: string): string =>
      `a - - [10/Oct/2000:13:55:${second} +0000] "GET /${second} HTTP/1.1" 200 1`;
    const log = parseLog([line("30"), "", "noise", line("10")].join("\n"));
    expect(log.requests.map(({ url }) => url)).toEqual(["/10", "/30"]);
    expect(log.skipped).toBe(1);
  });
});

describe("a replay", () => {
  const { prefetch } = v.parse(cacheOptions, { prefetch: { trafficShare: 0.1 } });
  if (prefetch === false) throw new TypeError("prefetch is off");
  const run = (mode: Mode, seed: number, habit = SITE.habit) =>
    replay(visitors({ ...SITE, habit }, seededChance(seed)), {
      ...prefetch,
      mode,
      ttlSeconds: 120,
      cacheBytes: 32_000_000,
      fetchMs: 80,
    });

  test("is decided by its seed", () => {
    expect(run("both", 3)).toEqual(run("both", 3));
    expect(run("both", 3).hits).not.toBe(run("both", 4).hits);
  });

  test("gains hits where visitors have habits, and keeps to its share of traffic", () => {
    const [plain, both] = [run("none", 3), run("both", 3)];
    expect(both.hitRatio).toBeGreaterThan(plain.hitRatio + 0.02);
    expect(both.precision).toBeGreaterThan(0.6);
    expect(both.prefetched + both.refreshed).toBeLessThanOrEqual(both.requests * 0.1 + 13);
  });

  test("guesses little where they have none", () => {
    const both = run("predict", 3, 0);
    expect(both.prefetched).toBeLessThan(both.requests * 0.02);
  });
});

test("the command answers, and says what is wrong", async () => {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    isInteractive: false,
    folder: "/",
  };
  expect(await runCacheCommand(["--sessions", "200", "--hours", "1", "--pages", "100"], terminal)).toBe(0);
  expect(out.join("\n")).toMatch(/hit ratio[\s\S]*both/);
  expect(await runCacheCommand(["--log", "not-there.log"], terminal)).toBe(2);
  expect(await runCacheCommand(["--share", "7"], terminal)).toBe(2);
  expect(err.join("\n")).toMatch(/cannot be read[\s\S]*from 0 to 1/);
});
