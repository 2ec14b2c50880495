import { describe, expect, test } from "vitest";
import { experience, refresh, serviceExperience, settle } from "../../../worker/core/routing/experience.ts";
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
  test("rises at once and falls slowly", () => {
    const a = instance();
    for (let n = 0; n < 100; n++) a.after(100, "ok", 50);
    expect(a.c.ewmaMs).toBeCloseTo(50, 0);
    expect(a.after(100, "ok", 400)).toBeGreaterThan(100);
    const later = a.after(1000, "ok", 50);
    expect(later).toBeGreaterThan(60);
    for (let n = 0; n < 600; n++) a.after(100, "ok", 50);
    expect(a.c.ewmaMs).toBeLessThan(51);
  });

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

  test("a failure that took long is slow in its own right", () => {
    const a = instance();
    a.after(50, "ok", 50);
    expect(a.after(10_000, "failed", 10_000)).toBeGreaterThan(5000);
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
