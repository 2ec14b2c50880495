import { describe, expect, it } from "vitest";
import type { PeriodRule } from "../../../worker/core/protocol/limiter.ts";
import { clamped, free, freshPeriod, level, pass, refuse, resetMs, turn } from "../../../worker/core/security/gcra.ts";

const NOW = 1_000_000_000;
const rule = (more: Partial<PeriodRule> = {}): PeriodRule => ({
  ...{ name: "minute", ms: 60_000, quota: 100, burst: 20, paced: true, blockMs: 0 },
  ...more,
});

/** Requests at these times, each let pass or refused, as `LimiterObject` would without leases. */
function run(times: readonly number[], period: PeriodRule): number[] {
  let state = freshPeriod();
  const passed: number[] = [];
  for (const at of times) {
    state = turn(state, at, period);
    if (free(state, at, 0, period) >= 1) {
      state = pass(state, 1, at, period);
      passed.push(at);
    } else state = refuse(state, at, 0, 1, 3, period);
  }
  return passed;
}

const every = (count: number, from: number, step: number): number[] =>
  Array.from({ length: count }, (_, index) => from + index * step);

describe("a rate: 100 a minute, 20 at once", () => {
  const times = [...every(300, NOW, 3), ...every(300, NOW + 1_000, 200)];
  const passed = run(times, rule());

  it("lets its burst pass at once, and little more within a second", () => {
    expect(passed.filter((at) => at < NOW + 1_000)).toHaveLength(21);
  });

  it("goes on at its pace, and never holds more than burst and rate in any minute", () => {
    expect(passed.length).toBeGreaterThanOrEqual(119);
    expect(passed.length).toBeLessThanOrEqual(125);
    for (const from of passed) {
      expect(passed.filter((at) => at >= from && at <= from + 60_000).length).toBeLessThanOrEqual(121);
    }
  });

  it("says exactly when the next one conforms", () => {
    let state = pass(freshPeriod(), 20, NOW, rule());
    expect(free(state, NOW, 0, rule())).toBe(0);
    state = refuse(state, NOW, 0, 1, 3, rule());
    expect(state.blockedUntil).toBe(NOW + 600);
    expect(free(state, NOW + 599, 0, rule())).toBe(0);
    expect(free(state, NOW + 600, 0, rule())).toBe(1);
    expect(resetMs(state, NOW, rule())).toBe(12_000);
  });

  it("blocks nobody for being refused, unless the policy says so", () => {
    const blocking = rule({ blockMs: 60_000 });
    const refused = (period: PeriodRule) => {
      let state = pass(turn(freshPeriod(), NOW, period), 20, NOW, period);
      for (const at of every(3, NOW, 100)) state = refuse(state, at, 0, 1, 3, period);
      for (const at of every(2, NOW + 1_100, 1_100)) state = refuse(turn(state, at, period), at, 0, 1, 3, period);
      return state;
    };
    expect(refused(rule()).blockedUntil).toBeLessThan(NOW + 3_000);
    expect(refused(blocking).blockedUntil).toBe(NOW + 2_200 + 60_000);
  });
});

describe("a quota: 100 a minute, all at once if need be", () => {
  const quota = rule({ burst: 100, paced: false, blockMs: 60_000 });

  it("blocks for the rest of its window once spent", () => {
    const state = refuse(pass(turn(freshPeriod(), NOW, quota), 100, NOW + 5_000, quota), NOW + 5_000, 0, 1, 3, quota);
    expect(state.blockedUntil).toBe(NOW + 60_000);
    expect(free(state, NOW + 59_999, 0, quota)).toBe(0);
    expect(free(turn(state, NOW + 60_000, quota), NOW + 60_000, 0, quota)).toBe(91);
  });

  it("holds no more in its window, however slowly it is used up", () => {
    const passed = run(every(180, NOW, 333), quota);
    expect(passed.filter((at) => at < NOW + 60_000)).toHaveLength(100);
  });

  it("never opens before a request conforms, though the window is over", () => {
    let state = turn(freshPeriod(), NOW, quota);
    state = pass(state, 100, NOW + 59_900, quota);
    expect(refuse(state, NOW + 59_900, 0, 1, 3, quota).blockedUntil).toBe(NOW + 60_500);
  });

  it("counts refusals that come at once as one, and the third of those that do not as abuse", () => {
    let state = pass(turn(freshPeriod(), NOW, quota), 100, NOW, quota);
    for (const at of every(30, NOW, 10)) state = refuse(state, at, 0, 1, 3, quota);
    expect(state).toMatchObject({ refusals: 1, blockedUntil: NOW + 60_000 });
    state = refuse(state, NOW + 10_000, 0, 2, 3, quota);
    expect(state).toMatchObject({ refusals: 0, blockedUntil: NOW + 70_000 });
  });

  it("is not spent by what others hold unused", () => {
    const state = pass(turn(freshPeriod(), NOW, quota), 90, NOW, quota);
    expect(free(state, NOW, 10, quota)).toBe(0);
    expect(refuse(state, NOW, 10, 1, 3, quota).blockedUntil).toBe(0);
  });
});

it("shuts nobody out for longer than the rule could, whatever was stored", () => {
  const late = NOW * 2;
  const stored = {
    ...{ tat: late, windowAt: late, passed: 0, refusals: 1, refusedAt: late },
    ...{ blockedUntil: late, quota: 100, abused: false },
  };
  const state = clamped(stored, NOW, rule());
  expect(level(state, NOW, rule())).toBe(20);
  expect(state).toMatchObject({ windowAt: NOW, refusedAt: NOW, blockedUntil: NOW + 60_000 });
  expect(clamped(stored, NOW, rule({ quota: 200 })).blockedUntil).toBe(0);
  const ten = { ...pass(freshPeriod(), 10, NOW, rule()), quota: 100 };
  expect(level(clamped(ten, NOW, rule({ quota: 200 })), NOW, rule({ quota: 200 }))).toBeCloseTo(10);
  expect(clamped({ ...stored, abused: true }, NOW, rule({ quota: 200 })).blockedUntil).toBe(NOW + 60_000);
});
