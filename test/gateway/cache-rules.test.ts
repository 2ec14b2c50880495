// The cache's rules over HTTP (SEEDS P12-P16): each strategy, what is keyed, what is kept for how long, and what no rule may do. The
// upstream counts, and answers each request with its number, so that a repeated number is a hit.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open, send, type Sent } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import type { Fields } from "../support/sockets.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Reply, Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
/** What an upstream says beside its number, by path. */
const answers = new Map<string, Reply>();

beforeAll(async () => {
  upstream = await startUpstream(async (exchange) => {
    const { request } = exchange;
    if (request.method === "POST") await exchange.whole();
    const { headers = {}, ...rest } = answers.get(request.path) ?? {};
    const type = { "Content-Type": "application/json" };
    const body = `{"number":${request.number},"body":${JSON.stringify(request.body.toString())}}`;
    return { body, ...rest, headers: { ...type, ...(headers as Record<string, string>) } };
  });
  const bucketSeconds = 3600;
  rig = await startRig({
    gateways: 2,
    policy: inFrontOf(upstream, {
      sections: {
        cache: {
          tiers: ["memory"],
          rules: [
            // The four of the seed, as they ship.
            {
              match: "GET /api/v1/users/*",
              ttlSeconds: 300,
              varyBy: ["Authorization"],
              strategy: "user_context",
              priority: 10,
              tags: ["users"],
            },
            { match: "GET /api/v1/config/*", ttlSeconds: 3600, priority: 20 },
            {
              match: "POST /api/v1/query",
              ttlSeconds: 60,
              varyBy: ["payload_hash"],
              conditions: { maxPayloadBytes: 10_240 },
              priority: 5,
            },
            {
              match: "GET /api/v1/reports/*",
              ttlSeconds: 1800,
              varyBy: ["Authorization", "date_range"],
              strategy: "temporal_patterns",
              priority: 15,
              bucketSeconds,
              query: { mode: "only", names: [] },
            },
            { match: "GET /smart/*", ttlSeconds: 100, strategy: "intelligent_adaptive" },
            { match: "GET /query/*", ttlSeconds: 100, query: { mode: "except", names: ["utm"], sort: true } },
            { match: "GET /learned/*", ttlSeconds: 2, targetStaleness: 0.5 },
            { match: "GET /override/*", ttlSeconds: 100, mode: "override" },
            { match: "GET /negative/*", ttlSeconds: 100, negativeTtlSeconds: 50 },
            { match: "GET /varied/*", ttlSeconds: 100, varyBy: ["header:X-Tenant", "cookie:theme"] },
            {
              match: "GET /conditions/*",
              ttlSeconds: 100,
              conditions: { contentTypes: ["text/*"], maxEntryBytes: 100 },
            },
          ],
        },
      },
    }),
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

interface Got {
  readonly number: number;
  readonly status: string;
  readonly ttl: number;
}

async function ask(target: string, headers: Fields = {}, more: Partial<Sent> = {}): Promise<Got> {
  const answer = await send(rig.g1, { target, headers, ...more });
  const status = answer.header("cache-status") ?? "";
  const { number } = answer.text === "" ? { number: -1 } : (answer.json() as { number: number });
  return { number, status, ttl: Number(/ttl=(-?\d+)/.exec(status)?.[1] ?? Number.NaN) };
}

async function sameFor(target: string, one: Fields, two: Fields, more: Partial<Sent> = {}): Promise<boolean> {
  const first = await ask(target, one, more);
  return (await ask(target, two, more)).number === first.number;
}

const alice = { Authorization: "Bearer alice" };
const bob = { Authorization: "Bearer bob" };

describe("user_context", () => {
  test("each user has an entry, and nobody sees another's", async () => {
    expect(await sameFor("/api/v1/users/1", alice, alice)).toBe(true);
    expect(await sameFor("/api/v1/users/1", alice, bob)).toBe(false);
    expect(await sameFor("/api/v1/users/1", alice, {})).toBe(false);
    expect((await ask("/api/v1/users/1", alice)).ttl).toBeGreaterThan(290);
  });

  test("those who are nobody share one; a Cookie that says who they may be passes by", async () => {
    expect(await sameFor("/api/v1/users/2", {}, {})).toBe(true);
    expect(await sameFor("/api/v1/users/2", {}, { Cookie: "session=1" })).toBe(false);
    expect(await sameFor("/api/v1/users/2", { Cookie: "session=1" }, { Cookie: "session=1" })).toBe(false);
  });
});

describe("content_based", () => {
  test("one entry for all", async () => {
    expect(await sameFor("/api/v1/config/a", { "Accept-Language": "en" }, { "Accept-Language": "fr" })).toBe(true);
    expect((await ask("/api/v1/config/a")).ttl).toBeGreaterThan(3500);
  });

  test("a credential that the key does not name gets no lifetime of the rule's", async () => {
    expect(await sameFor("/api/v1/config/b", alice, bob)).toBe(false);
    expect(await sameFor("/api/v1/config/c", { Cookie: "a=1" }, { Cookie: "a=1" })).toBe(false);
  });
});

describe("a POST that a rule takes", () => {
  const post = (body: string): Partial<Sent> => ({ method: "POST", body });

  test("is answered from the cache, by its payload", async () => {
    expect(await sameFor("/api/v1/query", {}, {}, post('{"q":1}'))).toBe(true);
    const one = await ask("/api/v1/query", {}, post('{"q":2}'));
    const two = await ask("/api/v1/query", {}, post('{"q":3}'));
    expect(two.number).not.toBe(one.number);
    expect((await ask("/api/v1/query", {}, post('{"q":2}'))).number).toBe(one.number);
    expect((await ask("/api/v1/query", {}, post('{"q":2}'))).status).toContain("hit");
  });

  test("reaches the upstream with its body whole, whatever its length and framing", async () => {
    for (const bytes of [0, 1, 10_240, 10_241, 300_000]) {
      const body = "x".repeat(bytes);
      const answer = await send(rig.g1, { method: "POST", target: "/api/v1/query", body });
      expect((answer.json() as { body: string }).body.length).toBe(bytes);
      async function* chunks(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes; at += 5_000) yield Buffer.from(body.slice(at, at + 5_000).replace(/^x/, "y"));
      }
      const chunked = await send(rig.g1, { method: "POST", target: "/api/v1/query", body: chunks() });
      expect((chunked.json() as { body: string }).body.length).toBe(bytes);
    }
  });

  test("that its client breaks off, past the bound, never looks whole to the upstream", async () => {
    const before = upstream.requests.length;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(20_000, "z");
      await new Promise(() => undefined);
    }
    const talk = open(rig.g1, { method: "POST", target: "/api/v1/query", body: endless() });
    talk.head.catch(() => undefined);
    const request = await upstream.received(before + 1);
    talk.socket.destroy();
    await upstream.until(() => request.connection.closedMs !== undefined, "the end of the connection");
    expect(request.wholeMs).toBeUndefined();
  });

  test("over the rule's bound is not cached, and another method never", async () => {
    expect(await sameFor("/api/v1/query", {}, {}, post("x".repeat(10_241)))).toBe(false);
    expect(await sameFor("/api/v1/query", {}, {}, { method: "PUT", body: "1" })).toBe(false);
    expect(await sameFor("/elsewhere", {}, {}, post("1"))).toBe(false);
  });
});

describe("temporal_patterns", () => {
  test("entries differ by the days asked for, and end with their bucket", async () => {
    expect(await sameFor("/api/v1/reports/r?from=2026-01-01&to=2026-01-31", {}, {})).toBe(true);
    const january = await ask("/api/v1/reports/r?from=2026-01-01&to=2026-01-31");
    expect((await ask("/api/v1/reports/r?from=2026-02-01&to=2026-02-28")).number).not.toBe(january.number);
    expect((await ask("/api/v1/reports/r?to=2026-01-31&from=2026-01-01&page=1")).number).toBe(january.number);
    const leftSeconds = 3600 - (Math.floor(Date.now() / 1000) % 3600);
    expect(january.ttl).toBeLessThanOrEqual(Math.min(1800, leftSeconds + 1));
  });
});

describe("intelligent_adaptive", () => {
  test("stores what the score is for, for an adaptive lifetime", async () => {
    answers.set("/smart/quick", {});
    expect(await sameFor("/smart/quick", {}, {})).toBe(false);
    answers.set("/smart/slow", { delayMs: 700 });
    expect(await sameFor("/smart/slow", {}, {})).toBe(true);
    const { ttl } = await ask("/smart/slow");
    expect(ttl).toBeGreaterThan(70);
    expect(ttl).toBeLessThanOrEqual(80);
    answers.set("/smart/picture", { headers: { "Content-Type": "image/png" } });
    expect(await sameFor("/smart/picture", {}, {})).toBe(true);
  });
});

describe("what else a rule may say", () => {
  test("parameters that mean nothing, in any order", async () => {
    const first = await ask("/query/a?b=1&a=2&utm=mail");
    expect((await ask("/query/a?a=2&utm=web&b=1")).number).toBe(first.number);
    expect((await ask("/query/a?a=3&b=1")).number).not.toBe(first.number);
    // The upstream got the query as it was sent.
    expect(upstream.requests.find(({ target }) => target.includes("utm=mail"))!.target).toBe(
      "/query/a?b=1&a=2&utm=mail",
    );
  });

  test("a field and a cookie of its own, secrets never shown", async () => {
    expect(await sameFor("/varied/a", { "X-Tenant": "a" }, { "X-Tenant": "b" })).toBe(false);
    expect(await sameFor("/varied/a", { "X-Tenant": "a" }, { "X-Tenant": "a" })).toBe(true);
    expect(await sameFor("/varied/b", { Cookie: "theme=dark; x=1" }, { Cookie: "x=2; theme=dark" })).toBe(true);
    expect(await sameFor("/varied/b", { Cookie: "theme=dark" }, { Cookie: "theme=light" })).toBe(false);
  });

  test("answers that say no, for as long as it says", async () => {
    answers.set("/negative/a", { status: 404 });
    expect(await sameFor("/negative/a", {}, {})).toBe(true);
    expect((await ask("/negative/a")).ttl).toBeLessThanOrEqual(50);
    answers.set("/negative/b", { status: 503 });
    expect(await sameFor("/negative/b", {}, {})).toBe(false);
  });

  test("its word against the origin's: respected, or overridden, but never over private and no-store", async () => {
    answers.set("/api/v1/config/short", { headers: { "Cache-Control": "max-age=7" } });
    await ask("/api/v1/config/short");
    expect((await ask("/api/v1/config/short")).ttl).toBeLessThanOrEqual(7);
    answers.set("/override/short", { headers: { "Cache-Control": "max-age=7" } });
    await ask("/override/short");
    expect((await ask("/override/short")).ttl).toBeGreaterThan(90);
    for (const word of ["private", "no-store"]) {
      answers.set(`/override/${word}`, { headers: { "Cache-Control": word } });
      expect(await sameFor(`/override/${word}`, {}, {})).toBe(false);
    }
  });

  test("types and sizes it is for", async () => {
    expect(await sameFor("/conditions/json", {}, {})).toBe(false);
    answers.set("/conditions/text", { headers: { "Content-Type": "text/plain; charset=utf-8" } });
    expect(await sameFor("/conditions/text", {}, {})).toBe(true);
  });

  test("without a rule there is no lifetime", async () => {
    expect(await sameFor("/free", {}, {})).toBe(false);
  });
});

describe("a learned lifetime", () => {
  test("is the rule's own until four fetches were seen, and then what the changes allow", async () => {
    // It never changes: a validator says so at each fetch.
    answers.set("/learned/still", { headers: { ETag: '"same"' } });
    await ask("/learned/still");
    expect((await ask("/learned/still")).ttl).toBeLessThanOrEqual(2);
    for (let fetched = 0; fetched < 6; fetched++) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await ask("/learned/still", { "Cache-Control": "no-cache" });
    }
    expect((await ask("/learned/still")).ttl).toBeGreaterThan(2);
    const answer = await rig.admin("cache/lookup", {
      method: "POST",
      body: JSON.stringify({ url: `${rig.g1}/learned/still` }),
    });
    const { learned } = (await answer.json()) as {
      learned: { visits: number; ttlSeconds: number; expectedStaleness: number };
    };
    expect(learned.visits).toBeGreaterThanOrEqual(4);
    expect(learned.expectedStaleness).toBeLessThanOrEqual(0.5);
  });

  test("is what all isolates have seen together", async () => {
    const target = "/learned/together";
    const headers = { Host: "shop.example" };
    answers.set(target, { headers: { ETag: '"same"' } });
    const fetchAt = (gateway: number) =>
      send(rig.origin(gateway), { target, headers: { ...headers, "Cache-Control": "no-cache" } });
    // The other isolate has fetched it once, and knows nothing of its own.
    await fetchAt(2);
    const known = async () => {
      const answer = await rig.admin(
        "cache/lookup",
        { method: "POST", body: JSON.stringify({ url: `http://shop.example${target}` }) },
        2,
      );
      const { learned } = (await answer.json()) as { learned?: { visits: number; fleetVisits: number } };
      return learned ?? { visits: 0, fleetVisits: 0 };
    };
    await expect
      .poll(
        async () => {
          await fetchAt(1);
          // Its reports bring what was learned.
          await send(rig.origin(2), { target: "/free", headers });
          return (await known()).fleetVisits;
        },
        { timeout: 20_000, interval: 300 },
      )
      .toBeGreaterThanOrEqual(4);
    expect((await known()).visits).toBe(0);
    const stats = (await (await rig.admin("cache/stats")).json()) as { learned: { name: string; visits: number }[] };
    expect(stats.learned.find(({ name }) => name === `GET shop.example${target}`)!.visits).toBeGreaterThanOrEqual(4);
  });
});

describe("what an operator is told", () => {
  const lookUp = async (question: object) => {
    const answer = await rig.admin("cache/lookup", { method: "POST", body: JSON.stringify(question) });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Record<string, unknown>;
  };

  test("what a request would find, by which rule and why, and no secret", async () => {
    await ask("/api/v1/users/9", alice);
    const url = `${rig.g1}/api/v1/users/9`;
    const found = await lookUp({ url, headers: alice });
    expect(found).toMatchObject({
      would: "hit",
      level: "memory",
      rule: { id: "GET /api/v1/users/*", strategy: "user_context" },
      variants: [{ tags: ["users"], lifetimeFrom: "rule", purge: "stands" }],
    });
    expect(JSON.stringify(found)).not.toContain("alice");
    expect(await lookUp({ url, headers: bob })).toMatchObject({
      would: "miss",
      why: "nothing is stored under its key",
    });
    expect(await lookUp({ method: "DELETE", url })).toMatchObject({ would: "bypass" });
    const payload = '{"q":"looked up"}';
    await ask("/api/v1/query", {}, { method: "POST", body: payload });
    expect(await lookUp({ method: "POST", url: `${rig.g1}/api/v1/query`, body: payload })).toMatchObject({
      would: "hit",
    });
  });

  test("every factor of a lifetime", async () => {
    const found = await lookUp({ url: `${rig.g1}/smart/slow` });
    expect(found).toMatchObject({
      would: "hit",
      score: { score: 0.8, store: true, factors: [{ name: "base" }, { name: "slow" }, { name: "json" }] },
      adaptiveTtl: { seconds: 80, baseSeconds: 100, factors: [{ name: "json", by: 0.8 }] },
    });
  });
});
