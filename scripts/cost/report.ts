// The report in words: for a terminal, and as the part of docs/cost.md that is made.
import { styleText } from "node:util";
import { table } from "../policy/print.ts";
import {
  METERS,
  type CpuMs,
  type Dollars,
  type Meter,
  type Prices,
  type Rates,
  type Shape,
  type Usage,
} from "./model.ts";

export interface Reckoned {
  readonly shape: Shape;
  readonly usage: Usage;
  readonly dollars: Dollars;
  /** Dollars if objects are billed only while they answer. */
  readonly least: number;
  /** Of what the usual design costs. */
  readonly ofUsual: number;
  /** Dollars of a month, plan and what it includes taken into account. */
  readonly monthly: number;
}

export interface Report {
  readonly measuredAt: string;
  readonly pricesReadAt: string;
  readonly prices: Prices;
  readonly rates: Rates;
  readonly cpuMs: CpuMs;
  readonly usual: { readonly usage: Usage; readonly dollars: Dollars };
  readonly features: readonly Reckoned[];
  readonly shapes: readonly Reckoned[];
}

/** Columns of the tables: meters that are shown together. */
const COLUMNS: readonly [name: string, meters: readonly Meter[]][] = [
  ["requests", ["workerRequests"]],
  ["CPU", ["cpuMilliseconds"]],
  ["object calls", ["objectRequests"]],
  ["object time", ["objectGbSeconds"]],
  ["rows", ["rowsWritten"]],
  ["KV", ["kvReads", "kvWrites"]],
  ["other", ["dataPoints", "redisCommands"]],
];

export const money = (dollars: number): string =>
  dollars === 0 ? "0" : dollars < 0.001 ? "<0.001" : dollars.toFixed(dollars < 10 ? 3 : 2);
const partsOf = (dollars: Dollars): string[] =>
  COLUMNS.map(([, meters]) => money(meters.reduce((sum, meter) => sum + dollars[meter], 0)));

const USUAL = "an object call and a KV read each request";

function featureRows({ features, usual }: Report): string[][] {
  return [
    ...features.map(({ shape, dollars, least, ofUsual }) => [
      shape.name,
      ...partsOf(dollars),
      money(dollars.total),
      money(least),
      ofUsual.toFixed(2),
    ]),
    [USUAL, ...partsOf(usual.dollars), money(usual.dollars.total), money(usual.dollars.total), "1"],
  ];
}

const FEATURE_HEAD = ["dollars per million requests", ...COLUMNS.map(([name]) => name), "all", "at least", "of usual"];

const shapeRows = ({ shapes }: Report): string[][] =>
  shapes.map(({ shape, dollars, least, ofUsual, monthly }) => [
    shape.name,
    ...partsOf(dollars),
    money(dollars.total),
    money(least),
    ofUsual.toFixed(2),
    monthly.toFixed(0),
  ]);
const SHAPE_HEAD = [...FEATURE_HEAD, "a month"];

export function inText(report: Report): string {
  return [
    styleText("bold", `By feature, at 1,000 requests a second to ten services (counted ${report.measuredAt})`),
    table(featureRows(report), FEATURE_HEAD),
    "",
    styleText("bold", `By traffic (prices read ${report.pricesReadAt})`),
    table(shapeRows(report), SHAPE_HEAD),
  ].join("\n");
}

// --- docs/cost.md ---

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");

const rate = (value: number): string => value.toFixed(value < 0.1 ? 3 : 2);

const BEGIN = "<!-- made by npm run cost -- --write: begin -->";
const END = "<!-- made: end -->";

/** The page with its made part made anew. Throws when the page has no such part. */
export function pageWith(page: string, report: Report): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new TypeError("docs/cost.md has no part to be made");
  return page.slice(0, from + BEGIN.length) + `\n\n${made(report)}\n\n` + page.slice(to);
}

function made(report: Report): string {
  const { rates, cpuMs, prices } = report;
  const works: [string, keyof Rates][] = [
    ["each isolate, a second", "isolate"],
    ["each region with traffic, a second", "region"],
    ["each service with traffic in a region, a second", "service"],
    ["a limited request of a caller who comes often", "frequentCaller"],
    ["a limited request of a caller new to the isolate", "newCaller"],
  ];
  return `## By feature

At 1,000 requests a second to ten services, ten isolates, one region. Dollars per million requests at list price, nothing included.

${markdown(FEATURE_HEAD, featureRows(report))}

## By traffic

${markdown(SHAPE_HEAD, shapeRows(report))}

"A month" is the whole bill in dollars at that rate day and night: the plan (5) and what it includes taken into account.

## What was counted

By \`npm run bench -- --calls\`, ${report.measuredAt}: billed requests to objects (calls and alarms) and rows they write.

${markdown(
  ["", "object requests", "rows written"],
  works.map(([words, key]) => [words, rate(rates[key].requests), rate(rates[key].rows)]),
)}

CPU a request, in milliseconds, the runtime's own HTTP included ([performance](performance.md)): passed on ${cpuMs.passed}, with key, limits and cache ${cpuMs.everything}, a hit ${cpuMs.hit}, a bare pass-through ${cpuMs.bare}; a streamed token ${cpuMs.token}.

## Prices

Read on ${report.pricesReadAt}; the date beside each is that of the page's copy.

${markdown(
  ["", "dollars per million", "included a month", "source"],
  METERS.map((meter) => prices[meter]).map(({ what, perMillion, included, source, asOf }) => [
    what,
    String(perMillion),
    included === 0 ? "0" : `${included / 1_000_000} million`,
    `[${new URL(source).hostname}](${source}), ${asOf}`,
  ]),
)}`;
}
