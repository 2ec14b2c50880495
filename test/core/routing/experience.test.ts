import { describe, expect, test } from "vitest";
import {
  ended,
  experience,
  refresh,
  sent,
  serviceExperience,
  settle,
} from "../../../worker/core/routing/experience.ts";
import type { Outcome } from "../../../worker/core/routing/experience.ts";
import { candidate } from "../../../worker/core/routing/strategy.ts";
import { scoreOptions } from "./defaults.ts";

const { scoring, adaptive } = scoreOptions;

function instance() {
  const c = candidate({ id: "a" });
  const known = experience(scoring);
  const service = serviceExperience();
  let now = 1_000_000;
  return {
    c,
    after(ms: number, outcome: Outcome, tookMs: number) {
      now += ms;
      settle(c, known, service, outcome, tookMs, 0, now, scoring);
      return c.ewmaMs;
    },
    idle(ms: number) {
      now += ms;
      refresh(c, known, service, adaptive, now, scoreOptions);
      return c.ewmaMs;
    },
  };
}

describe("the time that choice reckons with", () => {
  test("does not believe one slow answer, but two, one after the other", () => {
    const a = instance();
    for (let n = 0; n < 100; n++) a.after(500, "ok", 50);
    expect(a.c.ewmaMs).toBeCloseTo(50, 5);
    expect(a.after(500, "ok", 400)).toBeCloseTo(50, 5);
    expect(a.after(500, "ok", 50)).toBeCloseTo(50, 5);
    a.after(500, "ok", 400);
    expect(a.after(500, "ok", 400)).toBeGreaterThan(100);
  });

  test("does not believe any number of slow answers that were under way together", () => {
    const a = instance();
    for (let n = 0; n < 100; n++) a.after(500, "ok", 50);
    for (let n = 0; n < 20; n++) a.after(n === 0 ? 400 : 1, "ok", 400 + n);
    expect(a.c.ewmaMs).toBeCloseTo(50, 5);
    // The next one was sent when they were over, and agrees.
    expect(a.after(420, "ok", 400)).toBeGreaterThan(100);
  });

  test("believes the first slow answer of one that has come back, and the first quick one against it", () => {
    const a = instance();
    for (let n = 0; n < 100; n++) a.after(500, "ok", 50);
    a.c.open = true;
    a.idle(1_000);
    a.c.open = false;
    a.c.ramp = 0.2;
    a.idle(1_000);
    expect(a.after(500, "ok", 400)).toBeGreaterThan(300);
    expect(a.after(500, "ok", 50)).toBeLessThan(60);
    // From here on one is an accident again.
    expect(a.after(500, "ok", 400)).toBeLessThan(60);
  });

  test.each([1, 10, 100, 1000])(
    "follows a change within a dozen answers or two answer times, at %i a second",
    (perSecond) => {
      const a = instance();
      const enough = (timeMs: number): number => 14 + Math.ceil((2.5 * timeMs * perSecond) / 1000);
      for (let n = 0; n < 300; n++) a.after(1000 / perSecond, "ok", 50);
      for (let n = 0; n < enough(200); n++) a.after(1000 / perSecond, "ok", 200);
      expect(a.c.ewmaMs).toBeGreaterThan(140);
      for (let n = 0; n < enough(50); n++) a.after(1000 / perSecond, "ok", 50);
      expect(a.c.ewmaMs).toBeLessThan(60);
    },
  );

  test("counts failing as slow, whether it fails quickly or with 429", () => {
    for (const outcome of ["failed", "limited"] as const) {
      const a = instance();
      for (let n = 0; n < 20; n++) a.after(50, outcome, 1);
      expect(a.c.ewmaMs).toBeGreaterThan(900);
    }
  });

  test("in proportion: one failure among a thousand answers is hardly slowness, one in three is", () => {
    const rare = instance();
    for (let n = 0; n < 999; n++) rare.after(5, "ok", 50);
    expect(rare.after(5, "failed", 1)).toBeLessThan(60);
    const often = instance();
    for (let n = 0; n < 300; n++) often.after(50, n % 3 === 0 ? "failed" : "ok", 50);
    expect(often.c.ewmaMs).toBeGreaterThan(300);
  });

  test("failures that took long are slow in their own right", () => {
    const a = instance();
    a.after(50, "ok", 50);
    for (let n = 0; n < 2; n++) a.after(10_000, "failed", 10_000);
    expect(a.c.ewmaMs).toBeGreaterThan(4000);
  });

  test("where answers take seconds anyway, a failure costs more than seconds", () => {
    const a = instance();
    for (let n = 0; n < 20; n++) a.after(1000, "ok", 5000);
    for (let n = 0; n < 50; n++) a.after(1000, "failed", 1);
    expect(a.c.ewmaMs).toBeGreaterThan(5000);
  });

  test("fades when nobody asks, so that somebody asks again", () => {
    const a = instance();
    for (let n = 0; n < 10; n++) a.after(100, "failed", 1);
    const then = a.c.ewmaMs;
    expect(a.idle(60_000)).toBeLessThan(then / 10);
  });
});

test("a request that was given up blames nobody, and owes nothing", () => {
  const c = candidate({ id: "a" });
  const known = experience(scoring);
  sent(c, 1000);
  sent(c, 1010);
  expect(c).toMatchObject({ inFlight: 2, owed: 2, owedSince: 1000 });
  settle(c, known, serviceExperience(), "ok", 30, 0, 1040, scoring);
  expect(c).toMatchObject({ inFlight: 2, owed: 1, owedSince: 1040 }); // a sign of life
  const before = { ...c };
  settle(c, known, serviceExperience(), "cancelled", 30, 0, 1050, scoring);
  ended(c);
  ended(c);
  expect(c).toEqual({ ...before, inFlight: 0, owed: 0, owedSince: 0 });
});

test("what it did before its breaker opened, and what probes found, is not held against it afterwards", () => {
  const a = instance();
  for (let n = 0; n < 50; n++) a.after(100, "ok", 50);
  for (let n = 0; n < 5; n++) a.after(100, "failed", 50);
  expect(a.c.ewmaMs).toBeGreaterThan(150);
  a.c.open = true;
  a.idle(1000);
  a.after(2000, "failed", 50);
  a.idle(0);
  expect(a.c.ewmaMs).toBeCloseTo(50, 0);
  a.c.open = false;
  expect(a.idle(10)).toBeCloseTo(50, 0);
  expect(a.c.score).toBeGreaterThan(0.7);
});

test("little evidence moves the estimate little, from what is likely there", () => {
  const service = serviceExperience();
  const far = { c: candidate({ id: "far" }), known: experience(scoring) };
  far.known.priorMs = 150;
  refresh(far.c, far.known, service, adaptive, 1000, scoreOptions);
  expect(far.c.ewmaMs).toBe(150);
  settle(far.c, far.known, service, "ok", 250, 0, 1000, scoring);
  expect(far.c.ewmaMs).toBeCloseTo(150 + 100 / 1.35, 5);
});

test("refreshing brings the score up to date", () => {
  const a = instance();
  for (let n = 0; n < 30; n++) a.after(10, "failed", 1);
  a.idle(0);
  const failing = a.c.score;
  for (let n = 0; n < 100; n++) a.after(10, "ok", 20);
  a.idle(0);
  expect(a.c.score).toBeGreaterThan(failing + 0.2);
  expect(a.c.score).toBeCloseTo(1, 5);
});
