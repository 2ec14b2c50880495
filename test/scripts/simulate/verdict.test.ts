// What is said of the results: means over seeds, the best rival of each figure, and whether a bar is met.
import { describe, expect, test } from "vitest";
import type { Done } from "../../../scripts/simulate/job.ts";
import type { Result } from "../../../scripts/simulate/measure.ts";
import { comparisonPlot, timePlot } from "../../../scripts/simulate/plot.ts";
import { resultsPage, resultsText } from "../../../scripts/simulate/table.ts";
import { bars, compare, rowsOf } from "../../../scripts/simulate/verdict.ts";

const result = (changes: Partial<Result>): Result => ({
  p50Ms: 50,
  p99Ms: 100,
  p999Ms: 200,
  goodP99Ms: 100,
  failedShare: 0,
  refusedShare: 0,
  attempts: 1,
  imbalance: 1,
  detectSeconds: Number.NaN,
  returnSeconds: Number.NaN,
  recoverSeconds: 1,
  spoilt: 0,
  objectCallsPerThousand: 0,
  requests: 1000,
  failedBySecond: [0, 0.5, 0],
  faultyBySecond: [10, 5, 0],
  ...changes,
});
const runs = (scenario: string, contestant: string, ...results: Partial<Result>[]): Done[] =>
  results.map((changes, i) => ({ scenario, contestant, seed: i + 1, result: result(changes) }));

test("a row is the mean over its seeds", () => {
  const [row] = rowsOf(runs("steady", "P2C", { p99Ms: 100 }, { p99Ms: 110 }, { p99Ms: 150 }));
  expect(row!.mean.p99Ms).toBe(120);
  expect(row!.runs).toHaveLength(3);
});

describe("the comparison", () => {
  const against = (own: Partial<Result>[], rivals: Partial<Result>[][]) => {
    const done = [
      ...runs("steady", "Sluice", ...own),
      ...rivals.flatMap((each, i) => runs("steady", ["P2C", "random"][i]!, ...each)),
    ];
    return compare(rowsOf(done))[0]!;
  };
  test("takes the best rival of each figure, not one rival for all", () => {
    const comparison = against(
      [{ p99Ms: 104, failedShare: 0.01 }],
      [[{ p99Ms: 100, failedShare: 0.2 }], [{ p99Ms: 500, failedShare: 0.01 }]],
    );
    expect(comparison.bestP99.contestant).toBe("P2C");
    expect(comparison.bestFailed.contestant).toBe("random");
    expect(comparison).toMatchObject({ p99: "even", failed: "even" });
  });
  test.each([
    { own: [106], rival: [100], p99: "worse" },
    { own: [105], rival: [100], p99: "even" },
    { own: [99, 99], rival: [100, 100], p99: "better" },
    { own: [80, 101], rival: [100, 100], p99: "even" }, // lower in the mean, but not with every seed
  ])("p99 $own against $rival is $p99", ({ own, rival, p99 }) => {
    expect(
      against(
        own.map((p99Ms) => ({ p99Ms })),
        [rival.map((p99Ms) => ({ p99Ms }))],
      ).p99,
    ).toBe(p99);
  });
  test.each([
    { own: 0, rival: 0, failed: "even" },
    { own: 0.00009, rival: 0, failed: "even" },
    { own: 0.0002, rival: 0, failed: "worse" },
    { own: 0.104, rival: 0.1, failed: "even" },
    { own: 0.106, rival: 0.1, failed: "worse" },
    { own: 0.09, rival: 0.1, failed: "better" },
  ])("failed $own against $rival is $failed", ({ own, rival, failed }) => {
    expect(against([{ failedShare: own }], [[{ failedShare: rival }]]).failed).toBe(failed);
  });
});

test("bars: the outage is judged by its worst seed, and dead objects against none", () => {
  const rows = rowsOf([
    ...runs("single outage", "Sluice", { spoilt: 900, recoverSeconds: 3 }, { spoilt: 1301, recoverSeconds: 9 }),
    ...runs("single outage", "P2C", {}, {}),
    ...runs("single outage", "Sluice, objects dead", { failedShare: 0.2, p99Ms: 100 }),
    ...runs("single outage", "Sluice, local only", { failedShare: 0.1, p99Ms: 99 }),
  ]);
  const met = Object.fromEntries(bars(rows).map((bar) => [bar.says, bar.met]));
  expect(met).toMatchObject({
    "a 60 s outage of a single upstream lets at most 1300 bad requests reach it": false,
    "95 % of requests succeed again within 10 s of its end": true,
    "with the objects dead no more requests fail, or are refused, than without objects": false,
    "with the objects dead p99 is within 5 % of that without objects": true,
  });
});

test("tables, page and pictures show every contestant and leave nothing unescaped", () => {
  const rows = rowsOf([
    ...runs("single outage", "Sluice", { spoilt: 900 }),
    ...runs("single outage", "Envoy, tuned", { p99Ms: 120 }),
  ]);
  expect(resultsText(rows)).toContain("Envoy, tuned");
  const page = resultsPage(rows, [1], ["comparison.svg"]);
  expect(page).toContain("| Sluice | 50 | 100 |");
  expect(page).toContain("![comparison](comparison.svg)");
  for (const svg of [comparisonPlot(rows), timePlot(rows, "single outage", "failedBySecond")]) {
    expect(svg.startsWith("<svg ")).toBe(true);
    expect(svg).toContain("Sluice");
    expect(svg).not.toMatch(/NaN|undefined|&(?!amp;|lt;|gt;)/);
  }
});
