// Both tiers together, by the numbers of the acceptance list, in simulated time.
import { describe, expect, test } from "vitest";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import type { Outcome } from "../../../worker/core/resilience/outcome.ts";
import { settle } from "../../../worker/core/resilience/shared.ts";
import { Fleet, type Ending } from "./fleet.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const answering =
  (outcome: Outcome, ms = 5) =>
  () => ({ outcome, ms });
const pattern = (letters: string, ms = 2) => {
  let n = 0;
  return () => ({ outcome: letters[n++ % letters.length] === "F" ? ("failed" as const) : ("ok" as const), ms });
};
const stateOf = (fleet: Fleet) => settle(fleet.shared, fleet.now).state;

describe.each(SEEDS)("seed %d", (seed) => {
  const fleetOf = (isolates: number) => new Fleet(isolates, seededChance(seed));

  test("A1: 20 requests at an upstream that always answers 500: five reach it, fifteen are refused", () => {
    const fleet = fleetOf(1);
    fleet.upstream = answering("failed");
    const endings = fleet.sequence(fleet.isolates[0]!, 20);
    expect(endings).toEqual([...Array<Ending>(5).fill("failed"), ...Array<Ending>(15).fill("refused")]);
    fleet.run(50);
    expect(fleet.seen).toHaveLength(5);
    expect(fleet.shared).toMatchObject({ state: "open", reason: "consecutive" });
    expect(fleet.isolates[0]!.gate).toMatchObject({ state: "open", reason: "consecutive" });
  });

  test("A1, object away: five reach it too, and the isolate's own probe goes after half a second to a second", () => {
    const fleet = fleetOf(1);
    fleet.objectMs = Number.POSITIVE_INFINITY;
    fleet.upstream = answering("failed");
    const [g1] = fleet.isolates;
    expect(fleet.sequence(g1!, 20).filter((how) => how === "failed")).toHaveLength(5);
    const opened = fleet.now;
    while (fleet.seen.length === 5) {
      fleet.request(g1!);
      fleet.run(10);
    }
    expect(fleet.now - opened).toBeGreaterThanOrEqual(480);
    expect(fleet.now - opened).toBeLessThanOrEqual(1020);
  });

  test("A2: FFFFS stays closed at 19 calls and is open at 20", () => {
    const fleet = fleetOf(1);
    fleet.upstream = pattern("FFFFS");
    const [g1] = fleet.isolates;
    expect(fleet.sequence(g1!, 19)).not.toContain("refused");
    fleet.run(20);
    expect([g1!.gate.local.state, stateOf(fleet)]).toEqual(["closed", "closed"]);
    fleet.sequence(g1!, 1);
    fleet.run(20);
    expect([g1!.gate.local.state, g1!.gate.local.reason, fleet.shared.state, fleet.shared.reason]).toEqual([
      "open",
      "rate",
      "open",
      "rate",
    ]);
  });

  test("A3: 20 calls of which 10 fail open it; 49 of 100, well spread, do not", () => {
    const half = fleetOf(1);
    half.upstream = pattern("FS");
    half.sequence(half.isolates[0]!, 20);
    half.run(20);
    expect(stateOf(half)).toBe("open");

    const less = fleetOf(1);
    less.upstream = pattern(`SS${"FS".repeat(49)}`, 10 + seed * 10);
    expect(less.sequence(less.isolates[0]!, 100)).not.toContain("refused");
    less.run(2000);
    expect(stateOf(less)).toBe("closed");
  });

  test("A4: 20 answers of 2.5 s open it for being slow", () => {
    const fleet = fleetOf(1);
    fleet.upstream = answering("ok", 2500);
    const endings: Ending[] = [];
    for (let n = 0; n < 20; n++) fleet.request(fleet.isolates[0]!, (how) => endings.push(how));
    fleet.run(2600);
    expect(endings).toEqual(Array<Ending>(20).fill("ok"));
    expect(fleet.sequence(fleet.isolates[0]!, 5)).toEqual(Array<Ending>(5).fill("refused"));
    expect(fleet.shared).toMatchObject({ state: "open", reason: "slow" });
  });

  test("A6: three isolates, 50 at once each: never more than 3 in flight until it closes, and it closes within 10 s", () => {
    const fleet = fleetOf(3);
    fleet.upstream = answering("failed");
    fleet.sequence(fleet.isolates[0]!, 20);
    fleet.upstream = answering("ok", 300);
    const well = fleet.now;
    fleet.run(2500);
    fleet.mostInFlight = 0;
    const endings: { at: number; how: Ending }[] = [];
    while (stateOf(fleet) !== "ramp" && stateOf(fleet) !== "closed") {
      for (const isolate of fleet.isolates) {
        for (let n = 0; n < 50; n++) fleet.request(isolate, (how) => endings.push({ at: fleet.now, how }));
      }
      fleet.run(100);
      if (stateOf(fleet) === "open" || stateOf(fleet) === "half_open")
        expect(fleet.mostInFlight).toBeLessThanOrEqual(3);
      expect(fleet.now - well).toBeLessThan(10_000);
    }
    fleet.run(1500);
    endings.length = 0;
    for (let n = 0; n < 100; n++) {
      for (const isolate of fleet.isolates) fleet.request(isolate, (how) => endings.push({ at: fleet.now, how }));
      fleet.run(10);
    }
    fleet.run(400);
    expect(endings.filter(({ how }) => how === "ok").length / endings.length).toBeGreaterThanOrEqual(0.95);
    expect(fleet.now - well).toBeLessThan(10_000);
  });

  test("A7: an upstream that stays dead is probed after about 2, 4, 8, 10, 10 s, at most 3 times each", () => {
    const fleet = fleetOf(1);
    fleet.upstream = answering("failed");
    for (let n = 0; n < 40 * 20; n++) {
      fleet.request(fleet.isolates[0]!);
      fleet.run(50);
    }
    const groups: number[][] = [];
    for (const { at } of fleet.seen) {
      const last = groups.at(-1);
      if (last !== undefined && at - last.at(-1)! < 1000) last.push(at);
      else groups.push([at]);
    }
    expect(groups[0]).toHaveLength(5);
    const gaps = groups.slice(1).map((group, n) => group[0]! - groups[n]!.at(-1)!);
    for (const [n, nominal] of [2000, 4000, 8000, 10_000, 10_000].entries()) {
      expect(gaps[n]).toBeGreaterThanOrEqual(nominal * 0.75);
      expect(gaps[n]).toBeLessThanOrEqual(nominal * 1.25);
    }
    for (const group of groups.slice(1)) expect(group.length).toBeLessThanOrEqual(3);
  });

  test("A8: the isolate with little traffic refuses within 2.5 s of the other's first failure", () => {
    const fleet = fleetOf(2);
    const [g1, g2] = fleet.isolates;
    for (let n = 0; n < 100; n++) {
      fleet.request(g1!);
      if (n % 20 === seed) fleet.request(g2!);
      fleet.run(50);
    }
    fleet.upstream = answering("failed");
    const died = fleet.now;
    fleet.seen = [];
    let refusedAt = 0;
    for (let n = 0; n < 100; n++) {
      fleet.request(g1!);
      if (n % 20 === seed) fleet.request(g2!, (how) => (how === "refused" ? (refusedAt ||= fleet.now) : 0));
      fleet.run(50);
    }
    expect(refusedAt).toBeGreaterThan(0);
    expect(refusedAt - died).toBeLessThan(2500);
    expect(fleet.seen.filter(({ isolate }) => isolate === "g2").length).toBeLessThanOrEqual(3);
  });

  test("A9, A10: with the object dead nothing is refused while all is well, and each isolate trips at five", () => {
    const fleet = fleetOf(2);
    fleet.objectMs = Number.POSITIVE_INFINITY;
    const [g1] = fleet.isolates;
    const endings: Ending[] = [];
    for (let n = 0; n < 500; n++) {
      fleet.request(g1!, (how) => endings.push(how));
      if (n % 10 === 0) fleet.run(20);
    }
    fleet.run(1000);
    expect(endings).toEqual(Array<Ending>(500).fill("ok"));
    fleet.upstream = answering("failed");
    expect(fleet.sequence(g1!, 20).filter((how) => how === "failed")).toHaveLength(5);
  });

  test("A45: an open breaker survives the object's death, until its old time", () => {
    const fleet = fleetOf(1);
    fleet.upstream = answering("failed");
    fleet.sequence(fleet.isolates[0]!, 20);
    fleet.run(50);
    const { until, generation } = fleet.shared;
    fleet.restart();
    expect(fleet.shared).toMatchObject({ state: "open", reason: "consecutive", until, generation });
  });

  test("an outage of a minute: after it, everybody is served again within 10 s and a bit, with or without the object", () => {
    for (const objectMs of [2, Number.POSITIVE_INFINITY]) {
      const fleet = fleetOf(4);
      fleet.objectMs = objectMs;
      fleet.upstream = (_isolate, now) => ({ outcome: now < end ? "failed" : "ok", ms: 20 });
      const end = fleet.now + 60_000;
      const tail: Ending[] = [];
      for (let n = 0; n < 75 * 20; n++) {
        for (const isolate of fleet.isolates) {
          const late = fleet.now > end + 13_000;
          fleet.request(isolate, (how) => (late ? tail.push(how) : 0));
        }
        fleet.run(50);
      }
      fleet.run(100);
      expect(tail.length).toBeGreaterThan(100);
      expect(tail).not.toContain("refused");
      const bad = fleet.seen.filter(({ at }) => at < end).length;
      expect(bad).toBeLessThanOrEqual(objectMs === 2 ? 4 * 5 + 3 * 10 : 4 * (5 + 12));
    }
  });
});

test("object calls stay few while nothing happens: 200 requests a second for a minute", () => {
  const fleet = new Fleet(1, seededChance(1));
  for (let n = 0; n < 200 * 60; n++) {
    fleet.request(fleet.isolates[0]!);
    fleet.run(5);
  }
  expect((fleet.objectCalls * 1000) / (200 * 60)).toBeLessThanOrEqual(6);
});

test("a minute's outage of the only upstream, 1,000 requests a second over 200 isolates: few reach it, all come back", () => {
  const chance = seededChance(20261121);
  const fleet = new Fleet(200, chance);
  const [begin, end] = [fleet.now + 10_000, fleet.now + 70_000];
  fleet.upstream = (_isolate, now) =>
    now >= begin && now < end ? { outcome: "failed", ms: 5 } : { outcome: "ok", ms: 20 };
  const after = { ok: 0, refused: 0 };
  for (let ms = 0; ms < 85_000; ms++) {
    const late = fleet.now >= end + 12_000;
    fleet.request(fleet.isolates[Math.floor(chance() * 200)]!, (how) => {
      if (late) after[how === "ok" ? "ok" : "refused"]++;
    });
    fleet.run(1);
  }
  expect(fleet.seen.filter(({ at }) => at >= begin && at < end).length).toBeLessThanOrEqual(1300);
  expect(after.ok / (after.ok + after.refused)).toBeGreaterThanOrEqual(0.95);
});
