// The isolate's side of limits against the object's own thinking, on a clock that the test moves: what passes, what it costs,
// and what is said when nobody answers.
import { beforeEach, describe, expect, it } from "vitest";
import type { LeaseAnswer, LeaseAsk } from "../../worker/core/protocol/limiter.ts";
import { ok, refuse } from "../../worker/core/result/result.ts";
import type { Caller } from "../../worker/core/security/counted.ts";
import { freshLimit, lease, type LimitState } from "../../worker/core/security/lease.ts";
import { compileLimit, type Limit } from "../../worker/core/security/limits.ts";
import { rateLimitOptions } from "../../worker/core/security/options.ts";
import { Limiter, type Taken } from "../../worker/platform/limiter.ts";
import type { LimiterLink } from "../../worker/platform/limiter-link.ts";
import * as v from "valibot";

const START = Date.UTC(2033, 4, 18);
let now = START;
let calls: LeaseAsk[] = [];
let states = new Map<string, LimitState>();
let isAway = false;

/** All that `LimiterObject` does, without a store. */
function answer(ask: LeaseAsk): LeaseAnswer {
  calls.push(ask);
  const name = `${ask.limit}|${ask.who}`;
  const [state, said] = lease(states.get(name) ?? freshLimit(), ask, now, ask.rule);
  states.set(name, state);
  return said;
}

const link = {
  ask: async (_who: string, work: (limiter: unknown) => unknown) =>
    isAway
      ? refuse({ kind: "resting", message: "" })
      : ok(await work({ lease: (ask: LeaseAsk) => Promise.resolve(answer(ask)) })),
} as unknown as LimiterLink;

const limiter = (isolate: string) => new Limiter(link, isolate, () => now);
const limitOf = (written: v.InferInput<typeof rateLimitOptions>, name = "standard"): Limit =>
  compileLimit(name, v.parse(rateLimitOptions, { by: "address", ...written }));
const from = (address: string): Caller => ({
  ...{ tenant: "", identity: "", key: "", address, route: "r", model: "" },
  header: () => null,
});
const background = { waitUntil: () => undefined };
const ALICE = from("203.0.113.1");
const take = async (by: Limiter, limit: Limit, caller = ALICE): Promise<Taken> => by.take(limit, caller, background);

beforeEach(() => {
  now = START;
  calls = [];
  states = new Map();
  isAway = false;
});

describe("a large limit", () => {
  const limit = limitOf({ requestsPerMinute: 10_000 });

  it("costs at most twenty calls for a thousand requests, fast or slow, in one isolate or in three", async () => {
    for (const [isolates, everyMs] of [
      [1, 1],
      [3, 10],
      [3, 60],
    ] as const) {
      calls = [];
      states = new Map();
      const all = Array.from({ length: isolates }, (_, index) => limiter(`i${index}`));
      for (let count = 0; count < 3_000; count++) {
        now += everyMs;
        expect((await take(all[count % isolates]!, limit)).outcome).toBe("passed");
      }
      expect(calls.length / 3).toBeLessThanOrEqual(20);
    }
  });

  it("lets pass what it says in its window, whatever came and went before", async () => {
    const all = [limiter("a"), limiter("b"), limiter("c")];
    let passed = 0;
    for (let count = 0; count < 24_000; count++) {
      now += 2;
      // Isolates fall silent in turn, and come back.
      const one = all[count % 3]!;
      if (Math.floor(count / 2_000) % 3 === count % 3) continue;
      if ((await take(one, limit)).outcome === "passed") passed++;
    }
    expect(passed).toBeLessThanOrEqual(10_000);
    expect(passed).toBeGreaterThanOrEqual(9_500);
  });

  it("what was taken in vain is given back: so many pass in their window as if it had not been asked", async () => {
    const [one, other] = [limiter("a"), limiter("b")];
    let passed = 0;
    for (let count = 0; count < 24_000; count++) {
      now += 2;
      const by = count % 2 === 0 ? one : other;
      if ((await take(by, limit)).outcome !== "passed") continue;
      // Every other one finds no place.
      if (count % 4 < 2) by.giveBack(limit, ALICE);
      else passed++;
    }
    expect(passed).toBeLessThanOrEqual(10_000);
    expect(passed).toBeGreaterThanOrEqual(9_000);
  });

  it("decides at once while its lease lasts", async () => {
    const one = limiter("a");
    for (let count = 0; count < 100; count++) await take(one, limit);
    expect(one.take(limit, ALICE, background)).not.toBeInstanceOf(Promise);
  });
});

describe("a small limit", () => {
  const limit = limitOf({ requestsPerMinute: 10 });

  it("is exact for all that come at once, in one question", async () => {
    const one = limiter("a");
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => take(one, limit)));
    expect(outcomes.filter(({ outcome }) => outcome === "passed")).toHaveLength(10);
    expect(calls.map(({ need }) => need)).toEqual([30]);
  });

  it("what was taken in vain passes whoever comes next, though all was spent", async () => {
    const one = limiter("a");
    for (let count = 0; count < 10; count++) expect((await take(one, limit)).outcome).toBe("passed");
    now += 1_000;
    one.giveBack(limit, ALICE);
    expect((await take(one, limit)).outcome).toBe("passed");
    expect((await take(one, limit)).outcome).toBe("spent");
  });

  it("remembers a refusal until it ends, and says so a second time by itself", async () => {
    const one = limiter("a");
    for (let count = 0; count < 11; count++) await take(one, limit);
    const before = calls.length;
    now += 500;
    expect(await take(one, limit)).toMatchObject({ outcome: "spent", retryAfterMs: 59_500 });
    expect(calls.length).toBe(before);
    now = START + 60_000;
    expect((await take(one, limit)).outcome).toBe("passed");
  });

  it("blocks who comes again and again, wherever it comes", async () => {
    const [one, other] = [limiter("a"), limiter("b")];
    for (let count = 0; count < 11; count++) await take(one, limit);
    now += 2_000;
    expect((await take(other, limit)).outcome).toBe("spent");
    // What an isolate refuses by itself it tells when it may be the last straw.
    now += 2_000;
    expect((await take(one, limit)).outcome).toBe("spent");
    now += 2_000;
    expect(await take(one, limit)).toMatchObject({ outcome: "blocked", retryAfterMs: 60_000 });
    now += 59_999;
    expect((await take(one, limit)).outcome).toBe("blocked");
    now += 1;
    expect((await take(one, limit)).outcome).toBe("passed");
  });

  it("keeps callers apart", async () => {
    const one = limiter("a");
    for (let count = 0; count < 11; count++) await take(one, limit);
    expect((await take(one, limit, from("203.0.113.2"))).outcome).toBe("passed");
  });

  it("goes on under another generation as long as the rule is the same", async () => {
    const one = limiter("a");
    for (let count = 0; count < 11; count++) await take(one, limit);
    expect((await take(one, limitOf({ requestsPerMinute: 10 }))).outcome).toBe("spent");
    expect((await take(one, limitOf({ requestsPerMinute: 20 }))).outcome).toBe("passed");
  });
});

it("says that nobody answered, and goes on with a lease that it holds", async () => {
  const limit = limitOf({ requestsPerMinute: 10_000 });
  const one = limiter("a");
  isAway = true;
  expect((await take(one, limit)).outcome).toBe("away");
  isAway = false;
  for (let count = 0; count < 40; count++) await take(one, limit);
  isAway = true;
  expect((await take(one, limit)).outcome).toBe("passed");
  expect(one.counts.get("standard")).toMatchObject({ passed: 41, away: 1 });
});
