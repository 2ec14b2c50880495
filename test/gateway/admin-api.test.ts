// The admin API over HTTP, by its typed client, with the OpenAPI document as the judge of every question and every answer.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adminClient } from "../../worker/admin/client.ts";
import { get } from "../support/client.ts";
import { ApiContract } from "../support/openapi.ts";
import { inFrontOf } from "../support/policies.ts";
import { ADMIN_TOKEN, startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

const contract = new ApiContract();
const wrong: string[] = [];
let upstream: Upstream;
let rig: Rig;
let policy: ReturnType<typeof inFrontOf>;
let admin: ReturnType<typeof adminClient>;
let open: ReturnType<typeof adminClient>;

/** Every exchange of this file goes through here. */
const judged: typeof fetch = async (input, init) => {
  const answer = await fetch(input, init);
  const method = init?.method ?? "GET";
  const { body } = init ?? {};
  const exchange = { method, url: new Request(input).url, ...(typeof body === "string" ? { body } : {}) };
  wrong.push(...(await contract.problems(exchange, answer)));
  return answer;
};

const raw = (target: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> =>
  judged(`${rig.g1}/_sluice/admin/${target}`, {
    ...init,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...init.headers },
  });

beforeAll(async () => {
  upstream = await startUpstream(
    byPath({
      "/cached": {
        body: "kept",
        headers: { "cache-control": "max-age=60", etag: '"1"', "content-type": "text/plain" },
      },
      "/broken": { status: 500 },
      "*": { body: "ok" },
    }),
  );
  policy = inFrontOf(upstream, {
    service: { breaker: {}, routing: { algorithm: "intelligent_adaptive" } },
    sections: {
      regions: { weur: { latitude: 52, longitude: 5 }, enam: { latitude: 40, longitude: -74 } },
      cache: { rules: [{ match: "GET /cached", ttlSeconds: 60 }] },
      security: { apiKeys: {} },
      chaos: { enabled: true },
      ai: { budget: { by: "address", tokensPerDay: 1_000 } },
      providers: { one: { adapter: "openai", key: { secret: "ONE_KEY" } } },
      models: { smart: { targets: ["one/gpt-5"], budget: { by: "identity", dollarsPerDay: 3 } } },
      alerts: [{ name: "errors", when: "metrics.error_rate > 0.2", severity: "error" }],
    },
  });
  rig = await startRig({ policy });
  admin = adminClient(rig.g1, ADMIN_TOKEN, { fetch: judged });
  open = adminClient(rig.g1, "", { fetch: judged });
  await Promise.all(["/cached", "/cached", "/plain", "/broken"].map((path) => get(rig.g1, path)));
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

describe("what is asked and answered is what the document says", () => {
  it("of the gateway", async () => {
    expect((await open.health.$get()).status).toBe(200);
    expect((await open.ready.$get()).status).toBe(200);
    expect(await (await open.metrics.$get()).text()).toContain("sluice_");
    expect(await (await admin.admin.me.$get()).json()).toMatchObject({ role: "admin" });
    expect((await open.admin.policy.$get()).status).toBe(401);
  });

  it("of the policy", async () => {
    const read = await admin.admin.policy.$get();
    const etag = read.headers.get("etag") ?? "";
    expect((await admin.admin.policy.$get({ header: { "if-none-match": etag } })).status).toBe(304);
    const put = await admin.admin.policy.$put({
      json: { ...policy, expose: false },
      query: { note: "hide" },
      header: { "if-match": etag },
    });
    if (!put.ok) throw new Error(await put.text());
    const { generation, outcome } = await put.json();
    expect(outcome).toBe("stored");
    expect((await admin.admin.policy.$put({ json: { ...policy }, header: { "if-match": etag } })).status).toBe(412);
    expect((await admin.admin.policy.$put({ json: { routes: 7 } })).status).toBe(422);
    expect((await raw("policy", { method: "PUT", body: "{" })).status).toBe(400);
    const { check } = admin.admin.policy;
    expect((await check.$post({ json: { ...policy, expose: true } })).status).toBe(200);
    expect((await check.$post({ json: { routes: 7 } })).status).toBe(200);
    const back = await admin.admin.policy.rollback.$post({ json: { generation: generation - 1, note: "show" } });
    expect(back.status).toBe(200);
    expect((await admin.admin.policy.rollback.$post({ json: { generation: 999_999 } })).status).toBe(404);
    expect((await admin.admin.policy.$get({ query: { generation: "999999" } })).status).toBe(404);
    const explained = await admin.admin.explain.$post({ json: { url: "/plain" } });
    if (!explained.ok) throw new Error(await explained.text());
    expect((await explained.json()).route?.service).toBe("web");
    expect((await admin.admin.explain.$post({ json: { url: "ftp://x/" } })).status).toBe(200);
  });

  it("of services and regions", async () => {
    const all = await admin.admin.services.$get();
    if (!all.ok) throw new Error(await all.text());
    expect((await all.json()).items.find(({ name }) => name === "web")?.instances[0]?.id).toBe("web-1");
    const one = admin.admin.services[":name"];
    expect((await one.$get({ param: { name: "web" } })).status).toBe(200);
    expect((await one.$get({ param: { name: "none" } })).status).toBe(404);
    const operate = one.instances[":action"];
    for (const command of ["drain", "open", "close", "reset"] as const) {
      const said = await operate.$post({ param: { name: "web", action: `web-1:${command}` }, query: { note: "why" } });
      expect(said.status).toBe(200);
    }
    expect((await operate.$post({ param: { name: "web", action: "web-9:drain" } })).status).toBe(404);
    expect((await admin.admin.regions.$get()).status).toBe(200);
  });

  it("of the cache", async () => {
    const { cache } = admin.admin;
    for (const asked of [cache.stats, cache.keys, cache.warmth]) expect((await asked.$get()).status).toBe(200);
    const found = await cache.lookup.$post({ json: { url: "/cached" } });
    if (!found.ok) throw new Error(await found.text());
    expect((await found.json()).would).toBe("hit");
    for (const url of ["/plain", "/nowhere"]) expect((await cache.lookup.$post({ json: { url } })).status).toBe(200);
    expect((await cache.lookup.$post({ json: { url: "::" } })).status).toBe(400);
    expect((await cache.purge.$post({ json: { prefix: "/cached", soft: true } })).status).toBe(200);
    expect((await cache.purge.$post({ json: { all: true } })).status).toBe(200);
    expect((await cache.purge.$post({ json: { all: true, tag: "x" } })).status).toBe(400);
  });

  it("of chaos", async () => {
    const { experiments } = admin.admin.chaos;
    const begun = await experiments.$post({
      json: {
        name: "slow",
        faults: [{ kind: "delay", delayMs: 1, target: { service: "web" } }],
        durationSeconds: 30,
      },
    });
    if (!begun.ok) throw new Error(await begun.text());
    const { id } = await begun.json();
    await get(rig.g1, "/plain");
    expect((await experiments[":action"].$get({ param: { action: id } })).status).toBe(200);
    expect((await raw(`chaos/experiments/${id}?format=html`)).headers.get("content-type")).toMatch(/^text\/html/);
    expect((await experiments[":action"].$post({ param: { action: `${id}:stop` } })).status).toBe(200);
    expect((await experiments[":action"].$post({ param: { action: "none:stop" } })).status).toBe(404);
    expect((await experiments[":action"].$get({ param: { action: "none" } })).status).toBe(404);
    expect((await experiments.$get()).status).toBe(200);
    expect((await experiments.$post({ json: { experiment: "none" } })).status).toBe(400);
  });

  it("of keys and security", async () => {
    const { keys, security } = admin.admin;
    const made = await keys.$post({ json: { name: "robot", roles: ["sluice:viewer"] } });
    if (!made.ok) throw new Error(await made.text());
    const { id, key } = await made.json();
    const viewer = adminClient(rig.g1, key, { fetch: judged });
    expect((await viewer.admin.keys.$get()).status).toBe(200);
    expect((await viewer.admin.keys.$post({ json: { name: "other" } })).status).toBe(403);
    const shown = await keys[":id"].$get({ param: { id } });
    expect(await shown.text()).not.toContain(key);
    expect((await keys[":id"].$delete({ param: { id } })).status).toBe(200);
    expect((await viewer.admin.keys.$get()).status).toBe(401);
    expect((await keys[":id"].$get({ param: { id: "none" } })).status).toBe(404);
    expect((await keys[":id"].$delete({ param: { id: "none" } })).status).toBe(404);
    expect((await keys.$post({ json: { name: "" } })).status).toBe(400);
    expect((await security.$get({ query: { limit: "5" } })).status).toBe(200);
  });

  it("of what happened", async () => {
    const { alerts, suggestions, history } = admin.admin;
    const firedBy = Date.now() + 20_000;
    let id: string | undefined;
    do {
      await get(rig.g1, "/broken");
      await sleep(50);
      const list = await alerts.$get();
      if (!list.ok) throw new Error(await list.text());
      ({ id } = (await list.json()).items[0] ?? {});
    } while (id === undefined && Date.now() < firedBy);
    const acknowledged = await alerts[":action"].$post({ param: { action: `${id ?? ""}:ack` } });
    expect(acknowledged.status).toBe(200);
    expect((await alerts[":action"].$post({ param: { action: "none:ack" } })).status).toBe(404);
    expect((await suggestions.$get()).status).toBe(200);
    expect((await suggestions.$get({ query: { state: "kept", kind: "mix" } })).status).toBe(200);
    expect((await raw("suggestions?state=none")).status).toBe(400);
    expect((await suggestions[":action"].$get({ param: { action: "none" } })).status).toBe(404);
    expect((await suggestions[":action"].$post({ param: { action: "none:apply" } })).status).toBe(404);
    const curve = await history.$get({ query: { grain: "second", rows: "60", series: "fleet" } });
    if (!curve.ok) throw new Error(await curve.text());
    expect((await curve.json()).items.length).toBeGreaterThan(0);
    expect((await raw("history?grain=year")).status).toBe(400);
    expect((await admin.admin.audit.$get()).status).toBe(200);
  });

  it("of AI, and of what happens now", async () => {
    const reading = await admin.admin.ai.$get();
    if (!reading.ok) throw new Error(await reading.text());
    expect((await reading.json()).budgets.map(({ name }) => name)).toEqual(["ai", "model smart"]);
    const given = await admin.admin.live.$post();
    if (!given.ok) throw new Error(await given.text());
    expect(await given.json()).toMatchObject({
      ticket: expect.stringMatching(/^[0-9a-f]{64}$/),
      protocol: "sluice.live",
    });
  });

  it("every list is read page by page, none twice and none left out", async () => {
    for (const list of [
      ...["policy/history", "audit", "services", "regions", "alerts", "keys", "chaos/experiments"],
      ...["suggestions", "cache/keys"],
    ]) {
      const whole = (await (await raw(`${list}?limit=200`)).json()) as Page;
      const seen: unknown[] = [];
      let cursor: string | null = "";
      do {
        const answer: Response = await raw(`${list}?limit=1&cursor=${encodeURIComponent(cursor)}`);
        const page = (await answer.json()) as Page;
        expect(page.items.length).toBeLessThanOrEqual(1);
        seen.push(...page.items.map(nameOf));
        cursor = page.next;
      } while (cursor !== null);
      expect(seen, list).toEqual(whole.items.map(nameOf));
      for (const query of ["limit=0", "limit=201", "limit=x", `cursor=${"x".repeat(300)}`]) {
        const refused = await raw(`${list}?${query}`);
        expect(refused.status).toBe(400);
        expect(await refused.json()).toMatchObject({ errors: [{ path: query.split("=")[0] }] });
      }
    }
  });

  it("and no exchange was otherwise than documented", () => {
    expect([...new Set(wrong)]).toEqual([]);
    const done = contract.operations.filter((name) =>
      [...(contract.seen.get(name) ?? [])].some((status) => status < 300),
    );
    // What was learned takes longer than a test: how one is answered, and a decision on it, is seen in suggestions.test.ts.
    expect(contract.operations.filter((name) => !done.includes(name))).toEqual([
      "GET /_sluice/admin/suggestions/{id}",
      "POST /_sluice/admin/suggestions/{id}:{command}",
    ]);
  });
});

interface Page {
  items: unknown[];
  next: string | null;
}

const nameOf = (item: unknown): unknown => {
  const { id, name, generation } = item as Record<string, unknown>;
  return id ?? generation ?? name;
};
