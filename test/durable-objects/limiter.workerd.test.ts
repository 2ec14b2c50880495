import { evictDurableObject, reset, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { HoldAsk, LeaseAsk, LimitRule, ReserveAsk } from "../../worker/core/protocol/limiter.ts";
import { limiterObjectName } from "../../worker/core/protocol/names.ts";

const START = Date.UTC(2033, 4, 18, 12);
const limiter = () => env.LIMITER.getByName(limiterObjectName(0));
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
const quota: LimitRule = {
  periods: [{ name: "minute", ms: 60_000, quota: 10, burst: 10, paced: false, blockMs: 60_000 }],
  afterRefusals: 3,
};

const lease = (more: Partial<LeaseAsk> = {}) =>
  limiter().lease({
    ...{ limit: "standard", who: "identity:acme/alice", rule: quota, isolate: "i1" },
    ...{ need: 1, want: 0, spanMs: 1_000, used: 0, keep: 0, refusals: 0 },
    ...more,
  });
const reserve = (id: string, tokens: number, more: Partial<ReserveAsk> = {}) =>
  limiter().reserve({
    ...{ id, budget: "ai", who: "identity:acme/alice", rule: { tokensPerDay: 100 } },
    ...{ estimate: { tokens, dollars: 0 }, lifeMs: 60_000 },
    ...more,
  });
const settle = (id: string, tokens: number) =>
  limiter().settle({
    ...{ id, budget: "ai", who: "identity:acme/alice", rule: { tokensPerDay: 100 } },
    ...{ estimate: { tokens: 0, dollars: 0 }, actual: { tokens, dollars: 0 } },
  });
const left = async () => (await reserve("look", 0)).left.tokensPerDay?.left;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

it("forgets no request and no block when its memory is lost", async () => {
  expect(await lease({ need: 12 })).toMatchObject({ taken: 10, refusedMs: 60_000 });
  await evictDurableObject(limiter());
  pass(30_000);
  expect(await lease()).toMatchObject({ taken: 0, refusedMs: 30_000 });
  await evictDurableObject(limiter());
  expect(await lease({ refusals: 1 })).toMatchObject({ taken: 0, blocked: true, refusedMs: 60_000 });
  await evictDurableObject(limiter());
  pass(59_999);
  expect(await lease()).toMatchObject({ taken: 0, blocked: true, refusedMs: 1 });
  pass(1);
  expect(await lease()).toMatchObject({ taken: 1, refusedMs: 0 });
});

it("keeps callers and limits apart", async () => {
  await lease({ need: 10 });
  expect(await lease()).toMatchObject({ taken: 0 });
  expect(await lease({ who: "identity:other/alice" })).toMatchObject({ taken: 1 });
  expect(await lease({ limit: "other" })).toMatchObject({ taken: 1 });
});

it("says who was refused of late, newest first", async () => {
  await lease({ need: 12 });
  pass(10);
  await lease({ who: "address:203.0.113.7", need: 11 });
  await reserve("r", 101);
  const { limited, limits } = await limiter().reading();
  expect(limits).toBe(2);
  expect(limited.map(({ limit, who, kind, times }) => [limit, who, kind, times])).toEqual([
    ["ai", "identity:acme/alice", "budget", 1],
    ["standard", "address:203.0.113.7", "limited", 1],
    ["standard", "identity:acme/alice", "limited", 2],
  ]);
  expect(limited[2]!.until).toBe(START + 60_000);
});

it("reserves before, settles after, and keeps both over a crash", async () => {
  expect(await reserve("a", 60)).toMatchObject({ granted: true, left: { tokensPerDay: { left: 40 } } });
  await evictDurableObject(limiter());
  expect(await reserve("b", 41)).toMatchObject({ granted: false, spent: ["tokensPerDay"] });
  expect((await reserve("c", 40)).granted).toBe(true);
  await settle("a", 10);
  await evictDurableObject(limiter());
  await settle("c", 70);
  expect(await left()).toBe(20);
});

it("counts what is never settled as it was estimated, and corrects it when it is settled after all", async () => {
  await reserve("a", 60);
  pass(60_001);
  await evictDurableObject(limiter());
  expect(await left()).toBe(40);
  await settle("a", 10);
  expect(await left()).toBe(90);
});

it("shows what was spent in the periods that run, and what is reserved of them", async () => {
  await reserve("a", 60);
  await settle("a", 10);
  await reserve("b", 30);
  const { spending } = await limiter().reading();
  expect(spending).toEqual([
    {
      ...{ budget: "ai", who: "identity:acme/alice" },
      periods: [{ name: "tokensPerDay", spent: 10, reserved: 30, endsAt: expect.any(Number) }],
    },
  ]);
  expect(spending[0]!.periods[0]!.endsAt % 86_400_000).toBe(0);
  pass(2 * 86_400_000);
  expect((await limiter().reading()).spending).toEqual([]);
});

it("charges a call that went ahead without its word", async () => {
  await settle("never-asked", 30);
  expect(await left()).toBe(70);
});

it("holds places for requests under way", async () => {
  const hold = (isolate: string, places: number) =>
    limiter().hold({ limit: "standard", who: "w", isolate, most: 3, places, lifeMs: 1_000 } satisfies HoldAsk);
  expect(await hold("i1", 2)).toEqual({ places: 2 });
  expect(await hold("i2", 2)).toEqual({ places: 1 });
  pass(1_000);
  expect(await hold("i2", 3)).toEqual({ places: 3 });
});

it("deletes what says nothing any more", async () => {
  await lease();
  await reserve("a", 60);
  pass(60_001);
  expect(await runDurableObjectAlarm(limiter())).toBe(true);
  expect(await limiter().reading()).toMatchObject({ limits: 0, budgets: 1, reservations: 1 });
  pass(3 * 86_400_000);
  expect(await runDurableObjectAlarm(limiter())).toBe(true);
  expect(await limiter().reading()).toMatchObject({ budgets: 0, reservations: 0 });
});

it("shows its health and state over HTTP", async () => {
  await lease();
  expect(await (await limiter().fetch("http://object/health")).json()).toMatchObject({ status: "ok", limits: 1 });
  expect(await (await limiter().fetch("http://object/state")).json()).toMatchObject({ limited: [], leases: 0 });
});
