import { createExecutionContext, reset, runDurableObjectAlarm, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createAdmin } from "../../worker/admin/app.ts";
import { Identity } from "../../worker/platform/identity.ts";
import { CONTROL_NAME, POLICY_KEY, regionObjectName } from "../../worker/core/protocol/names.ts";
import type { Reply } from "../../worker/core/protocol/reports.ts";
import type { Env } from "../../worker/platform/env.ts";
import { Fleet } from "../../worker/platform/fleet.ts";
import { Isolate } from "../../worker/platform/isolate.ts";

const TOKEN = "correct horse battery staple";
const surroundings: Env = { ...env, ADMIN_TOKEN: TOKEN, ALLOW_PRIVATE: "false", REGION_NAME: "weur" };
let isolate: Isolate;
let fleet: Fleet;
let deployed: Env;

const document = (name = "web", more: object = {}) => ({
  regions: { weur: { latitude: 52, longitude: 5 } },
  services: { [name]: { instances: [{ id: `${name}-1`, url: "https://one.example.com/base" }] } },
  routes: [{ match: { path: "/*" }, service: name }],
  ...more,
});

function gateway(changes: Partial<Env> = {}): void {
  deployed = { ...surroundings, ...changes };
  isolate = new Isolate(deployed, { drain: () => ({}) });
  fleet = new Fleet({
    allowPrivate: true,
    region: () => isolate.region.name,
    proven: () => false,
    hurry: () => {},
    ask: async () => {},
    metrics: () => isolate.metrics,
  });
}

interface Ask extends RequestInit {
  token?: string | null;
}

async function ask(target: string, { token = TOKEN, ...init }: Ask = {}): Promise<Response> {
  const ctx = createExecutionContext();
  const headers = new Headers(init.headers);
  if (token !== null && !headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
  const answer = await createAdmin(() => ({ isolate, fleet, identity: new Identity(isolate.env, isolate) })).fetch(
    new Request(`http://gateway.test${target}`, { ...init, headers }),
    deployed,
    ctx,
  );
  const body = await answer.arrayBuffer();
  await waitOnExecutionContext(ctx);
  return new Response(answer.status === 304 ? null : body, answer);
}

const put = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  ask("/_sluice/admin/policy", {
    method: "PUT",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers,
  });
const post = (target: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  ask(`/_sluice/admin/${target}`, { method: "POST", body: JSON.stringify(body), headers });

async function expectProblem(answer: Response, status: number): Promise<Record<string, unknown>> {
  const problem = await answer.json<Record<string, unknown>>();
  expect(answer.status, JSON.stringify(problem)).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(problem).toMatchObject({ type: expect.any(String), title: expect.any(String), status });
  expect(problem["correlationId"]).toBe(answer.headers.get("x-correlation-id"));
  return problem;
}

beforeEach(() => gateway());
afterEach(() => reset());

describe("the door", () => {
  it.each([
    ["GET", "policy"],
    ["PUT", "policy"],
    ["POST", "policy/rollback"],
    ["GET", "policy/history"],
    ["POST", "explain"],
    ["GET", "services"],
    ["GET", "services/web"],
    ["POST", "services/web/instances/web-1:drain"],
    ["GET", "regions"],
    ["GET", "audit"],
  ])("of %s %s is shut without the token", async (method, path) => {
    const body = method === "GET" ? {} : { body: "{}" };
    for (const headers of [
      {},
      { authorization: "" },
      { authorization: "Bearer" },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Basic ${TOKEN}` },
      { cookie: `token=${TOKEN}` },
    ]) {
      const answer = await ask(`/_sluice/admin/${path}`, {
        method,
        headers: headers as Record<string, string>,
        token: null,
        ...body,
      });
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer realm="sluice"/);
      expect(JSON.stringify(await expectProblem(answer, 401))).not.toContain(TOKEN);
    }
  });

  it("is shut for everyone when there is no token", async () => {
    for (const none of ["", undefined]) {
      gateway(none === undefined ? {} : { ADMIN_TOKEN: none });
      if (none === undefined) delete (deployed as { ADMIN_TOKEN?: string }).ADMIN_TOKEN;
      for (const token of ["", "undefined", "null", "x"]) {
        expect(await expectProblem(await ask("/_sluice/admin/policy", { token }), 403)).toMatchObject({
          type: expect.stringContaining("admin_closed"),
        });
      }
    }
  });

  it("takes the scheme in any case", async () => {
    const answer = await ask("/_sluice/admin/audit", {
      headers: { authorization: `bEARER ${TOKEN.replaceAll(" ", "")}` },
    });
    expect(answer.status).toBe(401);
    gateway({ ADMIN_TOKEN: "abc" });
    expect((await ask("/_sluice/admin/audit", { headers: { authorization: "bEARER abc" } })).status).toBe(200);
  });

  it.each([
    "/_sluice",
    "/_sluice/",
    "/_sluice/nothing",
    "/_sluice/health/",
    "/_sluice//health",
    "/_sluice/Health",
    "/_sluice/%68ealth",
    "/_sluice/health%2f",
    "/_sluice/health;x",
  ])("knows no %s", async (target) => {
    await expectProblem(await ask(target), 404);
  });

  it.each([
    "/_sluice/admin/%70olicy",
    "/_sluice/admin//policy",
    "/_sluice/admin/policy/",
    "/_sluice/admin/Policy",
    "/_sluice/admin",
    "/_sluice/admin/x/../../admin/nothing",
  ])("lets nobody in by %s", async (target) => {
    await expectProblem(await ask(target, { token: null }), 401);
    await expectProblem(await ask(target), 404);
  });

  it.each([
    ["POST", "/_sluice/health", "GET, HEAD"],
    ["DELETE", "/_sluice/admin/policy", "GET, HEAD, PUT, PATCH"],
    ["GET", "/_sluice/admin/policy/rollback", "POST"],
    ["PUT", "/_sluice/admin/services/web", "GET, HEAD"],
    ["GET", "/_sluice/admin/services/web/instances/web-1:drain", "POST"],
  ])("answers %s %s with what is allowed", async (method, target, allow) => {
    const answer = await ask(target, { method });
    expect(answer.headers.get("allow")).toBe(allow);
    await expectProblem(answer, 405);
  });

  it("opens only on the host and from the addresses that the policy names", async () => {
    await put(document("web", { security: { admin: { host: "gateway.test", addresses: ["203.0.113.0/24"] } } }));
    const from = (address: string) => ask("/_sluice/admin/policy", { headers: { "cf-connecting-ip": address } });
    expect((await from("203.0.113.9")).status).toBe(200);
    await expectProblem(await from("198.51.100.1"), 403);
    await expectProblem(await ask("/_sluice/admin/policy"), 403);
    isolate.policies.take(
      { generation: 9, at: 0, text: JSON.stringify(document("web", { security: { admin: { host: "admin.test" } } })) },
      "region",
    );
    await expectProblem(await ask("/_sluice/admin/policy"), 404);
  });

  it("answers nothing that may be cached, framed or sniffed, and keeps a sane correlation id", async () => {
    for (const target of ["/_sluice/health", "/_sluice/dashboard", "/_sluice/admin/audit", "/_sluice/nothing"]) {
      const { headers } = await ask(target, { headers: { "x-correlation-id": "my-own-id-1" } });
      expect(headers.get("cache-control"), target).toContain("no-store");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("x-correlation-id")).toBe("my-own-id-1");
    }
  });
});

describe("the policy", () => {
  it("is missing until one is put, and then reads back under its generation", async () => {
    await expectProblem(await ask("/_sluice/admin/policy"), 404);
    const stored = await put(document());
    expect(stored.status).toBe(200);
    expect(await stored.json()).toEqual({ generation: 1, outcome: "stored" });
    expect(stored.headers.get("etag")).toBe('"1"');
    const read = await ask("/_sluice/admin/policy");
    expect(read.headers.get("etag")).toBe('"1"');
    expect(await read.json()).toEqual(document());
  });

  it("is in force in this isolate when the write is answered", async () => {
    await put(document("a"));
    expect([...isolate.policies.current!.services.keys()]).toEqual(["a"]);
    await put(document("b"));
    expect([...isolate.policies.current!.services.keys()]).toEqual(["b"]);
    await post("policy/rollback", { generation: 1 });
    expect([...isolate.policies.current!.services.keys()]).toEqual(["a"]);
    expect(isolate.policies.current!.generation).toBe(3);
  });

  it("is not sent again to one who has it", async () => {
    await put(document());
    for (const tag of ['"1"', 'W/"1"', '"7", "1"', "*"]) {
      expect((await ask("/_sluice/admin/policy", { headers: { "if-none-match": tag } })).status, tag).toBe(304);
    }
    expect((await ask("/_sluice/admin/policy", { headers: { "if-none-match": '"2"' } })).status).toBe(200);
  });

  it("is written only over the generation that If-Match names", async () => {
    await put(document("a"));
    for (const tag of ['"0"', '"2"', 'W/"1"', '"x"', '"1", "2"']) {
      await expectProblem(await put(document("b"), { "if-match": tag }), 412);
    }
    expect((await put(document("b"), { "if-match": '"1"' })).status).toBe(200);
    await expectProblem(await put(document("c"), { "if-none-match": "*" }), 412);
    await expectProblem(await post("policy/rollback", { generation: 1 }, { "if-match": '"1"' }), 412);
    expect((await post("policy/rollback", { generation: 1 }, { "if-match": '"2"' })).status).toBe(200);
  });

  it("makes no generation when nothing but white space changed", async () => {
    await put(document());
    const again = await put(JSON.stringify(document(), null, 4));
    expect(await again.json()).toEqual({ generation: 1, outcome: "unchanged" });
  });

  it.each([
    ["no JSON", "{", 400, ""],
    ["nothing", "", 400, ""],
    ["ten thousand levels", '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000), 400, ""],
    ["__proto__", '{"services": {"__proto__": {}}}', 400, "services.__proto__"],
    ["a name that stands twice", '{"expose": true, "expose": false}', 400, "expose"],
    ["an unknown field", { routez: [] }, 422, "routez"],
    ["a wrong type", { expose: "yes" }, 422, "expose"],
    ["a route to nowhere", { routes: [{ match: { path: "/*" }, service: "x" }] }, 422, "routes[0].service"],
    ["a list", [], 422, ""],
  ])("is refused with the path when it is %s", async (_, body, status, path) => {
    await put(document());
    const problem = await expectProblem(await put(body), status);
    expect((problem["errors"] as { path: string }[]).map((error) => error.path)).toContain(path);
    expect(isolate.policies.current?.generation).toBe(1);
    expect(await (await ask("/_sluice/admin/policy")).json()).toEqual(document());
  });

  it("may point inside only where that is allowed", async () => {
    const inside = document("web", { services: { web: { instances: [{ id: "a", url: "http://169.254.169.254/" }] } } });
    const problem = await expectProblem(await put(inside), 422);
    expect(problem["errors"]).toMatchObject([{ path: "services.web.instances[0].url" }]);
    gateway({ ALLOW_PRIVATE: "true" });
    expect((await put(inside)).status).toBe(200);
  });

  it("is refused over 1 MiB, before it is all read", async () => {
    const announced = await put("x".repeat(1_048_577));
    await expectProblem(announced, 413);
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    await expectProblem(await ask("/_sluice/admin/policy", { method: "PUT", body: endless }), 413);
    expect(pulled).toBeLessThan(32);
  });

  it("that a hand put into KV is shown, and written over, as generation 0", async () => {
    await env.KV.put(POLICY_KEY, JSON.stringify(document("hand")));
    const read = await ask("/_sluice/admin/policy");
    expect(read.headers.get("etag")).toBe('"0"');
    expect(await (await put(document("a"), { "if-match": '"0"' })).json()).toEqual({
      generation: 1,
      outcome: "stored",
    });
    await runDurableObjectAlarm(env.CONTROL.getByName(CONTROL_NAME));
    expect(await env.KV.get(POLICY_KEY)).toBe(JSON.stringify(document("a")));
  });

  it("has a history that is read page by page, and every generation of it", async () => {
    for (let n = 1; n <= 5; n++) await put(document(`s${n}`));
    const first = await (
      await ask("/_sluice/admin/policy/history?limit=3")
    ).json<{ items: { generation: number }[]; next: string }>();
    expect(first.items.map(({ generation }) => generation)).toEqual([5, 4, 3]);
    const second = await (await ask(`/_sluice/admin/policy/history?limit=3&cursor=${first.next}`)).json<typeof first>();
    expect(second).toMatchObject({ items: [{ generation: 2, actor: "admin token" }, { generation: 1 }], next: null });
    expect(await (await ask("/_sluice/admin/policy?generation=2")).json()).toEqual(document("s2"));
    await expectProblem(await ask("/_sluice/admin/policy?generation=6"), 404);
    await expectProblem(await ask("/_sluice/admin/policy?generation=-1"), 400);
    await expectProblem(await ask("/_sluice/admin/policy/history?limit=0"), 400);
    await expectProblem(await ask("/_sluice/admin/policy/history?cursor=x"), 400);
  });

  it("cannot be rolled back to what is not kept, nor by a body of another shape", async () => {
    await put(document());
    await expectProblem(await post("policy/rollback", { generation: 9 }), 404);
    for (const body of [{}, { generation: "1" }, { generation: 0 }, { generation: 1, extra: 1 }, []]) {
      await expectProblem(await post("policy/rollback", body), 400);
    }
  });

  it("is 503 while the store is away, whatever is asked of it", async () => {
    const away = { getByName: () => ({ policy: fail, put: fail, rollback: fail, history: fail, audit: fail }) };
    gateway({ CONTROL: away as unknown as Env["CONTROL"] });
    const answers = [
      await ask("/_sluice/admin/policy"),
      await put(document()),
      await post("policy/rollback", { generation: 1 }),
      await ask("/_sluice/admin/policy/history"),
      await ask("/_sluice/admin/audit"),
    ];
    for (const answer of answers) {
      expect(answer.headers.get("retry-after")).toBe("2");
      await expectProblem(answer, 503);
    }
  });
});

const fail = () => Promise.reject(new Error("this object throws at worker/secret.ts:1"));

describe("ready", () => {
  it("is 503 without a policy and 200 with one, and says what is not acted on", async () => {
    const before = await ask("/_sluice/ready", { token: null });
    expect(before.status).toBe(503);
    expect(await before.json()).toMatchObject({
      ready: false,
      policy: { generation: null, error: null },
      region: { name: "weur" },
    });
    await put(document("web", { telemetry: { suggestions: { apply: "automatic" } } }));
    const after = await ask("/_sluice/ready", { token: null });
    expect(after.status).toBe(200);
    expect(await after.json()).toMatchObject({
      ready: true,
      region: { name: "weur", known: true },
      policy: { generation: 1, error: null },
      pending: [],
      dependencies: { region: { state: "ok" }, kv: { state: "ok" } },
    });
  });

  it("finds a policy that was put through another isolate", async () => {
    await put(document());
    gateway();
    expect((await ask("/_sluice/ready", { token: null })).status).toBe(200);
  });

  it("says what is wrong with a document in KV, and of the objects only that they fail", async () => {
    await env.KV.put(POLICY_KEY, '{"routes": 7}');
    gateway({ REGION: { getByName: () => ({ news: fail }) } as unknown as Env["REGION"] });
    const answer = await ask("/_sluice/ready", { token: null });
    expect(answer.status).toBe(503);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      policy: { error: { from: "kv", problems: [{ path: "routes" }] } },
      dependencies: { region: { state: "failing" }, kv: { state: "ok" } },
    });
    expect(text).not.toContain("secret");
  });

  it("is beside health, which depends on nothing", async () => {
    gateway({ KV: {} as KVNamespace, REGION: {} as Env["REGION"], CONTROL: {} as Env["CONTROL"] });
    const health = await ask("/_sluice/health", { token: null });
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: "ok" });
    expect((await ask("/_sluice/ready", { token: null })).status).toBe(503);
  });
});

describe("operators' words", () => {
  const say = (what: string, query = "") =>
    ask(`/_sluice/admin/services/web/instances/${what}${query}`, { method: "POST" });
  const breaker = async () => {
    const body = await (await ask("/_sluice/admin/services/web")).json<{ instances: { breaker: object }[] }>();
    return body.instances[0]!.breaker;
  };
  const told: Reply[] = [];

  beforeEach(async () => {
    told.length = 0;
    isolate = new Isolate(deployed, { drain: () => ({}), hear: (reply) => void told.push(reply) });
    await put(document());
  });

  it("take an instance out of service, and put it back, at once", async () => {
    const answer = await say("web-1:drain");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      service: "web",
      instance: "web-1",
      command: "drain",
      number: expect.any(Number),
      heard: { weur: true },
    });
    expect(await breaker()).toMatchObject({ state: "open", reason: "manual", until: 0, probes: 0, drained: true });
    expect(told.at(-1)!.verdicts["web"]!["web-1"]).toMatchObject({ state: "open", reason: "manual", until: 0 });
    await say("web-1:close");
    expect(await breaker()).toMatchObject({ state: "closed", reason: "" });
    expect(told.at(-1)!.verdicts).toEqual({});
    await say("web-1:open");
    expect(await breaker()).toMatchObject({ state: "open", reason: "manual", drained: false });
    await say("web-1:reset");
    expect(await breaker()).toMatchObject({ state: "closed" });
  });

  it("are written down", async () => {
    await say("web-1:drain", "?note=disk+is+full");
    const audit = await (await ask("/_sluice/admin/audit?limit=1")).json();
    expect(audit).toMatchObject({
      items: [{ actor: "admin token", action: "instance.drain", detail: "web/web-1: disk is full" }],
    });
  });

  it.each(["web-1", "web-1:", ":drain", "web-1:close:drain", "web-1:destroy", "web-2:drain", "__proto__:drain"])(
    "are not understood as %s",
    async (what) => {
      await expectProblem(await say(what), 404);
    },
  );

  it("are of services and instances that there are", async () => {
    await expectProblem(await ask("/_sluice/admin/services/none/instances/web-1:drain", { method: "POST" }), 404);
  });

  it("are refused while they cannot be stored, and stored while no region can be told", async () => {
    const away = { getByName: () => ({ operate: fail, news: fail }) };
    gateway({ CONTROL: away as unknown as Env["CONTROL"] });
    const inForce = { generation: 1, text: JSON.stringify(document()), at: 1 };
    isolate.policies.take(inForce, "region");
    await expectProblem(await say("web-1:drain"), 503);
    gateway({ REGION: { getByName: () => ({ attend: fail, news: fail }) } as unknown as Env["REGION"] });
    isolate.policies.take(inForce, "region");
    expect(await (await say("web-1:drain")).json()).toMatchObject({ heard: { weur: false } });
    gateway();
    expect((await ask("/_sluice/ready", { token: null })).status).toBe(200);
    expect(await breaker()).toMatchObject({ state: "open", reason: "manual" });
  });
});

describe("read-outs", () => {
  const users = { ok: 9, failed: 1, limited: 0, slow: 0, inFlight: 3, ewmaMs: 20, times: [10, 10] };

  beforeEach(async () => {
    await put(document());
    const region = env.REGION.getByName(regionObjectName("weur"));
    await region.report({
      isolate: "other",
      region: "weur",
      sequence: 1,
      generation: 1,
      spanMs: 1_000,
      urgent: true,
      requests: { total: 10, failed: 1, refused: 0 },
      services: { web: { "web-1": users } },
    });
    // The only isolate's report is worked through at once.
    await vi.waitFor(async () => expect((await region.reading()).health).toBe(0.9));
  });

  it("explain where a request would go", async () => {
    const answer = await post("explain", { url: "/a/b?x=1", headers: { "X-Any": "1" } });
    expect(await answer.json()).toMatchObject({
      generation: 1,
      path: "/a/b",
      route: { service: "web", kind: "fallback" },
      algorithm: "intelligent_adaptive",
      candidates: [
        {
          id: "web-1",
          url: "https://one.example.com/base",
          refused: null,
          score: expect.any(Number),
          factors: { performance: 0.7, successRate: 0.8 },
          breaker: {
            stands: "closed",
            region: { state: "closed" },
            isolate: { state: "closed", consecutiveFailures: 0 },
          },
        },
      ],
      choice: { instance: "web-1", confidence: expect.any(Number), alternatives: [] },
      refused: null,
      probe: null,
      suspect: null,
    });
    for (const body of [{}, { url: 1 }, { url: "/", method: "G E T" }, { url: "/", headers: { "a b": "c" } }]) {
      await expectProblem(await post("explain", body), 400);
    }
  });

  it("show services, and one of them as each region sees it", async () => {
    expect(await (await ask("/_sluice/admin/services")).json()).toMatchObject({
      generation: 1,
      items: [{ name: "web", instances: [{ id: "web-1", totals: { ok: 9, failed: 1 } }] }],
    });
    expect(await (await ask("/_sluice/admin/services/web")).json()).toMatchObject({
      name: "web",
      regions: [{ region: "weur", reachable: true, isolates: 1 }],
      instances: [{ id: "web-1", seenFrom: { weur: { inFlight: 3, ewmaMs: 20, window: { ok: 9, failed: 1 } } } }],
    });
    await expectProblem(await ask("/_sluice/admin/services/constructor"), 404);
  });

  it("show what checks and breakers say of an instance nobody asked about yet", async () => {
    const quiet = { breaker: { state: "closed", reason: "", until: 0, probes: 0 }, health: { status: "unknown" } };
    expect(await (await ask("/_sluice/admin/services/web")).json()).toMatchObject({ instances: [quiet] });
    expect(await (await ask("/_sluice/admin/services")).json()).toMatchObject({ items: [{ instances: [quiet] }] });
  });

  it("show regions", async () => {
    expect(await (await ask("/_sluice/admin/regions")).json()).toMatchObject({
      items: [
        {
          name: "weur",
          latitude: 52,
          reachable: true,
          reading: { isolates: 1, inFlight: 3, latencyMs: 20, health: 0.9 },
          healthy: true,
          capacity: null,
          load: null,
          seenFrom: { weur: { healthy: true, goodShare: 1 } },
        },
      ],
    });
  });

  it("show what was changed by whom", async () => {
    const audit = await (await ask("/_sluice/admin/audit")).json<{ items: { action: string }[] }>();
    expect(audit).toMatchObject({
      items: [{ actor: "admin token", action: "policy.put", detail: "generation 1" }],
      next: null,
    });
  });

  it("show a region that does not answer beside the others", async () => {
    gateway({ REGION: { getByName: () => ({ reading: fail, totals: fail, news: fail }) } as unknown as Env["REGION"] });
    await put(document("web", { expose: true }));
    expect(await (await ask("/_sluice/admin/regions")).json()).toMatchObject({
      items: [{ name: "weur", reachable: false }],
    });
    expect(await (await ask("/_sluice/metrics")).text()).toContain('sluice_region_up{region="weur"} 0\n');
  });

  it("give metrics of the region and of this isolate", async () => {
    isolate.metrics.observe("GET /*", "web", 200, 12);
    isolate.metrics.observe("", "", 404, 1);
    isolate.metrics.attempt("web/web-1", "ok", 10);
    isolate.metrics.refuse("no_route");
    const answer = await ask("/_sluice/metrics", { token: null });
    expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    const mine = `isolate="${isolate.id}"`;
    for (const line of [
      'sluice_region_up{region="weur"} 1',
      'sluice_region_requests_total{region="weur"} 10',
      'sluice_region_upstream_answers_total{region="weur",service="web",instance="web-1",outcome="failed"} 1',
      `sluice_requests_total{${mine},route="GET /*",service="web",status="2xx"} 1`,
      `sluice_requests_total{${mine},route="",service="",status="4xx"} 1`,
      `sluice_request_duration_seconds_bucket{${mine},route="GET /*",service="web",le="0.025"} 1`,
      `sluice_request_duration_seconds_bucket{${mine},route="GET /*",service="web",le="0.01"} 0`,
      `sluice_upstream_attempts_total{${mine},service="web",instance="web-1",outcome="ok"} 1`,
      `sluice_errors_total{${mine},code="no_route"} 1`,
      `sluice_policy_generation{${mine}} 1`,
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it("give no metrics where the policy says so", async () => {
    await put(document("web", { telemetry: { prometheus: false } }));
    await expectProblem(await ask("/_sluice/metrics", { token: null }), 404);
  });

  it("say how to get the dashboard where its files are not", async () => {
    const { ASSETS: _, ...without } = deployed;
    deployed = without;
    const answer = await ask("/_sluice/dashboard", { token: null });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await answer.text()).toContain("npm run dashboard -- build");
    await expectProblem(await ask("/_sluice/dashboard/app.js", { token: null }), 404);
    const refused = await ask("/_sluice/admin/openapi.json");
    expect(await refused.clone().text()).toContain("npm run dashboard -- build");
    await expectProblem(refused, 503);
  });

  it("hand out the dashboard's files and no others, under a policy that lets nothing else in", async () => {
    const files: Fetcher = {
      fetch: async (url: string) =>
        new Response(`file ${new URL(url).pathname}`, { headers: { etag: '"1"', "content-type": "text/html" } }),
    } as unknown as Fetcher;
    gateway({ ASSETS: files });
    const page = await ask("/_sluice/dashboard", { token: null });
    expect(await page.text()).toBe("file /index.html");
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'/,
    );
    const script = await ask("/_sluice/dashboard/app.js", { token: null });
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(script.headers.get("etag")).toBe('"1"');
    const told = await ask("/_sluice/admin/openapi.json");
    expect(await told.text()).toBe("file /openapi.json");
    expect(["content-type", "etag", "cache-control"].map((name) => told.headers.get(name))).toEqual([
      ...["application/json", '"1"', "no-store"],
    ]);
    for (const name of ["index.html", "openapi.json", "..%2fsecret", ".dev.vars", "app.js.map"]) {
      await expectProblem(await ask(`/_sluice/dashboard/${name}`, { token: null }), 404);
    }
  });

  it("stand where the policy has the admin API", async () => {
    await put(document("web", { security: { admin: { host: "admin.test" } } }));
    await expectProblem(await ask("/_sluice/dashboard", { token: null }), 404);
    await expectProblem(await ask("/_sluice/dashboard/app.js", { token: null }), 404);
  });
});
