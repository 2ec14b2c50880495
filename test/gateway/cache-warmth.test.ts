// Keeping warm over HTTP (SEEDS A5, A6, P17): a hot entry is made fresh before it ends, what probably comes next is fetched ahead as nobody in
// particular, guesses that do not pay stop, and all of it is told.
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import type { Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: { "Cache-Control": `max-age=${request.path.startsWith("/hot") ? 3 : 600}` },
    body: String(request.number),
  }));
  rig = await startRig({
    policy: inFrontOf(upstream, {
      sections: { cache: { tiers: ["memory"], prefetch: { trafficShare: 1 }, rules: [{ match: "GET /a/*" }] } },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const seen = (path: string): number => upstream.requests.filter((request) => request.path === path).length;
const browser = (name: string): Fields => ({ "User-Agent": `Mozilla/5.0 (${name})`, "Accept-Language": "en" });

async function until(met: () => Promise<boolean> | boolean, what: string, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await met())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Warmth {
  isolate: { fetched: number; used: number; unused: number; precision: number; hot: [string, number][] };
}
const warmth = async (): Promise<Warmth> => (await (await rig.admin("cache/warmth")).json()) as Warmth;

test("an entry that is asked for often is made fresh before its end: nobody waits for it", async () => {
  for (let n = 0; n < 8; n++) await get(rig.g1, "/hot/1");
  const statuses: string[] = [];
  await until(async () => {
    statuses.push((await get(rig.g1, "/hot/1")).header("cache-status") ?? "");
    return seen("/hot/1") >= 3;
  }, "two refreshes");
  expect(statuses.every((status) => status.includes("hit"))).toBe(true);
  expect((await warmth()).isolate.hot.some(([label]) => label.endsWith("/hot/1"))).toBe(true);
});

test("what follows by habit is fetched ahead, without anybody's credentials, and its use is counted", async () => {
  for (let n = 0; n < 5; n++) {
    await get(rig.g1, "/a/1", browser(`v${n}`));
    await get(rig.g1, "/a/2", browser(`v${n}`));
  }
  // What is predicted is at hand already: purged, it is worth a fetch again.
  await rig.admin("cache/purge", { method: "POST", body: JSON.stringify({ url: "/a/2" }) });
  const before = seen("/a/2");
  await get(rig.g1, "/a/1", browser("next"));
  await until(() => seen("/a/2") > before, "a fetch of what comes next");
  const ahead = upstream.requests.filter(({ path }) => path === "/a/2").at(-1)!;
  expect(ahead.header("sec-purpose")).toBe("prefetch");
  expect(ahead.header("cookie")).toBeUndefined();
  expect(ahead.header("authorization")).toBeUndefined();
  await until(
    async () => (await get(rig.g1, "/a/2", browser("next"))).header("cache-status")!.includes("hit"),
    "a hit",
  );
  expect(seen("/a/2")).toBe(before + 1);
  await until(async () => (await warmth()).isolate.used >= 1, "its use");
});

test("what a user with a credential does is not learned from", async () => {
  for (let n = 0; n < 6; n++) {
    for (const path of ["/b/1", "/b/2"]) await get(rig.g1, path, { ...browser(`u${n}`), Authorization: "Bearer x" });
  }
  const before = seen("/b/2");
  await get(rig.g1, "/b/1", browser("other"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(seen("/b/2")).toBe(before);
});

test("what the cache is worth is told, over all isolates", async () => {
  interface Stats {
    total: { hits: number; misses: number; hitRatio: number; bytes: number };
    patterns: { name: string; hits: number }[];
  }
  let stats: Stats | undefined;
  await until(async () => {
    await get(rig.g1, "/hot/1");
    stats = (await (await rig.admin("cache/stats")).json()) as Stats;
    return stats.total.hits > 10 && stats.patterns.some(({ name }) => name === "GET /a/*");
  }, "hits in the sums");
  expect(stats!.total.hitRatio).toBeGreaterThan(0);
  expect(stats!.total.bytes).toBeGreaterThan(0);
  const keys = (await (await rig.admin("cache/keys")).json()) as { items: { name: string }[] };
  expect(keys.items.some(({ name }) => name.endsWith("/hot/1"))).toBe(true);
});
