import { evictDurableObject, reset, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { serviceObjectName } from "../../worker/core/protocol/names.ts";
import type { MergedDelta, ServiceBatch } from "../../worker/core/protocol/objects.ts";

/** Alarms set in this time never ring by themselves: the test rings them. */
const FUTURE = 2_000_000_000_000;
const service = () => env.SERVICE.getByName(serviceObjectName("users", "weur"));
const delta: MergedDelta = {
  ok: 40,
  failed: 10,
  limited: 0,
  slow: 2,
  inFlight: 4,
  ewmaMs: 100,
  times: [50, 40, 100, 10],
  openShare: 0,
};
const batch = (instances: Record<string, MergedDelta>): ServiceBatch => ({
  service: "users",
  region: "weur",
  isolates: 2,
  instances,
  leases: [],
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: FUTURE });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("reads out load, outcomes and latency of each instance", async () => {
  await service().merge(batch({ "users-1": delta, "users-2": { ...delta, failed: 0 } }));
  const reading = await service().reading();
  expect(reading).toMatchObject({ service: "users", region: "weur", isolates: 2 });
  const one = reading.instances["users-1"]!;
  expect(one).toMatchObject({
    requestsPerSecond: 5,
    inFlight: 4,
    ewmaMs: 100,
    window: { ok: 40, failed: 10, limited: 0, slow: 2 },
  });
  expect(one.p50Ms).toBeLessThan(one.p95Ms);
  expect(Object.keys(reading.instances)).toEqual(["users-1", "users-2"]);
});

it("forgets outcomes after ten seconds, and response times after two idle minutes", async () => {
  await service().merge(batch({ "users-1": delta }));
  vi.setSystemTime(Date.now() + 10_000);
  let one = (await service().reading()).instances["users-1"]!;
  expect(one.window).toEqual({ ok: 0, failed: 0, limited: 0, slow: 0 });
  expect(one.p95Ms).toBeGreaterThan(0);
  vi.setSystemTime(Date.now() + 120_000);
  one = (await service().reading()).instances["users-1"]!;
  expect(one.p95Ms).toBe(0);
});

it("keeps what it knew over a restart, by its snapshot", async () => {
  await service().merge(batch({ "users-1": delta }));
  expect(await runDurableObjectAlarm(service())).toBe(true);
  expect(await runDurableObjectAlarm(service())).toBe(false);
  const before = await service().reading();
  await evictDurableObject(service());
  expect(await service().reading()).toEqual({ ...before, isolates: 0 });
});

it("forgets an instance that was silent for an hour, also in storage", async () => {
  await service().merge(batch({ "users-1": delta }));
  await runDurableObjectAlarm(service());
  vi.setSystemTime(Date.now() + 3_600_001);
  await service().merge(batch({ "users-2": delta }));
  await runDurableObjectAlarm(service());
  await evictDurableObject(service());
  expect(Object.keys((await service().reading()).instances)).toEqual(["users-2"]);
});

it("shows its health and state over HTTP", async () => {
  await service().merge(batch({ "users-1": delta }));
  expect(await (await service().fetch("http://object/health")).json()).toEqual({
    status: "ok",
    service: "users",
    region: "weur",
  });
  expect(await (await service().fetch("http://object/state")).json()).toMatchObject({
    instances: { "users-1": { inFlight: 4 } },
  });
});
