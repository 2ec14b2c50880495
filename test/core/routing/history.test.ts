import { expect, test } from "vitest";
import {
  forgetWhenIdle,
  history,
  knowsClass,
  remember,
  successOf,
  timesOf,
} from "../../../worker/core/routing/history.ts";
import { scoreOptions } from "./defaults.ts";

const kept = () => history(scoreOptions.scoring);

test("the last 20 times of a class count; without any of its own, the last 20 of all", () => {
  const h = kept();
  for (let n = 1; n <= 30; n++) remember(h, 0, n, true, 1000);
  expect(timesOf(h, 0)!.meanMs).toBe(20.5); // 11 to 30
  expect(timesOf(h, 5)!.meanMs).toBe(20.5);
  remember(h, 5, 400, true, 1000);
  expect(timesOf(h, 5)!.meanMs).toBe(400);
  expect(timesOf(h, 0)!.meanMs).toBe(20.5);
  expect(knowsClass(h, 5)).toBe(true);
  expect(knowsClass(h, 6)).toBe(false);
});

test("p95 is Python's statistics.quantiles(times, n=20)[18], once there are 20 times", () => {
  const h = kept();
  for (let n = 1; n <= 19; n++) remember(h, 0, n, true, 1000);
  expect(timesOf(h, 0)).toEqual({ meanMs: 10, p95Ms: 10 });
  remember(h, 0, 20, true, 1000);
  expect(timesOf(h, 0)!.p95Ms).toBeCloseTo(19.95, 5);
});

test("success overall and among like requests, over the last 100", () => {
  const h = kept();
  expect(successOf(h, 0)).toBeUndefined();
  for (let n = 0; n < 500; n++) remember(h, 0, 1, false, 1000);
  for (let n = 0; n < 60; n++) remember(h, 0, 1, true, 1000);
  for (let n = 0; n < 40; n++) remember(h, 1, 1, n < 10, 1000);
  expect(successOf(h, 0)).toEqual({ overall: 0.7, similar: 1 });
  expect(successOf(h, 1)).toEqual({ overall: 0.7, similar: 0.25 });
  expect(successOf(h, 2)!.similar).toBeNaN();
});

test("failures lend no time: failing quickly is not being quick", () => {
  const h = kept();
  remember(h, 0, 1, false, 1000);
  expect(timesOf(h, 0)).toBeUndefined();
});

test("five idle minutes and it is forgotten", () => {
  const h = kept();
  remember(h, 0, 10, true, 1000);
  forgetWhenIdle(h, 301_000);
  expect(timesOf(h, 0)).toBeDefined();
  forgetWhenIdle(h, 301_001);
  expect(timesOf(h, 0)).toBeUndefined();
  expect(successOf(h, 0)).toBeUndefined();
});
