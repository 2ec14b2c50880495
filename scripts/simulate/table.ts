// The results as a person reads them: in the terminal, and as a page of the documentation.
import Table from "cli-table3";
import { styleText } from "node:util";
import { CONTESTANTS } from "./contestants.ts";
import { SCENARIOS } from "./scenarios.ts";
import { bars, compare } from "./verdict.ts";
import type { Bar, Comparison, Row } from "./verdict.ts";

const NONE = "-";
const ms = (value: number): string => (Number.isNaN(value) ? NONE : value.toFixed(0));
const percent = (share: number): string => (share === 0 ? "0" : (share * 100).toFixed(share < 0.001 ? 3 : 2));
const fixed = (value: number, digits: number): string => (Number.isNaN(value) ? NONE : value.toFixed(digits));

const HEAD = [
  "",
  "p50 ms",
  "p99 ms",
  "p999 ms",
  "failed %",
  "refused %",
  "tries",
  "imbalance",
  "detect s",
  "return s",
  "recover s",
  "spoilt",
  "calls/1000",
];

function cells({ contestant, mean }: Row): string[] {
  return [
    contestant,
    ms(mean.p50Ms),
    ms(mean.p99Ms),
    ms(mean.p999Ms),
    percent(mean.failedShare),
    percent(mean.refusedShare),
    fixed(mean.attempts, 3),
    fixed(mean.imbalance, 2),
    fixed(mean.detectSeconds, 2),
    fixed(mean.returnSeconds, 2),
    fixed(mean.recoverSeconds, 2),
    mean.spoilt === 0 ? NONE : ms(mean.spoilt),
    mean.objectCallsPerThousand === 0 ? NONE : fixed(mean.objectCallsPerThousand, 1),
  ];
}

const ofScenario = (rows: readonly Row[], name: string): Row[] =>
  CONTESTANTS.flatMap((contestant) =>
    rows.filter((row) => row.scenario === name && row.contestant === contestant.name),
  );

const open = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

function drawn(head: readonly string[], lines: readonly (readonly string[])[], left = 1): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    chars: open,
    colAligns: head.map((_, column) => (column < left ? "left" : "right")),
  });
  for (const line of lines) table.push([...line]);
  return table.toString();
}

export function resultsText(rows: readonly Row[]): string {
  const parts: string[] = [];
  for (const { name, about } of SCENARIOS) {
    const own = ofScenario(rows, name);
    if (own.length > 0) parts.push("", `${styleText("bold", name)}: ${about}`, drawn(HEAD, own.map(cells)));
  }
  const comparisons = compare(rows);
  if (comparisons.length > 0)
    parts.push("", styleText("bold", "Sluice against the best rival"), drawn(VERSUS, comparisons.map(versus)));
  const met = ({ met, says, measured }: Bar): string =>
    `${met ? styleText("green", "✓") : styleText("red", "✗")} ${says}: ${measured}`;
  parts.push("", ...bars(rows).map(met));
  return parts.join("\n").trimStart();
}

const VERSUS = ["", "p99 ms", "best rival", "ratio", "", "failed %", "best rival", ""];

function versus({ scenario, row, bestP99, bestFailed, p99Ratio, p99, failed }: Comparison): string[] {
  return [
    scenario,
    ms(row.mean.p99Ms),
    `${ms(bestP99.mean.p99Ms)} (${bestP99.contestant})`,
    p99Ratio.toFixed(3),
    p99,
    percent(row.mean.failedShare),
    `${percent(bestFailed.mean.failedShare)} (${bestFailed.contestant})`,
    failed,
  ];
}

const line = (cellsOfLine: readonly string[]): string => `| ${cellsOfLine.join(" | ")} |`;

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "--:"));
  return [line(head), line(rule), ...lines.map(line)].join("\n");
}

/** `plots` are file names beside the page. */
export function resultsPage(rows: readonly Row[], seeds: readonly number[], plots: readonly string[]): string {
  const parts = [
    "# Results of the simulation",
    "",
    `Written by \`npm run simulate -- --write\`; the method stands in [README.md](README.md). Means over the seeds ${seeds.join(", ")}.`,
    "",
    "## Bars",
    "",
    markdown(
      ["bar", "measured", "met"],
      bars(rows).map(({ says, measured, met }) => [says, measured, met ? "yes" : "**no**"]),
    ),
    "",
    "## Sluice against the best rival of each scenario",
    "",
    markdown(VERSUS, compare(rows).map(versus)),
    "",
    ...plots.flatMap((plot) => [`![${plot.replace(/\.svg$/, "").replaceAll("-", " ")}](${plot})`, ""]),
  ];
  for (const { name, about } of SCENARIOS) {
    const own = ofScenario(rows, name);
    if (own.length > 0) parts.push(`## ${name}`, "", about, "", markdown(HEAD, own.map(cells)), "");
  }
  return parts.join("\n");
}
