import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beat,
  checkpointOf,
  drainBatch,
  emptyRegion,
  inFlightOf,
  liveIsolates,
  restoreRegion,
  takeReport,
  totalsByService,
} from "../../../worker/core/protocol/region.ts";
import type { InstanceDelta, Report } from "../../../worker/core/protocol/reports.ts";

const NOW = 1_700_000_000_000;

const delta = (more: Partial<InstanceDelta> = {}): InstanceDelta => ({
  ok: 10,
  failed: 0,
  limited: 0,
  slow: 0,
  inFlight: 0,
  ewmaMs: 10,
  times: [],
  ...more,
});

const report = (
  isolate: string,
  sequence: number,
  services: Report["services"],
  more: Partial<Report> = {},
): Report => ({
  isolate,
  region: "weur",
  sequence,
  generation: 1,
  spanMs: 1_000,
  urgent: false,
  requests: { total: 10, failed: 0, refused: 0 },
  services,
  ...more,
});

const instance = (region: ReturnType<typeof emptyRegion>, now = NOW) =>
  drainBatch(region, "weur", "users", now).instances["u1"];

describe("taking reports", () => {
  it("counts each number of an isolate once, in whatever order and however often reports are sent again", () => {
    const plan = fc.array(
      fc.record({ isolate: fc.constantFrom("a", "b", "c"), sends: fc.integer({ min: 1, max: 4 }) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(plan, (reports) => {
        const region = emptyRegion(NOW);
        const sequences = new Map<string, number>();
        for (const { isolate, sends } of reports) {
          const sequence = (sequences.get(isolate) ?? 0) + 1;
          sequences.set(isolate, sequence);
          for (let n = 0; n < sends; n++)
            takeReport(region, report(isolate, sequence, { users: { u1: delta() } }), NOW);
        }
        const total = totalsByService(region)["users"]?.["u1"]?.ok ?? 0;
        expect(total).toBe(10 * reports.length);
        expect(region.requests.total).toBe(10 * reports.length);
        expect(instance(region)?.ok ?? 0).toBe(10 * reports.length);
      }),
    );
  });

  it("keeps names that objects have by birth apart from what is counted", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, { constructor: { toString: delta(), hasOwnProperty: delta() } }), NOW);
    expect(totalsByService(region)["constructor"]).toMatchObject({ toString: { ok: 10 }, hasOwnProperty: { ok: 10 } });
  });

  it("adds gauges over isolates, and lets a newer one of the same isolate replace the older", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, { users: { u1: delta({ inFlight: 5 }) } }), NOW);
    takeReport(region, report("b", 1, { users: { u1: delta({ inFlight: 7 }) } }), NOW);
    expect(inFlightOf(region)).toBe(12);
    takeReport(region, report("a", 2, { users: { u1: delta({ inFlight: 1 }) } }), NOW);
    expect(instance(region)).toMatchObject({ inFlight: 8, ok: 30 });
  });

  it("puts counts of a long silence into the sums, and into no window", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, { users: { u1: delta({ failed: 90, inFlight: 2 }) } }, { spanMs: 60_000 }), NOW);
    expect(totalsByService(region)["users"]!["u1"]).toMatchObject({ ok: 10, failed: 90 });
    expect(instance(region)).toMatchObject({ ok: 0, failed: 0, inFlight: 2 });
    beat(region, NOW + 1_000);
    expect(region.health).toBeUndefined();
  });
});

describe("votes", () => {
  const offering = (isolate: string, sequence: number, ok: number, vote?: "open" | "closed") =>
    report(isolate, sequence, {
      users: { u1: delta({ ok: 0, ...(vote === undefined ? {} : { vote }) }), u2: delta({ ok }) },
    });

  it("weigh as much as the load their isolates offer", () => {
    const region = emptyRegion(NOW);
    takeReport(region, offering("busy", 1, 90), NOW);
    takeReport(region, offering("calm", 1, 10, "open"), NOW);
    expect(instance(region)?.openShare).toBeCloseTo(0.1);
    takeReport(region, offering("busy", 2, 90, "open"), NOW);
    expect(instance(region)?.openShare).toBeCloseTo(1);
    takeReport(region, offering("busy", 3, 90, "closed"), NOW);
    expect(instance(region)?.openShare).toBeCloseTo(0.1);
  });

  it("die with their isolate", () => {
    const region = emptyRegion(NOW);
    takeReport(region, offering("gone", 1, 100, "open"), NOW);
    takeReport(region, offering("there", 1, 100), NOW + 6_000);
    beat(region, NOW + 6_000);
    expect(instance(region, NOW + 6_000)?.openShare).toBe(0);
  });
});

describe("the beat", () => {
  it("counts the isolates that report, and forgets the sequence of none too soon", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, { users: { u1: delta() } }), NOW);
    beat(region, NOW + 60_000);
    expect(liveIsolates(region, NOW + 60_000)).toBe(0);
    expect(takeReport(region, report("a", 1, { users: { u1: delta() } }), NOW + 60_000)).toBe("repeated");
    beat(region, NOW + 661_000);
    expect(region.isolates.size).toBe(0);
  });

  it("moves health and latency only in seconds that have answers", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, { users: { u1: delta({ ok: 9, failed: 1, ewmaMs: 100 }) } }), NOW);
    beat(region, NOW + 1_000);
    expect(region).toMatchObject({ health: 0.9, latencyMs: 100, requestsPerSecond: 10 });
    beat(region, NOW + 2_000);
    expect(region).toMatchObject({ health: 0.9, latencyMs: 100, requestsPerSecond: 9 });
    takeReport(region, report("a", 2, { users: { u1: delta({ ok: 0, failed: 10, ewmaMs: 200 }) } }), NOW + 2_500);
    beat(region, NOW + 3_000);
    expect(region.health).toBeCloseTo(0.81);
    expect(region.latencyMs).toBeCloseTo(110);
  });
});

describe("leases", () => {
  it("travel to the service they are for, by isolate", () => {
    const region = emptyRegion(NOW);
    takeReport(
      region,
      report("a", 1, {}, { leases: { want: ["users/u1", "users/u2"], back: ["orders/o1", "nonsense"] } }),
      NOW,
    );
    takeReport(region, report("b", 1, {}, { leases: { want: ["users/u1"], back: [] } }), NOW);
    const failed = { "users/u3": 5_000 };
    takeReport(region, report("b", 2, {}, { leases: { want: [], back: [], passed: ["users/u2"], failed } }), NOW);
    expect(drainBatch(region, "weur", "users", NOW).leases).toEqual([
      { isolate: "a", want: ["u1", "u2"], back: [], passed: [], failed: {} },
      { isolate: "b", want: ["u1"], back: [], passed: ["u2"], failed: { u3: 5_000 } },
    ]);
    expect(drainBatch(region, "weur", "orders", NOW).leases).toEqual([
      { isolate: "a", want: [], back: ["o1"], passed: [], failed: {} },
    ]);
    expect(drainBatch(region, "weur", "users", NOW)).toMatchObject({ instances: {}, leases: [] });
  });
});

it("comes back from a checkpoint with its sums and sequences, and with no clock ahead of its own", () => {
  const region = emptyRegion(NOW);
  takeReport(region, report("a", 7, { users: { u1: delta() } }), NOW + 900_000);
  const restored = restoreRegion(JSON.parse(JSON.stringify(checkpointOf(region))), NOW);
  expect(totalsByService(restored)).toEqual(totalsByService(region));
  expect(takeReport(restored, report("a", 7, { users: { u1: delta() } }), NOW)).toBe("repeated");
  expect(liveIsolates(restored, NOW + 10_000)).toBe(0);
});

it("keeps the isolates it remembers bounded, dropping the longest silent ones", () => {
  const region = emptyRegion(NOW);
  for (let n = 0; n < 16_500; n++) takeReport(region, report(`isolate-${n}`, 1, {}), NOW);
  expect(region.isolates.size).toBe(16_384);
  expect(region.isolates.has("isolate-0")).toBe(false);
  expect(region.isolates.has("isolate-16499")).toBe(true);
});

describe("what a report says of refusals and of what is fresh", () => {
  it("goes to the service once, summed", () => {
    const region = emptyRegion(NOW);
    takeReport(region, report("a", 1, {}, { refused: { users: 3 } }), NOW);
    takeReport(region, report("b", 1, {}, { refused: { users: 4, orders: 1 } }), NOW);
    takeReport(region, report("b", 1, {}, { refused: { users: 4 } }), NOW);
    expect(drainBatch(region, "weur", "users", NOW).refused).toBe(7);
    expect(drainBatch(region, "weur", "users", NOW).refused).toBe(0);
    expect(drainBatch(region, "weur", "orders", NOW).refused).toBe(1);
  });

  it("stands beside all counts, and is all of them where nothing is said", () => {
    const region = emptyRegion(NOW);
    const recent = { ok: 1, failed: 2, limited: 0, slow: 0 };
    takeReport(region, report("a", 1, { users: { u1: delta({ ok: 50, failed: 3, recent }) } }), NOW);
    takeReport(region, report("b", 1, { users: { u1: delta({ ok: 5 }) } }), NOW);
    expect(instance(region)).toMatchObject({ ok: 55, failed: 3, recent: { ok: 6, failed: 2 } });
  });
});
