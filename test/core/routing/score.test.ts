import { describe, expect, test } from "vitest";
import { experience } from "../../../worker/core/routing/experience.ts";
import { history, remember } from "../../../worker/core/routing/history.ts";
import {
  factorsFor,
  loadFactor,
  noFactors,
  performanceFactor,
  rescore,
  successFactor,
  weightsFor,
} from "../../../worker/core/routing/score.ts";
import type { LoadReport } from "../../../worker/core/routing/score.ts";
import {
  OTHER_METHOD,
  candidate,
  choiceInput,
  compatibility,
  likeClass,
  methodBit,
  scoreFor,
} from "../../../worker/core/routing/strategy.ts";
import { scoreOptions } from "./defaults.ts";

const { scoring, adaptive: start } = scoreOptions;
const nan = Number.NaN;

describe("performance", () => {
  test.each([
    { times: [50], factor: 1 },
    { times: [100], factor: 1 },
    { times: [550], factor: 0.5 },
    { times: [1000], factor: 0.1 },
    { times: [20_000], factor: 0.1 },
    { times: [100, 1000], factor: 0.5 },
  ])("times $times score $factor", ({ times, factor }) => {
    const h = history(scoring);
    for (const ms of times) remember(h, 0, ms, true, 1000);
    expect(performanceFactor(h, 0, scoring)).toBeCloseTo(factor, 6);
  });
  test("inconsistent times score less, by mean / p95", () => {
    const h = history(scoring);
    for (let n = 0; n < 18; n++) remember(h, 0, 50, true, 1000);
    for (let n = 0; n < 2; n++) remember(h, 0, 500, true, 1000);
    // mean 95: speed 1; p95 500
    expect(performanceFactor(h, 0, scoring)).toBeCloseTo(95 / 500, 6);
  });
  test("unknown is 0.7", () => expect(performanceFactor(history(scoring), 0, scoring)).toBe(0.7));
});

describe("load", () => {
  const report = (load: Partial<LoadReport>): LoadReport => ({
    cpu: nan,
    memory: nan,
    connections: nan,
    queue: nan,
    ...load,
  });
  test.each([
    { load: { cpu: 0.5, memory: 0.5, connections: 0, queue: 0 }, factor: 0.725 }, // the seed's defaults
    { load: { cpu: 1, memory: 1, connections: 1, queue: 1 }, factor: 0 },
    { load: { cpu: 2, memory: -1, connections: 0, queue: 0 }, factor: 0.7 }, // nonsense is cut off
    { load: { cpu: 0.4 }, factor: 0.6 }, // alone, renormalised
    { load: { cpu: 0.5, queue: 1 }, factor: 0.3 }, // .3 x .5 / .5
  ])("$load scores $factor", ({ load, factor }) => {
    expect(loadFactor(report(load), nan, scoring.loadWeights)).toBeCloseTo(factor, 10);
  });
  test("own connections stand in for what is not reported, and nothing known is left out", () => {
    expect(loadFactor(undefined, 0.25, scoring.loadWeights)).toBe(0.75);
    expect(loadFactor(report({ connections: 0.5 }), 0.25, scoring.loadWeights)).toBe(0.5);
    expect(loadFactor(undefined, nan, scoring.loadWeights)).toBeNaN();
  });
});

test("success: 0.8 when unknown, else 0.7 like and 0.3 overall", () => {
  const h = history(scoring);
  expect(successFactor(h, 0, scoring)).toBe(0.8);
  for (let n = 0; n < 10; n++) remember(h, 0, 1, n < 5, 1000);
  for (let n = 0; n < 10; n++) remember(h, 1, 1, true, 1000);
  expect(successFactor(h, 0, scoring)).toBeCloseTo(0.7 * 0.5 + 0.3 * 0.75, 10);
  expect(successFactor(h, 2, scoring)).toBe(0.75);
});

describe("compatibility", () => {
  const standard = {
    security: 1,
    maxPayloadBytes: 1000,
    methods: methodBit("GET") | methodBit("POST"),
    supportsComplex: false,
  };
  const request = { method: "GET", payloadBytes: 0, security: 1, complexity: 0 };
  test.each([
    { request: {}, wanted: 1 },
    { request: { method: "POST", payloadBytes: 1000 }, wanted: 1 },
    { request: { payloadBytes: 1001 }, wanted: 0 },
    { request: { method: "DELETE" }, wanted: 0 },
    { request: { method: "PURGE" }, wanted: 0 },
    { request: { security: 3 }, wanted: 0.5 },
    { request: { security: 2 }, wanted: 1 },
    { request: { security: 2 }, demands: { security: 0 }, wanted: 0.7 },
    { request: { security: 3 }, demands: { security: 3 }, wanted: 1 },
    { request: { complexity: 2 }, wanted: 0.3 },
    { request: { complexity: 2 }, demands: { supportsComplex: true }, wanted: 1 },
    { request: { complexity: 2, security: 3 }, wanted: 0.15 },
  ])("$request against $demands is $wanted", ({ request: changes, demands, wanted }) => {
    const asked = { ...request, ...changes };
    const input = Object.assign(
      choiceInput(() => 0),
      { ...asked, method: methodBit(asked.method) },
    );
    expect(compatibility({ ...standard, ...demands }, input)).toBeCloseTo(wanted, 10);
  });
});

test("like classes: every method and complexity has its own", () => {
  const seen = new Set<number>();
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"]) {
    for (const complexity of [0, 1, 2]) seen.add(likeClass(methodBit(method), complexity));
  }
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, i) => i));
  expect(methodBit("MKCOL")).toBe(OTHER_METHOD);
});

describe("the whole score", () => {
  const demands = { security: 1, maxPayloadBytes: Infinity, methods: 255, supportsComplex: true };
  const everything = () => {
    const c = candidate({ id: "a", demands });
    const known = experience(scoring);
    for (let n = 0; n < 10; n++) remember(known.history, 0, 550, n < 8, 1000); // .5 and .8
    known.load = { cpu: 0.5, memory: 0.5, connections: 0, queue: 0 }; // .725
    known.health = { status: "degraded", checkedAt: 1000, streak: 0 }; // .6
    return { c, known };
  };

  test("is .30 performance, .25 load, .20 health, .15 compatibility, .10 success, as in the seed", () => {
    const { c, known } = everything();
    rescore(c, known, start, 1000, scoreOptions);
    expect(c.score).toBeCloseTo(0.3 * 0.5 + 0.25 * 0.725 + 0.2 * 0.6 + 0.15 * 1 + 0.1 * 0.8, 6);
  });

  test("leaves out what nobody reports and renormalises", () => {
    const { c, known } = everything();
    known.load = undefined;
    known.health = undefined;
    rescore(c, known, start, 1000, scoreOptions);
    expect(c.score).toBeCloseTo((0.3 * 0.5 + 0.15 * 1 + 0.1 * 0.8) / 0.55, 6);
    expect(c.compatibilityWeight).toBeCloseTo(0.15 / 0.55, 10);
  });

  test("of an instance nobody knows anything about is made of .7 and .8", () => {
    const c = candidate({ id: "new" });
    rescore(c, experience(scoring), start, 1000, scoreOptions);
    expect(c.score).toBeCloseTo((0.3 * 0.7 + 0.1 * 0.8) / 0.4, 10);
  });

  test("merit is what is left without the time: load, health, compatibility, success; what is unknown has no part in it", () => {
    const { c, known } = everything();
    rescore(c, known, start, 1000, scoreOptions);
    expect(c.merit).toBeCloseTo((0.25 * 0.725 + 0.2 * 0.6 + 0.15 * 1 + 0.1 * 0.8) / 0.7, 6);
    expect(c.compatibilityMerit).toBeCloseTo(0.15 / 0.7, 10);
    const fresh = candidate({ id: "new" });
    rescore(fresh, experience(scoring), start, 1000, scoreOptions);
    expect(fresh.merit).toBe(1);
  });

  test("knows classes apart, and falls back on all where a class was never seen", () => {
    const { c, known } = everything();
    const post = likeClass(methodBit("POST"), 1);
    for (let n = 0; n < 10; n++) remember(known.history, post, 100, true, 1000);
    rescore(c, known, start, 1000, scoreOptions);
    const input = choiceInput(() => 0);
    input.like = post;
    const quick = scoreFor(c, input);
    input.like = 0;
    expect(quick).toBeGreaterThan(scoreFor(c, input));
    input.like = likeClass(methodBit("PUT"), 1);
    expect(scoreFor(c, input)).toBe(c.score);
  });

  test("takes off, per request, what compatibility costs it", () => {
    const { c, known } = everything();
    rescore(c, known, start, 1000, scoreOptions);
    const input = choiceInput(() => 0);
    input.security = 3; // .5
    expect(scoreFor(c, input)).toBeCloseTo(c.score - 0.15 * 0.5, 10);
  });

  test("takes nearness in with the mix's share, where regions differ", () => {
    const { c, known } = everything();
    rescore(c, known, start, 1000, scoreOptions);
    const without = c.score;
    known.nearnessKnown = true;
    c.nearness = 0.4;
    rescore(c, known, start, 1000, scoreOptions);
    expect(c.score).toBeCloseTo(0.8 * without + 0.2 * 0.4, 6);
  });

  test("what has earned more in the mix counts for more, by that ratio", () => {
    const { c, known } = everything();
    const into = noFactors();
    const factors = factorsFor(c, known, -1, 1000, scoreOptions, noFactors());
    const before = { ...weightsFor(factors, start, scoreOptions, into) };
    const after = weightsFor(
      factors,
      { performance: 0.5, load: 0.2, proximity: 0.2, adaptive: 0.1 },
      scoreOptions,
      into,
    );
    expect(after.performance / after.health).toBeCloseTo((before.performance / before.health) * (0.5 / 0.4), 10);
    expect(after.load / after.health).toBeCloseTo((before.load / before.health) * (0.2 / 0.3), 10);
    expect(Object.values(after).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 10);
  });
});
