import { describe, expect, it } from "vitest";
import { findRoutes, type RouteFacts } from "../../../worker/core/insight/findings.ts";
import { ageKinds, takeKinds, type Kind } from "../../../worker/core/insight/kinds.ts";
import { seededChance } from "../../../worker/core/stats/chance.ts";
import { flatten, record, sketch } from "../../../worker/core/stats/sketch.ts";

const chance = seededChance(11);
const times = (count: number, ms: number): number[] => {
  const into = sketch();
  for (let n = 0; n < count; n++) record(into, ms * (0.7 + 0.6 * chance()));
  return flatten(into);
};

function kind(instance: string, count: number, ms: number, more: Partial<Kind> = {}): Kind {
  return {
    ...{ region: "weur", route: "orders", method: "GET", service: "shop", instance, requests: count },
    ...{ failed: 0, refused: 0, retried: 0, saved: 0, hung: 0, times: times(count, ms), busyMs: count * ms },
    ...more,
  };
}

const FACTS: RouteFacts = {
  ...{ route: "orders", path: "routes[0]", service: "shop", headersMs: 30_000 },
  breaker: { slowMs: 2_000, slowRate: 0.8, cycleMs: 40_000 },
  ...{ attempts: 3, hedges: false, spillAtLoad: 0.8 },
  instances: [
    { id: "a", region: "weur" },
    { id: "b", region: "enam" },
  ],
  capacities: { weur: 10, enam: 10 },
};
const found = (kinds: Kind[], facts: Partial<RouteFacts> = {}, windowMs = 60_000) =>
  findRoutes(kinds, [{ ...FACTS, ...facts }], 200, windowMs);

it("finds nothing where all is well, or little was seen", () => {
  expect(found([kind("a", 500, 20), kind("b", 500, 22)])).toEqual([]);
  expect(found([kind("a", 50, 20), kind("b", 40, 200)])).toEqual([]);
  expect(found([])).toEqual([]);
});

describe("an instance slower for a kind of request", () => {
  const here = [
    { id: "a", region: "weur" },
    { id: "b", region: "weur" },
  ];
  const none = { capacities: {}, instances: here };
  it("gets less of it, in the square of how much slower it is, and nothing when it is far behind", () => {
    const [less] = found([kind("a", 500, 20), kind("b", 500, 50)], none);
    expect(less).toMatchObject({ kind: "instance_weight", trial: { instance: "b", method: "GET", service: "shop" } });
    expect((less!.trial as { factor: number }).factor).toBeCloseTo(0.16, 1);
    const [out] = found([kind("a", 500, 20), kind("b", 300, 200)], none);
    expect(out!.trial).toMatchObject({ instance: "b", factor: 0 });
    expect(out!.effect.expected).toBeGreaterThan(0.5);
  });

  it("is not held against one that stands elsewhere", () => {
    expect(found([kind("a", 500, 20), kind("b", 300, 200)], { capacities: {} })).toEqual([]);
  });

  it("is told by kind: another method of the same instance is no matter", () => {
    const all = found(
      [
        kind("a", 500, 20),
        kind("b", 500, 100),
        kind("a", 500, 20, { method: "POST" }),
        kind("b", 500, 20, { method: "POST" }),
      ],
      none,
    );
    expect(all.map(({ trial }) => trial)).toMatchObject([{ kind: "instance_weight", method: "GET", instance: "b" }]);
  });
});

describe("a deadline that does not fit", () => {
  it("is shortened to what every answer keeps with ease", () => {
    const [one] = found([kind("a", 480, 20, { requests: 500, hung: 20, failed: 20 })]);
    expect(one).toMatchObject({ kind: "headers_timeout", effect: { measure: "mean_ms" } });
    const { before, after } = one!.trial as { before: number; after: number };
    expect(before).toBe(30_000);
    expect(after).toBeGreaterThanOrEqual(50);
    expect(after).toBeLessThan(200);
  });

  it("is counted once the requests that began first had all their tries, within a minute", () => {
    const hangs = kind("a", 500, 20, { requests: 500, hung: 20, failed: 20 });
    expect(found([hangs], { headersMs: 4_000, attempts: 2 })[0]!.settlesMs).toBe(8_000);
    expect(found([hangs], { headersMs: 30_000, attempts: 3 })[0]!.settlesMs).toBe(60_000);
  });

  it("is lengthened where answers come close to it", () => {
    const [one] = found([kind("a", 480, 80, { requests: 500, hung: 20, failed: 20 })], { headersMs: 110 });
    expect(one).toMatchObject({ kind: "headers_timeout", trial: { before: 110, after: 220 } });
  });

  it.each([
    ["nothing hangs", kind("a", 500, 20), {}],
    ["hardly anything does", kind("a", 5_000, 20, { hung: 6 }), {}],
    ["it fits", kind("a", 500, 100, { hung: 20 }), { headersMs: 500 }],
    ["there is none", kind("a", 500, 100, { hung: 20 }), { headersMs: Infinity }],
  ])("is left alone where %s", (_, row, facts) => {
    expect(found([row], facts)).toEqual([]);
  });
});

describe("a breaker that takes healthy answers for slow ones", () => {
  const facts = { breaker: { slowMs: 30, slowRate: 0.8, cycleMs: 1_000 } };
  it("is told what slow is", () => {
    const [one] = found([kind("a", 200, 60), kind("", 0, 1, { requests: 300, failed: 300, refused: 300 })], facts);
    expect(one).toMatchObject({
      kind: "breaker_slow",
      effect: { measure: "error_rate" },
      trial: { before: 30, sliceMs: 1_000 },
    });
    expect((one!.trial as { after: number }).after).toBeGreaterThan(120);
  });

  it.each([
    ["it refuses nobody", [kind("a", 400, 60)]],
    ["much fails besides", [kind("a", 200, 60), kind("", 0, 1, { requests: 300, failed: 300, refused: 200 })]],
    ["answers are quick", [kind("a", 200, 10), kind("", 0, 1, { requests: 300, failed: 300, refused: 300 })]],
  ])("is left alone where %s", (_, rows) => {
    expect(found(rows, facts)).toEqual([]);
  });
});

describe("retries", () => {
  it("that never help are given up", () => {
    const [one] = found([kind("a", 300, 20, { failed: 100, retried: 100, saved: 1 })]);
    expect(one).toMatchObject({ kind: "retries", trial: { before: 3, after: 1 }, effect: { measure: "attempts" } });
  });

  it.each<[string, Partial<Kind>, Partial<RouteFacts>]>([
    ["help now and then", { retried: 100, saved: 20 }, {}],
    ["are few", { retried: 10, saved: 0 }, {}],
    ["there are none", { retried: 100 }, { attempts: 1 }],
    ["are hedges", { retried: 100 }, { hedges: true }],
  ])("that %s stay", (_, row, facts) => {
    expect(found([kind("a", 300, 20, row)], facts)).toEqual([]);
  });
});

describe("a region that is slower than the next one", () => {
  // 4 of 10 places busy, all the time.
  const busy = kind("a", 400, 600, { busyMs: 240_000 });
  const facts = { attempts: 1 };
  it("hands over from half of the load it has, and earlier the slower it is", () => {
    const all = found([busy, kind("b", 100, 40)], facts);
    expect(all.find(({ kind: name }) => name === "region_spill")).toMatchObject({
      trial: { before: 0.8, after: expect.closeTo(0.03, 2) as number },
      expected: { load: 0.4 },
    });
  });

  it.each([
    ["has no capacity to be full by", [busy, kind("b", 100, 40)], { ...facts, capacities: {} }],
    ["is as quick as the other", [busy, kind("b", 100, 550)], facts],
    ["hands over already", [busy, kind("b", 100, 40)], { ...facts, spillAtLoad: 0.02 }],
    ["was not compared", [busy, kind("b", 10, 40)], facts],
  ])("stays where it %s", (_, rows, more) => {
    expect(found(rows, more).filter(({ kind: name }) => name === "region_spill")).toEqual([]);
  });
});

describe("evidence", () => {
  it("adds up, grows old, and is bounded", () => {
    const kinds = new Map<string, Kind>();
    takeKinds(kinds, [kind("a", 100, 20), kind("b", 10, 20)], "weur");
    takeKinds(kinds, [kind("a", 100, 20, { failed: 3 })], "weur");
    takeKinds(kinds, [kind("a", 1, 20)], "enam");
    expect([...kinds.values()].map(({ region, requests, failed }) => [region, requests, failed])).toEqual([
      ["weur", 200, 3],
      ["weur", 10, 0],
      ["enam", 1, 0],
    ]);
    ageKinds(kinds, 150);
    expect([...kinds.values()].map(({ requests, busyMs }) => [requests, busyMs])).toEqual([
      [100, 0],
      [10, 0],
      [1, 0],
    ]);
    const many = Array.from({ length: 1_500 }, (_, n) => kind(`i${n}`, 1, 20));
    expect(takeKinds(new Map(), many, "weur")).toBe(500);
  });
});
