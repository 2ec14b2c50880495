import { evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { service as policyService } from "../../worker/core/policy/schema.ts";
import { serviceObjectName } from "../../worker/core/protocol/names.ts";
import type { LeaseRequest, MergedDelta, Operation, ServiceBatch } from "../../worker/core/protocol/objects.ts";

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
  recent: { ok: 40, failed: 10, limited: 0, slow: 2 },
  openShare: 0,
};
const batch = (instances: Record<string, MergedDelta>): ServiceBatch => ({
  service: "users",
  region: "weur",
  isolates: 2,
  instances,
  leases: [],
  refused: 0,
  registry: 0,
});
/** Ten seconds later; its timers ring in the object itself. */
const snapshot = () => runInDurableObject(service(), () => vi.advanceTimersByTimeAsync(10_000));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: FUTURE });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

describe("the shared breakers", () => {
  const options = v.parse(policyService, {
    instances: [{ id: "users-1", url: "https://u.example.com" }],
    breaker: { openMs: 10_000, maxOpenMs: 10_000 },
  });
  const settings = (changes: object = {}) => ({ text: JSON.stringify({ ...options, ...changes }), probeMs: 8_000 });
  const failing: MergedDelta = { ...delta, ok: 0, failed: 5, openShare: 1 };
  const none: MergedDelta = { ...delta, ok: 0, failed: 0, slow: 0, times: [] };
  const lease = (isolate: string, more: Partial<LeaseRequest> = {}): LeaseRequest => ({
    isolate,
    want: [],
    back: [],
    passed: [],
    failed: {},
    ...more,
  });
  const ask = (isolate: string, more: Partial<ServiceBatch> = {}) =>
    service().merge({ ...batch({}), leases: [lease(isolate, { want: ["users-1"] })], ...more });
  const trip = () => service().merge({ ...batch({ "users-1": failing }), settings: settings() });
  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
  const breaker = async () => (await service().reading()).breakers["users-1"];

  it("open by the vote of those that carry the load, and say why and until when", async () => {
    const { verdicts } = await trip();
    expect(verdicts["users-1"]).toMatchObject({ state: "open", reason: "consecutive" });
    const { until } = verdicts["users-1"]!;
    expect(until - Date.now()).toBeGreaterThanOrEqual(8_000);
    expect(until - Date.now()).toBeLessThanOrEqual(10_000);
    expect(await breaker()).toEqual({
      state: "open",
      reason: "consecutive",
      until,
      probes: 0,
      probing: [],
      drained: false,
    });
  });

  it("judge nobody before the policy is known, nor where it says so", async () => {
    expect((await service().merge(batch({ "users-1": failing }))).verdicts).toEqual({});
    await service().merge({ ...batch({}), settings: settings({ breaker: false }) });
    expect((await service().merge(batch({ "users-1": failing }))).verdicts).toEqual({});
  });

  it("A45: stay open over a lost memory, until the old deadline", async () => {
    const before = (await trip()).verdicts;
    await evictDurableObject(service());
    pass(2_000);
    const after = await service().merge(batch({}));
    expect(after.verdicts).toEqual(before);
    pass(before["users-1"]!.until - Date.now());
    expect((await service().merge(batch({}))).verdicts["users-1"]).toMatchObject({ state: "half_open" });
  });

  it("hand out three leases at a time, each with an end, and none beyond them after a lost memory", async () => {
    await trip();
    expect((await ask("a")).leases).toEqual({});
    pass(10_000);
    const granted = await Promise.all(["a", "b", "c", "d"].map((isolate) => ask(isolate)));
    expect(granted.map(({ leases }) => Object.keys(leases))).toEqual([["a"], ["b"], ["c"], []]);
    // A probe may take eight seconds, and two may pass before it begins.
    expect(granted[0]!.leases).toEqual({ a: { "users-1": Date.now() + 10_000 } });
    expect(await breaker()).toMatchObject({ state: "half_open", probes: 3, probing: ["a", "b", "c"] });
    await evictDurableObject(service());
    expect((await ask("d")).leases).toEqual({});
    await service().merge({ ...batch({}), leases: [lease("b", { back: ["users-1"] })] });
    expect((await ask("d")).leases).toHaveProperty("d");
    pass(10_000);
    expect((await ask("e")).leases).toHaveProperty("e");
  });

  it("count probes before the traffic that came with them, and grant wishes last", async () => {
    await trip();
    pass(10_000);
    for (const isolate of ["a", "b", "c"]) await ask(isolate);
    const news = await service().merge({
      ...batch({ "users-1": { ...none, ok: 30 } }),
      leases: [
        lease("d", { want: ["users-1"] }),
        ...["a", "b", "c"].map((isolate) => lease(isolate, { passed: ["users-1"] })),
      ],
    });
    expect(news.verdicts["users-1"]).toMatchObject({ state: "ramp", until: Date.now() + 5_000 });
    expect(news.leases).toEqual({});
    pass(5_000);
    expect((await service().merge(batch({}))).verdicts).toEqual({});
    expect(await breaker()).toMatchObject({ state: "closed", reason: "" });
  });

  it("open again at one failed probe, and believe its Retry-After", async () => {
    await trip();
    pass(10_000);
    await ask("a");
    const failed = { "users-1": 30_000 };
    const { verdicts } = await service().merge({ ...batch({}), leases: [lease("a", { failed })] });
    expect(verdicts["users-1"]).toMatchObject({ state: "open", until: Date.now() + 30_000 });
  });

  it("obey operators once each, whatever the policy says, and over a lost memory", async () => {
    const drain: Operation = { number: 5, service: "users", instance: "users-1", command: "drain" };
    await service().merge({ ...batch({}), settings: settings({ breaker: false }), operations: [drain] });
    await evictDurableObject(service());
    pass(86_400_000);
    const { verdicts } = await service().merge(batch({}));
    expect(verdicts["users-1"]).toMatchObject({ state: "open", reason: "manual", until: 0 });
    expect(await breaker()).toMatchObject({ state: "open", reason: "manual", drained: true });
    const close: Operation = { ...drain, number: 6, command: "close" };
    expect((await service().merge({ ...batch({}), operations: [close] })).verdicts).toEqual({});
    expect((await service().merge({ ...batch({}), operations: [drain, close] })).verdicts).toEqual({});
  });

  it("let go of what they hold when the policy switches them off, and keep deadlines within changed options", async () => {
    await trip();
    const shorter = { breaker: { ...(options.breaker as object), openMs: 1_000, maxOpenMs: 2_000 } };
    const { verdicts } = await service().merge({ ...batch({}), settings: settings(shorter) });
    expect(verdicts["users-1"]!.until).toBeLessThanOrEqual(Date.now() + 2_000);
    expect((await service().merge({ ...batch({}), settings: settings({ breaker: false }) })).verdicts).toEqual({});
    expect(await breaker()).toMatchObject({ state: "closed" });
  });

  it("number their news so that an overtaken one is known, also when the clock stands", async () => {
    const first = await service().merge(batch({}));
    const second = await service().merge(batch({}));
    expect(second.at).toBeGreaterThan(first.at);
  });
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
  await snapshot();
  const before = await service().reading();
  await evictDurableObject(service());
  expect(await service().reading()).toEqual({ ...before, isolates: 0 });
});

it("forgets an instance that was silent for an hour, also in storage", async () => {
  await service().merge(batch({ "users-1": delta }));
  await snapshot();
  vi.setSystemTime(Date.now() + 3_600_001);
  await service().merge(batch({ "users-2": delta }));
  await snapshot();
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
