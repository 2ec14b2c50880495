// The real RegionObject, by itself and among neighbours that the test plays.
// Length: one stand of neighbours and one clock for all that one object does.
import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RegionObject } from "../../durable-objects/region.ts";
import { NO_NUMBERS } from "../../worker/core/protocol/ledgers.ts";
import { CONTROL_NAME, POLICY_KEY, regionObjectName, serviceObjectName } from "../../worker/core/protocol/names.ts";
import type {
  ControlAnswer,
  ControlQuestion,
  Operation,
  ServiceBatch,
  ServiceReply,
} from "../../worker/core/protocol/objects.ts";
import type { LearnNews } from "../../worker/core/protocol/insight.ts";
import type { RollupBatch } from "../../worker/core/protocol/rollups.ts";
import type { Mix, Report, Verdict } from "../../worker/core/protocol/reports.ts";
import { observe, tally } from "../../worker/core/routing/learn.ts";
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
  news?: (question: ControlQuestion) => Promise<ControlAnswer>;
  record?: (actor: string, action: string, detail: string) => Promise<void>;
  merge?: (batch: ServiceBatch) => Promise<ServiceReply>;
  learn?: (news: Record<string, LearnNews>) => Promise<Record<string, Mix>>;
  rollup?: (batch: RollupBatch) => Promise<void>;
}

const NO_NEWS: ControlAnswer = {
  epochs: { policy: 0, purge: 0, keys: 0, chaos: 0, trials: 0 },
  ageMs: 0,
  operations: [],
  inFlight: {},
};
const NOTHING: ServiceReply = { at: 1, verdicts: {}, leases: {} };

/** The region's object with neighbours that the test listens to. */
async function among(
  neighbours: Neighbours,
  act: (object: RegionObject, state: DurableObjectState) => Promise<void>,
): Promise<void> {
  await runInDurableObject(region(), async (_, state) => {
    const {
      news = async () => NO_NEWS,
      record = async () => undefined,
      learn = async () => ({}),
      merge = async () => NOTHING,
      rollup = async () => undefined,
    } = neighbours;
    const surroundings = {
      ...env,
      CONTROL: { getByName: () => ({ news, record }) },
      SERVICE: { getByName: () => ({ merge }) },
      INSIGHT: { getByName: () => ({ learn, rollup }) },
    };
    const waitUntil = vi.spyOn(state, "waitUntil").mockImplementation((work) => void background.push(work));
    await act(new RegionObject(state, surroundings as unknown as Env), state);
    waitUntil.mockRestore();
    await state.storage.deleteAlarm();
  });
}

const realTimeout = globalThis.setTimeout;
/** A moment of the real clock, for what waits for no timer of ours. */
const moment = (): Promise<void> => new Promise((resolve) => void realTimeout(resolve, 5));

/** What objects do beside their answers. */
let background: Promise<unknown>[];

/** A second later. */
async function beat(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(background.splice(0));
}

beforeEach(() => {
  background = [];
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"], now: FUTURE });
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
  const news = async (): Promise<ControlAnswer> => {
    if (away) throw new Error("internal error");
    return { ...NO_NEWS, epochs: { policy: 0, purge: 7, keys: 0, chaos: 0, trials: 0 } };
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

it("hands orders on to each isolate that lacks them, and also while ControlObject is away", async () => {
  let away = false;
  const entries = [3, 5].map((number) => ({ number, key: `k${number}`, text: "{}" }));
  const news = async ({ ledgers }: ControlQuestion): Promise<ControlAnswer> => {
    if (away) throw new Error("internal error");
    const epochs = { policy: 0, purge: 0, keys: 5, chaos: 0, trials: 0 };
    return { ...NO_NEWS, epochs, ...(ledgers.keys < 5 ? { ledgers: { keys: { floor: 2, entries } } } : {}) };
  };
  await among({ news }, async (object, state) => {
    const ledgers = { purge: 0, keys: 3, chaos: 0, trials: 0 };
    const lacking = { keys: { floor: 2, entries: entries.slice(1) } };
    expect((await object.report(report({ ledgers }))).ledgers).toEqual(lacking);
    away = true;
    expect((await object.news("weur", 0, undefined, NO_NUMBERS)).reply.ledgers).toEqual({
      keys: { floor: 2, entries },
    });
    expect((await object.news("weur", 0, undefined, { ...ledgers, keys: 5 })).reply.ledgers).toBeUndefined();
    const surroundings = { ...env, CONTROL: { getByName: () => ({ news }) } };
    const restarted = new RegionObject(state, surroundings as unknown as Env);
    expect((await restarted.report(report({ sequence: 2, ledgers }))).ledgers).toEqual(lacking);
  });
});

it("hands the newest policy on, once to each, and also while ControlObject is away", async () => {
  let away = false;
  const asked: number[] = [];
  const news = async ({ policy: known }: ControlQuestion): Promise<ControlAnswer> => {
    asked.push(known);
    if (away) throw new Error("internal error");
    const policy = { generation: 4, text: "{}", at: 1 };
    return {
      ...NO_NEWS,
      epochs: { policy: 4, purge: 0, keys: 0, chaos: 0, trials: 0 },
      ...(known < 4 ? { policy } : {}),
    };
  };
  await among({ news }, async (object, state) => {
    expect((await object.news("weur", 0)).policy).toEqual({ generation: 4, text: "{}", at: 1 });
    expect((await object.news("weur", 4)).policy).toBeUndefined();
    away = true;
    vi.setSystemTime(Date.now() + 5_000);
    expect((await object.news("weur", 3)).policy?.generation).toBe(4);
    expect(asked).toEqual([0, 4]);
    const surroundings = { ...env, CONTROL: { getByName: () => ({ news }) } };
    const restarted = new RegionObject(state, surroundings as unknown as Env);
    expect((await restarted.news("weur", 0)).policy?.generation).toBe(4);
  });
});

it("passes one merged batch a second to each service", async () => {
  const batches: ServiceBatch[] = [];
  const merge = async (batch: ServiceBatch) => {
    batches.push(batch);
    return NOTHING;
  };
  await among({ merge }, async (object, state) => {
    for (let n = 0; n < 5; n++) await object.report(report({ isolate: `isolate-${n}` }));
    expect(batches).toHaveLength(0);
    await beat();
    // An alarm would be stored and billed.
    expect(await state.storage.getAlarm()).toBeNull();
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

it("passes on at once what the only isolate reports, and with the others' once there are others", async () => {
  const batches: [isolates: number, at: number][] = [];
  const merge = async ({ isolates }: ServiceBatch) => {
    batches.push([isolates, Date.now() - FUTURE]);
    return NOTHING;
  };
  await among({ merge }, async (object) => {
    await object.report(report());
    await vi.advanceTimersByTimeAsync(900);
    expect(batches).toEqual([[1, 0]]);
    await object.report(report({ sequence: 2 }));
    await object.report(report({ isolate: "isolate-2" }));
    await vi.advanceTimersByTimeAsync(900);
    expect(batches.slice(1)).toEqual([[2, 900]]);
    await object.report(report({ sequence: 3 }));
    await vi.advanceTimersByTimeAsync(999);
    expect(batches).toHaveLength(2);
    await beat();
    expect(batches.slice(2)).toEqual([[2, 2_800]]);
  });
});

it("passes on what the only isolate reports as a whole, however late ControlObject answers", async () => {
  const told: number[] = [];
  const rollup = async ({ slices }: RollupBatch) => void told.push(slices["fleet"]?.requests ?? 0);
  const answered = Promise.withResolvers<ControlAnswer>();
  await among({ rollup, news: () => answered.promise }, async (object) => {
    const reporting = object.report(report({ slices: [{ route: "r", service: "users", requests: 10 }] }));
    await vi.advanceTimersByTimeAsync(300);
    expect(told).toEqual([]);
    answered.resolve(NO_NEWS);
    await reporting;
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([10]);
  });
});

it("does not pass on at once each of many reports of the only isolate", async () => {
  const merge = vi.fn(async () => NOTHING);
  await among({ merge }, async (object) => {
    for (let sequence = 1; sequence <= 20; sequence++) {
      await object.report(report({ sequence }));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(merge.mock.calls.length).toBeLessThanOrEqual(4);
  });
});

const OPEN: Verdict = { state: "open", reason: "rate", until: 1, generation: 2 };

it("passes an urgent report on at once, and answers with the verdict it led to", async () => {
  await among({ merge: async () => ({ ...NOTHING, verdicts: { "users-1": OPEN } }) }, async (object) => {
    expect((await object.report(report())).verdicts).toEqual({});
    const reply = await object.report(report({ sequence: 2, urgent: true }));
    expect(reply.verdicts).toEqual({ users: { "users-1": OPEN } });
  });
});

it("asks a service's object once at a time, however many isolates trip together", async () => {
  const batches: ServiceBatch[] = [];
  const merge = async (batch: ServiceBatch): Promise<ServiceReply> => {
    batches.push(batch);
    await moment();
    const isolates = batch.leases.map(({ isolate }) => [isolate, { "users-1": 9 }]);
    return { at: batches.length, verdicts: { "users-1": OPEN }, leases: Object.fromEntries(isolates) };
  };
  await among({ merge }, async (object) => {
    const leases = { want: ["users/users-1"], back: [] };
    const trips = Array.from({ length: 50 }, (_, n) => object.report(report({ isolate: `isolate-${n}`, leases })));
    for (const reply of await Promise.all(trips)) {
      expect(reply).toMatchObject({ verdicts: { users: { "users-1": OPEN } }, leases: { "users/users-1": 9 } });
    }
    expect(batches.length).toBeLessThanOrEqual(3);
    expect(batches.reduce((sum, { instances }) => sum + (instances["users-1"]?.ok ?? 0), 0)).toBe(450);
  });
});

it("passes on at once only what is urgent of an urgent report", async () => {
  const merged: string[] = [];
  const merge = async ({ service }: ServiceBatch) => {
    merged.push(service);
    return NOTHING;
  };
  await among({ merge }, async (object) => {
    const delta = report().services["users"]!["users-1"]!;
    const services = { users: { "users-1": { ...delta, vote: "open" as const } }, orders: { "orders-1": delta } };
    await object.report(report({ urgent: true, services }));
    expect(merged).toEqual(["users"]);
    await beat();
    expect(merged.toSorted()).toEqual(["orders", "users"]);
  });
});

it("answers with the services' verdicts until they are closed again", async () => {
  let at = 0;
  let verdicts: ServiceReply["verdicts"] = { "users-1": OPEN };
  await among({ merge: async () => ({ at: ++at, verdicts, leases: {} }) }, async (object) => {
    await object.report(report());
    await beat();
    expect((await object.report(report({ sequence: 2 }))).verdicts).toEqual({ users: verdicts });
    expect((await object.news("weur", 0)).reply.verdicts).toEqual({ users: verdicts });
    verdicts = {};
    await beat();
    expect((await object.report(report({ sequence: 3 }))).verdicts).toEqual({});
  });
});

it("still knows the verdicts when its memory is lost", async () => {
  await among({ merge: async () => ({ ...NOTHING, verdicts: { "users-1": OPEN } }) }, async (object, state) => {
    await object.report(report({ urgent: true }));
    const restarted = new RegionObject(state, env);
    expect((await restarted.news("weur", 0)).reply.verdicts).toEqual({ users: { "users-1": OPEN } });
  });
});

it("ignores what a service's object said before what is known already", async () => {
  await among({}, async (object) => {
    object.hear("users", { at: 2, verdicts: {} });
    object.hear("users", { at: 1, verdicts: { "users-1": OPEN } });
    expect((await object.news("weur", 0)).reply.verdicts).toEqual({});
  });
});

it("vouches for a verdict for 30 s after a service's object fell silent, for an operator's without end", async () => {
  const manual: Verdict = { state: "open", reason: "manual", until: 0, generation: 3 };
  let away = false;
  const merge = async (): Promise<ServiceReply> => {
    if (away) throw new Error("this object throws");
    return { ...NOTHING, verdicts: { "users-1": OPEN, "users-2": manual } };
  };
  await among({ merge }, async (object) => {
    await object.report(report({ urgent: true }));
    away = true;
    for (let second = 1; second <= 40; second++) {
      const reply = await object.report(report({ sequence: second + 1 }));
      expect(Object.keys(reply.verdicts["users"] ?? {})).toEqual(second <= 31 ? ["users-1", "users-2"] : ["users-2"]);
      await beat();
    }
  });
});

it("numbers its replies so that an overtaken one is known", async () => {
  await among({}, async (object) => {
    const first = await object.report(report());
    const { reply: second } = await object.news("weur", 0);
    const third = await object.report(report({ sequence: 2 }));
    expect(second.at).toBeGreaterThan(first.at);
    expect(third.at).toBeGreaterThan(second.at);
  });
});

it("hands each service its section of the policy once, and again when it changed", async () => {
  let generation = 1;
  let ok = false;
  const document = (consecutiveFailures: number) =>
    JSON.stringify({
      services: {
        users: { instances: [{ id: "users-1", url: "https://u.example.com" }], breaker: { consecutiveFailures } },
        orders: { instances: [{ id: "orders-1", url: "https://o.example.com" }] },
      },
      routes: [{ match: { path: "/slow" }, service: "users", timeouts: { headersMs: 45_000 } }],
    });
  const news = async ({ policy }: ControlQuestion): Promise<ControlAnswer> => ({
    ...NO_NEWS,
    ...(policy < generation ? { policy: { generation, text: document(generation), at: 1 } } : {}),
  });
  const told: [string, number, number][] = [];
  const merge = async ({ service, settings }: ServiceBatch): Promise<ServiceReply> => {
    if (!ok) throw new Error("this object throws");
    if (settings !== undefined) {
      const { breaker } = JSON.parse(settings.text) as { breaker: { consecutiveFailures: number } };
      told.push([service, breaker.consecutiveFailures, settings.probeMs]);
    }
    return NOTHING;
  };
  await among({ news, merge }, async (object) => {
    const delta = report().services["users"]!["users-1"]!;
    const services = { users: { "users-1": delta }, orders: { "orders-1": delta } };
    let sequence = 0;
    const second = async () => {
      await object.report(report({ sequence: ++sequence, services }));
      await beat();
    };
    await second();
    ok = true;
    await second();
    await second();
    expect(told.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ["orders", 5, 30_000],
      ["users", 1, 45_000],
    ]);
    told.length = 0;
    generation = 2;
    await second();
    await second();
    expect(told).toEqual([["users", 2, 45_000]]);
  });
});

it("passes on what operators say, also of a service without traffic, until its object has heard it", async () => {
  const drain: Operation = { number: 7, service: "users", instance: "users-1", command: "drain" };
  const document = JSON.stringify({
    services: { users: { instances: [{ id: "users-1", url: "https://u.example.com" }] } },
  });
  let said: Operation[] = [];
  const news = async ({ policy, operation }: ControlQuestion): Promise<ControlAnswer> => ({
    ...NO_NEWS,
    operations: said.filter(({ number }) => number > operation),
    ...(policy < 1 ? { policy: { generation: 1, text: document, at: 1 } } : {}),
  });
  const manual: Verdict = { state: "open", reason: "manual", until: 0, generation: 1 };
  const heard: (Operation[] | undefined)[] = [];
  let away = true;
  const merge = async ({ operations }: ServiceBatch): Promise<ServiceReply> => {
    if (away) throw new Error("this object throws");
    heard.push(operations);
    return { ...NOTHING, verdicts: operations === undefined ? {} : { "users-1": manual } };
  };
  await among({ news, merge }, async (object) => {
    await object.news("weur", 0);
    said = [drain];
    expect(await object.attend("weur")).toBe(true);
    expect(heard).toEqual([]);
    away = false;
    vi.setSystemTime(Date.now() + 1_000);
    expect((await object.news("weur", 0)).reply.verdicts).toEqual({ users: { "users-1": manual } });
    expect(heard).toEqual([[drain]]);
    vi.setSystemTime(Date.now() + 1_000);
    await object.news("weur", 0);
    expect(heard).toHaveLength(1);
  });
});

it("judges by a document that was put into KV by hand while there is no other", async () => {
  await env.KV.put(
    POLICY_KEY,
    JSON.stringify({ services: { users: { instances: [{ id: "users-1", url: "https://u.example.com" }] } } }),
  );
  const batches: ServiceBatch[] = [];
  const merge = async (batch: ServiceBatch) => {
    batches.push(batch);
    return NOTHING;
  };
  await among({ merge }, async (object) => {
    await object.report(report({ urgent: true }));
    expect(JSON.parse(batches[0]!.settings!.text)).toMatchObject({ breaker: { consecutiveFailures: 5 } });
  });
});

it("answers a request for a probe lease with the lease", async () => {
  const asked: ServiceBatch["leases"][] = [];
  const merge = async (batch: ServiceBatch): Promise<ServiceReply> => {
    asked.push(batch.leases);
    return { ...NOTHING, leases: { "isolate-1": { "users-1": 123 }, other: { "users-1": 456 } } };
  };
  await among({ merge }, async (object) => {
    const leases = { want: ["users/users-1"], back: ["users/users-2"], failed: { "users/users-3": 2_000 } };
    const reply = await object.report(report({ leases }));
    expect(asked).toEqual([
      [{ isolate: "isolate-1", want: ["users-1"], back: ["users-2"], passed: [], failed: { "users-3": 2_000 } }],
    ]);
    expect(reply.leases).toEqual({ "users/users-1": 123 });
  });
});

it("stretches the interval to hold 200 reports a second", async () => {
  await among({}, async (object) => {
    for (let n = 0; n < 1_000; n++) await object.report(report({ isolate: `isolate-${n}` }));
    await beat();
    const reply = await object.report(report({ isolate: "isolate-0", sequence: 2 }));
    expect(reply.nextReportMs).toBe(5_000);
    expect(object.reading()).toMatchObject({ isolates: 1_000, nextReportMs: 5_000 });
  });
});

it("forgets isolates that fell silent, and what they had in flight", async () => {
  await among({}, async (object) => {
    await object.report(report());
    await beat();
    expect(object.reading()).toMatchObject({ isolates: 1, inFlight: 3 });
    vi.setSystemTime(Date.now() + 5_000);
    await object.report(report({ isolate: "isolate-2", services: {} }));
    await beat();
    expect(object.reading()).toMatchObject({ isolates: 1, inFlight: 0 });
  });
});

it("loses nothing older than ten seconds, and counts no repeat, when its memory is lost", async () => {
  await among({}, async (object) => {
    await object.report(report());
    await vi.advanceTimersByTimeAsync(10_000);
  });
  await among({}, async (object) => {
    expect(object.totals().requests.total).toBe(10);
    await object.report(report());
    expect(object.totals().requests.total).toBe(10);
    await object.report(report({ sequence: 2 }));
    expect(object.totals().requests.total).toBe(20);
  });
});

it("tells nobody twice of a report that it may have told of before its memory was lost", async () => {
  const told: number[] = [];
  const rollup = async ({ slices }: RollupBatch) => void told.push(slices["fleet"]?.requests ?? 0);
  const slices = [{ route: "r", service: "users", requests: 10 }];
  await among({ rollup }, async (object) => {
    await object.report(report({ slices }));
    await beat();
    await vi.advanceTimersByTimeAsync(10_000);
    await object.report(report({ slices, sequence: 2 }));
    await beat();
  });
  // The answer was lost, and the object's memory before its checkpoint: the isolate sends the report again.
  await among({ rollup }, async (object) => {
    await object.report(report({ slices, sequence: 2, againAfterMs: 2_000 }));
    await beat();
    expect(told).toEqual([10, 10]);
    // What it counts itself it had lost.
    expect(object.totals().requests.total).toBe(20);
    await object.report(report({ slices, sequence: 3 }));
    await beat();
    // Sent again because an answer was late, to a memory that stands: it never arrived the first time.
    vi.setSystemTime(Date.now() + 5_000);
    await object.report(report({ slices, sequence: 4, againAfterMs: 2_000 }));
    await beat();
  });
  expect(told).toEqual([10, 10, 10, 10]);
});

it("checkpoints once more after traffic has ended, and then no more", async () => {
  await among({}, async (object, state) => {
    const checkpoints = () => state.storage.sql.exec<{ at: number }>("SELECT at FROM checkpoint").toArray();
    await object.report(report());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(checkpoints()).toMatchObject([{ at: FUTURE + 10_000 }]);
    await object.report(report({ sequence: 2 }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(checkpoints()).toMatchObject([{ at: FUTURE + 20_000 }]);
    expect(new RegionObject(state, env).totals().requests.total).toBe(20);
  });
});

describe("the policy's regions", () => {
  const document = JSON.stringify({
    regions: {
      weur: { latitude: 52, longitude: 5, capacity: 10 },
      enam: {
        latitude: 40,
        longitude: -74,
        endpoint: "https://enam.example.com/gateway/",
        probe: { intervalSeconds: 30 },
      },
    },
    services: {
      users: {
        instances: [
          { id: "users-1", url: "https://u1.example.com", region: "weur" },
          { id: "users-2", url: "https://u2.example.com", region: "enam" },
        ],
      },
    },
  });
  const news = async ({ policy }: ControlQuestion): Promise<ControlAnswer> => ({
    ...NO_NEWS,
    inFlight: { weur: 5 },
    ...(policy < 1 ? { policy: { generation: 1, text: document, at: 1 } } : {}),
  });
  const traffic = (sequence: number, failed: number) => {
    const delta = report().services["users"]!["users-1"]!;
    const far = { ...delta, ok: 10 - failed, failed, ewmaMs: 90, inFlight: 2 };
    return report({ sequence, services: { users: { "users-1": delta, "users-2": far } } });
  };
  const endpoint = (answer: () => Response | Promise<Response>) =>
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => answer());
  afterEach(() => vi.restoreAllMocks());

  it("have load, latency and health as seen from here", async () => {
    endpoint(() => new Response("ok"));
    const asked: ControlQuestion[] = [];
    const listening = async (question: ControlQuestion) => {
      asked.push(question);
      return news(question);
    };
    await among({ news: listening }, async (object) => {
      await object.report(traffic(1, 0));
      await beat();
      const { regions } = await object.report(traffic(2, 0));
      expect(regions).toMatchObject({ weur: { inFlight: 8, latencyMs: 20 }, enam: { inFlight: 2, latencyMs: 90 } });
      expect(asked.at(-1)!.load).toEqual({ region: "weur", inFlight: { weur: 3, enam: 2 } });
      expect(object.reading().regions["enam"]).toMatchObject({ ownInFlight: 2, goodShare: 1, healthy: true });
      for (let second = 3; second < 30; second++) {
        await object.report(traffic(second, 10));
        await beat();
      }
      const { enam, weur } = object.reading().regions;
      expect(enam!.goodShare).toBeLessThan(0.1);
      expect([enam!.healthy, weur!.healthy]).toEqual([false, true]);
    });
  });

  it("are probed at their endpoint every 30 s of traffic; two misses in a row are an outage, one answer ends it", async () => {
    let broken = false;
    const probes = endpoint(() => {
      if (broken) throw new Error("Network connection lost.");
      return new Response("ok");
    });
    await among({ news }, async (object) => {
      let sequence = 0;
      const seconds = async (count: number) => {
        for (let second = 0; second < count; second++) {
          await object.report(traffic(++sequence, 0));
          await beat();
        }
        await moment();
      };
      const up = async () => (await object.report(traffic(++sequence, 0))).regions!["enam"]!.up;
      await seconds(3);
      expect(probes).toHaveBeenCalledTimes(1);
      expect(probes.mock.calls[0]![0]).toBe("https://enam.example.com/_sluice/health");
      expect(await up()).toBe(true);
      broken = true;
      await seconds(30);
      expect(probes).toHaveBeenCalledTimes(2);
      expect(await up()).toBe(true);
      await seconds(31);
      expect(await up()).toBe(false);
      expect(object.reading().regions["enam"]).toMatchObject({ healthy: false, endpoint: { problem: "unreachable" } });
      broken = false;
      await seconds(31);
      expect(await up()).toBe(true);
      expect(object.reading().regions["enam"]!.healthy).toBe(true);
      expect((await object.report(traffic(++sequence, 0))).regions!["weur"]).not.toHaveProperty("up");
    });
  });

  it("count the instances that discovery found where they say they stand", async () => {
    endpoint(() => new Response("ok"));
    const found = { id: "found", url: "https://f.example.com", region: "enam", weight: 1, priority: 0, metadata: {} };
    const registry = { generation: 1, instances: [found] };
    const discovering = document.replace(
      '"services":{"users":{',
      '"services":{"users":{"discovery":{"kind":"consul","url":"https://c.example.com","service":"u"},',
    );
    const withDiscovery = async (question: ControlQuestion): Promise<ControlAnswer> => {
      const { policy, ...rest } = await news(question);
      return policy === undefined ? rest : { ...rest, policy: { ...policy, text: discovering } };
    };
    await among({ news: withDiscovery, merge: async () => ({ ...NOTHING, registry }) }, async (object) => {
      const delta = report().services["users"]!["users-1"]!;
      await object.report(report({ services: { users: { found: { ...delta, inFlight: 4 } } } }));
      await beat();
      const reply = await object.report(report({ sequence: 2, discovered: { users: 0 } }));
      expect(reply.instances).toEqual({ users: registry });
      await object.report(report({ sequence: 3, services: { users: { found: { ...delta, inFlight: 4 } } } }));
      await beat();
      const next = await object.report(report({ sequence: 4, discovered: { users: 1 } }));
      expect(next.regions!["enam"]).toMatchObject({ inFlight: 4, latencyMs: 20 });
      expect(next.instances).toEqual({});
    });
  });
});

it("brings how choices turned out to InsightObject every five seconds, and its mixes to the isolates", async () => {
  const document = JSON.stringify({
    services: {
      users: { instances: [{ id: "u1", url: "https://u.example.com" }] },
      fixed: { instances: [{ id: "f1", url: "https://f.example.com" }], routing: { adaptive: { learn: false } } },
    },
  });
  const news = async ({ policy }: ControlQuestion): Promise<ControlAnswer> => ({
    ...NO_NEWS,
    ...(policy < 1 ? { policy: { generation: 1, text: document, at: 1 } } : {}),
  });
  const choices = (): NonNullable<Report["choices"]> => {
    const sum = tally();
    observe(sum, 1, 2, 0.5);
    return { users: sum, fixed: sum };
  };
  const mix = { performance: 0.45, load: 0.25, proximity: 0.2, adaptive: 0.1 };
  const told: Record<string, LearnNews>[] = [];
  let away = true;
  const learn = async (news: Record<string, LearnNews>) => {
    if (away) throw new Error("this object throws");
    told.push(news);
    return { users: mix };
  };
  await among({ news, learn }, async (object) => {
    let sequence = 0;
    const seconds = async (count: number) => {
      for (let second = 0; second < count; second++) {
        await object.report(report({ sequence: ++sequence, choices: choices() }));
        await beat();
      }
    };
    await seconds(4);
    away = false;
    await seconds(6);
    expect(told).toHaveLength(1);
    expect(Object.keys(told[0]!)).toEqual(["users"]);
    // What could not be told at first is told now.
    expect(told[0]!["users"]!.tally.choices).toBeGreaterThanOrEqual(6);
    expect(told[0]!["users"]!.settings).toMatchObject({ performance: 0.4, everySeconds: 300 });
    await seconds(10);
    expect(told).toHaveLength(3);
    expect(told.reduce((sum, each) => sum + each["users"]!.tally.choices, 0)).toBeGreaterThanOrEqual(15);
    expect((await object.report(report({ sequence: ++sequence }))).mixes).toEqual({ users: mix });
    expect((await object.news("weur", 0)).reply.mixes).toEqual({ users: mix });
  });
});

it("a service object that is away keeps nothing from the others, nor from reports", async () => {
  const merged: string[] = [];
  const merge = async ({ service }: ServiceBatch) => {
    merged.push(service);
    if (service === "users") throw new Error("this object throws");
    return NOTHING;
  };
  await among({ merge }, async (object) => {
    const services = { users: report().services.users!, orders: report().services.users! };
    await object.report(report({ services }));
    await beat();
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
  await vi.advanceTimersByTimeAsync(1_000);
  const reading = await vi.waitFor(async () => {
    const told = await env.SERVICE.getByName(serviceObjectName("users", "weur")).reading();
    expect(told.service).toBe("users");
    return told;
  });
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

it("tells what unsafe requests made outdated although the report came just after a question, and nothing after it", async () => {
  const told: (readonly number[])[] = [];
  const news = async ({ load }: ControlQuestion): Promise<ControlAnswer> => {
    if (load?.outdated !== undefined) told.push(load.outdated);
    return NO_NEWS;
  };
  await among({ news }, async (object) => {
    await object.news("weur", 0);
    await vi.advanceTimersByTimeAsync(500);
    await object.report(report());
    await vi.advanceTimersByTimeAsync(500);
    await object.news("weur", 0);
    await vi.advanceTimersByTimeAsync(200);
    const warm = { fetched: 0, used: 0, unused: 0, refused: 0 };
    const cache = { keys: {}, patterns: {}, admitted: [], warm, outdated: [7, FUTURE + 1_100] };
    await object.report(report({ sequence: 2, cache }));
    expect(told).toEqual([]);
    // The beat of the first report, and the one after it.
    await beat();
    await beat();
    expect(told).toContainEqual([7, FUTURE + 1_100]);
  });
});
