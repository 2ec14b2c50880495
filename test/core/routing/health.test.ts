import { describe, expect, test } from "vitest";
import { UNCHECKED, healthScore, healthStep, isUp, slowStart } from "../../../worker/core/routing/health.ts";
import type { Health } from "../../../worker/core/routing/health.ts";
import { scoreOptions } from "./defaults.ts";

const options = scoreOptions.scoring.health;

test.each([
  ["healthy", 1],
  ["degraded", 0.6],
  ["unhealthy", 0.1],
  ["unknown", 0.5],
] as const)("%s scores %f while its check is young", (status, score) => {
  expect(healthScore({ status, checkedAt: 0, streak: 0 }, 300_000, options)).toBe(score);
});

test.each([
  [300, 1],
  [300 + 900, 0.75],
  [300 + 1800, 0.5],
  [300 + 3240, 0.1],
  [300 + 3600, 0.1],
  [86_400, 0.1],
])("a check %i s old is worth %f of itself", (ageSeconds, freshness) => {
  expect(healthScore({ status: "healthy", checkedAt: 0, streak: 0 }, ageSeconds * 1000, options)).toBeCloseTo(
    freshness,
    10,
  );
  expect(healthScore({ status: "degraded", checkedAt: 0, streak: 0 }, ageSeconds * 1000, options)).toBeCloseTo(
    0.6 * freshness,
    10,
  );
});

describe("checks", () => {
  const rules = { healthyAfter: 2, unhealthyAfter: 3, degradedMs: 500 };
  const run = (answers: string): string => {
    let health: Readonly<Health> = UNCHECKED;
    return [...answers]
      .map((answer, at) => {
        health = healthStep(health, { passed: answer !== "-", tookMs: answer === "~" ? 501 : 20, at }, rules);
        expect(health.checkedAt).toBe(at);
        return { healthy: "H", degraded: "D", unhealthy: "U", unknown: "?" }[health.status];
      })
      .join("");
  };
  test.each([
    ["+", "H", "the first check decides"],
    ["-", "U", "the first check decides"],
    ["+--+--+", "HHHHHHH", "two failures are not three"],
    ["+---", "HHHU", "three are"],
    ["---+-++", "UUUUUUH", "up again after two in a row"],
    ["~", "D", "slow but passing"],
    ["+~+", "HDH", "slowness turns at once, both ways"],
    ["-~~", "UUD", "and may be what it comes back as"],
  ])("%s gives %s: %s", (answers, statuses) => {
    expect(run(answers)).toBe(statuses);
  });
  test("only unhealthy keeps it from being chosen", () => {
    expect(
      (["healthy", "degraded", "unknown", "unhealthy"] as const).map((status) => isUp({ ...UNCHECKED, status })),
    ).toEqual([true, true, true, false]);
  });
});

test.each([
  [0, 0.1],
  [2500, 0.55],
  [5000, 1],
  [9000, 1],
  [-50, 0.1],
])("slow start: %i ms after it came it takes %f", (sinceMs, ramp) => {
  expect(slowStart(sinceMs, 5000, 0.1)).toBeCloseTo(ramp, 10);
  expect(slowStart(sinceMs, 0, 0.1)).toBe(1);
});
