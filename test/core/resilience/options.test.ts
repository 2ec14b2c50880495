// The machines take plain interfaces; the policy's schema must fill them, defaults and all.
import * as v from "valibot";
import { expect, test } from "vitest";
import type { AttemptOptions } from "../../../worker/core/resilience/attempts.ts";
import type { BreakerOptions } from "../../../worker/core/resilience/breaker.ts";
import type { ConcurrencyOptions } from "../../../worker/core/resilience/concurrency.ts";
import { attemptsOptions, breakerOptions, concurrencyOptions } from "../../../worker/core/resilience/options.ts";
import type { QueueOptions } from "../../../worker/core/resilience/queue.ts";
import { BREAKER } from "./fleet.ts";

test("the defaults of the schema are the numbers these tests run on, and fit the machines' types", () => {
  const breaker: BreakerOptions = v.parse(breakerOptions, {});
  const attempts: AttemptOptions = v.parse(attemptsOptions, {});
  const adaptive: ConcurrencyOptions & QueueOptions = v.parse(concurrencyOptions, { algorithm: "gradient2" });
  const fixed: ConcurrencyOptions & QueueOptions = v.parse(concurrencyOptions, {
    algorithm: "fixed",
    max: 50,
    queue: 0,
  });
  expect(breaker).toEqual(BREAKER);
  expect(attempts).toMatchObject({
    max: 3,
    retryBudget: 0.2,
    retryFloor: 3,
    budgetWindowMs: 10_000,
    retryStatuses: [502, 503, 504],
  });
  expect(adaptive).toMatchObject({
    initial: 20,
    max: 200,
    ewmaAlpha: 0.1,
    tolerance: 1.5,
    shrinkOverErrorRate: 0.1,
    queue: 0,
  });
  expect(fixed).toMatchObject({ algorithm: "fixed", max: 50, queue: 0 });
});
