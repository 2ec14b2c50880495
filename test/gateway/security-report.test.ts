// The security report: what happened on every gateway stands in one place, whoever is asked, with its numbers, without a
// credential, and over a crash.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { get, send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

interface Event {
  at: number;
  kind: string;
  detail: string;
  route: string;
  address: string;
  who: string;
  count: number;
  region: string;
}
interface Report {
  events: Event[];
  counts: Record<string, number>;
  keys: { count: number };
  limited: { limit: string }[];
}

let rig: Rig;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream({ body: "ok" });
  const plain = inFrontOf(upstream);
  const route = (path: string, changes: object) => ({ match: { path }, service: "web", ...changes });
  rig = await startRig({
    gateways: 3,
    policy: {
      ...plain,
      routes: [
        route("/small/*", { maxBodyBytes: 10 }),
        route("/rare/*", { rateLimit: "rare" }),
        route("/*", { auth: "required" }),
      ],
      security: {
        apiKeys: {},
        rateLimits: { rare: { requestsPerMinute: 2, by: "address" } },
        addresses: { deny: ["198.51.100.0/24"] },
      },
    },
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

const report = async (gateway = 1): Promise<Report> =>
  (await (await rig.admin("security?limit=100", {}, gateway)).json()) as Report;

const isWhole = (counts: Report["counts"]): boolean =>
  counts["admin_refused"] === 1 &&
  counts["address_denied"] === 3 &&
  counts["credential_refused"] === 9 &&
  counts["body_refused"] === 3;

it("tells who came with what he should not, from all gateways, and keeps it over a crash", async () => {
  const wrong = `sk_${"A".repeat(24)}.${"S3cr3t".repeat(7)}x`;
  const from = { "CF-Connecting-IP": "203.0.113.9" };
  for (const origin of rig.origins) {
    for (let at = 0; at < 3; at++) await get(origin, "/x", { ...from, "X-API-Key": wrong });
    await send(origin, { method: "POST", target: "/small/x", headers: from, body: "x".repeat(20) });
    await send(origin, { target: "/y", headers: { "CF-Connecting-IP": "198.51.100.7" } });
    await send(origin, { method: "TRACK", target: "/z", headers: from });
    for (let at = 0; at < 3; at++) await get(origin, "/rare/x", from);
  }
  await fetch(`${rig.g1}/_sluice/admin/policy`, { headers: { authorization: "Bearer wrong" } });
  let seen = await report(2);
  for (let look = 0; look < 40 && !isWhole(seen.counts); look++) {
    // What came while a report was under way is told with the next, which a request carries.
    for (const origin of rig.origins) await get(origin, "/small/x", from);
    await sleep(250);
    seen = await report(2);
  }
  expect(seen.counts["credential_refused"]).toBe(9);
  expect(seen.counts["body_refused"]).toBe(3);
  expect(seen.counts["address_denied"]).toBe(3);
  expect(seen.counts["rate_limited"]).toBeGreaterThanOrEqual(5);
  expect(seen.counts["admin_refused"]).toBe(1);
  const refused = seen.events.filter(({ kind }) => kind === "credential_refused");
  expect(refused.reduce((sum, { count }) => sum + count, 0)).toBe(9);
  expect(refused[0]).toMatchObject({ detail: "key_unknown", address: "203.0.113.9", route: "/*", region: "weur" });
  expect(seen.events.find(({ kind }) => kind === "address_denied")).toMatchObject({ address: "198.51.100.7" });
  expect(JSON.stringify(seen)).not.toContain("S3cr3t");
  expect(seen.limited.map(({ limit }) => limit)).toContain("rare");
  await rig.kill();
  await rig.restart();
  const after = await report();
  expect(after.counts).toMatchObject(seen.counts);
  expect(after.events.length).toBeGreaterThanOrEqual(seen.events.length);
});
