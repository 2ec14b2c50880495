// A30: a level that is slow, fails or lies costs no request anything but its timeout, and soon not even that. Redis is a real one behind a
// front that misbehaves; entries that it holds already are found again when it is well.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstashFront } from "../support/upstash-front.ts";
import type { Misbehaviour, UpstashFront } from "../support/upstash-front.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

const REQUESTS = 200;
const HOST = { Host: "shop.example" };
let upstream: Upstream;
let redis: UpstashFront;
let rig: Rig;

beforeAll(async () => {
  redis = await startUpstashFront();
  upstream = await startUpstream(({ request }) => ({
    headers: { "Cache-Control": "max-age=600" },
    body: `${request.path} ${request.number}`,
  }));
  rig = await startRig({
    gateways: 2,
    vars: { REDIS_URL: redis.url, REDIS_TOKEN: redis.token },
    policy: inFrontOf(upstream, {
      sections: {
        cache: {
          tiers: ["memory", "redis"],
          admitAfter: 1,
          redis: { url: { secret: "REDIS_URL" }, token: { secret: "REDIS_TOKEN" } },
        },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  await redis?.close();
});

interface Level {
  readonly name: string;
  readonly stored: number;
  readonly lies: number;
  readonly reads: number;
  readonly failures: number;
  readonly timeouts: number;
}

async function isolateOf(gateway: number): Promise<{ levels: Level[]; presence: number }> {
  const stats = await (await rig.admin("cache/stats", {}, gateway)).json();
  return (stats as { isolate: { levels: Level[]; presence: number } }).isolate;
}

const levelOf = async (gateway: number): Promise<Level> =>
  (await isolateOf(gateway)).levels.find(({ name }) => name === "redis")!;

async function until(met: () => Promise<boolean>, what: string, withinMs = 25_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await met())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sixteen at a time: each of its own key, or all of one. */
async function requests(target: (n: number) => string): Promise<{ ok: number; p99Ms: number }> {
  const took: number[] = [];
  let ok = 0;
  for (let at = 0; at < REQUESTS; at += 16) {
    const some = Array.from({ length: Math.min(16, REQUESTS - at) }, (_, n) => get(rig.g1, target(at + n)));
    for (const answer of await Promise.all(some)) {
      took.push(answer.totalMs);
      if (answer.status === 200) ok++;
    }
  }
  return { ok, p99Ms: took.sort((a, b) => a - b)[Math.ceil(took.length * 0.99) - 1]! };
}

test("A30: what one isolate stored another finds, once it is told", async () => {
  await get(rig.g1, "/shared", HOST);
  const held = (await get(rig.g1, "/shared", HOST)).text;
  await until(async () => (await levelOf(1)).stored > 0, "an entry in Redis");
  // Told by way of reports and KV: both isolates need traffic meanwhile.
  await until(async () => {
    for (const origin of [rig.g1, rig.g2]) await get(origin, `/tell?${Math.random()}`);
    return (await isolateOf(2)).presence > 0;
  }, "word of it in the second isolate");
  const found = await get(rig.g2, "/shared", HOST);
  expect(found.text).toBe(held);
  expect(found.header("cache-status")).toMatch(/hit.*detail=redis/);
  expect((await get(rig.g2, "/shared", HOST)).header("cache-status")).toMatch(/hit.*detail=memory/);
});

describe("A30: Redis", () => {
  let bareMs = 0;
  beforeAll(async () => {
    bareMs = (await requests((n) => `/bare/${n}`)).p99Ms;
  });

  test.each<[Misbehaviour, string]>([
    ["slow", "3 s slow"],
    ["hangs", "silent"],
    ["fails", "answering 500"],
    ["html", "answering HTML"],
    ["number", "answering another shape"],
    ["another", "answering another key's entry"],
  ])("%s: 200 of 200", async (how) => {
    redis.behave = how;
    // Twice: the second time of keys that are kept, and would be read from Redis.
    const cold = await requests((n) => `/${how}/${n}`);
    const warm = await requests((n) => `/${how}/${n}`);
    expect([cold.ok, warm.ok]).toEqual([REQUESTS, REQUESTS]);
    // A machine that runs other tests meanwhile is slow by itself: the allowance is wide, a wait for Redis would be wider.
    expect(cold.p99Ms).toBeLessThan(bareMs + 1_500);
    redis.behave = "well";
  });
});

test("A30: lies and failures are counted", async () => {
  const { failures, timeouts } = await levelOf(1);
  expect(failures + timeouts).toBeGreaterThan(0);
});
