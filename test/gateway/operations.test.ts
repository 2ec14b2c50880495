// The gateway's own paths: alive, ready, measured, and an admin API that is shut without its token.
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { get, send } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { expectProblem } from "../support/problem.ts";
import { describeWith } from "../support/programs.ts";
import { ADMIN_TOKEN, startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream(byPath({ "/broken": { status: 500 }, "*": { body: "ok" } }));
  rig = await startRig({ policy: inFrontOf(upstream) });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});

describe("health and readiness", () => {
  it("health answers, whatever else is wrong", async () => {
    const bare = await startRig({ faulty: "crash" });
    expect((await get(bare.g1, "/_sluice/health")).status).toBe(200);
    await bare.close();
  });

  it("ready is 503 without a policy and 200 with one", async () => {
    const bare = await startRig();
    expect((await get(bare.g1, "/_sluice/ready")).status).toBe(503);
    await bare.publish(inFrontOf(upstream));
    expect((await get(bare.g1, "/_sluice/ready")).status).toBe(200);
    await bare.close();
  });

  it("ready names the sections of the policy that this build does not act on yet", async () => {
    const answer = await get(rig.g1, "/_sluice/ready");
    expect(answer.status).toBe(200);
    expect(answer.header("content-type")).toMatch(/^application\/json/);
    expect(answer.json()).toEqual(expect.any(Object));
  });

  it.each(["hang", "throw", "crash"] as const)("a gateway whose objects %s is ready and serves", async (fault) => {
    const alone = await startRig({ faulty: fault, policy: inFrontOf(upstream) });
    expect((await get(alone.g1)).status).toBe(200);
    await alone.close();
  });

  it("none of it goes to an upstream", async () => {
    upstream.clear();
    for (const target of [
      "/_sluice/health",
      "/_sluice/ready",
      "/_sluice/metrics",
      "/_sluice/nothing",
      "/_sluice",
      "/_sluice/admin/nothing",
    ]) {
      await get(rig.g1, target);
    }
    expect(upstream.count).toBe(0);
    expectProblem(await get(rig.g1, "/_sluice/nothing"), 404);
  });

  it("a path cannot be bent around the door", async () => {
    upstream.clear();
    for (const target of ["/x/../_sluice/health", "/%5fsluice/health", "/_sluice%2Fhealth"]) {
      const answer = await get(rig.g1, target);
      expect(answer.status, target).toBeLessThan(500);
    }
    for (const request of upstream.requests)
      expect(decodeURIComponent(request.target)).not.toMatch(/^\/_sluice\/admin/);
  });
});

describe("metrics", () => {
  beforeAll(async () => {
    for (let round = 0; round < 5; round++) await get(rig.g1, "/counted");
    await get(rig.g1, "/broken");
  });

  it("are Prometheus text", async () => {
    const answer = await get(rig.g1, "/_sluice/metrics");
    expect(answer.status).toBe(200);
    expect(answer.header("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.text).toMatch(/^# HELP sluice_\w+ /m);
    expect(answer.text).toMatch(/^# TYPE sluice_\w+ (counter|gauge|histogram|summary)$/m);
  });

  it("count requests by service and status", async () => {
    const { text } = await get(rig.g1, "/_sluice/metrics");
    const samples = text.split("\n").filter((line) => line.startsWith("sluice_requests_total{"));
    const value = (status: RegExp): number =>
      samples
        .filter((line) => line.includes('service="web"') && status.test(line))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    expect(value(/"(200|2xx)"/)).toBeGreaterThanOrEqual(5);
    expect(value(/"(500|5xx)"/)).toBe(1);
  });

  it("keep their labels bounded: a path a client made up is no label", async () => {
    await get(rig.g1, "/made-up-by-a-client");
    expect((await get(rig.g1, "/_sluice/metrics")).text).not.toContain("made-up-by-a-client");
  });

  describeWith("promtool", "promtool", (file) => {
    it("finds nothing to say about them", async () => {
      const { text } = await get(rig.g1, "/_sluice/metrics");
      const { status, stdout, stderr } = spawnSync(file, ["check", "metrics"], { input: text, encoding: "utf8" });
      expect(`${stdout}${stderr}`).toBe("");
      expect(status).toBe(0);
    });
  });
});

describe("the admin API", () => {
  const doors: [method: string, path: string][] = [
    ["GET", "policy"],
    ["PUT", "policy"],
    ["POST", "policy/rollback"],
    ["GET", "policy/history"],
    ["POST", "explain"],
    ["GET", "audit"],
  ];

  it.each(doors)("%s %s is shut without a token, and with a wrong one", async (method, path) => {
    const tokens = [
      undefined,
      "",
      "Bearer",
      "Bearer wrong",
      `Bearer ${ADMIN_TOKEN}x`,
      `Basic ${ADMIN_TOKEN}`,
      ADMIN_TOKEN,
    ];
    for (const token of tokens) {
      const answer = await send(rig.g1, {
        method,
        target: `/_sluice/admin/${path}`,
        headers: token === undefined ? {} : { Authorization: token },
        ...(method === "GET" ? {} : { body: "{}" }),
      });
      expectProblem(answer, 401, [ADMIN_TOKEN]);
      expect(answer.header("www-authenticate")).toMatch(/^Bearer/);
    }
  });

  it("opens with the token, the scheme in any case", async () => {
    for (const scheme of ["Bearer", "bearer"]) {
      const answer = await get(rig.g1, "/_sluice/admin/policy", { Authorization: `${scheme} ${ADMIN_TOKEN}` });
      expect(answer.status).toBe(200);
    }
  });

  it("does not take the token from the query or a cookie", async () => {
    const answer = await get(rig.g1, `/_sluice/admin/policy?token=${ADMIN_TOKEN}`, { Cookie: `token=${ADMIN_TOKEN}` });
    expect(answer.status).toBe(401);
  });

  it("knows no other door", async () => {
    const answer = await get(rig.g1, "/_sluice/admin/nothing", { Authorization: `Bearer ${ADMIN_TOKEN}` });
    expectProblem(answer, 404);
  });

  it("is never cached", async () => {
    const answer = await get(rig.g1, "/_sluice/admin/policy", { Authorization: `Bearer ${ADMIN_TOKEN}` });
    expect(answer.header("cache-control")).toContain("no-store");
  });

  it("refuses everybody when no token is set", async () => {
    const open = await startRig({ vars: { ADMIN_TOKEN: "" } });
    for (const token of ["Bearer ", "Bearer undefined", "Bearer null"]) {
      const answer = await get(open.g1, "/_sluice/admin/policy", { Authorization: token });
      expect([401, 403, 503]).toContain(answer.status);
    }
    await open.close();
  });

  it("writes down who changed what", async () => {
    await rig.publish(inFrontOf(upstream, { route: { priority: "high" } }));
    const answer = await rig.admin("audit");
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("policy.put");
  });
});
