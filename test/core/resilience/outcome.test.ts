import { describe, expect, test } from "vitest";
import { chargedMs, outcomeOf } from "../../../worker/core/resilience/outcome.ts";

test.each([
  [101, "ok"],
  [200, "ok"],
  [304, "ok"],
  [400, "ok"],
  [401, "ok"],
  [404, "ok"],
  [422, "ok"],
  [429, "limited"],
  [499, "ok"],
  [500, "failed"],
  [501, "failed"],
  [503, "failed"],
  [599, "failed"],
] as const)("A5: %d counts as %s", (status, outcome) => {
  expect(outcomeOf(status)).toBe(outcome);
});

describe("A17: chargedMs, the time that choice remembers", () => {
  test.each([
    ["ok", 5, 50, 5],
    ["failed", 1, 50, 50],
    ["failed", 80, 50, 80],
    ["failed", 1, 0, 2000],
    ["limited", 1, 0, 2000],
    ["limited", 1, 300, 300],
    ["cancelled", 400, 300, 400],
    ["cancelled", 100, 300, 300],
  ] as const)("%s in %d ms, known %d ms: %d ms", (outcome, durationMs, knownMs, charged) => {
    expect(chargedMs(outcome, durationMs, knownMs, 2000)).toBe(charged);
  });
});
