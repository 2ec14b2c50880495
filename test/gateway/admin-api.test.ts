// The admin API over HTTP, by its typed client, with the OpenAPI document as the judge of every question and every answer.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildDashboard } from "../../scripts/dashboard/build.ts";
import { adminClient } from "../../worker/admin/client.ts";
import { get } from "../support/client.ts";
import { ApiContract, readDocument } from "../support/openapi.ts";
import { inFrontOf } from "../support/policies.ts";
import { ADMIN_TOKEN, startRig, type Rig } from "../support/rig.ts";
import { byPath, startUpstream, type Upstream } from "../support/upstream.ts";

const contract = new ApiContract();
const wrong: string[] = [];
const files = mkdtempSync(path.join(os.tmpdir(), "sluice-files-"));
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
  await buildDashboard(files);
  rig = await startRig({ policy, dashboard: files });
  admin = adminClient(rig.g1, ADMIN_TOKEN, { fetch: judged });
  open = adminClient(rig.g1, "", { fetch: judged });
  await Promise.all(["/cached", "/cached", "/plain", "/broken"].map((path) => get(rig.g1, path)));
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
  rmSync(files, { recursive: true, force: true });
});

describe("what is asked and answered is what the document says", () => {
  it("of the gateway", async () => {
    expect((await open.health.$get()).status).toBe(200);
    expect((await open.ready.$get()).status).toBe(200);
    expect(await (await open.metrics.$get()).text()).toContain("sluice_");
    expect(await (await admin.admin.me.$get()).json()).toMatchObject({ role: "admin" });
    expect((await open.admin.policy.$get()).status).toBe(401);
  });

  it("of the document itself, to who may look, and to nobody else", async () => {
    const read = admin.admin["openapi.json"];
    const given = await read.$get();
    expect([given.status, given.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await given.json()).toEqual(readDocument());
    expect((await open.admin["openapi.json"].$get()).status).toBe(401);
    const made = await admin.admin.keys.$post({ json: { name: "reader", roles: ["sluice:viewer"] } });
    if (!made.ok) throw new Error(await made.text());
    const { id, key } = await made.json();
    const viewer = adminClient(rig.g1, key, { fetch: judged });
    expect(await (await viewer.admin["openapi.json"].$get()).json()).toEqual(readDocument());
    await admin.admin.keys[":id"].$patch({ param: { id }, json: { roles: ["orders"] }, header: { "if-match": "*" } });
    expect((await viewer.admin["openapi.json"].$get()).status).toBe(403);
    // It is an answer of the admin API, not a file of the page that anybody may load.
    expect((await fetch(`${rig.g1}/_sluice/dashboard/openapi.json`)).status).toBe(404);
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

  it("of a patch of the policy: what it does not name stays, and null removes", async () => {
    const read = async () => (await (await raw("policy")).json()) as Record<string, unknown>;
    const patch = (body: unknown, headers: Record<string, string>) =>
      raw("policy", { method: "PATCH", body: JSON.stringify(body), headers });
    const before = await read();
    const tag = (await raw("policy")).headers.get("etag") ?? "";
    expect((await patch({ expose: false }, {})).status).toBe(428);
    expect((await patch({ expose: false }, { "if-match": '"0"' })).status).toBe(412);
    expect((await patch({ expose: false }, { "if-match": "W/x" })).status).toBe(412);
    const other = await patch([], { "if-match": tag, "content-type": "application/json-patch+json" });
    expect([other.status, other.headers.get("accept-patch")]).toEqual([415, "application/merge-patch+json"]);
    const broken = await patch({ services: { web: { instances: null } } }, { "if-match": tag });
    expect(broken.status).toBe(422);
    expect(JSON.stringify(await broken.json())).toContain("services.web");
    const done = await patch(
      { expose: false, alerts: null, regions: { enam: null } },
      { "if-match": tag, "content-type": "application/merge-patch+json" },
    );
    expect(done.status).toBe(200);
    expect((await patch({ expose: true }, { "if-match": tag })).status).toBe(412);
    const { alerts: _, ...rest } = before;
    expect(await read()).toEqual({ ...rest, expose: false, regions: { weur: { latitude: 52, longitude: 5 } } });
    const same = await patch({}, { "if-match": "*" });
    expect(await same.json()).toMatchObject({ outcome: "unchanged" });
    const back = await patch(before, { "if-match": same.headers.get("etag") ?? "" });
    expect(back.status).toBe(200);
    expect(await read()).toEqual(before);
    const [last] = ((await (await raw("audit?action=policy&limit=1")).json()) as Page).items as AuditItem[];
    expect(last).toMatchObject({ action: "policy.put", generationBefore: expect.any(Number) });
    expect(last!.generationAfter).toBe(last!.generationBefore + 1);
  });

  it("of a change of a key, which is obeyed", async () => {
    const { keys } = admin.admin;
    const made = await keys.$post({ json: { name: "changing", roles: ["sluice:admin"], tenant: "acme" } });
    if (!made.ok) throw new Error(await made.text());
    const { id, key } = await made.json();
    const holder = adminClient(rig.g1, key, { fetch: judged });
    expect((await holder.admin.policy.check.$post({ json: { ...policy } })).status).toBe(200);
    const one = keys[":id"];
    const param = { id };
    const tag = (await one.$get({ param })).headers.get("etag") ?? "";
    expect((await one.$get({ param, header: { "if-none-match": tag } })).status).toBe(304);
    expect((await one.$patch({ param, json: { roles: [] } })).status).toBe(428);
    expect((await one.$patch({ param, json: { roles: [] }, header: { "if-match": '"x"' } })).status).toBe(412);
    const limited = await one.$patch({ param, json: { rateLimit: "none" }, header: { "if-match": tag } });
    expect(limited.status).toBe(400);
    const changed = await one.$patch({
      param,
      json: { roles: ["sluice:viewer"], tenant: null, expiresAt: Date.now() + 3_600_000 },
      header: { "if-match": tag },
    });
    if (!changed.ok) throw new Error(await changed.text());
    expect(await changed.json()).toMatchObject({ name: "changing", roles: ["sluice:viewer"], tenant: "" });
    expect((await one.$patch({ param, json: { name: "late" }, header: { "if-match": tag } })).status).toBe(412);
    // This isolate obeys at once.
    expect((await holder.admin.me.$get()).status).toBe(200);
    expect(await (await holder.admin.me.$get()).json()).toMatchObject({ role: "viewer" });
    const free = await one.$patch({ param, json: { expiresAt: null }, header: { "if-match": "*" } });
    expect(await free.json()).toMatchObject({ expiresAt: null, roles: ["sluice:viewer"] });
    await one.$delete({ param });
    expect((await one.$patch({ param, json: { name: "gone" }, header: { "if-match": "*" } })).status).toBe(404);
  });

  it("of a write that is sent again under its key: it is done once", async () => {
    const make = (idempotency: string, body: unknown = { name: "once" }, to = "keys") =>
      raw(to, { method: "POST", body: JSON.stringify(body), headers: { "idempotency-key": idempotency } });
    const count = async () => ((await (await raw("keys?limit=200")).json()) as Page).items.length;
    const before = await count();
    const all = await Promise.all(Array.from({ length: 5 }, () => make('"8e03978e-40d5"')));
    const statuses = all.map(({ status }) => status);
    expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
    expect(statuses).toContain(201);
    expect(await count()).toBe(before + 1);
    const first = (await all.find(({ status }) => status === 201)!.json()) as { key: string };
    const again = await make("8e03978e-40d5");
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
    expect(again.headers.get("location")).toMatch(/^\/_sluice\/admin\/keys\/sk_/);
    expect(await again.json()).toEqual(first);
    expect((await make("8e03978e-40d5", { name: "other" })).status).toBe(422);
    expect((await make("8e03978e-40d5", { all: true }, "cache/purge")).status).toBe(422);
    // What was kept for the retry is of no use to who reads the disk.
    const secret = first.key.split(".")[1]!;
    const files = readdirSync(rig.folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.length).toBeGreaterThan(0);
    for (const { parentPath, name } of files)
      expect(readFileSync(path.join(parentPath, name)).includes(secret), name).toBe(false);
    // What was refused was not done.
    expect((await make("refused", { name: "" })).status).toBe(400);
    expect((await make("refused", { name: "" })).headers.get("idempotency-replayed")).toBeNull();
    for (const key of ["", '""', "a b", "ä", "x".repeat(129)]) {
      if (key !== "ä") expect((await make(key)).status, key).toBe(400);
    }
    // Another caller's key of the same name is another key.
    const own = adminClient(rig.g1, first.key, { fetch: judged });
    expect((await own.admin.me.$get()).status).toBe(403);
    expect(await count()).toBe(before + 1);
    // What only looks is asked as often as it is asked.
    expect((await make("8e03978e-40d5", { url: "/plain" }, "explain")).status).toBe(200);
  });

  it("of the audit log, narrowed", async () => {
    const items = async (query: string): Promise<AuditItem[]> =>
      ((await (await raw(`audit?limit=200&${query}`)).json()) as { items: AuditItem[] }).items;
    const everything = await items("");
    for (const action of ["key", "key.create", "policy", "cache.purge", "chaos.start", "alert.ack", "instance.drain"]) {
      const found = await items(`action=${action}`);
      expect(found.length, action).toBeGreaterThan(0);
      expect(found).toEqual(
        everything.filter((each) => each.action === action || each.action.startsWith(`${action}.`)),
      );
    }
    expect(await items("action=ke")).toEqual([]);
    expect(await items("actor=nobody")).toEqual([]);
    expect(await items("actor=admin+token")).toEqual(everything.filter(({ actor }) => actor === "admin token"));
    const middle = everything[Math.floor(everything.length / 2)]!.at;
    expect(await items(`from=${middle}`)).toEqual(everything.filter(({ at }) => at >= middle));
    expect(await items(`to=${middle}`)).toEqual(everything.filter(({ at }) => at < middle));
    expect((await raw("audit?from=yesterday")).status).toBe(400);
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

interface AuditItem {
  at: number;
  actor: string;
  action: string;
  generationBefore: number;
  generationAfter: number;
}

interface Page {
  items: unknown[];
  next: string | null;
}

const nameOf = (item: unknown): unknown => {
  const { id, name, generation } = item as Record<string, unknown>;
  return id ?? generation ?? name;
};
