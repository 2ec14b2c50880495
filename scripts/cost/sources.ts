// What was measured and what is published, read from the files beside this one, and the report made of both.
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { dollarsOf, METERS, monthlyDollars, ratesOf, usageOf, usualUsage } from "./model.ts";
import type { Counted, Measured, Prices, Shape } from "./model.ts";
import type { Report, Reckoned } from "./report.ts";
import { FEATURES, SHAPES } from "./shapes.ts";

const counted = v.array(
  v.object({
    services: v.number(),
    callers: v.number(),
    perSecond: v.pipe(v.number(), v.gtValue(0)),
    requests: v.pipe(v.number(), v.gtValue(0)),
    calls: v.array(v.object({ who: v.string(), what: v.string(), count: v.number() })),
  }),
);
const cpuMs = v.object({
  passed: v.number(),
  everything: v.number(),
  hit: v.number(),
  bare: v.number(),
  token: v.number(),
});
const measured = v.object({ measuredAt: v.string(), how: v.string(), cpuMs, counted });
const price = v.object({
  what: v.string(),
  perMillion: v.number(),
  included: v.number(),
  source: v.string(),
  asOf: v.string(),
});
const prices = v.object({ readAt: v.string(), prices: v.record(v.picklist(METERS), price) });

export interface Sourced extends Measured {
  readonly measuredAt: string;
}
export interface Published {
  readonly readAt: string;
  readonly prices: Prices;
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

/** The counts that are kept here, or those of another run. */
export function readMeasured(callsFile?: string): Sourced {
  const kept = v.parse(measured, read("./measured.json"));
  if (callsFile === undefined) return kept;
  const calls: readonly Counted[] = v.parse(counted, JSON.parse(readFileSync(callsFile, "utf8")));
  return { ...kept, measuredAt: "just now", counted: calls };
}

export function readPrices(): Published {
  const published = v.parse(prices, read("./prices.json"));
  for (const meter of METERS) if (published.prices[meter] === undefined) throw new TypeError(`no price of ${meter}`);
  return published as Published;
}

export function reckoned(shape: Shape, { counted: counts, cpuMs: cpu }: Measured, published: Published): Reckoned {
  const { usage, leastGbSeconds } = usageOf(shape, ratesOf(counts), cpu);
  const dollars = dollarsOf(usage, published.prices);
  const least = dollarsOf(
    { ...usage, objectGbSeconds: Math.min(usage.objectGbSeconds, leastGbSeconds) },
    published.prices,
  );
  const usual = dollarsOf(usualUsage(cpu), published.prices);
  return {
    shape,
    usage,
    dollars,
    least: least.total,
    ofUsual: dollars.total / usual.total,
    monthly: monthlyDollars(usage, shape.perSecond, published.prices),
  };
}

export function reckon(from: Sourced, published: Published): Report {
  const usual = usualUsage(from.cpuMs);
  return {
    measuredAt: from.measuredAt,
    pricesReadAt: published.readAt,
    prices: published.prices,
    rates: ratesOf(from.counted),
    cpuMs: from.cpuMs,
    usual: { usage: usual, dollars: dollarsOf(usual, published.prices) },
    features: FEATURES.map((shape) => reckoned(shape, from, published)),
    shapes: SHAPES.map((shape) => reckoned(shape, from, published)),
  };
}
