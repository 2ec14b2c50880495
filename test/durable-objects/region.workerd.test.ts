import { evictDurableObject, reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RegionObject } from "../../durable-objects/region.ts";
import { CONTROL_NAME, regionObjectName, serviceObjectName } from "../../worker/core/protocol/names.ts";
import type { News, ServiceBatch, ServiceReply } from "../../worker/core/protocol/objects.ts";
import type { Report } from "../../worker/core/protocol/reports.ts";
import type { Env } from "../../worker/platform/env.ts";

const region = () => env.REGION.getByName(regionObjectName("weur"));
const control = () => env.CONTROL.getByName(CONTROL_NAME);
const change = { actor: "test", note: "" };
/** Alarms set in this time never ring by themselves: the test rings them. */
const FUTURE = 2_000_000_000_000;

function report(more: Partial<Report> = {}): Report {
  return {
    isolate: "isolate-1",
    region: "weur",
    sequence: 1,
    generation: 0,
    spanMs: 1_000,
    urgent: false,
    requests: { total: 10, failed: 1, refused: 2 },
    services: {
      users: { "users-1": { ok: 9, failed: 1, limited: 0, slow: 0, inFlight: 3, ewmaMs: 20, times: [10, 10] } },
    },
    ...more,
  };
}

interface Neighbours {
  news?: (known: number) => Promise<News>;
  record?: (actor: string, action: string, detail: string) => Promise<void>;
  merge?: (batch: ServiceBatch) => Promise<ServiceReply>;
}

const NO_NEWS: News = { epochs: { policy: 0, purge: 0, keys: 0, chaos: 0 }, ageMs: 0 };

/** The region's object with neighbours that the test listens to. */
async function among(
  neighbours: Neighbours,
  act: (object: RegionObject, state: DurableObjectState) => Promise<void>,
): Promise<void> {
  await runInDurableObject(region(), async (_, state) => {
    const {
      news = async () => NO_NEWS,
      record = async () => undefined,
      merge = async () => ({ verdicts: {}, leases: {} }),
    } = neighbours;
    const surroundings = {
      ...env,
      CONTROL: { getByName: () => ({ news, record }) },
      SERVICE: { getByName: () => ({ merge }) },
    };
    await act(new RegionObject(state, surroundings as unknown as Env), state);
    await state.storage.deleteAlarm();
  });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: FUTURE });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("counts a report once, however often it arrives", async () => {
  await region().report(report());
  await region().report(report());
  await region().report(report({ sequence: 2 }));
  await region().report(report());
  const totals = await region().totals();
  expect(totals.requests).toEqual({ total: 20, failed: 2, refused: 4 });
  expect(totals.services).toEqual({ users: { "users-1": { ok: 18, failed: 2, limited: 0, slow: 0 } } });
  expect((await region().reading()).reports).toEqual({ taken: 2, repeated: 2 });
});

it("answers with the epochs and their age", async () => {
  await control().put("{}", change);
  const reply = await region().report(report());
  expect(reply.epochs).toMatchObject({ policy: 1 });
  expect(reply.newsAgeMs).toBe(0);
  expect(reply.nextReportMs).toBe(1_000);
});

it("asks ControlObject once a second, whatever the traffic", async () => {
  const asked = vi.fn(async () => NO_NEWS);
  await among({ news: asked }, async (object) => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => object.report(report({ isolate: `isolate-${n}` }))));
    await Promise.all(Array.from({ length: 50 }, () => object.news("weur", 0)));
    expect(asked).toHaveBeenCalledTimes(1);
    vi.setSystemTime(Date.now() + 999);
    await object.news("weur", 0);
    expect(asked).toHaveBeenCalledTimes(1);
    vi.setSystemTime(Date.now() + 1);
    await Promise.all([object.news("weur", 0), object.report(report({ sequence: 2 }))]);
    expect(asked).toHaveBeenCalledTimes(2);
  });
});

it("goes on with the last news, and tells its age, when ControlObject fails", async () => {
  let away = false;
  const news = async (): Promise<News> => {
    if (away) throw new Error("internal error");
    return { epochs: { policy: 0, purge: 7, keys: 0, chaos: 0 }, ageMs: 0 };
  };
  await among({ news }, async (object) => {
    await object.report(report());
    away = true;
    for (let second = 1; second <= 20; second++) {
      vi.setSystemTime(Date.now() + 1_000);
      const reply = await object.report(report({ sequence: second + 1 }));
      expect(reply).toMatchObject({ epochs: { purge: 7 }, newsAgeMs: second * 1_000 });
    }
  });
});

it("hands the newest policy on, once to each, and also while ControlObject is away", async () => {
  let away = false;
  const asked: number[] = [];
  const news = async (known: number): Promise<News> => {
    asked.push(known);
    if (away) throw new Error("internal error");
    const policy = { generation: 4, text: "{}", at: 1 };
    return { epochs: { policy: 4, purge: 0, keys: 0, chaos: 0 }, ageMs: 0, ...(known < 4 ? { policy } : {}) };
  };
  await among({ news }, async (object, state) => {
    expect((await object.news("weur", 0)).policy).toEqual({ generation: 4, text: "{}", at: 1 });
    expect((await object.news("weur", 4)).policy).toBeUndefined();
    away = true;
    vi.setSystemTime(Date.now() + 5_000);
    expect((await object.news("weur", 3)).policy?.generation).toBe(4);
    expect(asked).toEqual([0, 4]);
    const restarted = new RegionObject(state, { CONTROL: { getByName: () => ({ news }) } } as unknown as Env);
    expect((await restarted.news("weur", 0)).policy?.generation).toBe(4);
  });
});

it("passes one merged batch a second to each service", async () => {
  const batches: ServiceBatch[] = [];
  const merge = async (batch: ServiceBatch) => {
    batches.push(batch);
    return { verdicts: {}, leases: {} };
  };
  await among({ merge }, async (object, state) => {
    for (let n = 0; n < 5; n++) await object.report(report({ isolate: `isolate-${n}` }));
    expect(batches).toHaveLength(0);
    expect(await state.storage.getAlarm()).toBe(Date.now() + 1_000);
    vi.setSystemTime(Date.now() + 1_000);
    await object.alarm();
    expect(batches).toHaveLength(1);
    expect(batches[0]).toMatchObject({ service: "users", region: "weur", isolates: 5 });
    expect(batches[0]!.instances["users-1"]).toMatchObject({
      ok: 45,
      failed: 5,
      inFlight: 15,
      ewmaMs: 20,
      times: [10, 50],
    });
  });
});

it("passes an urgent report on at once", async () => {
  const merged = vi.fn(async () => ({ verdicts: {}, leases: {} }));
  await among({ merge: merged }, async (object) => {
    await object.report(report({ urgent: true }));
    await vi.waitFor(() => expect(merged).toHaveBeenCalledTimes(1));
  });
});

it("answers with the services' verdicts until they are closed again", async () => {
  let verdicts: ServiceReply["verdicts"] = { "users-1": { state: "open", reason: "rate", until: 1, generation: 2 } };
  await among({ merge: async () => ({ verdicts, leases: {} }) }, async (object) => {
    await object.report(report());
    await object.alarm();
    expect((await object.report(report({ sequence: 2 }))).verdicts).toEqual({ users: verdicts });
    verdicts = {};
    await object.alarm();
    expect((await object.report(report({ sequence: 3 }))).verdicts).toEqual({});
  });
});

it("answers a request for a probe lease with the lease", async () => {
  const asked: ServiceBatch["leases"][] = [];
  const merge = async (batch: ServiceBatch): Promise<ServiceReply> => {
    asked.push(batch.leases);
    return { verdicts: {}, leases: { "isolate-1": { "users-1": 123 }, other: { "users-1": 456 } } };
  };
  await among({ merge }, async (object) => {
    const reply = await object.report(report({ leases: { want: ["users/users-1"], back: ["users/users-2"] } }));
    expect(asked).toEqual([[{ isolate: "isolate-1", want: ["users-1"], back: ["users-2"] }]]);
    expect(reply.leases).toEqual({ "users/users-1": 123 });
  });
});

it("stretches the interval to hold 200 reports a second", async () => {
  await among({}, async (object) => {
    for (let n = 0; n < 1_000; n++) await object.report(report({ isolate: `isolate-${n}` }));
    await object.alarm();
    const reply = await object.report(report({ isolate: "isolate-0", sequence: 2 }));
    expect(reply.nextReportMs).toBe(5_000);
    expect(object.reading()).toMatchObject({ isolates: 1_000, nextReportMs: 5_000 });
  });
});

it("forgets isolates that fell silent, and what they had in flight", async () => {
  await among({}, async (object) => {
    await object.report(report());
    await object.alarm();
    expect(object.reading()).toMatchObject({ isolates: 1, inFlight: 3 });
    vi.setSystemTime(Date.now() + 6_000);
    await object.alarm();
    expect(object.reading()).toMatchObject({ isolates: 0, inFlight: 0 });
  });
});

it("loses nothing older than ten seconds, and counts no repeat, when its memory is lost", async () => {
  await region().report(report());
  vi.setSystemTime(Date.now() + 10_000);
  await runDurableObjectAlarm(region());
  await evictDurableObject(region());
  expect((await region().totals()).requests.total).toBe(10);
  await region().report(report());
  expect((await region().totals()).requests.total).toBe(10);
  await region().report(report({ sequence: 2 }));
  expect((await region().totals()).requests.total).toBe(20);
});

it("checkpoints by a last alarm after traffic has ended", async () => {
  await region().report(report());
  expect(await runDurableObjectAlarm(region())).toBe(true);
  vi.setSystemTime(Date.now() + 10_000);
  expect(await runDurableObjectAlarm(region())).toBe(true);
  expect(await runDurableObjectAlarm(region())).toBe(false);
  await evictDurableObject(region());
  expect((await region().totals()).requests.total).toBe(10);
});

it("a service object that is away keeps nothing from the others, nor from reports", async () => {
  const merged: string[] = [];
  const merge = async ({ service }: ServiceBatch) => {
    merged.push(service);
    if (service === "users") throw new Error("this object throws");
    return { verdicts: {}, leases: {} };
  };
  await among({ merge }, async (object) => {
    const services = { users: report().services.users!, orders: report().services.users! };
    await object.report(report({ services }));
    await object.alarm();
    expect(merged.sort()).toEqual(["orders", "users"]);
    expect(await object.report(report({ sequence: 2 }))).toMatchObject({ verdicts: {} });
  });
});

it("writes a refused policy down once", async () => {
  await region().report(report({ policyError: "routes[0].service names no service" }));
  await region().report(report({ sequence: 2, policyError: "routes[0].service names no service" }));
  await region().report(report({ isolate: "isolate-2", policyError: "routes[0].service names no service" }));
  const entries = await control().audit(Number.MAX_SAFE_INTEGER, 10);
  expect(entries).toMatchObject([
    { action: "policy.refused", actor: "region weur, isolate isolate-1", detail: "routes[0].service names no service" },
  ]);
});

it("brings real news to the service's own object", async () => {
  await region().report(report());
  await runDurableObjectAlarm(region());
  const reading = await env.SERVICE.getByName(serviceObjectName("users", "weur")).reading();
  expect(reading).toMatchObject({ service: "users", region: "weur", isolates: 1 });
  expect(reading.instances["users-1"]).toMatchObject({ inFlight: 3, ewmaMs: 20, window: { ok: 9, failed: 1 } });
});

it("shows its health and state over HTTP", async () => {
  await region().report(report());
  expect(await (await region().fetch("http://object/health")).json()).toEqual({
    status: "ok",
    region: "weur",
    isolates: 1,
  });
  expect(await (await region().fetch("http://object/state")).json()).toMatchObject({
    totals: { requests: { total: 10 } },
  });
});
