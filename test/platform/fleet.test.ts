import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import type { Reply } from "../../worker/core/protocol/reports.ts";
import type { ServiceState } from "../../worker/platform/services.ts";
import { compiled, Standing } from "./standing.ts";

beforeEach(() => void vi.useFakeTimers({ now: 2_000_000_000_000 }));
afterEach(() => void vi.useRealTimers());

type WrittenService = NonNullable<WrittenPolicy["services"]>[string];

const web = (more: WrittenService = {}, ids = ["a", "b"]): WrittenService => ({
  instances: ids.map((id) => ({ id, url: `http://${id}.test` })),
  routing: { algorithm: "round_robin" },
  ...more,
});

/** One request that is chosen, sent and settled at once; the id of its instance, or what `take` says below 0. */
function serve(state: ServiceState, how: "ok" | "failed" = "ok", ms = 5): string | number {
  const index = state.take([], true, false, undefined, Date.now());
  if (index < 0) return index;
  const attempt = state.begin(index, -1, undefined, Date.now(), Date.now() + 30_000);
  attempt.settle(how, ms, -1, Date.now());
  attempt.end();
  return attempt.instance.compiled.id;
}

const trip = (state: ServiceState, id: string): void => {
  for (let sent = 0; sent < 100 && state.gates[indexOf(state, id)]!.local.state === "closed"; sent++) {
    const index = state.take([], true, false, undefined, Date.now());
    const attempt = state.begin(index, -1, undefined, Date.now(), Date.now() + 30_000);
    attempt.settle(attempt.instance.compiled.id === id ? "failed" : "ok", 5, -1, Date.now());
    attempt.end();
  }
};
const indexOf = (state: ServiceState, id: string): number =>
  state.instances.findIndex(({ compiled: { id: own } }) => own === id);

describe("reports", () => {
  it("tell what happened once, and a breaker that opened as a vote", () => {
    const standing = new Standing({ web: web() });
    trip(standing.service("web"), "b");
    expect(standing.hurried).toBe(1);
    const told = standing.fleet.drain()["web"]!;
    expect(told["b"]).toMatchObject({ failed: 5, vote: "open" });
    expect(told["a"]).not.toHaveProperty("vote");
    expect(standing.fleet.drain()).toEqual({});
  });

  it("tell requests in flight for as long as they are", () => {
    const standing = new Standing({ web: web({}, ["a"]) });
    const state = standing.service("web");
    state.take([], true, false, undefined, Date.now());
    const attempt = state.begin(0, -1, undefined, Date.now(), Date.now() + 30_000);
    for (let second = 0; second < 3; second++) expect(standing.fleet.drain()["web"]!["a"]!.inFlight).toBe(1);
    attempt.end();
    expect(standing.fleet.drain()).toEqual({});
  });

  it("end requests that the runtime has ended without a word, after their time", () => {
    const standing = new Standing({ web: web({}, ["a"]) });
    const state = standing.service("web");
    state.take([], true, false, undefined, Date.now());
    state.begin(0, -1, undefined, Date.now(), Date.now() + 1_000);
    vi.setSystemTime(Date.now() + 1_001);
    expect(standing.fleet.drain()).toEqual({});
    expect(standing.ended).toEqual(["web/a cancelled"]);
    expect(state.candidates[0]!.inFlight).toBe(0);
  });
});

describe("instances that failed last", () => {
  const algorithm = { routing: { algorithm: "intelligent_adaptive" } } as const;
  const ids = ["a", "b", "c", "d"];

  it("are found out when they are most of them: choice alone would keep away, and drown the rest", () => {
    const standing = new Standing({ web: web(algorithm, ids) });
    const state = standing.service("web");
    const asked = new Map<string, number>();
    for (let sent = 0; sent < 40; sent++) {
      const index = state.take([], true, false, undefined, Date.now());
      if (index < 0) continue;
      const id = ids[index]!;
      asked.set(id, (asked.get(id) ?? 0) + 1);
      const attempt = state.begin(index, -1, undefined, Date.now(), Date.now() + 30_000);
      attempt.settle(id === "a" ? "ok" : "failed", 5, -1, Date.now());
      attempt.end();
    }
    expect([asked.get("b"), asked.get("c"), asked.get("d")]).toEqual([5, 5, 5]);
    expect(asked.get("a")).toBeLessThanOrEqual(20);
  });

  it("are asked no more than their breakers need to see, while they owe an answer", () => {
    const standing = new Standing({ web: web(algorithm, ids) });
    const state = standing.service("web");
    for (const id of ["b", "c", "d"]) {
      state.take([], true, false, undefined, Date.now());
      const attempt = state.begin(ids.indexOf(id), -1, undefined, Date.now(), Date.now() + 30_000);
      attempt.settle("failed", 5, -1, Date.now());
      attempt.end();
    }
    const asked = [0, 0, 0, 0];
    const ask = (): void => {
      const index = state.take([], true, false, undefined, Date.now());
      asked[index]!++;
      state.begin(index, -1, undefined, Date.now(), Date.now() + 30_000);
    };
    for (let sent = 0; sent < 12; sent++) ask();
    expect(asked).toEqual([0, 4, 4, 4]);
    // From here on it is choice's matter again.
    for (let sent = 0; sent < 12; sent++) ask();
    expect(asked[0]).toBeGreaterThan(0);
  });
});

describe("leases", () => {
  const halfOpen = (generation = 2): Partial<Reply> => ({
    verdicts: { web: { a: { state: "half_open", reason: "consecutive", until: 0, generation } } },
  });

  it("are wanted when a request needs one, used by the next, and what came of them is told once", () => {
    const standing = new Standing({ web: web({}, ["a"]) });
    const state = standing.service("web");
    standing.hear(halfOpen());
    expect(standing.fleet.leases(Date.now())).toBeUndefined();
    expect(serve(state)).toBeLessThan(0);
    expect(standing.fleet.leases(Date.now())).toEqual({ want: ["web/a"], back: [], passed: [], failed: {} });
    standing.hear({ ...halfOpen(), leases: { "web/a": Date.now() + 10_000 } });
    expect(serve(state, "failed")).toBe("a");
    expect(standing.fleet.leases(Date.now())).toMatchObject({ failed: { "web/a": 0 } });
    expect(standing.fleet.leases(Date.now())?.failed ?? {}).toEqual({});
  });

  it("are given back when nobody has used them in time", () => {
    const standing = new Standing({ web: web({}, ["a"]) });
    standing.service("web");
    standing.hear({ ...halfOpen(), leases: { "web/a": Date.now() + 10_000 } });
    vi.setSystemTime(Date.now() + 2_001);
    expect(standing.fleet.leases(Date.now())).toMatchObject({ back: ["web/a"] });
    expect(standing.fleet.leases(Date.now())).toBeUndefined();
  });
});

describe("what a reply says", () => {
  it("shuts an instance for choice, and opens it again", () => {
    const standing = new Standing({ web: web() });
    const state = standing.service("web");
    const until = Date.now() + 2_000;
    standing.hear({ verdicts: { web: { a: { state: "open", reason: "rate", until, generation: 1 } } } });
    for (let sent = 0; sent < 5; sent++) expect(serve(state)).toBe("b");
    standing.hear();
    expect(new Set([serve(state), serve(state)])).toEqual(new Set(["a", "b"]));
  });

  it("takes what checks find unwell out of choice, and knows how old that is", () => {
    const standing = new Standing({ web: web() });
    const state = standing.service("web");
    standing.hear({ health: { web: { ageMs: 4_000, except: { a: "unhealthy" } } } });
    for (let sent = 0; sent < 5; sent++) expect(serve(state)).toBe("b");
    expect(state.instances[0]!.known.health).toMatchObject({ status: "unhealthy", checkedAt: Date.now() - 4_000 });
    standing.hear({ health: { web: { ageMs: 0, except: {} } } });
    expect(new Set([serve(state), serve(state)])).toEqual(new Set(["a", "b"]));
  });

  it("of a drained instance holds without a breaker too", () => {
    const standing = new Standing({ web: web({ breaker: false }) });
    const state = standing.service("web");
    standing.hear({ verdicts: { web: { a: { state: "open", reason: "manual", until: 0, generation: 1 } } } });
    for (let sent = 0; sent < 5; sent++) expect(serve(state)).toBe("b");
    for (let sent = 0; sent < 50; sent++) expect(serve(state, "failed")).toBe("b");
  });
});

describe("a new policy", () => {
  it("keeps the state of instances that stay, and begins those that moved anew", () => {
    const standing = new Standing({ web: web() });
    const before = standing.service("web");
    trip(before, "b");
    standing.policy = compiled({
      web: {
        ...web(),
        instances: [
          { id: "a", url: "http://elsewhere.test" },
          { id: "b", url: "http://b.test" },
        ],
      },
    });
    const after = standing.service("web");
    expect(after).not.toBe(before);
    expect(after.instances[1]).toBe(before.instances[1]);
    expect(after.instances[0]).not.toBe(before.instances[0]);
    expect(after.budget).toBe(before.budget);
    // The one that left still tells what it has to tell, under its name.
    expect(standing.fleet.drain()["web"]!["a"]!.ok).toBeGreaterThan(0);
  });

  it("that changes an instance's weight keeps its breaker", () => {
    const standing = new Standing({ web: web() });
    const before = standing.service("web");
    trip(before, "b");
    standing.policy = compiled({
      web: {
        ...web(),
        instances: [
          { id: "a", url: "http://a.test" },
          { id: "b", url: "http://b.test", weight: 3 },
        ],
      },
    });
    const after = standing.service("web");
    expect(after.candidates[1]!.weight).toBe(3);
    expect(after.gates[1]).toBe(before.gates[1]);
    for (let sent = 0; sent < 5; sent++) expect(serve(after)).toBe("a");
  });

  it("that leaves limits as they are keeps places in use, and hands them on", () => {
    const concurrency = { algorithm: "fixed", max: 1, per: "service" } as const;
    const standing = new Standing({ web: web({ concurrency }) });
    const before = standing.service("web");
    before.take([], true, false, undefined, Date.now());
    const attempt = before.begin(0, -1, undefined, Date.now(), Date.now() + 30_000);
    standing.policy = compiled({ web: web({ concurrency, attempts: { max: 2 } }) }, {}, 2);
    const after = standing.service("web");
    expect(serve(after)).toBeLessThan(0);
    attempt.end();
    expect(serve(after)).toEqual(expect.any(String));
  });

  it("lets an instance that joins start slowly, where it says so", () => {
    const routing = { algorithm: "weighted_random", slowStartMs: 10_000 } as const;
    const standing = new Standing({ web: web({ routing }, ["a"]) });
    standing.service("web");
    standing.policy = compiled({ web: web({ routing }) }, {}, 2);
    const state = standing.service("web");
    const shareOfNewcomer = (): number => {
      let mine = 0;
      for (let sent = 0; sent < 400; sent++) if (serve(state) === "b") mine++;
      return mine / 400;
    };
    expect(shareOfNewcomer()).toBeLessThan(0.2);
    vi.setSystemTime(Date.now() + 10_000);
    expect(shareOfNewcomer()).toBeGreaterThan(0.4);
  });
});

describe("instances that discovery finds", () => {
  const discovered = web({ discovery: { kind: "consul", url: "http://consul.test", service: "web" } }, ["listed"]);
  const registry = (generation: number, ...ids: string[]): Partial<Reply> => ({
    instances: {
      web: {
        generation,
        instances: ids.map((id) => ({ id, url: `http://${id}.test`, weight: 1, priority: 0, metadata: {} })),
      },
    },
  });
  const ids = (state: ServiceState): string[] => state.candidates.map(({ id }) => id);

  it("join those that the policy lists, and leave with the registry's next word", () => {
    const standing = new Standing({ web: discovered });
    standing.service("web");
    expect(standing.fleet.discovered()).toEqual({ web: 0 });
    standing.hear(registry(4, "x", "y"));
    const state = standing.service("web");
    expect(ids(state)).toEqual(["listed", "x", "y"]);
    expect(standing.fleet.discovered()).toEqual({ web: 4 });
    trip(state, "x");
    standing.hear(registry(5, "x"));
    const later = standing.service("web");
    expect(ids(later)).toEqual(["listed", "x"]);
    expect(later.instances[1]).toBe(state.instances[1]);
  });

  it("outlive a new policy that goes on discovering", () => {
    const standing = new Standing({ web: discovered });
    standing.service("web");
    standing.hear(registry(4, "x"));
    standing.policy = compiled({ web: { ...discovered, attempts: { max: 2 } } }, {}, 2);
    expect(ids(standing.service("web"))).toEqual(["listed", "x"]);
  });
});
