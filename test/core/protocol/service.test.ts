import { describe, expect, it } from "vitest";
import type { MergedDelta, ServiceBatch } from "../../../worker/core/protocol/objects.ts";
import { emptyService, readInstance, takeBatch } from "../../../worker/core/protocol/service.ts";
import { bucketOf } from "../../../worker/core/stats/sketch.ts";

const NOW = 1_700_000_000_000;

const delta = (more: Partial<MergedDelta> = {}): MergedDelta => ({
  ok: 10,
  failed: 0,
  limited: 0,
  slow: 0,
  inFlight: 1,
  ewmaMs: 100,
  times: [bucketOf(100), 10],
  recent: { ok: 10, failed: 0, limited: 0, slow: 0 },
  openShare: 0,
  ...more,
});
const batch = (instances: Record<string, MergedDelta>): ServiceBatch => ({
  service: "users",
  region: "weur",
  isolates: 1,
  instances,
  leases: [],
  refused: 0,
  registry: 0,
});

describe("a service's instances", () => {
  it("are read over the last ten seconds", () => {
    const state = emptyService();
    for (let second = 0; second < 20; second++) takeBatch(state, batch({ u1: delta() }), NOW + second * 1_000);
    const reading = readInstance(state.instances.get("u1")!, NOW + 19_000);
    expect(reading.window.ok).toBe(100);
    expect(reading.requestsPerSecond).toBe(10);
    expect(Math.abs(reading.p95Ms - 100)).toBeLessThanOrEqual(2);
  });

  it("move their average by a tenth of the difference, and not without answers", () => {
    const state = emptyService();
    takeBatch(state, batch({ u1: delta() }), NOW);
    takeBatch(state, batch({ u1: delta({ ewmaMs: 200 }) }), NOW + 1_000);
    takeBatch(state, batch({ u1: delta({ ok: 0, ewmaMs: 900, inFlight: 7 }) }), NOW + 2_000);
    expect(readInstance(state.instances.get("u1")!, NOW + 2_000)).toMatchObject({ ewmaMs: 110, inFlight: 7 });
  });

  it("keep response times for one to two minutes", () => {
    const state = emptyService();
    takeBatch(state, batch({ u1: delta({ times: [bucketOf(5_000), 1] }) }), NOW);
    takeBatch(state, batch({ u1: delta() }), NOW + 61_000);
    expect(readInstance(state.instances.get("u1")!, NOW + 61_000).p99Ms).toBeLessThan(200);
    expect(state.instances.get("u1")!.earlierTimes).not.toEqual([]);
    takeBatch(state, batch({ u1: delta() }), NOW + 122_000);
    expect(state.instances.get("u1")!.earlierTimes).toEqual([bucketOf(100), 10]);
  });

  it("are bounded in number, the longest silent ones leaving first", () => {
    const state = emptyService();
    for (let n = 0; n < 1_010; n++) takeBatch(state, batch({ [`u${n}`]: delta() }), NOW + n);
    expect(state.instances.size).toBe(1_000);
    expect(state.instances.has("u9")).toBe(false);
    expect(state.instances.has("u10")).toBe(true);
  });
});
