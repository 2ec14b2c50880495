import { parseList } from "structured-headers";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  aiRequestFields,
  aiTokenFields,
  compileBudget,
  compileLimit,
  duration,
  rateLimitField,
} from "../../../worker/core/security/limits.ts";
import { budgetOptions, rateLimitOptions } from "../../../worker/core/security/options.ts";

const limit = (written: v.InferInput<typeof rateLimitOptions>) =>
  compileLimit("standard", v.parse(rateLimitOptions, written));

describe("a limit", () => {
  it("is a rate in its smallest period where the burst is below the quota, and a quota in the others", () => {
    const { rule } = limit({ requestsPerMinute: 100, requestsPerHour: 1_000, burst: 20 });
    expect(rule).toEqual({
      periods: [
        { name: "minute", ms: 60_000, quota: 100, burst: 20, paced: true, blockMs: 0 },
        { name: "hour", ms: 3_600_000, quota: 1_000, burst: 1_000, paced: false, blockMs: 3_600_000 },
      ],
      afterRefusals: 3,
    });
  });

  it("is a quota without a burst, and blocks abuse", () => {
    expect(limit({ requestsPerMinute: 100 }).rule?.periods).toEqual([
      { name: "minute", ms: 60_000, quota: 100, burst: 100, paced: false, blockMs: 60_000 },
    ]);
    expect(limit({ requestsPerSecond: 5 }).rule?.periods[0]).toMatchObject({ blockMs: 0, burst: 5 });
    expect(limit({ requestsPerMinute: 5, block: false }).rule?.periods[0]).toMatchObject({ blockMs: 0 });
  });

  it("blocks abuse of a rate where the policy says so", () => {
    const { rule } = limit({ requestsPerMinute: 100, burst: 20, block: { afterRefusals: 5 } });
    expect(rule).toMatchObject({ afterRefusals: 5, periods: [{ paced: true, blockMs: 60_000 }] });
  });

  it("may be of tokens, dollars or requests under way alone", () => {
    expect(limit({ tokensPerDay: 5, dollarsPerDay: 1 })).toMatchObject({
      ...{ rule: undefined, policyField: "", budget: { rule: { tokensPerDay: 5, dollarsPerDay: 1 } } },
    });
    expect(limit({ concurrent: 2 })).toMatchObject({ rule: undefined, budget: undefined, concurrent: 2 });
  });
});

it("a budget is what it limits", () => {
  expect(compileBudget("ai", v.parse(budgetOptions, {}))).toBeUndefined();
  expect(compileBudget("ai", v.parse(budgetOptions, { dollarsPerMonth: 50 }))?.rule).toEqual({ dollarsPerMonth: 50 });
});

describe("what clients are told", () => {
  const both = limit({ requestsPerMinute: 100, requestsPerHour: 1_000, burst: 20 });
  const standing = { limit: both, left: [19, 900], resetMs: [600, 1_000_001], spent: [] };

  it("parses as RFC 9651 Lists, an item a period", () => {
    expect(both.policyField).toBe('"standard-minute";q=100;w=60, "standard-hour";q=1000;w=3600');
    const field = rateLimitField(standing);
    expect(field).toBe('"standard-minute";r=19;t=1, "standard-hour";r=900;t=1001');
    for (const each of [both.policyField, field]) {
      expect(parseList(each).map(([name]) => name)).toEqual(["standard-minute", "standard-hour"]);
    }
  });

  it("names in a refusal the periods that refused", () => {
    expect(rateLimitField({ ...standing, spent: [1] })).toBe('"standard-hour";r=900;t=1001');
  });

  it("speaks to clients of AI providers in their own fields", () => {
    expect(aiRequestFields(standing)).toEqual([
      ["x-ratelimit-limit-requests", "100"],
      ["x-ratelimit-remaining-requests", "19"],
      ["x-ratelimit-reset-requests", "1s"],
    ]);
    const day = { rule: { tokensPerDay: 1_000 }, left: { tokensPerDay: { left: 12.7, resetMs: 61_000 } } };
    const month = { rule: { tokensPerMonth: 9 }, left: { tokensPerMonth: { left: 500, resetMs: 1 } } };
    expect(aiTokenFields([month, { rule: { tokensPerMinute: 1 }, left: undefined }, day])).toEqual([
      ["x-ratelimit-limit-tokens", "1000"],
      ["x-ratelimit-remaining-tokens", "12"],
      ["x-ratelimit-reset-tokens", "1m1s"],
    ]);
    expect(aiTokenFields([])).toEqual([]);
    expect([0, 1, 59_001, 3_600_000, 7_500_000].map(duration)).toEqual(["0s", "1s", "1m0s", "1h0m0s", "2h5m0s"]);
  });
});
