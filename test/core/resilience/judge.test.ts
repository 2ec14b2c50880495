import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { LeaseRequest, MergedDelta } from "../../../worker/core/protocol/objects.ts";
import { judge, verdictsOf, type JudgedBatch } from "../../../worker/core/resilience/judge.ts";
import { breakerOptions } from "../../../worker/core/resilience/options.ts";
import type { SharedBreaker, SharedOptions } from "../../../worker/core/resilience/shared.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const NOW = 1_700_000_000_000;
const OPTIONS: SharedOptions = { ...v.parse(breakerOptions, {}), leaseMs: 10_000 };
const chance = seededChance(1);

/** Calls that are all fresh, unless it says otherwise. */
const delta = (more: Partial<MergedDelta> = {}): MergedDelta => {
  const { ok = 0, failed = 0, limited = 0, slow = 0 } = more;
  const counts = { ok, failed, limited, slow };
  return { ...counts, recent: counts, inFlight: 0, ewmaMs: 0, times: [], openShare: 0, ...more };
};
const request = (isolate: string, more: Partial<LeaseRequest>): LeaseRequest => ({
  ...{ isolate, want: [], back: [], passed: [], failed: {} },
  ...more,
});
const of = (leases: LeaseRequest[], instances: JudgedBatch["instances"] = {}): JudgedBatch => ({
  ...{ leases, instances, refused: 0 },
});

/** The breakers of one instance that is down, past its open time. */
function probed(): { breakers: Map<string, SharedBreaker>; now: number } {
  const breakers = new Map<string, SharedBreaker>();
  judge(breakers, of([], { u1: delta({ failed: 20 }) }), OPTIONS, NOW, chance);
  return { breakers, now: NOW + OPTIONS.maxOpenMs };
}

describe("a batch", () => {
  it("opens what its calls condemn, and says what must be stored: not what only counted", () => {
    const breakers = new Map<string, SharedBreaker>();
    const calls = { u1: delta({ failed: 20 }), u2: delta({ ok: 20 }) };
    expect(judge(breakers, of([], calls), OPTIONS, NOW, chance)).toEqual({ leases: {}, changed: new Set(["u1"]) });
    expect(verdictsOf(breakers, NOW)).toMatchObject({ u1: { state: "open", reason: "rate" } });
    expect(Object.keys(verdictsOf(breakers, NOW))).toEqual(["u1"]);
  });

  it("gives a lease that comes back in it to who asks in it, whatever their order", () => {
    const { breakers, now } = probed();
    const wishes = ["a", "b", "c"].map((isolate) => request(isolate, { want: ["u1"] }));
    const { leases, changed } = judge(breakers, of(wishes), OPTIONS, now, chance);
    expect(Object.keys(leases)).toEqual(["a", "b", "c"]);
    expect(changed).toEqual(new Set(["u1"]));
    const next = [request("d", { want: ["u1"] }), request("a", { back: ["u1"] })];
    expect(judge(breakers, of(next), OPTIONS, now, chance).leases).toEqual({ d: { u1: now + 10_000 } });
  });

  it("closes by its probes before it counts its calls", () => {
    const { breakers, now } = probed();
    const all = ["a", "b", "c"];
    judge(breakers, of(all.map((isolate) => request(isolate, { want: ["u1"] }))), OPTIONS, now, chance);
    const good = all.map((isolate) => request(isolate, { passed: ["u1"] }));
    judge(breakers, of(good, { u1: delta({ failed: 20 }) }), OPTIONS, now, chance);
    expect(verdictsOf(breakers, now)).toMatchObject({ u1: { state: "open", reason: "rate" } });
  });

  it("grants no wish that its own failed probe has made vain", () => {
    const { breakers, now } = probed();
    judge(breakers, of([request("a", { want: ["u1"] })]), OPTIONS, now, chance);
    const batch = of([request("b", { want: ["u1"] }), request("a", { failed: { u1: 0 } })]);
    expect(judge(breakers, batch, OPTIONS, now, chance).leases).toEqual({});
    expect(verdictsOf(breakers, now)).toMatchObject({ u1: { state: "open" } });
  });
});

it("verdicts change with time alone", () => {
  const { breakers, now } = probed();
  expect(verdictsOf(breakers, now)).toMatchObject({ u1: { state: "half_open", until: 0 } });
  expect(breakers.get("u1")!.state).toBe("half_open");
});

it("judges by what is fresh, however much a late report tells, and counts refusals for whoever is open", () => {
  const breakers = new Map<string, SharedBreaker>();
  const none = { ok: 0, failed: 0, limited: 0, slow: 0 };
  judge(breakers, of([], { u1: delta({ failed: 100, recent: none }) }), OPTIONS, NOW, chance);
  expect(verdictsOf(breakers, NOW)).toEqual({});
  judge(
    breakers,
    of([], { u1: delta({ ok: 500, failed: 20, recent: { ...none, failed: 20 } }) }),
    OPTIONS,
    NOW,
    chance,
  );
  expect(verdictsOf(breakers, NOW)).toMatchObject({ u1: { state: "open" } });
  judge(breakers, { ...of([]), refused: 1000 }, OPTIONS, NOW + 1900, chance);
  expect(verdictsOf(breakers, NOW + 1900)).toMatchObject({ u1: { state: "half_open" } });
});
