// Active health checks: made by each region for itself, never counted as traffic, and what they find decides who is asked.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { get } from "../support/client.ts";
import { inFrontOf } from "../support/policies.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstreams: Upstream[] = [];
let rig: Rig;
afterEach(async () => {
  await rig?.close();
  await Promise.all(upstreams.map((each) => each.close()));
});

const healthCheck = { path: "/health", intervalSeconds: 1, timeoutMs: 500, healthyAfter: 2, unhealthyAfter: 2 };

interface InstanceView {
  id: string;
  health: { status: string; checkedAt: number; problem?: string };
  totals: { ok: number; failed: number } | null;
  seenFrom: Record<string, { health?: { status: string } }>;
}

async function instances(gateway = 1): Promise<InstanceView[]> {
  const answer = await rig.admin("services/web", {}, gateway);
  return ((await answer.json()) as { instances: InstanceView[] }).instances;
}

/** Asks for something now and then, for checks are made where there is traffic, until `done`. */
async function until(done: () => Promise<boolean> | boolean, withinMs = 8_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await done())) {
    if (Date.now() > endMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(await instances())}`);
    await Promise.all(rig.origins.map((origin) => get(origin, "/traffic")));
    await sleep(100);
  }
}

const statuses = async (gateway = 1): Promise<string[]> =>
  (await instances(gateway)).map(({ health }) => health.status);
const served = (upstream: Upstream): number => upstream.requests.filter(({ path }) => path === "/traffic").length;

it("a sick instance is left out although it answers, and taken back when its checks pass again", async () => {
  let sick = false;
  upstreams = [
    await startUpstream(byPath({ "/health": () => ({ status: sick ? 503 : 200 }), "*": { body: "one" } })),
    await startUpstream(byPath({ "/health": { status: 204 }, "*": { body: "two" } })),
  ];
  const [first, second] = upstreams as [Upstream, Upstream];
  rig = await startRig({ policy: inFrontOf(upstreams, { service: { healthCheck } }) });
  await until(async () => (await statuses()).every((status) => status === "healthy"));
  await until(() => served(first) > 0 && served(second) > 0);

  sick = true;
  await until(async () => (await statuses())[0] === "unhealthy");
  expect((await instances())[0]!.health.problem).toBe("status 503");
  // With the next report everybody knows.
  await until(() => false, 1_500).catch(() => undefined);
  first.clear();
  second.clear();
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(rig.g1, "/traffic")));
  expect(answers.map(({ text }) => text)).toEqual(Array<string>(20).fill("two"));
  expect(served(first)).toBe(0);

  sick = false;
  await until(() => served(first) > 0);
  expect((await statuses())[0]).toBe("healthy");
}, 40_000);

it("checks are no traffic: nobody counts them, and they stop where the policy says so", async () => {
  upstreams = [await startUpstream(byPath({ "/health": { status: 500 }, "*": { body: "ok" } }))];
  const [upstream] = upstreams as [Upstream];
  const checked = inFrontOf(upstream, { service: { healthCheck, breaker: { consecutiveFailures: 1 } } });
  rig = await startRig({ policy: checked });
  await until(() => upstream.requests.filter(({ path }) => path === "/health").length >= 3);
  // Nobody else is there to ask; but its breaker has heard of no failure, and nothing was counted.
  await until(async () => (await get(rig.g1, "/traffic")).status === 503);
  const [instance] = await instances();
  expect(instance).toMatchObject({ breaker: { state: "closed" }, health: { status: "unhealthy" } });
  expect(instance!.totals?.failed ?? 0).toBe(0);

  const { body } = upstream.requests.find(({ path }) => path === "/health")!;
  expect(body.length).toBe(0);
  await rig.publish(inFrontOf(upstream));
  await sleep(1_500);
  await get(rig.g1, "/traffic");
  await sleep(1_500);
  upstream.clear();
  await sleep(2_500);
  expect(upstream.count).toBe(0);
}, 30_000);

it("each region sees for itself", async () => {
  // What only one region's checks carry: its own way there.
  upstreams = [await startUpstream({ body: "ok" })];
  const sections = {
    regions: { weur: { latitude: 52, longitude: 5 }, enam: { latitude: 40, longitude: -74 } },
  };
  rig = await startRig({
    gateways: 2,
    regions: ["weur", "enam"],
    policy: inFrontOf(upstreams, { service: { healthCheck }, sections }),
  });
  await until(async () => {
    const [instance] = await instances();
    return ["weur", "enam"].every((region) => instance!.seenFrom[region]?.health?.status === "healthy");
  });
  const checks = upstreams[0]!.requests.filter(({ path }) => path === "/health").length;
  expect(checks).toBeGreaterThanOrEqual(2);
}, 20_000);
