import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RegionNews } from "../../worker/core/protocol/objects.ts";
import type { Reply, Report } from "../../worker/core/protocol/reports.ts";
import type { Env } from "../../worker/platform/env.ts";
import { Isolate } from "../../worker/platform/isolate.ts";
import type { PolicyMetadata } from "../../worker/platform/policies.ts";

const document = (service: string): string =>
  JSON.stringify({
    regions: { enam: { latitude: 40, longitude: -74 }, apac: { latitude: 1, longitude: 104 } },
    services: { [service]: { instances: [{ id: "one", url: "https://one.example.com" }] } },
  });

beforeEach(() => {
  vi.useFakeTimers({ now: 2_000_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

type Fault = "" | "hangs" | "throws";

/** An isolate with KV and a region that the test turns off and on. */
function stand(more: Partial<Env> = {}) {
  const kv = { fault: "" as Fault, reads: 0, text: null as string | null, metadata: null as PolicyMetadata | null };
  const region = {
    fault: "" as Fault,
    calls: 0,
    names: new Set<string>(),
    generation: 0,
    text: "",
    at: 0,
    nextReportMs: 1_000,
    reports: [] as Report[],
  };
  const meet = async (fault: Fault) => {
    if (fault === "throws") throw new Error("internal error");
    if (fault === "hangs") await new Promise(() => {});
  };
  const epochs = () => ({ policy: region.generation, purge: 0, keys: 0, chaos: 0, trials: 0 });
  const reply = (): Reply => ({
    ...{ at: ++region.at, epochs: epochs(), newsAgeMs: 0, nextReportMs: region.nextReportMs },
    ...{ verdicts: {}, leases: {}, health: {} },
  });
  const object = {
    async news(_: string, known: number): Promise<RegionNews> {
      region.calls++;
      await meet(region.fault);
      const policy = { generation: region.generation, text: region.text, at: 1 };
      return { epochs: epochs(), ageMs: 0, reply: reply(), ...(region.generation > known ? { policy } : {}) };
    },
    async report(report: Report): Promise<Reply> {
      region.calls++;
      region.reports.push(report);
      await meet(region.fault);
      return reply();
    },
  };
  const getWithMetadata = async () => {
    kv.reads++;
    await meet(kv.fault);
    return { value: kv.text, metadata: kv.metadata, cacheStatus: null };
  };
  const getByName = (name: string) => {
    region.names.add(name);
    return object;
  };
  const env = { KV: { getWithMetadata }, REGION: { getByName }, REGION_NAME: "weur", ...more } as unknown as Env;
  const source = {
    drain: () => ({}),
    leases: vi.fn(() => undefined as Report["leases"]),
    hear: vi.fn(),
    away: vi.fn(),
  };
  const isolate = new Isolate(env, source, undefined, Date.now, () => 0.5);
  const tails: Promise<unknown>[] = [];
  const ctx = { waitUntil: (promise: Promise<unknown>) => void tails.push(promise) };
  /** A request: how long it waited, ms, and the generation it was served by. */
  const request = async (cf?: IncomingRequestCfProperties) => {
    const started = Date.now();
    const policy = isolate.ready(started) ?? (await isolate.refresh(ctx, cf));
    return { waitedMs: Date.now() - started, generation: policy?.generation };
  };
  return { kv, region, source, isolate, request, ctx };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  await vi.advanceTimersByTimeAsync(ms);
  return promise;
}

describe("a cold isolate", () => {
  it("takes the policy from KV, and a newer one from the region, before it serves", async () => {
    const { kv, region, request } = stand();
    Object.assign(kv, { text: document("a"), metadata: { generation: 3, at: 1 } });
    Object.assign(region, { generation: 4, text: document("b") });
    expect(await request()).toEqual({ waitedMs: 0, generation: 4 });
  });

  it("asks KV and the region once for all requests that come meanwhile", async () => {
    const { kv, region, request } = stand();
    kv.text = document("a");
    const served = await Promise.all(Array.from({ length: 50 }, () => request()));
    expect(served.every(({ generation }) => generation === 0)).toBe(true);
    expect(kv.reads).toBe(1);
    expect(region.calls).toBe(1);
  });

  it.each(["hangs", "throws"] as const)("takes the policy from the region when KV %s", async (fault) => {
    const { kv, region, request } = stand();
    kv.fault = fault;
    Object.assign(region, { generation: 4, text: document("a") });
    expect(await within(2_200, request())).toMatchObject({ generation: 4 });
  });

  it.each(["hangs", "throws"] as const)(
    "serves from KV when the region %s, and waits 100 ms at most",
    async (fault) => {
      const { kv, region, request } = stand();
      kv.text = document("a");
      region.fault = fault;
      const first = await within(200, request());
      expect(first.generation).toBe(0);
      expect(first.waitedMs).toBeLessThanOrEqual(100);
      expect(await request()).toEqual({ waitedMs: 0, generation: 0 });
    },
  );

  it("has no policy, within 2.2 s, when neither answers, and takes one as soon as there is", async () => {
    const { kv, region, request } = stand();
    kv.fault = region.fault = "hangs";
    const first = await within(4_500, request());
    expect(first.generation).toBeUndefined();
    expect(first.waitedMs).toBeLessThanOrEqual(4_200);
    kv.fault = "";
    kv.text = document("a");
    expect(await within(2_200, request())).toMatchObject({ generation: 0 });
  });

  it("finds a first policy within a second, however often it is asked in vain", async () => {
    const { region, request } = stand();
    for (let n = 0; n < 20; n++) {
      expect((await request()).generation).toBeUndefined();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(region.calls).toBeLessThanOrEqual(5);
    Object.assign(region, { generation: 1, text: document("a") });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await request()).toMatchObject({ generation: 1 });
  });

  it("belongs to the region nearest to its first client when it has no name", async () => {
    const { kv, region, isolate, request } = stand({ REGION_NAME: "" });
    kv.text = document("a");
    await request({ latitude: "35.7", longitude: "139.7" } as IncomingRequestCfProperties);
    expect(isolate.region.name).toBe("apac");
    await vi.advanceTimersByTimeAsync(60_000);
    await request({ latitude: "40.7", longitude: "-74" } as IncomingRequestCfProperties);
    expect([...region.names]).toEqual(["region:apac"]);
  });
});

describe("a warm isolate", () => {
  it("serves without asking anybody while news is good", async () => {
    const { kv, region, request } = stand();
    kv.text = document("a");
    await request();
    for (let n = 0; n < 100; n++) expect(await request()).toEqual({ waitedMs: 0, generation: 0 });
    expect(kv.reads + region.calls).toBe(2);
  });

  it("obeys a newer generation with its first request after an idle minute", async () => {
    const { kv, region, request } = stand();
    Object.assign(kv, { text: document("a"), metadata: { generation: 1, at: 1 } });
    region.generation = 1;
    await request();
    await vi.advanceTimersByTimeAsync(60_000);
    Object.assign(region, { generation: 2, text: document("b") });
    expect(await request()).toMatchObject({ generation: 2 });
  });

  it("takes a newer generation that a report's reply tells of, with nobody waiting", async () => {
    const { kv, region, isolate, request, ctx } = stand();
    Object.assign(kv, { text: document("a"), metadata: { generation: 1, at: 1 } });
    region.generation = 1;
    await request();
    Object.assign(region, { generation: 2, text: document("b") });
    ctx.waitUntil(isolate.reporter.send());
    await vi.advanceTimersByTimeAsync(1_100);
    expect(isolate.ready(Date.now())?.generation).toBe(2);
  });

  it("looks into KV every 30 s of traffic, so that it also obeys while its region is away", async () => {
    const { kv, isolate, request, ctx } = stand();
    Object.assign(kv, { text: document("a"), metadata: { generation: 1, at: 1 } });
    await request();
    Object.assign(kv, { text: document("b"), metadata: { generation: 2, at: 2 } });
    for (let second = 0; second < 31; second++) {
      if (isolate.reporter.due(Date.now())) ctx.waitUntil(isolate.reporter.send());
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(isolate.policies.current?.generation).toBe(2);
    expect(kv.reads).toBe(2);
  });

  it.each(["hangs", "throws"] as const)(
    "adds at most 2 s to 500 requests, 10 at a time, when its region %s",
    async (fault) => {
      const { kv, region, isolate, request, ctx } = stand();
      kv.text = document("a");
      region.fault = fault;
      let added = 0;
      for (let round = 0; round < 50; round++) {
        const served = Promise.all(Array.from({ length: 10 }, () => request()));
        if (isolate.reporter.due(Date.now())) ctx.waitUntil(isolate.reporter.send());
        await vi.advanceTimersByTimeAsync(200);
        for (const { waitedMs, generation } of await served) {
          added += waitedMs;
          expect(generation).toBe(0);
        }
      }
      expect(added).toBeLessThanOrEqual(2_000);
    },
  );
});

describe("what the keeper of instances is told", () => {
  const stood = async () => {
    const all = stand();
    all.kv.text = document("a");
    await all.request();
    all.source.hear.mockClear();
    return all;
  };

  it("is every reply once, of reports and of news alike", async () => {
    const { source, isolate, request, ctx } = await stood();
    await vi.advanceTimersByTimeAsync(60_000);
    await request();
    await isolate.ask(ctx, 250);
    expect(source.hear.mock.calls.map(([{ at }]) => at)).toEqual([2, 3]);
  });

  it("is no reply that was overtaken by a later one, but one of a clock that was set back", async () => {
    const { region, source, isolate, ctx } = await stood();
    region.at = 50_000;
    await isolate.ask(ctx, 250);
    region.at = 49_000;
    await isolate.ask(ctx, 250);
    region.at = 30_000;
    await isolate.ask(ctx, 250);
    expect(source.hear.mock.calls.map(([{ at }]) => at)).toEqual([50_001, 30_001]);
  });

  it("is that the region is away, when it failed and while it rests", async () => {
    const { region, source, isolate, ctx } = await stood();
    region.fault = "throws";
    for (let n = 1; n <= 5; n++) {
      await isolate.ask(ctx, 250);
      expect(source.away).toHaveBeenCalledTimes(n);
    }
    const { calls } = region;
    await isolate.ask(ctx, 250);
    expect(region.calls).toBe(calls);
  });

  it("is heard within six seconds of the region's return, however long it was away", async () => {
    const { region, isolate, request, ctx } = await stood();
    const second = async () => {
      await within(1_000, request());
      if (isolate.reporter.due(Date.now())) ctx.waitUntil(isolate.reporter.send());
    };
    region.fault = "throws";
    for (let seconds = 0; seconds < 600; seconds++) await second();
    Object.assign(region, { fault: "", generation: 7, text: document("b") });
    let seconds = 0;
    while ((await request()).generation !== 7 && seconds < 60) {
      await second();
      seconds++;
    }
    expect(seconds).toBeLessThanOrEqual(6);
  });

  it("reaches the region with its wishes, at once for those who wait for them, and nobody waits longer than he would", async () => {
    const { region, source, isolate, ctx } = await stood();
    source.leases.mockReturnValue({ want: ["a/one"], back: [] });
    await isolate.ask(ctx, 250);
    expect(region.reports.at(-1)).toMatchObject({ urgent: true, leases: { want: ["a/one"] } });
    region.fault = "hangs";
    const started = Date.now();
    await within(250, isolate.ask(ctx, 250));
    expect(Date.now() - started).toBe(250);
  });
});

describe("isolates of one colo", () => {
  const words = new Map<string, Response>();
  const cache = {
    match: async (address: string) => words.get(address)?.clone(),
    put: async (address: string, answer: Response) => void words.set(address, answer),
  };
  beforeEach(() => {
    words.clear();
    vi.stubGlobal("caches", { open: async () => cache });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  /** Two that have heard how far apart reports are, five seconds ago. */
  async function two(nextReportMs: number) {
    const both = [stand(), stand()] as const;
    for (const { region, request } of both) {
      region.nextReportMs = nextReportMs;
      region.text = document("web");
      region.generation = 1;
      await request();
    }
    await pass(5_100);
    words.clear();
    return both;
  }

  it("ask their region once for all where reports are far apart", async () => {
    const [one, other] = await two(50_000);
    await one.request();
    expect([one.region.calls, other.region.calls]).toEqual([2, 1]);
    await pass(500);
    await other.request();
    expect(other.region.calls).toBe(1);
    expect(other.isolate.colo.spared).toBe(1);
    expect(other.source.hear).toHaveBeenCalledTimes(2);
    // It is as old as it is: half a second less good.
    await pass(4_400);
    expect(other.isolate.ready(Date.now())).toBeDefined();
    await pass(200);
    expect(other.isolate.ready(Date.now())).toBeUndefined();
  });

  it("tell each other that their region is silent, so that only the first waits for it", async () => {
    const waits = async (fault: Fault) => {
      const one = stand();
      Object.assign(one.kv, { text: document("web"), metadata: { generation: 1, at: 1 } });
      one.region.fault = fault;
      return { ...one, served: await within(150, one.request()) };
    };
    expect((await waits("hangs")).served).toEqual({ waitedMs: 100, generation: 1 });
    expect((await waits("hangs")).served).toEqual({ waitedMs: 100, generation: 1 });
    await pass(2_000);
    const later = await waits("hangs");
    expect(later.served).toEqual({ waitedMs: 0, generation: 1 });
    expect(later.region.calls).toBe(1);
    expect(later.isolate.colo.hushed).toBe(1);
    // Whoever comes meanwhile does not wait either, and what the region says is heard whenever it comes.
    expect(await within(150, later.request())).toEqual({ waitedMs: 0, generation: 1 });
    // It is no more than news, and good for as long.
    await pass(7_200);
    expect((await waits("hangs")).served).toEqual({ waitedMs: 100, generation: 1 });
  });

  it("do not take a region that throws for a silent one", async () => {
    const { kv, region, request } = stand();
    Object.assign(kv, { text: document("web"), metadata: { generation: 1, at: 1 } });
    region.fault = "throws";
    await within(2_500, request());
    expect([...words.keys()]).toEqual([]);
  });

  it("wait for a region that has answered them before, whatever others say", async () => {
    const [one, other] = await two(1_000);
    one.region.fault = "hangs";
    await within(2_200, one.request());
    expect([...words.keys()]).toEqual(["https://news.invalid/weur/silence"]);
    other.region.fault = "hangs";
    expect((await within(150, other.request())).waitedMs).toBe(100);
    expect(other.isolate.colo.hushed).toBe(0);
  });

  it("ask for themselves once something is new", async () => {
    const [one, other] = await two(50_000);
    for (const { region } of [one, other]) region.generation = 2;
    await one.request();
    await other.request();
    expect(other.region.calls).toBe(2);
    expect(other.isolate.policies.known).toBe(2);
  });

  it("ask for themselves when the word is old, broken or not to be had", async () => {
    const [one, other] = await two(50_000);
    await one.request();
    await pass(2_100);
    await other.request();
    expect(other.region.calls).toBe(2);
    await pass(5_100);
    words.set("https://news.invalid/weur", new Response("<html>"));
    await other.request();
    expect(other.region.calls).toBe(3);
    await pass(5_100);
    vi.stubGlobal("caches", { open: () => Promise.reject(new Error("no cache here")) });
    await other.request();
    expect(other.region.calls).toBe(4);
  });

  it("tell each other nothing while reports come often", async () => {
    const [one, other] = await two(5_000);
    await one.request();
    await other.request();
    expect([words.size, other.region.calls]).toEqual([0, 2]);
  });
});
