// Whom experiments befall: by target, by share, by time.
import { parse } from "valibot";
import { describe, expect, it } from "vitest";
import { experimentOptions } from "../../../worker/core/chaos/options.ts";
import { stateOf, type ChaosOrder } from "../../../worker/core/chaos/order.ts";
import { countsForBreaker, faultsAt, markOf, strikes, type Targeted } from "../../../worker/core/chaos/strike.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";

const T = 1_000_000;
const order = (spec: Record<string, unknown>, more: Partial<ChaosOrder> = {}): ChaosOrder => ({
  ...{ id: "exp_1", name: "test", startedAt: T, endsAt: T + 10_000, startedBy: "test" },
  spec: parse(experimentOptions, spec),
  ...more,
});
const error = { kind: "error", probability: 0.3, target: { service: "a" } };
const delay = { kind: "delay", probability: 0.3, delayMs: 200, target: { service: "a" } };
const request = (more: Partial<Targeted> = {}): Targeted => ({
  ...{ service: "a", route: "/a/*", region: "weur", keyId: "k1", provider: "" },
  header: (name) => (name === "x-chaos" ? "yes" : null),
  ...more,
});
const draw = (value: number) => () => value;

describe("an experiment", () => {
  it("strikes the share its faults name, all of them together, and spares a control group beside", () => {
    const chance = seededChance(7);
    const groups = { faulted: 0, control: 0, neither: 0 };
    const one = order({ faults: [error, delay], controlShare: 0.1 });
    for (let n = 0; n < 20_000; n++) {
      const [strike] = strikes([one], request(), T, chance)!;
      groups[strike!.group]++;
      expect(strike!.faults.length).toBe(strike!.group === "faulted" ? 2 : 0);
    }
    expect(groups.faulted / 20_000).toBeCloseTo(0.3, 1);
    expect(groups.control / 20_000).toBeCloseTo(0.1, 1);
  });

  it("leaves its control group alone even when it strikes everybody", () => {
    const one = order({ faults: [{ ...error, probability: 1 }], controlShare: 0.2 });
    expect(strikes([one], request(), T, draw(0.79))![0]!.group).toBe("faulted");
    expect(strikes([one], request(), T, draw(0.81))![0]!.group).toBe("control");
  });

  it.each<[string, Record<string, unknown>, Partial<Targeted>, boolean]>([
    ["a service", { service: "a" }, {}, true],
    ["another service", { service: "b" }, {}, false],
    ["a route", { route: "/a/*" }, {}, true],
    ["another route", { route: "/b/*" }, {}, false],
    ["a region", { region: "enam" }, {}, false],
    ["a key", { keys: ["k0", "k1"] }, {}, true],
    ["nobody's key", { keys: ["k1"] }, { keyId: "" }, false],
    ["a header", { header: { name: "x-chaos" } }, {}, true],
    ["a header's value", { header: { name: "x-chaos", value: "no" } }, {}, false],
    ["a provider", { provider: "openai" }, {}, false],
    ["all that is named", { service: "a", header: { name: "x-other" } }, {}, false],
  ])("targets %s", (_, target, more, hits) => {
    const one = order({ faults: [{ kind: "reset", target }] });
    expect(strikes([one], request(more), T, draw(0)) !== undefined).toBe(hits);
  });

  it("is over at its end, whoever says so or not, and when it is stopped", () => {
    const one = order({ faults: [error] });
    expect(strikes([one], request(), T - 1, draw(0))).toBeUndefined();
    expect(strikes([one], request(), T + 9_999, draw(0))).toBeDefined();
    expect(strikes([one], request(), T + 10_000, draw(0))).toBeUndefined();
    const stopped = { ...one, stopped: { at: T + 5, by: "ann", reason: "" } };
    expect(strikes([stopped], request(), T + 5, draw(0))).toBeUndefined();
    expect([stateOf(one, T), stateOf(one, T + 10_000), stateOf(stopped, T)]).toEqual([
      "running",
      "completed",
      "stopped",
    ]);
  });

  it("ends a fault before itself where that says so", () => {
    const one = order({ faults: [{ ...error, durationSeconds: 2 }] });
    expect(strikes([one], request(), T + 1_999, draw(0))).toBeDefined();
    expect(strikes([one], request(), T + 2_000, draw(0))).toBeUndefined();
  });

  it("befalls only attempts at the instance and service it names", () => {
    const one = order({ faults: [{ kind: "reset", target: { service: "a", instance: "a1" } }, delay] });
    const struck = strikes([one], request(), T, draw(0))!;
    expect(faultsAt(struck, "a", "a1").map(({ kind }) => kind)).toEqual(["reset", "delay"]);
    expect(faultsAt(struck, "a", "a2").map(({ kind }) => kind)).toEqual(["delay"]);
    expect(faultsAt(struck, "b", "a1")).toEqual([]);
    expect(markOf(struck)).toBe("exp_1;reset,delay");
  });

  it("is held against breakers only where it says so", () => {
    const quiet = strikes([order({ faults: [error] })], request(), T, draw(0))!;
    const loud = strikes([order({ faults: [error], countsForBreaker: true })], request(), T, draw(0))!;
    expect([countsForBreaker(quiet), countsForBreaker(loud), countsForBreaker([...quiet, ...loud])]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
