import { describe, expect, test } from "vitest";
import {
  admit,
  ASK_EVERY_MS,
  finish,
  gate,
  givesLeaseBack,
  hear,
  LEASE_USE_MS,
  NEWS_LIFE_MS,
  ramp,
  readyInMs,
  standing,
  votesOpen,
  wantsLease,
  type Gate,
  type NewsState,
} from "../../../worker/core/resilience/gate.ts";
import type { Outcome } from "../../../worker/core/resilience/outcome.ts";
import type { Verdict } from "../../../worker/core/protocol/reports.ts";
import { EVENTS, LONG_MS, pick, printedChance } from "./events.ts";
import { BREAKER, Fleet } from "./fleet.ts";

const NOW = 1_700_000_000_000;
const half = () => 0.5;
const fresh = (): NewsState => ({ at: NOW, freshMs: 2000, away: false });
const open = (until = NOW + 2000, generation = 1): Verdict => ({ state: "open", reason: "rate", until, generation });
const halfOpen = (generation = 2): Verdict => ({ state: "half_open", reason: "rate", until: 0, generation });

const told = (verdict: Verdict | undefined, leaseEnd = 0, at = NOW): Gate => {
  const one = gate(BREAKER);
  hear(one, verdict, leaseEnd, at, BREAKER, half);
  return one;
};

const ended = (
  one: Gate,
  admission: Parameters<typeof finish>[1],
  outcome: Outcome,
  now: number,
  ms = 5,
  retryAfterMs = -1,
) => finish(one, admission, one.ticket, outcome, ms, retryAfterMs, now, BREAKER, half);

describe("admit", () => {
  test.each<[string, Gate, Partial<NewsState>, number, string]>([
    ["no verdict, fresh news", told(undefined), {}, 100, "yes"],
    ["a ramp refuses nobody", told({ state: "ramp", reason: "", until: NOW + 5000, generation: 3 }), {}, 100, "yes"],
    ["open", told(open()), {}, 1999, "no"],
    ["open past its time: a lease is needed", told(open()), {}, 2200, "ask"],
    ["half open: a lease is needed", told(halfOpen()), {}, 0, "ask"],
    ["half open, a lease in hand", told(halfOpen(), NOW + 10_000), {}, 100, "lease"],
    ["a lease in hand, not used in time", told(halfOpen(), NOW + 10_000), {}, LEASE_USE_MS, "ask"],
    ["opened by hand", told({ ...open(0), reason: "manual" }), {}, 20_000, "no"],
    [
      "opened by hand, and the object has been away for long",
      told({ ...open(0), reason: "manual" }),
      { away: true },
      3_600_000,
      "no",
    ],
    ["open, the object away: not looser than the verdict", told(open(NOW + 9000)), { away: true }, 8999, "no"],
    [
      "open past its time, the object away: the isolate's own probe",
      told(open(NOW + 9000)),
      { away: true },
      9000,
      "probe",
    ],
    ["half open, the object away: the isolate's own probe", told(halfOpen()), { away: true }, 100, "probe"],
    ["news of 30 s ago binds no more: the isolate's own probe", told(open()), { freshMs: 1e9 }, NEWS_LIFE_MS, "probe"],
  ])("%s", (_name, one, news, afterMs, expected) => {
    expect(admit(one, { ...fresh(), ...news }, false, NOW + afterMs)).toBe(expected);
  });

  test("who has just asked and got nothing is refused, and nobody asks again for a second", () => {
    const one = told(halfOpen());
    expect(admit(one, fresh(), false, NOW)).toBe("ask");
    expect(admit(one, fresh(), true, NOW + 5)).toBe("no");
    expect(admit(one, fresh(), false, NOW + ASK_EVERY_MS - 1)).toBe("no");
    expect(admit(one, fresh(), false, NOW + ASK_EVERY_MS)).toBe("ask");
  });

  test("isolates do not all ask in the same millisecond once the time is over", () => {
    const one = gate(BREAKER);
    hear(one, open(), 0, NOW, BREAKER, () => 0.9);
    expect(admit(one, fresh(), false, NOW + 2050)).toBe("no");
    expect(admit(one, fresh(), false, NOW + 2100)).toBe("ask");
  });

  test("one lease is one probe", () => {
    const one = told(halfOpen(), NOW + 10_000);
    expect([admit(one, fresh(), false, NOW), admit(one, fresh(), false, NOW)]).toEqual(["lease", "no"]);
  });

  test("a lease that was used, or given back, is not granted again by an answer that was on its way", () => {
    const used = told(halfOpen(), NOW + 10_000);
    expect(admit(used, fresh(), false, NOW)).toBe("lease");
    ended(used, "lease", "cancelled", NOW + 5);
    const back = told(halfOpen(), NOW + 10_000);
    expect(givesLeaseBack(back, NOW + LEASE_USE_MS)).toBe(true);
    for (const one of [used, back]) {
      const later = NOW + LEASE_USE_MS;
      hear(one, halfOpen(), NOW + 10_000, later, BREAKER, half);
      expect(standing(one, fresh(), later)).toBe("needs");
      hear(one, halfOpen(), NOW + 12_000, later, BREAKER, half);
      expect(admit(one, fresh(), false, later)).toBe("lease");
    }
  });

  test("after a sleep one call goes unseen, and those beside it wait for news", () => {
    const one = told(undefined);
    const later = NOW + 5000;
    expect(admit(one, fresh(), false, later)).toBe("blind");
    expect(admit(one, fresh(), false, later)).toBe("ask");
    expect(admit(one, fresh(), true, later + 50)).toBe("yes");
    ended(one, "blind", "ok", later + 100);
    expect(admit(one, fresh(), false, later + 100)).toBe("blind");
  });

  test("an isolate that never heard anything is asleep; one whose object is away is not", () => {
    expect(admit(gate(BREAKER), { at: 0, freshMs: 2000, away: false }, false, NOW)).toBe("blind");
    expect(admit(gate(BREAKER), { at: 0, freshMs: 2000, away: true }, false, NOW)).toBe("yes");
  });

  test("a call sent unseen counts: no lease beside it", () => {
    const one = gate(BREAKER);
    const asleep = { at: 0, freshMs: 2000, away: false };
    expect(admit(one, asleep, false, NOW)).toBe("blind");
    hear(one, halfOpen(), NOW + 10_000, NOW, BREAKER, half);
    expect(admit(one, fresh(), false, NOW + 10)).toBe("no");
    expect(ended(one, "blind", "failed", NOW + 20)).toBe("");
    expect(admit(one, fresh(), false, NOW + 30)).toBe("lease");
  });
});

describe("finish", () => {
  test.each<[Outcome, number, string]>([
    ["ok", 5, "passed"],
    ["ok", 9000, "passed"],
    ["failed", 5, "failed"],
    ["limited", 5, "failed"],
    ["cancelled", 5, "back"],
  ])("a leased probe: %s in %d ms", (outcome, ms, expected) => {
    const one = told(halfOpen(), NOW + 10_000);
    expect(admit(one, fresh(), false, NOW)).toBe("lease");
    expect(ended(one, "lease", outcome, NOW + ms, ms)).toBe(expected);
  });

  test("a slow leased probe fails where slowness opened it", () => {
    const one = told({ ...halfOpen(), reason: "slow" }, NOW + 10_000);
    admit(one, fresh(), false, NOW);
    expect(ended(one, "lease", "ok", NOW + 2500, 2500)).toBe("failed");
  });

  test("a leased probe's 429 keeps this isolate away for as long as it says", () => {
    const one = told(halfOpen(), NOW + 10_000);
    admit(one, fresh(), false, NOW);
    ended(one, "lease", "limited", NOW + 5, 5, 8000);
    expect(admit(one, fresh(), false, NOW + 2000)).toBe("no");
    expect(wantsLease(one, fresh(), NOW + 2000)).toBe(false);
    expect(admit(one, fresh(), false, NOW + 8005)).toBe("ask");
  });

  test("a leased probe that ends under another verdict says nothing", () => {
    const one = told(halfOpen(), NOW + 10_000);
    admit(one, fresh(), false, NOW);
    const { ticket } = one;
    hear(one, open(NOW + 4000, 3), 0, NOW + 100, BREAKER, half);
    expect(finish(one, "lease", ticket, "ok", 5, -1, NOW + 200, BREAKER, half)).toBe("");
  });

  test("calls sent before the verdict opened count for nothing", () => {
    const one = told(undefined);
    admit(one, fresh(), false, NOW);
    const { ticket } = one;
    hear(one, open(), 0, NOW + 1, BREAKER, half);
    expect(finish(one, "yes", ticket, "failed", 5, -1, NOW + 2, BREAKER, half)).toBe("");
    expect(one.local.consecutive).toBe(0);
  });

  test("its own trip is its vote, taken back when the region closes it", () => {
    const one = told(undefined);
    for (let n = 0; n < 4; n++) {
      admit(one, fresh(), false, NOW);
      expect(ended(one, "yes", "failed", NOW)).toBe("");
    }
    admit(one, fresh(), false, NOW);
    expect([ended(one, "yes", "failed", NOW), votesOpen(one)]).toEqual(["opened", true]);
    hear(one, open(), 0, NOW, BREAKER, half);
    expect(votesOpen(one)).toBe(true);
    hear(one, { state: "ramp", reason: "", until: NOW + 8000, generation: 3 }, 0, NOW + 3000, BREAKER, half);
    expect([votesOpen(one), admit(one, { ...fresh(), at: NOW + 3000 }, false, NOW + 3000)]).toEqual([false, "yes"]);
  });
});

describe("hear", () => {
  test("a verdict from another clock reaches no further than the cap", () => {
    expect(told(open(NOW + 86_400_000)).until).toBe(NOW + 60_000);
    expect(told({ state: "ramp", reason: "", until: NOW + 86_400_000, generation: 1 }).until).toBe(NOW + 5000);
  });

  test("the same verdict again changes nothing; its absence closes", () => {
    const one = told(open());
    const generation = one.local.generation;
    hear(one, open(), 0, NOW + 500, BREAKER, half);
    expect(one.local.generation).toBe(generation);
    hear(one, undefined, 0, NOW + 1000, BREAKER, half);
    expect(admit(one, { ...fresh(), at: NOW + 1000 }, false, NOW + 1000)).toBe("yes");
  });

  test("the isolate stays stricter than a closed verdict when it has seen failures itself", () => {
    const one = told(undefined);
    for (let n = 0; n < 5; n++) {
      admit(one, fresh(), false, NOW);
      ended(one, "yes", "failed", NOW);
    }
    hear(one, undefined, 0, NOW + 10, BREAKER, half);
    expect(admit(one, fresh(), false, NOW + 10)).toBe("no");
  });
});

describe("leases and reports", () => {
  test("a report asks for a lease while requests need one, and not otherwise", () => {
    const one = told(halfOpen());
    expect(wantsLease(one, fresh(), NOW)).toBe(false);
    admit(one, fresh(), false, NOW);
    expect(wantsLease(one, fresh(), NOW)).toBe(true);
    expect(wantsLease(one, fresh(), NOW + LEASE_USE_MS)).toBe(false);
    hear(one, halfOpen(), NOW + 10_000, NOW + 5, BREAKER, half);
    expect(wantsLease(one, fresh(), NOW + 5)).toBe(false);
  });

  test("a lease that nobody used is given back, once, while it stands", () => {
    const one = told(halfOpen(), NOW + 10_000);
    expect(givesLeaseBack(one, NOW + 100)).toBe(false);
    expect(givesLeaseBack(one, NOW + LEASE_USE_MS)).toBe(true);
    expect(givesLeaseBack(one, NOW + LEASE_USE_MS)).toBe(false);
    expect(givesLeaseBack(told(halfOpen(), NOW + 1000), NOW + 5000)).toBe(false);
  });
});

test.each<[string, Gate, Partial<NewsState>, number, string]>([
  ["closed", told(undefined), {}, 0, "closed"],
  ["ramp", told({ state: "ramp", reason: "", until: NOW + 5000, generation: 1 }), {}, 0, "ramp"],
  ["ramp, over", told({ state: "ramp", reason: "", until: NOW + 5000, generation: 1 }), {}, 5000, "closed"],
  ["open", told(open()), {}, 0, "open"],
  ["open, over", told(open()), {}, 2000, "needs"],
  ["half open", told(halfOpen()), {}, 0, "needs"],
  ["lease in hand", told(halfOpen(), NOW + 10_000), {}, 0, "due"],
  ["half open, object away", told(halfOpen()), { away: true }, 0, "due"],
  ["old verdict", told(open()), {}, NEWS_LIFE_MS, "due"],
])("standing: %s", (_name, one, news, afterMs, expected) => {
  const before = JSON.stringify(one);
  expect(standing(one, { ...fresh(), ...news }, NOW + afterMs)).toBe(expected);
  expect(JSON.stringify(one)).toBe(before);
});

test("A19: the ramp rises from a tenth to all over five seconds", () => {
  const one = told({ state: "ramp", reason: "", until: NOW + 5000, generation: 1 });
  expect([0, 1000, 2500, 4999, 5000].map((ms) => Number(ramp(one, NOW + ms, BREAKER).toFixed(2)))).toEqual([
    0.1, 0.28, 0.55, 1, 1,
  ]);
});

test.each<[string, Gate, number, number]>([
  ["open", told(open()), 500, 1500],
  ["half open", told(halfOpen()), 0, ASK_EVERY_MS],
  ["opened by hand", told({ ...open(0), reason: "manual" }), 0, NEWS_LIFE_MS],
  ["closed", told(undefined), 0, 0],
])("readyInMs: %s", (_name, one, afterMs, expected) => {
  expect(readyInMs(one, fresh(), NOW + afterMs)).toBe(expected);
});

test(
  "property: a fleet under any weather never has more than three leased probes under way, and always comes back",
  () => {
    // A request is about ten events: admitted, sent, ended, reported, heard by the object, heard back.
    const { chance, seed } = printedChance("fleet, requests", EVENTS / 10);
    let requests = 0;
    while (requests < EVENTS / 10) {
      const fleet = new Fleet(1 + Math.floor(chance() * 6), chance);
      // Law, whatever happens: nobody sends while the verdict it has just heard says no.
      let weather = chance();
      const OUTCOMES: Outcome[] = ["failed", "failed", "limited", "cancelled", "ok"];
      fleet.upstream = () => {
        const bad = chance() < weather;
        return {
          outcome: bad ? pick(chance, OUTCOMES) : "ok",
          ms: chance() < 0.05 ? 2500 : 1 + Math.floor(chance() * 200),
          retryAfterMs: 3000,
        };
      };
      for (let n = 0; n < 400; n++) {
        if (chance() < 0.02) weather = chance() < 0.5 ? 0 : chance();
        if (chance() < 0.01) fleet.objectMs = pick(chance, [2, 40, 400, Number.POSITIVE_INFINITY]);
        if (chance() < 0.01) fleet.restart();
        const burst = chance() < 0.05 ? 20 : 1;
        for (let b = 0; b < burst; b++) {
          const isolate = pick(chance, fleet.isolates);
          const { gate: one, news } = isolate;
          const shut = one.state === "open" && fleet.now < one.until && fleet.now - news.at < NEWS_LIFE_MS;
          const seen = fleet.seen.length;
          fleet.request(isolate);
          requests++;
          if (shut && fleet.seen.length !== seen) throw new Error(`sent while shut, SLUICE_SEED=${seed}`);
        }
        fleet.run(chance() < 0.02 ? 3000 : Math.floor(chance() * 100));
      }
      weather = 0;
      fleet.upstream = () => ({ outcome: "ok", ms: 10 });
      fleet.objectMs = 2;
      let last: unknown[] = [];
      for (let n = 0; n < 900; n++) {
        last = [];
        for (const isolate of fleet.isolates) fleet.request(isolate, (how) => last.push(how));
        fleet.run(100);
      }
      expect(last).toEqual(fleet.isolates.map(() => "ok"));
    }
  },
  LONG_MS,
);
