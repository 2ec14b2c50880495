import { expect, it } from "vitest";
import { catalogued, completePrice, costOf } from "../../../worker/core/providers/prices.ts";

const usage = {
  uncached: 1_000_000,
  cacheRead: 1_000_000,
  cacheWrite: 1_000_000,
  output: 1_000_000,
  reasoning: 500_000,
};

it("counts each token once, reasoning as the output it is", () => {
  expect(costOf(usage, { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5 })).toBeCloseTo(14.7);
});

it("takes the long price where the prompt is long", () => {
  const price = { input: 1, output: 1, cacheRead: 1, cacheWrite: 1 };
  const long = { ...price, long: { from: 200_000, price: { ...price, input: 2 } } };
  expect(costOf({ ...usage, cacheRead: 0, cacheWrite: 0 }, long)).toBeCloseTo(3);
  expect(costOf({ ...usage, uncached: 1_000, cacheRead: 0, cacheWrite: 0 }, long)).toBeCloseTo(1.001);
});

it.each([
  ["openai", "gpt-4o"],
  ["anthropic", "claude-sonnet-4-5-20250929"],
  ["gemini", "gemini-2.5-pro"],
  ["bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0"],
  ["cohere", "command-r-plus-08-2024"],
  ["deepseek", "deepseek-chat"],
  ["mistral", "mistral-large-latest"],
  ["xai", "grok-3"],
])("knows what %s/%s costs", (adapter, model) => {
  const facts = catalogued(adapter, model);
  expect(facts?.price?.input).toBeGreaterThan(0);
  expect(facts?.price?.output).toBeGreaterThanOrEqual(facts?.price?.input ?? Infinity);
});

it("knows nothing of a model that is not listed, nor of names that reach elsewhere", () => {
  expect(catalogued("openai", "nobody-knows-me")).toBeUndefined();
  expect(catalogued("constructor", "gpt-4o")).toBeUndefined();
});

it("lets the policy's word go before the catalogue's", () => {
  const known = { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5 };
  expect(completePrice({ output: 8 }, known)).toEqual({ input: 2, output: 8, cacheRead: 0.2, cacheWrite: 2.5 });
  expect(completePrice({ input: 1 }, known)).toEqual({ input: 1, output: 10, cacheRead: 1, cacheWrite: 1 });
});
