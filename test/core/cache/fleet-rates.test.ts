import { describe, expect, it } from "vitest";
import { changeRate, noHistory, visited } from "../../../worker/core/cache/change-rate.ts";
import {
  hearVisits,
  LearnedRates,
  UntoldVisits,
  visitOf,
  type FleetChanges,
} from "../../../worker/core/cache/fleet-rates.ts";
import { rateOf } from "../../../worker/core/cache/strategy.ts";
import type { VisitNews } from "../../../worker/core/protocol/cache-news.ts";

const news = (...visits: VisitNews["visits"]): VisitNews => ({ label: "GET a/x", rule: "GET /x", visits });

describe("visits", () => {
  it("are told once, with what dates a change, and no more than there is room for", () => {
    const untold = new UntoldVisits();
    expect(untold.drain()).toBeUndefined();
    untold.note("k", "GET a/x", "GET /x", { elapsedMs: 5, changed: true, ageMs: 2 });
    untold.note("k", "GET a/x", "GET /x", { elapsedMs: 7, changed: false });
    const told = untold.drain()!;
    expect(told).toEqual({ k: news([5, 1, 2], [7, 0, -1]) });
    expect(told["k"]!.visits.map(visitOf)).toEqual([
      { elapsedMs: 5, changed: true, ageMs: 2 },
      { elapsedMs: 7, changed: false },
    ]);
    for (let n = 0; n < 1_000; n++) untold.note(`k${n % 100}`, "", "", { elapsedMs: 1, changed: false });
    const many = untold.drain()!;
    expect(Object.keys(many)).toHaveLength(50);
    expect(Math.max(...Object.values(many).map(({ visits }) => visits.length))).toBe(8);
  });

  it("of many isolates teach what none of them knows alone", () => {
    const changes: FleetChanges = new Map();
    const own = (changed: 0 | 1): VisitNews => news([60_000, changed, -1]);
    expect(hearVisits(changes, { k: own(1) })).toEqual([]);
    hearVisits(changes, { k: own(0) });
    hearVisits(changes, { k: own(1) });
    const [learned] = hearVisits(changes, { k: own(0) });
    let history = noHistory;
    for (const changed of [true, false, true, false]) history = visited(history, { elapsedMs: 60_000, changed });
    expect(learned).toEqual({ key: "k", rate: changeRate(history), visits: 4 });
  });

  it("are kept for so many keys, the longest silent forgotten first", () => {
    const changes: FleetChanges = new Map();
    for (let n = 0; n < 2_000; n++) hearVisits(changes, { [`k${n}`]: news([1, 0, -1]), hot: news([1, 0, -1]) });
    expect(changes.size).toBe(500);
    expect(changes.get("hot")!.history.visits).toHaveLength(32);
  });
});

describe("rates", () => {
  const rate = (key: string, per = 1) => ({ key, rate: per, visits: 5 });

  it("go to who has not heard them, by rising numbers, also after the clock was set back", () => {
    const region = new LearnedRates();
    expect(region.since(0)).toBeUndefined();
    region.take([rate("a")], 1_000);
    region.take([rate("b")], 900);
    region.take([], 5_000);
    expect(region.since(0)).toEqual({ newest: 1_001, rates: [rate("a"), rate("b")] });
    expect(region.since(1_000)).toEqual({ newest: 1_001, rates: [rate("b")] });
    const isolate = new LearnedRates();
    isolate.hear(region.since(0)!);
    isolate.hear({ newest: 1_001, rates: [rate("a", 9)] });
    expect(isolate.of("a")).toMatchObject({ rate: 1, visits: 5 });
    region.take([rate("a", 2)], 2_000);
    isolate.hear(region.since(isolate.newest)!);
    expect(isolate.of("a")).toMatchObject({ rate: 2 });
    for (let n = 0; n < 2_000; n++) isolate.take([rate(`k${n}`)], 3_000 + n);
    expect(isolate.count).toBe(500);
  });

  it("are the fleet's where it has seen more, and an isolate's own where it has", () => {
    const experience = { recentRequests: 0, hitRatio: 0, changes: noHistory };
    expect(rateOf(experience)).toBeUndefined();
    expect(rateOf({ ...experience, fleet: { rate: 0.5, visits: 4 } })).toBe(0.5);
    let changes = noHistory;
    for (let n = 0; n < 6; n++) changes = visited(changes, { elapsedMs: 1_000, changed: n % 2 === 0 });
    expect(rateOf({ ...experience, changes, fleet: { rate: 0.5, visits: 4 } })).toBe(changeRate(changes));
  });
});
