// Suggestions in words: figures in the unit that ends their name, effects that say which way they went.
import { describe, expect, it } from "vitest";
import { effectInWords, figureName, figureValue } from "../../worker/dashboard/suggestions/words.ts";

describe("a figure", () => {
  it.each([
    ["hitRatio", 0.989, "Hit ratio: 98.9 %"],
    ["meanUpstreamMs", 58.9, "Mean upstream: 59 ms"],
    ["savedMsPerHour", 642_000, "Saved an hour: 11 min"],
    ["sparedBytesPerHour", 1_120_000, "Spared bytes an hour: 1.1 MiB"],
    ["sparedRequestsPerHour", 10_900, "Spared requests an hour: 10,900"],
    ["ttlSeconds", 30, "Ttl: 30.0 s"],
  ])("%s", (name, value, words) => {
    expect(`${figureName(name)}: ${figureValue(name, value)}`).toBe(words);
  });
});

it("an effect says whether it is one for the better", () => {
  expect(effectInWords("mean_ms", 0.4)).toBe("40.0 % less time to answer");
  expect(effectInWords("mean_ms", -0.4)).toBe("40.0 % more time to answer");
  expect(effectInWords("hit_ratio", 0.5)).toBe("50.0 % more answered by the cache");
});
