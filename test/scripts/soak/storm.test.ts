// What is done to answers: every toxic through the proxy, byte for byte; the forecast, which must have seen all there is; and the page that
// takes the report.
import http from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBody } from "../../../scripts/soak/bodies.ts";
import { Client, type Seen } from "../../../scripts/soak/client.ts";
import { FaultProxy } from "../../../scripts/soak/fault-proxy.ts";
import { History, quantileOf } from "../../../scripts/soak/history.ts";
import { Kills } from "../../../scripts/soak/kills.ts";
import { withSection } from "../../../scripts/soak/report.ts";
import { TOXIC_KINDS, passageOf, type Onset, type Toxic } from "../../../scripts/soak/toxics.ts";
import { startService, type Upstream } from "../../../scripts/soak/upstreams.ts";
import { Forecast, type Weather } from "../../../scripts/soak/weather.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

describe("a fault proxy", () => {
  let upstream: Upstream;
  let proxy: FaultProxy;
  beforeAll(async () => {
    upstream = await startService(() => 5);
    proxy = await FaultProxy.start(upstream.port, seededChance(1));
  });
  afterAll(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  const SIZE = 20_000;
  const ask = async (toxic?: Toxic, onset: Onset = "body"): Promise<Seen> => {
    proxy.poison = toxic === undefined ? undefined : { toxic, onset, share: 1 };
    const client = new Client(proxy.origin);
    const seen = await client.ask({ target: `/bytes/${SIZE}`, patienceMs: 20_000 });
    client.close();
    return seen;
  };
  const whole = makeBody(`/bytes/${SIZE}`, 5, SIZE);

  it("passes everything without poison", async () => {
    const seen = await ask();
    expect([seen.end, seen.body.equals(whole)]).toEqual(["answered", true]);
  });

  it.each<Toxic>([
    { kind: "latency", ms: 30, jitterMs: 10 },
    { kind: "bandwidth", bytesPerSecond: 400_000 },
    { kind: "slow_close", ms: 20 },
    { kind: "sliced", bytes: 1_500, ms: 1 },
  ])("delays and loses nothing: %o", async (toxic) => {
    const seen = await ask(toxic, "head");
    expect([seen.end, seen.body.equals(whole)]).toEqual(["answered", true]);
    expect(proxy.met.get(toxic.kind)).toBeGreaterThan(0);
  });

  it.each<[Toxic, Onset, number]>([
    [{ kind: "down" }, "head", 0],
    [{ kind: "timeout", ms: 30 }, "head", 0],
    [{ kind: "timeout", ms: 30 }, "body", 200],
    [{ kind: "reset", afterMs: 5 }, "body", 200],
    [{ kind: "limit_data", bytes: 40 }, "head", 0],
    [{ kind: "limit_data", bytes: 5_000 }, "body", 200],
  ])("ends what it cuts: %o from the %s", async (toxic, onset, status) => {
    const seen = await ask(toxic, onset);
    expect([seen.end, seen.status]).toEqual(["broken", status]);
    expect(seen.body.length).toBeLessThan(SIZE);
    expect(whole.subarray(0, seen.body.length).equals(seen.body)).toBe(true);
  });

  it("poisons the middle of a stream and lets its beginning pass", async () => {
    proxy.poison = { toxic: { kind: "reset", afterMs: 0 }, onset: "later", share: 1 };
    const client = new Client(proxy.origin);
    const seen = await client.ask({ target: "/events", patienceMs: 20_000 });
    client.close();
    expect(seen.end).toBe("broken");
    expect(seen.body.toString()).toContain("event 1 of");
  });

  it("makes a client stall and leave", async () => {
    proxy.poison = undefined;
    const client = new Client(proxy.origin);
    const stalled = await client.ask({ target: "/bytes/300000", stallMs: 50, patienceMs: 20_000 });
    expect([stalled.end, stalled.body.length]).toEqual(["answered", 300_000]);
    const left = await client.ask({ target: "/events", leaveAfterMs: 60, patienceMs: 20_000 });
    expect(left.end).toBe("left");
    const stuck = await client.ask({ target: "/events", patienceMs: 60 });
    expect(stuck.end).toBe("stuck");
    client.close();
    http.globalAgent.destroy();
  });
});

it("a piece is never changed, only divided", () => {
  const chance = seededChance(3);
  for (const toxic of [
    { kind: "sliced", bytes: 7, ms: 0 },
    { kind: "bandwidth", bytesPerSecond: 100 },
  ] as const) {
    const { slices } = passageOf(toxic, 100, 0, chance);
    expect(slices[0]!.from).toBe(0);
    expect(slices.at(-1)!.to).toBe(100);
    for (const [index, slice] of slices.slice(1).entries()) expect(slice.from).toBe(slices[index]!.to);
  }
});

describe("a forecast", () => {
  const weathers = (seed: number, rounds: number): Weather[] => {
    const forecast = new Forecast(seededChance(seed), ["weur", "enam"]);
    return Array.from({ length: rounds }, () => forecast.next(4));
  };

  it("is the same for the same seed", () => {
    expect(weathers(4, 20)).toEqual(weathers(4, 20));
    expect(weathers(4, 20)).not.toEqual(weathers(5, 20));
  });

  it("has all there is within a dozen rounds", () => {
    const seen = weathers(1, 12);
    const toxics = new Set(seen.flatMap(({ poisons }) => poisons.flatMap((poison) => poison?.toxic.kind ?? [])));
    expect([...toxics].toSorted()).toEqual([...TOXIC_KINDS].toSorted());
    const objects = new Set(seen.flatMap(({ faults }) => Object.values(faults.objects)));
    expect([...objects].toSorted()).toEqual(["die", "hang", "lost", "slow", "throw"]);
    expect(new Set(seen.map(({ faults }) => faults.kv)).size).toBe(4);
    expect(new Set(seen.flatMap(({ killed }) => killed))).toEqual(new Set(["control", "weur", "enam"]));
    expect(seen.some(({ killed }) => killed.length === 3)).toBe(true);
  });
});

it("a kill excuses what overlaps it, and nobody else", () => {
  let now = 100;
  const kills = new Kills(() => now);
  kills.begin(["weur"]);
  expect(kills.touched("weur", 150, 160)).toBe(true);
  now = 200;
  kills.end(["weur"]);
  expect(kills.touched("weur", 50, 99)).toBe(false);
  expect(kills.touched("weur", 50, 100)).toBe(true);
  expect(kills.touched("weur", 201, 300)).toBe(false);
  expect(kills.touched("enam", 150, 160)).toBe(false);
});

it("history counts all, and keeps the second in which it was", () => {
  let now = 0;
  const history = new History(() => now);
  history.count("a");
  now = 1_500;
  history.count("a", 2);
  history.gauge("b", 7);
  history.violate("stuck", "x".repeat(1_000));
  expect(history.sum("a")).toBe(3);
  expect(history.seconds).toEqual([
    { at: 0, counts: { a: 1 } },
    { at: 1, counts: { a: 2, b: 7 } },
  ]);
  expect(history.violations[0]).toMatchObject({ atSeconds: 1.5, promise: "stuck" });
  expect(quantileOf([3, 1, 2], 0.5)).toBe(2);
  expect(quantileOf([], 0.5)).toBeUndefined();
});

it("a page takes a report between its marks, again and again", () => {
  const page = "a\n<!-- soak: begin -->\nold\n<!-- soak: end -->\nb";
  const once = withSection(page, "new");
  expect(once).toBe("a\n<!-- soak: begin -->\n\nnew\n\n<!-- soak: end -->\nb");
  expect(withSection(once, "new")).toBe(once);
  expect(() => withSection("nothing", "new")).toThrow("no <!-- soak: begin -->");
});
