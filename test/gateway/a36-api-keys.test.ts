// API keys from their making to their end, over three gateways: good everywhere at once, refused everywhere within five seconds,
// wrong ones cheap, and the key itself nowhere but in the answer that made it.
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { get, send } from "../support/client.ts";
import type { Answer } from "../support/client.ts";
import { bearer } from "../support/identity.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

interface Made {
  id: string;
  key: string;
  expiresAt: number | null;
}

let rig: Rig;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  rig = await startRig({ gateways: 3, vars: { PEPPER: "a pepper nobody knows" }, policy: policy() });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const policy = () => {
  const plain = inFrontOf(upstream);
  const route = (path: string, changes: object) => ({ match: { path }, service: "web", ...changes });
  return {
    ...plain,
    routes: [
      route("/open/*", {}),
      route("/maybe/*", { auth: "optional" }),
      route("/reports/*", { auth: "required", permissions: ["reports:read"] }),
      route("/*", { auth: "required" }),
    ],
    security: {
      apiKeys: { pepper: { secret: "PEPPER" }, allowInQuery: true },
      roles: { analyst: ["reports:*"] },
      rateLimits: { small: { requestsPerMinute: 1000 } },
    },
  };
};

async function make(changes: object = {}): Promise<Made> {
  const answer = await rig.admin("keys", {
    method: "POST",
    body: JSON.stringify({ name: "ci", tenant: "acme", ...changes }),
  });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()) as Made;
}
const withKey = (origin: string, key: string, target = "/"): Promise<Answer> =>
  get(origin, target, { "X-API-Key": key });
const statuses = async (key: string): Promise<number[]> =>
  Promise.all(rig.origins.map(async (origin) => (await withKey(origin, key)).status));

it("A36: a new key is good on every gateway at once, in each of the places it may stand in", async () => {
  const { key } = await make();
  expect(await statuses(key)).toEqual([200, 200, 200]);
  expect((await bearer(rig.g2, key)).status).toBe(200);
  expect((await get(rig.g3, `/x?a=1&api_key=${key}&b=2`)).status).toBe(200);
  expect((await get(rig.g3, `/x?api%5Fkey=${key}`)).status).toBe(200);
});

it("the key ends at the gateway: no upstream sees it", async () => {
  const { key } = await make();
  upstream.clear();
  await withKey(rig.g1, key, "/header");
  await bearer(rig.g1, key, "/bearer");
  await get(rig.g1, `/query?a=1&api_key=${key}&b=2`);
  await get(rig.g1, `/only?api_key=${key}`);
  await withKey(rig.g1, key, "/open/header");
  await get(rig.g1, `/open/query?api_key=${key}&c`);
  expect(upstream.requests.map(({ target }) => target)).toEqual([
    "/header",
    "/bearer",
    "/query?a=1&b=2",
    "/only",
    "/open/header",
    "/open/query?c",
  ]);
  for (const request of upstream.requests) expect(request.head).not.toContain(key.slice(-20));
  // What is no key of ours is the upstream's own, where nobody is asked who he is.
  await get(rig.g1, "/open/x?api_key=theirs", { "X-API-Key": "theirs", Authorization: "Bearer theirs" });
  expect(upstream.last.header("x-api-key")).toBe("theirs");
  expect(upstream.last.target).toBe("/open/x?api_key=theirs");
  expect(upstream.last.header("authorization")).toBe("Bearer theirs");
});

it("A36: a wrong key is 401, also where one is not needed", async () => {
  const { id, key } = await make();
  const [, secret] = key.split(".") as [string, string];
  const wrong = [
    "x",
    "",
    id,
    `${id}.`,
    `${id}.${"A".repeat(43)}`,
    `${key}A`,
    key.slice(0, -1),
    ` ${key.toUpperCase()}`,
  ];
  wrong.push(
    `${id.slice(0, -1)}${id.endsWith("A") ? "B" : "A"}.${secret}`,
    `sk_${"A".repeat(24)}.${secret}`,
    `${key},${key}`,
  );
  for (const each of wrong) {
    const answer = await withKey(rig.g1, each);
    expectProblem(answer, 401);
    expect(answer.header("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect((await withKey(rig.g1, each, "/maybe/x")).status).toBe(401);
  }
  expect((await get(rig.g1, "/maybe/x")).status).toBe(200);
  expect((await get(rig.g1)).status).toBe(401);
});

it("two credentials that disagree are refused, two of one caller are not", async () => {
  const [one, again, other] = [await make(), await make(), await make({ tenant: "other" })];
  const both = (key: string, bearerKey: string) =>
    send(rig.g1, { headers: { "X-API-Key": key, Authorization: `Bearer ${bearerKey}` } });
  expect((await both(one.key, one.key)).status).toBe(200);
  expect((await both(one.key, again.key)).status).toBe(200);
  expect((await both(one.key, other.key)).status).toBe(401);
  expect((await get(rig.g1, `/?api_key=${other.key}`, { "X-API-Key": one.key })).status).toBe(401);
  expect((await get(rig.g1, `/?api_key=${one.key}&api_key=${other.key}`)).status).toBe(401);
  expect((await both(one.key, `${one.key}x`)).status).toBe(401);
});

it("a permission is needed and comes with a role", async () => {
  const [plain, role, permission] = [
    await make(),
    await make({ roles: ["analyst"] }),
    await make({ permissions: ["reports:read"] }),
  ];
  const refused = await withKey(rig.g1, plain.key, "/reports/1");
  expectProblem(refused, 403);
  // RFC 6750 §3.1
  expect(refused.header("www-authenticate")).toBe('Bearer error="insufficient_scope", scope="reports:read"');
  expect((await withKey(rig.g1, role.key, "/reports/1")).status).toBe(200);
  expect((await withKey(rig.g1, permission.key, "/reports/1")).status).toBe(200);
});

it("A36: a revoked key is refused within five seconds, on busy gateways and idle ones, and after a crash", async () => {
  const { id, key } = await make();
  expect(await statuses(key)).toEqual([200, 200, 200]);
  const revoked = await rig.admin(`keys/${id}`, { method: "DELETE" });
  expect(revoked.status).toBe(200);
  const since = performance.now();
  expect((await withKey(rig.g1, key)).status).toBe(401);
  // G2 is busy, G3 hears of nothing.
  while ((await withKey(rig.g2, key)).status !== 401 && performance.now() - since < 5_000) await sleep(100);
  expect(performance.now() - since).toBeLessThan(5_000);
  await sleep(Math.max(0, 5_000 - (performance.now() - since)));
  expect(await statuses(key)).toEqual([401, 401, 401]);
  const good = await make();
  await rig.kill();
  await rig.restart();
  expect(await statuses(key)).toEqual([401, 401, 401]);
  expect(await statuses(good.key)).toEqual([200, 200, 200]);
  expect((await rig.admin(`keys/${id}`, { method: "DELETE" })).status).toBe(200);
  expect((await rig.admin(`keys/sk_${"A".repeat(24)}`, { method: "DELETE" })).status).toBe(404);
}, 40_000);

it("A36: an expired key is refused, also one that was good a moment ago", async () => {
  const { key, expiresAt } = await make({ expiresAt: Date.now() + 1_500 });
  expect((await withKey(rig.g1, key)).status).toBe(200);
  await sleep(Math.max(0, expiresAt! - Date.now()) + 50);
  expect(await statuses(key)).toEqual([401, 401, 401]);
});

it("what cannot be a key is not made", async () => {
  const wrong = [
    {},
    { name: "" },
    { name: 1 },
    { name: "x", rateLimit: "none" },
    { name: "x", expiresAt: 1 },
    { name: "x", expiresAt: "soon" },
  ];
  wrong.push({ name: "x", roles: ["a b"] } as never, { name: "x", unknown: 1 } as never, { name: "x\n" });
  for (const body of wrong) {
    const answer = await rig.admin("keys", { method: "POST", body: JSON.stringify(body) });
    expect(answer.status, JSON.stringify(body)).toBe(400);
  }
});

it("A36: ten thousand wrong keys cost no read of a store, and good traffic goes on", async () => {
  const { id, key } = await make();
  expect((await withKey(rig.g1, key)).status).toBe(200);
  const wrong = (n: number): string =>
    n % 2 === 0 ? `sk_${String(n).padStart(24, "A")}.${"B".repeat(43)}` : `${id}.${String(n).padStart(43, "C")}`;
  let refused = 0;
  for (let n = 0; n < 10_000; n += 250) {
    const flood = Array.from({ length: 250 }, (_, at) => fetch(rig.g1, { headers: { "x-api-key": wrong(n + at) } }));
    const good = fetch(rig.g1, { headers: { "x-api-key": key } });
    for (const answer of await Promise.all(flood)) {
      await answer.body?.cancel();
      if (answer.status === 401) refused++;
    }
    expect((await good).status).toBe(200);
  }
  expect(refused).toBe(10_000);
  const metrics = await (await fetch(`${rig.g1}/_sluice/metrics`)).text();
  const lookups = Number(/^sluice_identity_lookups_total\{[^}]*\} (\d+)$/m.exec(metrics)?.[1]);
  expect(lookups).toBeLessThan(100);
  const report = (await (await rig.admin("security")).json()) as {
    counts: Record<string, number>;
    events: unknown[];
    keys: { count: number };
  };
  expect(report.counts["credential_refused"]).toBeGreaterThanOrEqual(10_000);
  expect(report.counts["key_in_query"]).toBeGreaterThan(0);
  expect(report.counts["credentials_disagree"]).toBeGreaterThan(0);
  expect(report.counts["permission_denied"]).toBeGreaterThan(0);
  expect(report.events.length).toBeGreaterThan(0);
  expect(report.keys.count).toBeGreaterThan(3);
}, 60_000);

it("A36: no key stands in any byte on disk, in a log, a list, a report or the audit log", async () => {
  const made = await Promise.all([make({ name: "grep me" }), make()]);
  for (const { key } of made) {
    await statuses(key);
    await get(rig.g1, `/x?api_key=${key}`);
    await get(rig.g1, `/x?api_key=${key}x`);
  }
  await sleep(1_500);
  const texts = [JSON.stringify(rig.logs)];
  for (const target of ["keys", "audit", "security", "policy"]) texts.push(await (await rig.admin(target)).text());
  texts.push(await (await fetch(`${rig.g1}/_sluice/metrics`)).text());
  for (const { key, id } of made) {
    const [, secret] = key.split(".") as [string, string];
    for (const text of texts) expect(text).not.toContain(secret);
    expect(texts.join("\n")).toContain(id);
    // Exit code 1: nothing found.
    const grep = (what: string): string => {
      try {
        return execFileSync("grep", ["-rlaF", what, rig.folder], { encoding: "utf8" });
      } catch {
        return "";
      }
    };
    expect(grep(secret)).toBe("");
    expect(grep(id)).not.toBe("");
  }
});
