// Purges over HTTP: by URL, prefix, tag, pattern and all, hard and soft, obeyed in three regions within five seconds, also by an isolate
// that was idle, and by entries that lie in this colo's cache and in KV. A purge is stored, audited, and survives a crash.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get, send } from "../support/client.ts";
import { expectProblem } from "../support/problem.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
const HOST = { Host: "shop.example" };
const WITHIN_MS = 5_000;
const NEWS_PATIENCE_MS = 100;

beforeAll(async () => {
  upstream = await startUpstream(({ request }) => ({
    headers: {
      "Cache-Control": "max-age=600",
      "Cache-Tag": request.path.startsWith("/tagged") ? "red, green" : "",
      ETag: '"1"',
    },
    body: String(request.number),
  }));
  rig = await startRig({
    gateways: 3,
    regions: ["weur", "enam", "apac"],
    policy: inFrontOf(upstream, {
      sections: {
        cache: {
          tiers: ["memory", "edge"],
          rules: [{ match: "GET /ruled/*", tags: ["ruled"], query: { mode: "only", names: ["id"] } }],
        },
        regions: {
          weur: { latitude: 52, longitude: 5 },
          enam: { latitude: 40, longitude: -74 },
          apac: { latitude: 1, longitude: 103 },
        },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const numberAt = async (gateway: number, target: string): Promise<string> =>
  (await get(rig.origin(gateway), target, HOST)).text;

/** Fetched and in the cache of every gateway; what each of them holds. */
async function warm(target: string): Promise<string[]> {
  const held: string[] = [];
  for (const gateway of [1, 2, 3]) {
    await numberAt(gateway, target);
    held.push(await numberAt(gateway, target));
  }
  return held;
}

async function purge(question: object): Promise<{ number: number; heard: Record<string, boolean> }> {
  const answer = await rig.admin("cache/purge", { method: "POST", body: JSON.stringify(question) });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { number: number; heard: Record<string, boolean> };
}

/** Until no gateway answers with what it held, and no longer than every region has to obey. */
async function obeyed(target: string, held: readonly string[], withinMs = WITHIN_MS): Promise<boolean> {
  const end = Date.now() + withinMs;
  for (const gateway of [1, 2, 3]) {
    while (held.includes(await numberAt(gateway, target))) {
      if (Date.now() > end) throw new Error(`gateway ${gateway} still answers ${target} as before`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return true;
}

async function stands(target: string, held: readonly string[]): Promise<void> {
  for (const gateway of [1, 2, 3]) expect(held).toContain(await numberAt(gateway, target));
}

describe("in every region", () => {
  test.each<[string, object, string, string]>([
    ["a URL", { url: "http://shop.example/a?x=1" }, "/a?x=1", "/a?x=2"],
    [
      "a URL, whatever the rule leaves out",
      { url: "http://shop.example/ruled/1?id=1" },
      "/ruled/1?id=1&utm=a",
      "/ruled/1?id=2",
    ],
    ["a prefix", { prefix: "/images/" }, "/images/a/b", "/image"],
    ["a tag of the origin", { tag: "green" }, "/tagged/1", "/untagged/1"],
    ["a tag of a rule", { tag: "ruled" }, "/ruled/2", "/unruled/2"],
    ["a pattern", { pattern: "/users/*/orders*" }, "/users/7/orders?page=1", "/users/7"],
  ])("%s goes, and nothing else", async (_, question, target, other) => {
    const [held, others] = [await warm(target), await warm(other)];
    const { heard } = await purge(question);
    expect(heard).toEqual({ weur: true, enam: true, apac: true });
    expect(await obeyed(target, held)).toBe(true);
    await stands(other, others);
  });

  test("all goes, and what is fetched afterwards stays", async () => {
    const held = [await warm("/all/1"), await warm("/all/2")];
    await purge({ all: true });
    expect(await obeyed("/all/1", held[0]!)).toBe(true);
    expect(await obeyed("/all/2", held[1]!)).toBe(true);
    await stands("/all/1", await warm("/all/1"));
  });
});

test("a soft purge makes stale: the origin is asked about what is stored, and answers with what it was asked for", async () => {
  await warm("/soft");
  await purge({ url: "/soft", soft: true });
  const before = upstream.requests.length;
  const answer = await get(rig.g1, "/soft", HOST);
  expect(answer.status).toBe(200);
  const seen = upstream.requests.slice(before);
  expect(seen.map((request) => request.header("if-none-match"))).toEqual(['"1"']);
});

test("an unsafe request that one region saw ends what the others hold (RFC 9111 §4.4), and nothing else", async () => {
  const [held, others] = [await warm("/changed"), await warm("/unchanged")];
  expect((await send(rig.g1, { method: "POST", target: "/changed", headers: HOST, body: "new" })).status).toBe(200);
  // The one that saw it knows at once.
  expect(held).not.toContain(await numberAt(1, "/changed"));
  // Four hops of a second each at most, on a machine that has time for them.
  expect(await obeyed("/changed", held, 20_000)).toBe(true);
  await stands("/unchanged", others);
  // What was fetched since stays.
  const anew = [await numberAt(1, "/changed"), await numberAt(2, "/changed"), await numberAt(3, "/changed")];
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await stands("/changed", anew);
});

test("an isolate that was idle obeys with its next answer", async () => {
  const held = await warm("/idle");
  // Longer than control news is good for.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  await purge({ url: "/idle" });
  for (const gateway of [2, 3]) {
    const next = await get(rig.origin(gateway), "/idle", HOST);
    // A request waits no longer for its region: on a machine that has no time for the region either, the last known stands.
    if (next.totalMs < NEWS_PATIENCE_MS) expect(held).not.toContain(next.text);
  }
  expect(await obeyed("/idle", held)).toBe(true);
});

test("a purge outlives a crash, and is obeyed by entries that do too", async () => {
  const held = await warm("/crash");
  await purge({ url: "/crash" });
  await rig.kill();
  await rig.restart();
  for (const gateway of [1, 2, 3]) expect(held).not.toContain(await numberAt(gateway, "/crash"));
});

describe("the API", () => {
  test.each([[{}], [{ url: "/a", tag: "b" }], [{ tag: "" }], [{ colour: "red" }]])("refuses %j", async (question) => {
    const answer = await rig.admin("cache/purge", { method: "POST", body: JSON.stringify(question) });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toContain("problem+json");
  });

  test("asks for a token", async () => {
    expectProblem(await get(rig.g1, "/_sluice/admin/cache/stats"), 401);
  });

  test("writes down who purged what", async () => {
    await purge({ tag: "written-down", soft: true });
    const { items } = (await (await rig.admin("audit")).json()) as { items: { action: string; detail: string }[] };
    expect(items.find(({ action }) => action === "cache.purge")?.detail).toBe("soft tag written-down");
  });
});
