import { describe, expect, test } from "vitest";
import {
  reading,
  settle,
  sharedBreaker,
  step,
  verdictOf,
  type SharedBreaker,
  type SharedEvent,
} from "../../../worker/core/resilience/shared.ts";
import { restore } from "../../../worker/core/resilience/restore.ts";
import { MAX_RETRY_AFTER_MS } from "../../../worker/core/http/retry-after.ts";
import type { Chance } from "../../../worker/core/stats/chance.ts";
import { EVENTS, LONG_MS, pick, printedChance } from "./events.ts";
import { BREAKER } from "./fleet.ts";

const OPTIONS = { ...BREAKER, leaseMs: 10_000 };
const NOW = 1_700_000_000_000;
const half = () => 0.5;

type Calls = Partial<Extract<SharedEvent, { kind: "calls" }>>;
const calls = (some: Calls): SharedEvent => ({
  kind: "calls",
  ok: 0,
  failed: 0,
  limited: 0,
  slow: 0,
  openShare: 0,
  ...some,
});
const want = (isolate: string): SharedEvent => ({ kind: "want", isolate });
const probe = (isolate: string, passed: boolean, retryAfterMs = 0): SharedEvent => ({
  kind: "probe",
  isolate,
  passed,
  retryAfterMs,
});

const after = (
  state: SharedBreaker,
  events: readonly SharedEvent[],
  now: number,
  chance: Chance = half,
): SharedBreaker => events.reduce((now_, event) => step(now_, event, OPTIONS, now, chance).state, state);

const opened = (now = NOW) => after(sharedBreaker(OPTIONS), [calls({ failed: 20 })], now);
const halfOpen = (now = NOW) => settle(opened(now), now + 2000);

describe("when it opens", () => {
  test.each<[string, Calls[], string]>([
    ["20 calls, half of them failing", [{ ok: 10, failed: 10 }], "rate"],
    ["429 counts in the rate", [{ ok: 10, failed: 5, limited: 5 }], "rate"],
    ["21 calls, 10 failing", [{ ok: 11, failed: 10 }], ""],
    ["19 calls, all failing, nobody opened", [{ failed: 19 }], ""],
    [
      "from several batches",
      [
        { ok: 9, failed: 4 },
        { ok: 1, failed: 6 },
      ],
      "rate",
    ],
    ["16 of 20 slow", [{ ok: 20, slow: 16 }], "slow"],
    ["15 of 20 slow", [{ ok: 20, slow: 15 }], ""],
    ["A8: 5 failures, and half of the load has opened", [{ ok: 5, failed: 5, openShare: 0.5 }], "consecutive"],
    ["5 failures, and less than half has opened", [{ ok: 6, failed: 5, openShare: 0.49 }], ""],
    ["votes without a failure to show are old ones", [{ ok: 5, openShare: 1 }], ""],
  ])("%s", (_name, batches, reason) => {
    const state = after(sharedBreaker(OPTIONS), batches.map(calls), NOW);
    expect([state.state, state.reason]).toEqual(reason === "" ? ["closed", ""] : ["open", reason]);
  });

  test("calls of more than ten seconds ago stand beside nothing", () => {
    const state = after(sharedBreaker(OPTIONS), [calls({ failed: 19 })], NOW);
    expect(after(state, [calls({ failed: 1 })], NOW + 10_000).state).toBe("closed");
  });

  test("opens 2 s, doubling to the cap, which jitter never passes", () => {
    for (const [drawn, lengths] of [
      [0, [1800, 3200, 6400, 8000, 8000]],
      [0.5, [2000, 4000, 8000, 9000, 9000]],
      [1, [2200, 4800, 9600, 10_000, 10_000]],
    ] as const) {
      let now = NOW;
      let state = after(sharedBreaker(OPTIONS), [calls({ failed: 20 })], now, () => drawn);
      for (const length of lengths) {
        expect(state.until - now).toBe(length);
        now = state.until;
        state = after(state, [want("a"), probe("a", false)], now, () => drawn);
      }
    }
  });

  test("a failed probe's Retry-After is honoured up to a minute", () => {
    for (const [asked, kept] of [
      [7000, 7000],
      [3_600_000, MAX_RETRY_AFTER_MS],
    ] as const) {
      const state = after(halfOpen(), [want("a"), probe("a", false, asked)], NOW + 2000);
      expect(state.until).toBe(NOW + 2000 + kept);
    }
  });
});

describe("probe leases", () => {
  test("none before its time, three after, at most one an isolate", () => {
    expect(step(opened(), want("a"), OPTIONS, NOW + 1999, half).leaseEnd).toBe(0);
    let state = opened();
    const ends: number[] = [];
    for (const isolate of ["a", "b", "a", "c", "d"]) {
      const taken = step(state, want(isolate), OPTIONS, NOW + 2000, half);
      state = taken.state;
      ends.push(taken.leaseEnd);
    }
    expect(ends).toEqual([NOW + 12_000, NOW + 12_000, NOW + 12_000, NOW + 12_000, 0]);
    expect(reading(state)).toMatchObject({ state: "half_open", probes: 3, probing: ["a", "b", "c"] });
  });

  test("one that is given back, and one that has ended, is there for the next", () => {
    const three = after(halfOpen(), [want("a"), want("b"), want("c")], NOW + 2000);
    const returned = step(
      after(three, [{ kind: "back", isolate: "b" }], NOW + 2100),
      want("d"),
      OPTIONS,
      NOW + 2100,
      half,
    );
    expect(returned.leaseEnd).toBe(NOW + 12_100);
    const later = step(three, want("d"), OPTIONS, NOW + 12_000, half);
    expect([later.leaseEnd, later.state.leases.length]).toEqual([NOW + 22_000, 1]);
  });

  test("three successes close it into a ramp, which ends closed, and the doubling with it", () => {
    const events = ["a", "b", "c"].flatMap((isolate) => [want(isolate), probe(isolate, true)]);
    const ramp = after(halfOpen(), events, NOW + 3000);
    expect(ramp).toMatchObject({ state: "ramp", reason: "", until: NOW + 8000, opens: 1, leases: [] });
    expect(verdictOf(ramp)).toEqual({ state: "ramp", reason: "", until: NOW + 8000, generation: 3 });
    const closed = settle(ramp, NOW + 8000);
    expect(closed).toMatchObject({ state: "closed", opens: 0, until: 0 });
    expect(verdictOf(closed)).toBeUndefined();
    const again = after(ramp, [calls({ failed: 20 })], NOW + 4000);
    expect(again.until).toBe(NOW + 8000);
  });

  test("one failure opens it again and takes all leases back: the others' results come too late", () => {
    const failed = after(halfOpen(), [want("a"), want("b"), probe("a", false)], NOW + 2000);
    expect(failed).toMatchObject({ state: "open", leases: [], opens: 2, reason: "rate" });
    for (const passed of [true, false])
      expect(step(failed, probe("b", passed), OPTIONS, NOW + 2100, half).state).toBe(failed);
  });

  test("results without a lease, or after its end, change nothing", () => {
    const state = after(halfOpen(), [want("a")], NOW + 2000);
    expect(step(state, probe("z", false), OPTIONS, NOW + 2000, half).state).toBe(state);
    expect(step(state, probe("a", false), OPTIONS, NOW + 12_000, half).state).toMatchObject({
      state: "half_open",
      leases: [],
    });
  });

  test("calls counted while it is shut change nothing: they were sent before", () => {
    expect(step(opened(), calls({ failed: 100, openShare: 1 }), OPTIONS, NOW + 10, half).state).toEqual(opened());
    expect(step(halfOpen(), calls({ failed: 100, openShare: 1 }), OPTIONS, NOW + 2000, half).state).toEqual(halfOpen());
  });

  test("the votes of isolates that fell asleep do not open it again as soon as it has closed", () => {
    const events = ["a", "b", "c"].flatMap((isolate) => [want(isolate), probe(isolate, true)]);
    const ramp = after(halfOpen(), events, NOW + 3000);
    expect(after(ramp, [calls({ ok: 10, failed: 1, openShare: 1 })], NOW + 3100).state).toBe("ramp");
    expect(after(ramp, [calls({ ok: 10, failed: 5, openShare: 1 })], NOW + 3100).state).toBe("open");
  });
});

describe("an operator", () => {
  test.each<[SharedEvent, Partial<ReturnType<typeof reading>>]>([
    [
      { kind: "command", command: "open" },
      { state: "open", reason: "manual", until: 0, drained: false },
    ],
    [
      { kind: "command", command: "drain" },
      { state: "open", reason: "manual", until: 0, drained: true },
    ],
    [
      { kind: "command", command: "close" },
      { state: "closed", reason: "", until: 0, drained: false },
    ],
    [
      { kind: "command", command: "reset" },
      { state: "closed", reason: "", until: 0, drained: false },
    ],
  ])("%j", (command, expected) => {
    for (const from of [sharedBreaker(OPTIONS), opened(), halfOpen()]) {
      const told = step(from, command, OPTIONS, NOW + 2000, half);
      expect(reading(told.state)).toMatchObject(expected);
      expect(told.changed).toBe(true);
    }
  });

  test("what was opened by hand stays open, whatever comes, until it is closed by hand", () => {
    const state = after(sharedBreaker(OPTIONS), [{ kind: "command", command: "open" }], NOW);
    const much = [calls({ ok: 100 }), want("a"), probe("a", true), { kind: "tick" }] satisfies SharedEvent[];
    expect(after(state, much, NOW + 86_400_000)).toEqual(state);
    expect(after(state, [{ kind: "command", command: "close" }], NOW + 86_400_000).state).toBe("closed");
  });

  test("close keeps the doubling, reset forgets it", () => {
    const trips = [calls({ failed: 20 })];
    const closed = after(opened(), [{ kind: "command", command: "close" }, ...trips], NOW);
    const reset = after(opened(), [{ kind: "command", command: "reset" }, ...trips], NOW);
    expect([closed.until - NOW, reset.until - NOW]).toEqual([4000, 2000]);
  });
});

describe("restore", () => {
  const stored = (state: SharedBreaker): unknown => JSON.parse(JSON.stringify(state));

  test("A45: what was open is open until its old time", () => {
    expect(restore(stored(opened()), OPTIONS, NOW + 500)).toMatchObject({
      state: "open",
      reason: "rate",
      until: NOW + 2000,
      opens: 1,
    });
  });

  test("leases that stand are kept, so that no fourth is given out", () => {
    const three = after(halfOpen(), [want("a"), want("b"), want("c")], NOW + 2000);
    const back = restore(stored(three), OPTIONS, NOW + 3000);
    expect(back.leases).toEqual(three.leases);
    expect(step(back, want("d"), OPTIONS, NOW + 3000, half).leaseEnd).toBe(0);
    expect(restore(stored(three), OPTIONS, NOW + 60_000).leases).toEqual([]);
  });

  test("deadlines reach no further than they could from now, whatever the clock that wrote them", () => {
    const far = { ...opened(), until: NOW + 86_400_000 };
    expect(restore(stored(far), OPTIONS, NOW).until).toBe(NOW + 10_000);
    const leased = { ...halfOpen(), leases: [{ isolate: "a", until: NOW + 86_400_000 }] };
    expect(restore(stored(leased), OPTIONS, NOW).leases).toEqual([{ isolate: "a", until: NOW + 10_000 }]);
    const ramp = { ...opened(), state: "ramp" as const, until: NOW + 86_400_000 };
    expect(restore(stored(ramp), OPTIONS, NOW).until).toBe(NOW + 5000);
    expect(restore(stored({ ...opened(), until: 0 }), OPTIONS, NOW).until).toBe(1);
  });

  test("what an operator opened stays open", () => {
    const state = after(sharedBreaker(OPTIONS), [{ kind: "command", command: "drain" }], NOW);
    expect(restore(stored(state), OPTIONS, NOW + 1e9)).toMatchObject({
      state: "open",
      reason: "manual",
      until: 0,
      drained: true,
    });
  });

  test.each([
    undefined,
    null,
    7,
    "open",
    [],
    {},
    { ...opened(), state: "ajar" },
    { ...opened(), reason: "vote" },
    { ...opened(), until: "soon" },
    { ...opened(), until: -1 },
    { ...opened(), generation: Number.NaN },
    { ...opened(), leases: [null] },
    { ...opened(), leases: [{ isolate: 1, until: 2 }] },
    { ...opened(), drained: undefined },
  ])("what does not fit is a fresh breaker: %j", (thing) => {
    expect(restore(thing, OPTIONS, NOW)).toEqual(sharedBreaker(OPTIONS));
  });
});

const ISOLATES = ["a", "b", "c", "d", "e", "f"];

function anyEvent(chance: Chance): SharedEvent {
  const isolate = pick(chance, ISOLATES);
  const n = chance();
  if (n < 0.3) {
    const bad = chance() < 0.5 ? Math.floor(chance() * 30) : 0;
    return calls({
      ok: Math.floor(chance() * 30),
      failed: bad,
      limited: chance() < 0.2 ? Math.floor(chance() * 10) : 0,
      slow: chance() < 0.2 ? bad : 0,
      openShare: chance() < 0.2 ? chance() : 0,
    });
  }
  if (n < 0.6) return want(isolate);
  if (n < 0.65) return { kind: "back", isolate };
  if (n < 0.9) return probe(isolate, chance() < 0.7, chance() < 0.1 ? chance() * 200_000 : 0);
  if (n < 0.901) return { kind: "command", command: pick(chance, ["open", "close", "reset", "drain"]) };
  if (n < 0.95) return { kind: "refused", count: Math.floor(chance() * 600) };
  return { kind: "tick" };
}

function deepFreeze(state: SharedBreaker): SharedBreaker {
  for (const value of [state.leases, state.window, state.window.counts, state.window.sums]) Object.freeze(value);
  return Object.freeze(state);
}

test(
  "property: whatever comes, in whatever order",
  () => {
    const { chance } = printedChance("shared breaker");
    const problems: string[] = [];
    let state = sharedBreaker(OPTIONS);
    let now = NOW;
    let openedAt = NOW;
    const must = (held: boolean, law: string) => held || problems.push(`${law}: ${JSON.stringify(state)}`);
    for (let n = 0; n < EVENTS && problems.length === 0; n++) {
      now += chance() < 0.02 ? Math.floor(chance() * 20_000) : Math.floor(chance() * 300);
      if (n % 97 === 0) deepFreeze(state); // a step that wrote into the old state would throw
      const event = anyEvent(chance);
      const before = settle(state, now);
      const told = step(state, event, OPTIONS, now, chance);
      const next = told.state;
      const opensNow = next.state === "open" && before.state !== "open";
      must(next.leases.length <= OPTIONS.halfOpenProbes, "at most three leases");
      must(new Set(next.leases.map(({ isolate }) => isolate)).size === next.leases.length, "one lease an isolate");
      must(
        next.leases.every(({ until }) => now < until && until <= now + OPTIONS.leaseMs),
        "leases end",
      );
      must(next.leases.length === 0 || next.state === "half_open", "leases only when half open");
      must(next.generation >= state.generation, "generations rise");
      must(told.changed === (next.generation !== state.generation), "changed says so");
      must(
        (next.generation !== state.generation) ===
          (next.state !== state.state || next.until !== state.until || event.kind === "command"),
        "a change of verdict is a change of generation",
      );
      if (opensNow) {
        openedAt = now;
        const counted = event.kind === "calls" && event.failed + event.limited + event.slow + event.ok > 0;
        // A vote may come after the failures it rests on, but not without them.
        const voted =
          event.kind === "calls" && event.openShare >= OPTIONS.voteShare && before.window.sums.some((sum) => sum >= 5);
        const fresh = counted || voted || (event.kind === "probe" && !event.passed);
        must(fresh || event.kind === "command", "only a fresh failure opens");
        const longest =
          event.kind === "probe" ? Math.max(OPTIONS.maxOpenMs, Math.ceil(event.retryAfterMs)) : OPTIONS.maxOpenMs;
        must(event.kind === "command" || next.until - now <= Math.min(longest, 60_000), "cap");
      }
      if (next.state === "open" && next.reason !== "manual")
        must(now - openedAt < 60_000 && next.until > now, "never open past its time");
      must(
        (next.until === 0) === (next.state === "closed" || next.state === "half_open" || next.reason === "manual"),
        "deadlines",
      );
      must(next.successes < OPTIONS.successesToClose, "successes are spent");
      state = next;
      if (n % 500 === 0) {
        const back = restore(JSON.parse(JSON.stringify(state)), OPTIONS, now);
        must(
          JSON.stringify({ ...back, window: 0, until: 0 }) === JSON.stringify({ ...state, window: 0, until: 0 }),
          "JSON keeps it",
        );
        // No stuck state: once what was opened by hand is closed by hand, time and three good probes always close it.
        let alone = step(
          state,
          state.reason === "manual" ? { kind: "command", command: "close" } : { kind: "tick" },
          OPTIONS,
          now,
          chance,
        ).state;
        const later = now + Math.max(60_000, OPTIONS.leaseMs);
        for (const isolate of ["x", "y", "z"]) {
          alone = step(alone, want(isolate), OPTIONS, later, chance).state;
          alone = step(alone, probe(isolate, true), OPTIONS, later, chance).state;
        }
        must(settle(alone, later + OPTIONS.rampMs).state === "closed", "there is a way out");
      }
    }
    expect(problems).toEqual([]);
  },
  LONG_MS,
);

describe("requests refused while it is open", () => {
  const refused = (count: number): SharedEvent => ({ kind: "refused", count });
  /** Opened three times in a row: for 8 s. */
  const long = (): SharedBreaker => ({ ...opened(), until: NOW + 8000, opens: 3 });

  test("a thousand of them bring the next probe forward, and a few do not", () => {
    expect(after(long(), [refused(999)], NOW + 3000)).toMatchObject({ state: "open", until: NOW + 8000 });
    expect(after(long(), [refused(999), refused(1)], NOW + 3000).state).toBe("half_open");
  });

  test("but never under its shortest open time", () => {
    const soon = after(long(), [refused(5000)], NOW + 100);
    expect(soon).toMatchObject({ state: "open", until: NOW + 1600 });
    expect(settle(soon, NOW + 1600).state).toBe("half_open");
  });

  test("nor before a 429 says, nor against an operator", () => {
    const told = after(halfOpen(), [want("a"), probe("a", false, 30_000)], NOW + 2000);
    expect(after(told, [refused(100_000)], NOW + 10_000)).toMatchObject({ state: "open", until: NOW + 32_000 });
    const drained = after(sharedBreaker(OPTIONS), [{ kind: "command", command: "drain" }], NOW);
    expect(after(drained, [refused(100_000)], NOW + 60_000)).toMatchObject({ state: "open", until: 0 });
  });

  test("counts anew each time it opens, and is kept over a restart, and begins with an older version's state", () => {
    expect(after(halfOpen(), [want("a"), probe("a", false)], NOW + 2000).refused).toBe(0);
    expect(restore({ ...long(), refused: 900 }, OPTIONS, NOW)).toMatchObject({ refused: 900, soonest: NOW + 1600 });
    const { soonest: _, refused: __, ...older } = long();
    expect(restore(older, OPTIONS, NOW)).toMatchObject({ state: "open", soonest: NOW + 8000, refused: 0 });
  });
});
