import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../scripts/bundle.ts";
import { runCost } from "../../scripts/cost/command.ts";
import {
  dollarsOf,
  METERS,
  monthlyDollars,
  ratesOf,
  usageOf,
  usualUsage,
  type Counted,
  type Prices,
  type Usage,
} from "../../scripts/cost/model.ts";
import { costPlot } from "../../scripts/cost/plot.ts";
import { pageWith } from "../../scripts/cost/report.ts";
import { PLAIN } from "../../scripts/cost/shapes.ts";
import { readMeasured, readPrices, reckon } from "../../scripts/cost/sources.ts";

const CPU = { passed: 0.4, everything: 0.5, hit: 0.2, bare: 0.25, token: 0.1 };

/** Ten seconds at a hundred requests a second. */
const counted = (services: number, callers: number, calls: Record<string, number>): Counted => ({
  ...{ services, callers, perSecond: 100, requests: 1_000 },
  calls: Object.entries(calls).map(([name, count]) => ({ who: name.split(" ")[0]!, what: name.split(" ")[1]!, count })),
});
const COUNTS: Counted[] = [
  counted(1, 0, {
    "isolate REGION.report": 10,
    "RegionObject SERVICE.merge": 10,
    "RegionObject alarm": 20,
    "storage rows": 50,
    "isolate KV.get": 5,
  }),
  counted(11, 0, {
    "isolate REGION.report": 10,
    "RegionObject SERVICE.merge": 110,
    "RegionObject alarm": 20,
    "storage rows": 150,
  }),
  counted(1, 5, {
    "isolate REGION.report": 10,
    "RegionObject SERVICE.merge": 10,
    "RegionObject alarm": 20,
    "isolate LIMITER.lease": 10,
    "storage rows": 80,
  }),
  counted(1, 900, {
    "isolate REGION.report": 10,
    "RegionObject SERVICE.merge": 10,
    "RegionObject alarm": 20,
    "isolate LIMITER.lease": 1_000,
    "storage rows": 3_050,
  }),
];
const RATES = ratesOf(COUNTS);
const price = (perMillion: number, included = 0) => ({
  what: "",
  perMillion,
  included,
  source: "https://example.com/",
  asOf: "",
});
const PRICES = Object.fromEntries(METERS.map((meter, index) => [meter, price(index + 1)])) as unknown as Prices;
const NOTHING = Object.fromEntries(METERS.map((meter) => [meter, 0])) as Usage;

describe("rates", () => {
  it("come apart into what an isolate, a region, a service and a limited request cause", () => {
    expect(RATES.isolate).toEqual({ requests: 1, rows: 0 });
    expect(RATES.service).toEqual({ requests: 1, rows: 1 });
    // 4 requests and 5 rows a second, less an isolate and a service.
    expect(RATES.region).toEqual({ requests: 2, rows: 4 });
    expect(RATES.frequentCaller.requests).toBeCloseTo(0.01);
    expect(RATES.frequentCaller.rows).toBeCloseTo(0.03);
    expect(RATES.newCaller.requests).toBeCloseTo(1);
    expect(RATES.newCaller.rows).toBeCloseTo(3);
  });

  it("need all counts", () => {
    expect(() => ratesOf(COUNTS.slice(0, 3))).toThrow("few and of many limited callers");
  });
});

describe("a million requests", () => {
  it("cost objects by the second", () => {
    const { usage, leastGbSeconds } = usageOf({ ...PLAIN, perSecond: 1_000, isolates: 3, services: 5 }, RATES, CPU);
    // 1,000 s of three isolates, a region and five services.
    expect(usage.objectRequests).toBeCloseTo(1_000 * (3 + 2 + 5));
    expect(usage.rowsWritten).toBeCloseTo(1_000 * (4 + 5));
    expect(usage.objectGbSeconds).toBeCloseTo(1_000 * (1 + 5 + 2) * 0.128);
    expect(leastGbSeconds).toBeCloseTo(10_000 * 0.01 * 0.128);
    expect(usage.cpuMilliseconds).toBeCloseTo(400_000);
    expect(usage.kvReads).toBeCloseTo((3 * 1_000) / 600);
  });

  it("come to no more services and isolates than there are requests in a second", () => {
    const slow = { ...PLAIN, perSecond: 0.5, isolates: 10, services: 10 };
    const { usage } = usageOf(slow, RATES, CPU);
    expect(usage.objectRequests).toBeCloseTo(2_000_000 * (0.5 + 2 + 0.5));
  });

  it("pay for what the shape uses", () => {
    const shape = {
      ...PLAIN,
      ...{ hits: 0.5, kvReads: 0.1, kvWrites: 0.01, redisCommands: 0.2, sampled: 0.5 },
      ...{ limited: 0.5, newCallers: 0.1, ai: 0.1, tokens: 100 },
    };
    const plain = usageOf(PLAIN, RATES, CPU).usage;
    const { usage } = usageOf(shape, RATES, CPU);
    expect(usage.cpuMilliseconds).toBeCloseTo(1_000_000 * (0.5 * 0.2 + 0.5 * 0.5 + 0.1 * 100 * 0.1));
    expect(usage.kvReads - plain.kvReads).toBeCloseTo(100_000);
    expect([usage.kvWrites, usage.redisCommands, usage.dataPoints]).toEqual([10_000, 200_000, 500_000]);
    expect(usage.objectRequests - plain.objectRequests).toBeCloseTo(450_000 * 0.01 + 50_000);
    expect(usage.rowsWritten - plain.rowsWritten).toBeCloseTo(450_000 * 0.03 + 150_000);
  });

  it("cost what each meter says, and a month's bill less what is included", () => {
    const usage = { ...NOTHING, workerRequests: 1_000_000, kvReads: 500_000 };
    const dollars = dollarsOf(usage, PRICES);
    expect([dollars.workerRequests, dollars.kvReads, dollars.total]).toEqual([1, 3, 4]);
    // 2.592 million requests a month at 1/s.
    expect(monthlyDollars(usage, 1, PRICES)).toBeCloseTo(5 + 2.592 * 4);
    const included = { ...PRICES, workerRequests: price(1, 2_000_000), kvReads: price(6, 10_000_000) };
    expect(monthlyDollars(usage, 1, included)).toBeCloseTo(5 + 0.592);
  });

  it("of the usual design ask an object and KV each", () => {
    const { objectRequests, kvReads, cpuMilliseconds } = usualUsage(CPU);
    expect([objectRequests, kvReads, cpuMilliseconds]).toEqual([1_000_000, 1_000_000, 250_000]);
  });
});

describe("the report", () => {
  const report = reckon(readMeasured(), readPrices());

  it("has a source and a date beside every price", () => {
    for (const meter of METERS) {
      const { source, asOf, perMillion } = report.prices[meter];
      expect([new URL(source).protocol, perMillion > 0]).toEqual(["https:", true]);
      expect(asOf).toMatch(/^20\d\d/);
    }
    expect(report.pricesReadAt).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  });

  it("stands in the documentation as it is reckoned", () => {
    const page = readFileSync(path.join(root, "docs", "cost.md"), "utf8");
    expect(pageWith(page, report)).toBe(page);
    expect(readFileSync(path.join(root, "docs", "cost.svg"), "utf8")).toBe(costPlot(report));
  });

  it("says that at a thousand requests a second the design costs less than half of the usual one", () => {
    expect(report.features[0]!.ofUsual).toBeLessThan(0.5);
    for (const { least, dollars } of [...report.features, ...report.shapes]) {
      expect(least).toBeLessThanOrEqual(dollars.total);
    }
  });
});

describe("the command", () => {
  const run = (args: readonly string[], folder: string) => {
    const [out, err]: [string[], string[]] = [[], []];
    const code = runCost(args, { out: (line) => void out.push(line), err: (line) => void err.push(line), folder });
    return { code, out: out.join("\n"), err: err.join("\n") };
  };

  it("reckons with a shape and with counts of one's own, and writes files where it was asked from", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-cost-"));
    try {
      writeFileSync(path.join(folder, "calls.json"), JSON.stringify(COUNTS));
      const { code, out } = run(
        ["--calls", "calls.json", "--per-second", "50", "--json", "c.json", "--svg", "c.svg"],
        folder,
      );
      expect(code).toBe(0);
      expect(out).toContain("your own");
      const written = JSON.parse(readFileSync(path.join(folder, "c.json"), "utf8")) as ReturnType<typeof reckon>;
      expect(written.rates.service).toEqual(RATES.service);
      expect(written.shapes.at(-1)!.shape.perSecond).toBe(50);
      expect(readFileSync(path.join(folder, "c.svg"), "utf8")).toContain("your own");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([["--hits", "1.5"], ["--per-second", "0"], ["--nonsense"]])("refuses %s %s", (...args) => {
    expect(run(args, root).code).toBe(2);
  });

  it("says what is wrong with counts", () => {
    const { code, err } = run(["--calls", "package.json"], root);
    expect([code, err.startsWith("cost: ")]).toEqual([1, true]);
  });
});
