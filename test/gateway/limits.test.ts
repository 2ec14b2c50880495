// Limits beyond their scenarios: what they cost in calls, what holds when the object is away or has crashed, how many may be
// under way at once, and that nobody's requests are counted for somebody else.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { open, send, type Answer } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Exchange, type Upstream } from "../support/upstream.ts";

const SECRET = "Bearer canary-of-a-header";
let upstream: Upstream;

const LIMITS = {
  small: { requestsPerMinute: 100, by: "address" },
  large: { requestsPerMinute: 10_000, by: "address" },
  huge: { requestsPerMinute: 100_000, by: "address" },
  two: { concurrent: 2, by: "address" },
  narrow: { concurrent: 1, requestsPerMinute: 4, by: "address" },
  header: { requestsPerMinute: 2, by: "header:Authorization" },
  route: { requestsPerMinute: 2, by: "route" },
  identity: { requestsPerMinute: 2, by: "identity" },
  key: { requestsPerMinute: 2, by: "key" },
  gold: { requestsPerMinute: 4, by: "identity" },
  block: { requestsPerMinute: 2, by: "address" },
  open: { requestsPerMinute: 2, by: "address", onFailure: "open" },
  closed: { requestsPerMinute: 2, by: "address", onFailure: "closed" },
} as const;

const policy = (): WrittenPolicy =>
  inFrontOf(upstream, {
    sections: {
      routes: Object.keys(LIMITS).map((name) => ({
        ...{ match: { path: `/${name}` }, service: "web", rateLimit: name },
        ...(name === "identity" || name === "key" ? { auth: "required" as const } : {}),
      })),
      security: { rateLimits: LIMITS, apiKeys: { pepper: { secret: "PEPPER" } } },
    },
  });

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
});
afterAll(() => upstream?.close());

type Name = keyof typeof LIMITS;
const ask = (rig: Rig, name: Name, address: string, gateway = 1, headers: Record<string, string> = {}) =>
  send(rig.origin(gateway), { target: `/${name}`, headers: { "CF-Connecting-IP": address, ...headers } });

async function sample(rig: Rig, pattern: RegExp): Promise<number> {
  const texts = await Promise.all(rig.origins.map(async (origin) => (await fetch(`${origin}/_sluice/metrics`)).text()));
  return [...texts.join("\n").matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
}
const calls = (rig: Rig) => sample(rig, /^sluice_offpath_calls_total\{.*dependency="limiter".*\} (\d+)$/gm);

describe("with objects that work", () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({ gateways: 3, policy: policy(), vars: { PEPPER: "a pepper nobody knows" } });
  });
  afterAll(() => rig?.close());
  beforeEach(() => upstream.clear());

  /** Requests over all gateways, a few at once; object calls for a thousand of those let pass. */
  async function cost(name: Name, count: number): Promise<{ passed: number; perThousand: number }> {
    const before = await calls(rig);
    const answers: Answer[] = [];
    for (let sent = 0; sent < count; sent += 12) {
      const some = Array.from({ length: Math.min(12, count - sent) }, (_, index) =>
        ask(rig, name, "203.0.113.1", (index % 3) + 1),
      );
      answers.push(...(await Promise.all(some)));
    }
    const passed = answers.filter(({ status }) => status === 200).length;
    return { passed, perThousand: ((await calls(rig)) - before) / (passed / 1_000) };
  }

  it("a small limit costs about a call a request, and is exact", async () => {
    const { passed, perThousand } = await cost("small", 150);
    expect(passed).toBe(100);
    expect(perThousand).toBeLessThanOrEqual(1_100);
  });

  it.each(["large", "huge"] as const)("a %s one costs at most twenty a thousand", async (name) => {
    const { passed, perThousand } = await cost(name, 1_500);
    expect(passed).toBe(1_500);
    expect(perThousand).toBeLessThanOrEqual(20);
  });

  it("requests at once: as many as allowed, from all gateways together, and places come back", async () => {
    const waiting: Exchange[] = [];
    upstream.play(async (exchange) => {
      waiting.push(exchange);
      await new Promise<void>((resolve) => exchange.socket.once("close", () => resolve()));
    });
    const first = open(rig.origin(1), { target: "/two", headers: { "CF-Connecting-IP": "203.0.113.5" } });
    const second = open(rig.origin(2), { target: "/two", headers: { "CF-Connecting-IP": "203.0.113.5" } });
    await upstream.until(() => waiting.length === 2, "both requests");
    const refused = await ask(rig, "two", "203.0.113.5", 3);
    expectProblem(refused, 429);
    expect(Number(refused.header("retry-after"))).toBeGreaterThanOrEqual(1);
    first.leave();
    second.leave();
    upstream.play({ body: "ok" });
    let status = 0;
    for (let tries = 0; status !== 200 && tries < 50; tries++) {
      await sleep(100);
      ({ status } = await ask(rig, "two", "203.0.113.5", 3));
    }
    expect(status).toBe(200);
    // Each answer gives its place back when it is over.
    for (let count = 0; count < 10; count++) expect((await ask(rig, "two", "203.0.113.6")).status).toBe(200);
  });

  it("who finds no place has spent nothing: as many pass as if it had not come", async () => {
    const waiting: Exchange[] = [];
    upstream.play(async (exchange) => {
      waiting.push(exchange);
      await new Promise<void>((resolve) => exchange.socket.once("close", () => resolve()));
    });
    const first = open(rig.origin(1), { target: "/narrow", headers: { "CF-Connecting-IP": "203.0.113.7" } });
    await upstream.until(() => waiting.length === 1, "the first request");
    // On another gateway, which learns only by asking that there is no place.
    for (let count = 0; count < 8; count++) expectProblem(await ask(rig, "narrow", "203.0.113.7", 2), 429);
    first.leave();
    upstream.play({ body: "ok" });
    const statuses: number[] = [];
    for (let tries = 0; statuses.filter((status) => status === 200).length < 3 && tries < 50; tries++) {
      await sleep(100);
      statuses.push((await ask(rig, "narrow", "203.0.113.7", 2)).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    expect((await ask(rig, "narrow", "203.0.113.7", 2)).status).toBe(429);
  });

  it("counts by header without storing what may be a secret, and by route whoever asks", async () => {
    const by = (value: string) => ask(rig, "header", "203.0.113.2", 1, { Authorization: value });
    const statuses = [];
    for (const value of [SECRET, SECRET, SECRET, "Bearer other"]) statuses.push((await by(value)).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
    const route = [];
    for (const address of ["203.0.113.2", "203.0.113.3", "203.0.113.4"]) {
      route.push((await ask(rig, "route", address)).status);
    }
    expect(route).toEqual([200, 200, 429]);
    const report = await (await rig.admin("security")).text();
    expect(report).not.toContain("canary");
    const { limited } = JSON.parse(report) as { limited: { limit: string; who: string }[] };
    expect(limited.find(({ limit }) => limit === "header")?.who).toMatch(/^header:authorization:sha256:/);
    expect(limited.find(({ limit }) => limit === "route")?.who).toBe("route:/route");
  });

  it("counts by identity and by key, tenants apart, and by the credential's own limit where it has one", async () => {
    const make = async (changes: object): Promise<string> => {
      const answer = await rig.admin("keys", { method: "POST", body: JSON.stringify({ name: "ci", ...changes }) });
      expect(answer.status, await answer.clone().text()).toBe(201);
      return ((await answer.json()) as { key: string }).key;
    };
    const alice = { user: "alice", tenant: "acme" };
    const [first, second, stranger, gold] = [
      await make(alice),
      await make(alice),
      await make({ ...alice, tenant: "other" }),
      await make({ user: "midas", rateLimit: "gold" }),
    ];
    const passed = async (name: Name, key: string, count: number): Promise<number> => {
      const answers: Answer[] = [];
      for (let sent = 0; sent < count; sent++) {
        answers.push(await ask(rig, name, "203.0.113.20", (sent % 3) + 1, { "X-API-Key": key }));
      }
      return answers.filter(({ status }) => status === 200).length;
    };
    expect([await passed("identity", first, 3), await passed("identity", second, 3)]).toEqual([2, 2]);
    expect([await passed("key", first, 3), await passed("key", second, 3)]).toEqual([2, 2]);
    expect(await passed("identity", stranger, 3)).toBe(2);
    expect(await passed("identity", gold, 6)).toBe(4);
  });

  it("forgets no block over a crash", async () => {
    for (let count = 0; count < 2; count++) expect((await ask(rig, "block", "203.0.113.9")).status).toBe(200);
    expect((await ask(rig, "block", "203.0.113.9")).status).toBe(429);
    await rig.kill();
    await rig.restart();
    expect((await ask(rig, "block", "203.0.113.9", 2)).status).toBe(429);
    expect((await ask(rig, "block", "203.0.113.10", 2)).status).toBe(200);
  });
});

describe.each(["hang", "throw", "crash"] as const)("with objects that %s", (fault) => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({
      ...{ policy: policy(), faulty: { LIMITER: fault }, vars: { PEPPER: "a pepper nobody knows" } },
    });
  });
  afterAll(() => rig?.close());

  it("lets pass, or answers 503, as the policy says, and soon waits no more", async () => {
    const since = Date.now();
    for (let count = 0; count < 8; count++) expect((await ask(rig, "open", "203.0.113.1")).status).toBe(200);
    const closed = await ask(rig, "closed", "203.0.113.1");
    expectProblem(closed, 503);
    expect(Number(closed.header("retry-after"))).toBeGreaterThanOrEqual(1);
    const waited = await calls(rig);
    for (let count = 0; count < 20; count++) await ask(rig, "open", "203.0.113.1");
    // It is left alone for five seconds and more, which all of this takes on a busy machine only.
    const rests = Math.floor((Date.now() - since) / 5_000);
    expect((await calls(rig)) - waited).toBeLessThanOrEqual(rests);
    expect(waited).toBeLessThanOrEqual(6 + rests);
  });
});
