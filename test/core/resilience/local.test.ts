import { describe, expect, test } from "vitest";
import { CALLS, FAILING } from "../../../worker/core/resilience/breaker.ts";
import {
  allow,
  allows,
  freshCalls,
  localBreaker,
  localRamp,
  LOST_PROBE_MS,
  record,
  type LocalBreaker,
} from "../../../worker/core/resilience/local.ts";
import type { Outcome } from "../../../worker/core/resilience/outcome.ts";
import { total } from "../../../worker/core/stats/window.ts";
import { EVENTS, LONG_MS, pick, printedChance } from "./events.ts";
import { BREAKER } from "./fleet.ts";

const NOW = 1_700_000_000_000;
const half = () => 0.5;

/** One call, allowed or not, with its end at once. */
function call(breaker: LocalBreaker, outcome: Outcome, now: number, ms = 5, retryAfterMs = -1, options = BREAKER) {
  const allowed = allow(breaker, now);
  if (allowed !== "no") record(breaker, outcome, ms, retryAfterMs, breaker.generation, now, options, half);
  return allowed;
}

const calls = (breaker: LocalBreaker, outcome: Outcome, count: number, now: number, ms = 5) => {
  for (let n = 0; n < count; n++) call(breaker, outcome, now, ms);
};

describe("when it opens", () => {
  test.each([
    ["5 failures in a row", "FFFFF", "consecutive"],
    ["4 failures", "FFFF", ""],
    ["a success between", "FFFFSFFFF", ""],
    ["429 never in a row", "LLLLLLLLLLLLLLLLLLL", ""],
    ["429 neither adds to a run nor ends it", "FFFFLF", "consecutive"],
    ["20 calls, half of them 429", "LSLSLSLSLSLSLSLSLSLS", "rate"],
    ["19 calls, more than half failing", "FSFSFSFSFSFSFSFSFSF", ""],
    ["20 calls, the last one a success", "FFFFSFFFFSFFFFSFFFFS", "rate"],
    ["21 calls, 10 failing", "SSFSFSFSFSFSFSFSFSFSF", ""],
    ["who left counts nothing", "CCCCCCCCCCCCCCCCCCCCCCCC", ""],
  ])("%s", (_name, letters, reason) => {
    const breaker = localBreaker(BREAKER);
    for (const letter of letters) {
      expect(breaker.state).toBe("closed");
      call(breaker, { F: "failed", S: "ok", L: "limited", C: "cancelled" }[letter] as Outcome, NOW);
    }
    expect(breaker.reason).toBe(reason);
    expect(breaker.state).toBe(reason === "" ? "closed" : "open");
  });

  test("A4: 16 of 20 slow, not 15", () => {
    for (const [slow, state] of [
      [16, "open"],
      [15, "closed"],
    ] as const) {
      const breaker = localBreaker(BREAKER);
      calls(breaker, "ok", 20 - slow, NOW);
      calls(breaker, "ok", slow, NOW, 2000);
      expect([breaker.state, breaker.reason]).toEqual([state, state === "open" ? "slow" : ""]);
    }
  });

  test("an idle gap clears the window and the run of failures", () => {
    const breaker = localBreaker(BREAKER);
    calls(breaker, "failed", 4, NOW);
    call(breaker, "failed", NOW + 10_000);
    expect(breaker).toMatchObject({ state: "closed", consecutive: 1 });
    expect([total(breaker.window, CALLS), total(breaker.window, FAILING)]).toEqual([1, 1]);
  });

  test("the fast window sees through ten good seconds: an outage of three calls in four opens it within two more", () => {
    const breaker = localBreaker(BREAKER);
    for (let second = 0; second < 10; second++) calls(breaker, "ok", 100, NOW + second * 1000);
    let failing = 0;
    for (let n = 0; breaker.state === "closed"; n++) {
      const outcome = n % 4 === 3 ? "ok" : "failed";
      call(breaker, outcome, NOW + 10_000 + n * 10);
      if (outcome === "failed") failing++;
    }
    expect(breaker.reason).toBe("rate");
    expect(failing).toBeLessThanOrEqual(225);
  });
});

describe("while it is open", () => {
  const opened = (options = BREAKER, chance = half) => {
    const breaker = localBreaker(options);
    for (let n = 0; n < 5; n++) record(breaker, "failed", 5, -1, 0, NOW, options, chance);
    return breaker;
  };

  test.each([
    [0, 500],
    [0.5, 750],
    [0.999_999, 1000],
  ])("chance %d: the probe goes after %d ms", (drawn, afterMs) => {
    const breaker = opened(BREAKER, () => drawn);
    expect(breaker.until - NOW).toBe(afterMs);
    const due = breaker.until;
    expect([allows(breaker, due - 1), allow(breaker, due - 1)]).toEqual([false, "no"]);
    expect([allows(breaker, due), allow(breaker, due), allow(breaker, due)]).toEqual([true, "probe", "no"]);
  });

  test("each probe that fails doubles the time, up to the cap", () => {
    const breaker = opened();
    const lengths: number[] = [];
    let now = NOW;
    for (let n = 0; n < 7; n++) {
      lengths.push(breaker.until - now);
      now = breaker.until;
      expect(call(breaker, "failed", now)).toBe("probe");
    }
    expect(lengths).toEqual([750, 1500, 3000, 6000, 7500, 7500, 7500]);
  });

  test("a good probe closes it; the doubling starts anew only after a whole good window", () => {
    const breaker = opened();
    let now = breaker.until;
    call(breaker, "ok", now);
    expect(breaker).toMatchObject({ state: "closed", reason: "", tripped: false, closedAt: now });
    calls(breaker, "failed", 5, now + 100);
    expect(breaker.until - (now + 100)).toBe(1500);
    now = breaker.until;
    call(breaker, "ok", now);
    calls(breaker, "failed", 5, now + 10_000);
    expect(breaker.until - (now + 10_000)).toBe(750);
  });

  test("a 429 fails a probe, and its Retry-After is honoured up to a minute", () => {
    const breaker = opened();
    let now = breaker.until;
    call(breaker, "limited", now, 5, 4000);
    expect(breaker.until).toBe(now + 4000);
    now = breaker.until;
    call(breaker, "limited", now, 5, 3_600_000);
    expect(breaker.until).toBe(now + 60_000);
  });

  test("429s that open it by rate are believed too; a run of failures is not held longer by one", () => {
    const byRate = localBreaker(BREAKER);
    for (let n = 0; n < 20; n++) call(byRate, "limited", NOW, 5, 30_000);
    expect(byRate).toMatchObject({ reason: "rate", until: NOW + 30_000 });
    const byRun = localBreaker(BREAKER);
    call(byRun, "limited", NOW, 5, 30_000);
    calls(byRun, "failed", 5, NOW);
    expect(byRun).toMatchObject({ reason: "consecutive", until: NOW + 750 });
  });

  test("a slow probe fails only where slowness opened it", () => {
    const breaker = opened();
    call(breaker, "ok", breaker.until, 9000);
    expect(breaker.state).toBe("closed");
    const slow = localBreaker(BREAKER);
    calls(slow, "ok", 20, NOW, 2500);
    call(slow, "ok", slow.until, 2500);
    expect(slow).toMatchObject({ state: "open", reason: "slow" });
    call(slow, "ok", slow.until, 20);
    expect(slow.state).toBe("closed");
  });

  test("a probe whose client left passes on to the next call; a lost one is given up", () => {
    const breaker = opened();
    const now = breaker.until;
    call(breaker, "cancelled", now);
    expect(allow(breaker, now)).toBe("probe");
    const lost = breaker.generation;
    expect(allow(breaker, now + LOST_PROBE_MS - 1)).toBe("no");
    expect(allow(breaker, now + LOST_PROBE_MS)).toBe("probe");
    expect(record(breaker, "ok", 5, -1, lost, now + LOST_PROBE_MS, BREAKER, half)).toBe("");
    expect(breaker.state).toBe("half_open");
  });

  test("results of calls sent before it opened change nothing", () => {
    const breaker = opened();
    const before = JSON.stringify(breaker);
    for (const outcome of ["ok", "failed", "limited"] as const) {
      expect(record(breaker, outcome, 5, 1000, 0, NOW + 100, BREAKER, half)).toBe("");
    }
    expect(JSON.stringify(breaker)).toBe(before);
  });

  test("A19: after it closed alone, the instance takes 10 % rising to all over five seconds", () => {
    const breaker = opened();
    expect(localRamp(localBreaker(BREAKER), NOW, BREAKER)).toBe(1);
    const now = breaker.until;
    call(breaker, "ok", now);
    expect([0, 2500, 5000, 9000].map((ms) => localRamp(breaker, now + ms, BREAKER))).toEqual([0.1, 0.55, 1, 1]);
  });
});

test(
  "property: whatever comes, in whatever order",
  () => {
    const { chance } = printedChance("local breaker");
    const OUTCOMES: Outcome[] = ["ok", "ok", "failed", "failed", "failed", "limited", "cancelled"];
    let breaker = localBreaker(BREAKER);
    let now = NOW;
    let pending: { generation: number; allowed: "yes" | "probe" }[] = [];
    let moody = 1;
    const problems: string[] = [];
    const must = (held: boolean, law: string) => held || problems.push(law);
    for (let n = 0; n < EVENTS && problems.length === 0; n++) {
      if (n % 5000 === 0) {
        breaker = localBreaker(BREAKER);
        pending = [];
        moody = chance();
      }
      now += chance() < 0.01 ? Math.floor(chance() * 30_000) : Math.floor(chance() * 40);
      if (chance() < 0.5 || pending.length === 0) {
        const { state, until } = breaker;
        const could = allows(breaker, now);
        const allowed = allow(breaker, now);
        must(could === (allowed !== "no"), "allows() foretells allow()");
        must(state !== "closed" || allowed === "yes", "closed lets everything through");
        must(state === "closed" || allowed === (now >= until ? "probe" : "no"), "shut lets only the due probe through");
        if (allowed !== "no") pending.push({ generation: breaker.generation, allowed });
      } else {
        const [ended] = pending.splice(Math.floor(chance() * pending.length), 1);
        const outcome = chance() < moody ? "ok" : pick(chance, OUTCOMES);
        const { state, generation } = breaker;
        const late = ended!.generation !== generation;
        const before = late ? JSON.stringify(breaker) : "";
        const retryAfterMs = chance() < 0.5 ? chance() * 120_000 : -1;
        const ms = chance() < 0.1 ? 3000 : 10;
        const changed = record(breaker, outcome, ms, retryAfterMs, ended!.generation, now, BREAKER, chance);
        if (late) must(before === JSON.stringify(breaker) && changed === "", "a late result changes nothing");
        if (changed === "opened") {
          must(!late, "only a fresh result opens");
          must(
            breaker.until - now <= (outcome === "limited" || breaker.reason === "rate" ? 60_000 : BREAKER.maxOpenMs),
            "cap",
          );
          must(breaker.until - now >= BREAKER.localOpenMs / 2, "at least half the first open");
        }
        if (changed === "closed") must(state === "half_open" && outcome === "ok", "only a good probe closes");
      }
      const probes = pending.filter(
        ({ allowed, generation }) => allowed === "probe" && generation === breaker.generation,
      );
      must(probes.length <= 1, "one probe at a time");
      must(breaker.consecutive < BREAKER.consecutiveFailures, "a full run of failures never stands");
      must(breaker.tripped === (breaker.state !== "closed"), "the vote is the state");
      if (n % 1000 === 0) {
        // No stuck state: left alone for long enough, one good call is all it takes.
        const alone = JSON.parse(JSON.stringify(breaker)) as LocalBreaker;
        const later = now + LOST_PROBE_MS;
        must(allow(alone, later) !== "no", "there is a way out");
        record(alone, "ok", 5, -1, alone.generation, later, BREAKER, chance);
        must(alone.state === "closed", "a good call closes it");
      }
    }
    expect(problems).toEqual([]);
  },
  LONG_MS,
);

test("fresh calls are those of the newest seconds, also for who only looks", () => {
  const breaker = localBreaker(BREAKER);
  expect(freshCalls(breaker, NOW, BREAKER)).toEqual({ ok: 0, failed: 0, limited: 0, slow: 0 });
  calls(breaker, "ok", 7, NOW);
  calls(breaker, "ok", 2, NOW + 5000, 3000);
  calls(breaker, "limited", 1, NOW + 5000);
  calls(breaker, "failed", 1, NOW + 5000);
  const before = structuredClone(breaker);
  expect(freshCalls(breaker, NOW + 5000, BREAKER)).toEqual({ ok: 2, failed: 2, limited: 0, slow: 2 });
  expect(freshCalls(breaker, NOW + 6000, BREAKER)).toEqual({ ok: 2, failed: 2, limited: 0, slow: 2 });
  expect(freshCalls(breaker, NOW + 7000, BREAKER)).toEqual({ ok: 0, failed: 0, limited: 0, slow: 0 });
  expect(breaker).toEqual(before);
});
