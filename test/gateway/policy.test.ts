// One policy document steers all gateways: written through the admin API, numbered, switched at once, obeyed everywhere
// within 5 s, rolled back; and nothing that goes wrong with it takes the last good one out of force.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { POLICY_KEY } from "../../worker/core/protocol/names.ts";
import { get, send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { ADMIN_TOKEN, startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  rig = await startRig({ gateways: 3, policy: marked("start") });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

/** A policy whose answers tell that it is the one in force. */
const marked = (mark: string): WrittenPolicy =>
  inFrontOf(upstream, { route: { rewrite: { responseHeaders: { set: { "X-Mark": mark } } } } });
const markAt = async (origin: string): Promise<string | undefined> => (await get(origin)).header("x-mark");

const put = (document: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  rig.admin("policy", {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: typeof document === "string" ? document : JSON.stringify(document),
  });

/** Resolves once every gateway says `mark`; rejects when one does not within the 5 s it has. */
async function obeyedBy(origins: readonly string[], mark: string): Promise<void> {
  const endMs = Date.now() + 5_000;
  for (const origin of origins) {
    for (let said = await markAt(origin); said !== mark; said = await markAt(origin)) {
      if (Date.now() > endMs) throw new Error(`${origin} still says ${String(said)}, not ${mark}`);
      await sleep(25);
    }
  }
}

const check = async (document: unknown): Promise<unknown> => {
  const body = typeof document === "string" ? document : JSON.stringify(document);
  const answer = await rig.admin("policy/check", { method: "POST", body });
  expect(answer.status).toBe(200);
  return answer.json();
};

describe("asking about a document", () => {
  it("tells what is wrong with it and where, or what it would change, and stores nothing", async () => {
    await put(marked("in force"));
    const before = (await rig.admin("policy")).headers.get("etag");
    expect(await check('{"services": ')).toMatchObject({ valid: false, errors: [{ path: "" }] });
    expect(await check({ ...marked("x"), expose: "yes" })).toMatchObject({
      valid: false,
      errors: [{ path: "expose", message: "must be true or false" }],
    });
    const generation = Number(before?.replaceAll('"', ""));
    expect(await check(marked("in force"))).toMatchObject({ valid: true, generation, changes: [] });
    const path = "routes[0].rewrite.responseHeaders.set.X-Mark";
    expect(await check(marked("other"))).toMatchObject({
      valid: true,
      changes: [{ kind: "changed", path, before: "in force", after: "other" }],
    });
    expect((await rig.admin("policy")).headers.get("etag")).toBe(before);
    expect(await markAt(rig.g1)).toBe("in force");
  });
});

describe("writing", () => {
  it("a written policy is in force where it was written when the write is answered", async () => {
    const answer = await put(marked("written"));
    expect(answer.status).toBeGreaterThanOrEqual(200);
    expect(answer.status).toBeLessThan(300);
    expect(answer.headers.get("etag")).toMatch(/^"[^"]+"$/);
    expect(await markAt(rig.g1)).toBe("written");
  });

  it("reads back as it was written, under the same ETag", async () => {
    const written = await put(marked("read back"));
    const read = await rig.admin("policy");
    expect(read.status).toBe(200);
    expect(read.headers.get("etag")).toBe(written.headers.get("etag"));
    expect(await read.json()).toEqual(marked("read back"));
  });

  it("If-Match lets only one of two editors win", async () => {
    const { headers } = await rig.admin("policy");
    const tag = headers.get("etag") ?? "";
    const [one, two] = await Promise.all([
      put(marked("one"), { "if-match": tag }),
      put(marked("two"), { "if-match": tag }),
    ]);
    expect([one.status, two.status].toSorted((a, b) => a - b)).toEqual([200, 412]);
    expect(await markAt(rig.g1)).toBe(one.ok ? "one" : "two");
    expect((await put(marked("late"), { "if-match": tag })).status).toBe(412);
  });

  it("the other gateways obey within 5 s", async () => {
    await put(marked("everywhere"));
    await obeyedBy(rig.origins, "everywhere");
  });

  it("a gateway that was idle obeys with its first request after 5 s", async () => {
    await put(marked("before"));
    await obeyedBy(rig.origins, "before");
    // Idle for longer than control news is good for, then a change it cannot have heard of by itself.
    await sleep(6_000);
    await put(marked("after"));
    await sleep(5_000);
    expect(await markAt(rig.g3)).toBe("after");
  }, 40_000);

  it("under load no request sees an error or half of a policy while it is switched", async () => {
    const seen = new Set<string>();
    const over = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const answer = await get(rig.g2);
        seen.add(`${answer.status} ${answer.header("x-mark") ?? ""} ${answer.text}`);
      }
    });
    for (const mark of ["s1", "s2", "s3"]) {
      await put(marked(mark));
      await obeyedBy([rig.g2], mark);
    }
    over.abort();
    await Promise.all(load);
    for (const line of seen) expect(line).toMatch(/^200 (after|before|everywhere|s1|s2|s3) ok$/);
  }, 40_000);
});

describe("history", () => {
  it("lists generations, newest first, and a rollback brings an earlier one back as a new one", async () => {
    await put(marked("good"));
    const good = await generation();
    await put(marked("regretted"));
    const history = (await (await rig.admin("policy/history")).json()) as { items: { generation: number }[] };
    const numbers = history.items.map((entry) => entry.generation);
    expect(numbers.slice(0, 2)).toEqual([good + 1, good]);
    const answer = await rig.admin("policy/rollback", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ generation: good }),
    });
    expect(answer.ok, await answer.clone().text()).toBe(true);
    expect(await markAt(rig.g1)).toBe("good");
    expect(await generation()).toBe(good + 2);
    await obeyedBy(rig.origins, "good");
  });

  it("an unknown generation cannot be rolled back to", async () => {
    const answer = await rig.admin("policy/rollback", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ generation: 999_999 }),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });

  const generation = async (): Promise<number> => Number((await get(rig.g1)).header("x-sluice-generation"));
});

describe("refusal", () => {
  const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  const bad: [name: string, document: () => unknown, path: string][] = [
    ["an unknown field", () => ({ ...marked("x"), routez: [] }), "routez"],
    [
      "an unknown field deep inside",
      () => ({ ...marked("x"), services: { web: { instances: [{ id: "a", url: upstream.origin, wait: 1 }] } } }),
      "services.web.instances",
    ],
    ["a wrong type", () => ({ ...marked("x"), expose: "yes" }), "expose"],
    ["an impossible number", () => inFrontOf(upstream, { service: { timeouts: { headersMs: -1 } } }), "headersMs"],
    ["a route to no service", () => inFrontOf(upstream, { route: { service: "nobody" } }), "routes"],
    ["two names equal but for case", () => ({ ...marked("x"), services: { web: {}, Web: {} } }), "Web"],
    ["__proto__ as a name", () => JSON.stringify(marked("x")).replace('"web"', '"__proto__"'), "__proto__"],
    ["no JSON at all", () => "{", ""],
    ["an array", () => [], ""],
    ["ten thousand levels", () => deep(10_000), ""],
  ];

  it.each(bad)("%s is refused with its path, and the policy in force stays", async (_, document, path) => {
    await put(marked("standing"));
    const text = document();
    const answer = await send(rig.g1, {
      method: "PUT",
      target: "/_sluice/admin/policy",
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, "Content-Type": "application/json" },
      body: typeof text === "string" ? text : JSON.stringify(text),
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expectProblem(answer, answer.status);
    expect(answer.text).toContain(path);
    expect(await markAt(rig.g1)).toBe("standing");
  });

  it("the example beside the design loads as it is", async () => {
    const { readFileSync } = await import("node:fs");
    const example = readFileSync(new URL("../../policy.example.json", import.meta.url), "utf8");
    const answer = await put(example);
    expect(answer.ok, await answer.clone().text()).toBe(true);
    await put(marked("standing"));
  });
});

describe("a document that came into KV by another way", () => {
  it("is taken when it is good and there is no other", async () => {
    const fresh = await startRig();
    await fresh.putKv(POLICY_KEY, JSON.stringify(marked("by hand")));
    await fresh.ready();
    expect(await markAt(fresh.g1)).toBe("by hand");
    await fresh.close();
  });

  it("is a visible error when it is bad, and traffic gets 503", async () => {
    const fresh = await startRig();
    await fresh.putKv(POLICY_KEY, '{"routes": 7}');
    expectProblem(await get(fresh.g1), 503);
    const ready = await get(fresh.g1, "/_sluice/ready");
    expect(ready.status).toBe(503);
    expect(ready.text).toContain("routes");
    await fresh.close();
  });

  it("does not harm what is in force, and shows in ready", async () => {
    const fresh = await startRig({ policy: marked("kept") });
    // Publishing runs behind the answer to a write; the bad document must come after it, as a clumsy hand would.
    await published(fresh);
    await fresh.putKv(POLICY_KEY, "not even JSON");
    const errorOf = async (): Promise<unknown> =>
      ((await get(fresh.g1, "/_sluice/ready")).json() as { policy: { error: unknown } }).policy.error;
    const endMs = Date.now() + 10_000;
    while ((await errorOf()) === null && Date.now() < endMs) await sleep(100);
    expect(await errorOf()).toMatchObject({ from: "kv" });
    expect((await get(fresh.g1, "/_sluice/ready")).status).toBe(200);
    expect(await markAt(fresh.g1)).toBe("kept");
    await fresh.close();
  });

  it("does not harm what was in force before a restart", async () => {
    const fresh = await startRig({ gateways: 2, policy: marked("kept") });
    await published(fresh);
    await fresh.putKv(POLICY_KEY, "not even JSON");
    await fresh.kill();
    await fresh.start();
    await obeyedBy(fresh.origins, "kept");
    await fresh.close();
  });

  /** Until KV holds the newest generation. */
  async function published(fresh: Rig): Promise<void> {
    const endMs = Date.now() + 10_000;
    while ((await fresh.getKv(POLICY_KEY)) === null) {
      if (Date.now() > endMs) throw new Error("the policy was not published within 10 s");
      await sleep(50);
    }
  }
});

describe("what a route may do", () => {
  let other: Upstream;
  beforeAll(async () => {
    other = await startUpstream({ body: "other" });
  });
  afterAll(() => other.close());

  const two = (routes: WrittenPolicy["routes"]): WrittenPolicy => ({
    ...inFrontOf(upstream),
    services: {
      web: { instances: [{ id: "web-1", url: upstream.origin }] },
      other: { instances: [{ id: "other-1", url: other.origin }] },
    },
    routes: routes ?? [],
  });

  it("picks by host, path, method and header, the more specific first", async () => {
    await put(
      two([
        { match: { path: "/*" }, service: "web" },
        { match: { path: "/a/*" }, service: "other" },
        { match: { path: "/a/b/*" }, service: "web" },
        { match: { host: "*.example.com", path: "/*" }, service: "other" },
        { match: { host: "api.example.com", path: "/*" }, service: "web" },
        { match: { path: "/m/*", methods: ["POST"] }, service: "other" },
        { match: { path: "/h/*", headers: { "X-Beta": "on" } }, service: "other" },
      ]),
    );
    const to = async (
      target: string,
      headers: Record<string, string> = {},
      method = "GET",
    ): Promise<string | undefined> => (await send(rig.g1, { target, headers, method })).header("x-sluice-service");
    expect(await to("/")).toBe("web");
    expect(await to("/a")).toBe("other");
    expect(await to("/a/x")).toBe("other");
    expect(await to("/ab")).toBe("web");
    expect(await to("/a/b/c")).toBe("web");
    expect(await to("/a/b/../x")).toBe("other");
    expect(await to("/a/b", { Host: "www.example.com" })).toBe("other");
    expect(await to("/a/b", { Host: "api.example.com" })).toBe("web");
    expect(await to("/m/x")).toBe("web");
    expect(await to("/m/x", {}, "POST")).toBe("other");
    expect(await to("/h/x")).toBe("web");
    expect(await to("/h/x", { "X-Beta": "on" })).toBe("other");
  });

  it("takes a prefix off, puts one on, and keeps the query", async () => {
    await put(
      two([
        { match: { path: "/api/*" }, service: "web", stripPrefix: "/api" },
        { match: { path: "/moved/*" }, service: "web", rewrite: { path: { stripPrefix: "/moved", addPrefix: "/v2" } } },
        { match: { path: "/*" }, service: "web" },
      ]),
    );
    const cases = [
      ["/api/users?q=1", "/users?q=1"],
      ["/api", "/"],
      ["/api/", "/"],
      ["/apiary", "/apiary"],
      ["/moved/a%2Fb?x", "/v2/a%2Fb?x"],
      ["/other", "/other"],
    ] as const;
    for (const [target, expected] of cases) {
      await get(rig.g1, target);
      expect(upstream.last.target, target).toBe(expected);
    }
  });

  it("an instance's own path stands before the forwarded one", async () => {
    await put({
      ...two([{ match: { path: "/*" }, service: "web" }]),
      services: { web: { instances: [{ id: "web-1", url: `${upstream.origin}/base` }] } },
    });
    await get(rig.g1, "/x?q=1");
    expect(upstream.last.target).toBe("/base/x?q=1");
  });

  it("sets, adds and removes header fields, both ways", async () => {
    await put(
      two([
        {
          match: { path: "/*" },
          service: "web",
          rewrite: {
            requestHeaders: {
              set: { "X-Edge": "sluice", "User-Agent": "edge" },
              add: { "X-Many": "2" },
              remove: ["X-Debug"],
            },
            responseHeaders: { set: { "X-Frame-Options": "DENY" }, add: { "X-Many": "b" }, remove: ["Server"] },
          },
        },
      ]),
    );
    upstream.play({ headers: { Server: "secret/1.0", "X-Frame-Options": "ALLOW", "X-Many": "a" } });
    const answer = await get(rig.g1, "/", { "User-Agent": "client", "X-Many": "1", "X-Debug": "on" });
    expect(upstream.last.header("x-edge")).toBe("sluice");
    expect(upstream.last.header("user-agent")).toBe("edge");
    expect(upstream.last.header("x-many")?.replace(/\s/g, "")).toBe("1,2");
    expect(upstream.last.header("x-debug")).toBeUndefined();
    expect(answer.header("server")).toBeUndefined();
    expect(answer.header("x-frame-options")).toBe("DENY");
    expect(answer.header("x-many")?.replace(/\s/g, "")).toBe("a,b");
    upstream.play({ body: "ok" });
  });

  it.each([0, 25, 100])("gives %i percent to the canary", async (percent) => {
    await put(two([{ match: { path: "/*" }, service: "web", canary: { service: "other", percent } }]));
    other.clear();
    upstream.clear();
    const rounds = 400;
    for (let done = 0; done < rounds; done += 20) await Promise.all(Array.from({ length: 20 }, () => get(rig.g1)));
    expect(other.count + upstream.count).toBe(rounds);
    // Five standard deviations of the binomial: one false alarm in two million runs.
    const share = percent / 100;
    const slack = 5 * Math.sqrt(rounds * share * (1 - share));
    expect(Math.abs(other.count - rounds * share)).toBeLessThanOrEqual(slack);
  });

  describe("extraction of the target (P8)", () => {
    beforeAll(async () => {
      await put({
        ...two([
          { match: { path: "/api/v1/listed/*" }, service: "web" },
          { match: { path: "/*" }, service: "web" },
        ]),
        services: {
          web: { instances: [{ id: "web-1", url: upstream.origin }] },
          other: { instances: [{ id: "other-1", url: other.origin }], direct: true },
          hidden: { instances: [{ id: "hidden-1", url: other.origin }] },
        },
        security: { direct: { auth: "none" } },
      });
    });
    const to = async (target: string, headers: Record<string, string> = {}): Promise<string | undefined> =>
      (await get(rig.g1, target, headers)).header("x-sluice-service");

    it("names a service by /api/v1/<service>/…, the first segment, or X-Target-Service", async () => {
      expect(await to("/api/v1/other/things")).toBe("other");
      expect(await to("/other/things")).toBe("other");
      expect(await to("/anything", { "X-Target-Service": "other" })).toBe("other");
    });

    it("never reaches a service that is not marked direct, and falls back to /*", async () => {
      expect(await to("/api/v1/hidden/things")).toBe("web");
      expect(await to("/hidden/things")).toBe("web");
      expect(await to("/anything", { "X-Target-Service": "hidden" })).toBe("web");
      expect(await to("/api/v1/nobody/things")).toBe("web");
    });

    it("comes after listed routes", async () => {
      expect(await to("/api/v1/listed/x", { "X-Target-Service": "other" })).toBe("web");
    });
  });

  it("denies direct services when the policy has no rules for them", async () => {
    await put({
      ...two([{ match: { path: "/*" }, service: "web" }]),
      services: {
        web: { instances: [{ id: "web-1", url: upstream.origin }] },
        other: { instances: [{ id: "other-1", url: other.origin }], direct: true },
      },
    });
    other.clear();
    await get(rig.g1, "/api/v1/other/things");
    await get(rig.g1, "/", { "X-Target-Service": "other" });
    expect(other.count).toBe(0);
  });
});
