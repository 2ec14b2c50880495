// What a soak has shown: one JSON for programs, one section of docs/reliability.md and its pictures for people.
import os from "node:os";
import { workerdVersion } from "../bench/runtime.ts";
import { PROMISES, quantileOf, type Promised, type Second, type Violation } from "./history.ts";
import type { Outcome } from "./run.ts";

export interface Report {
  readonly at: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly seed: number;
  readonly regions: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly promises: readonly { readonly name: Promised; readonly words: string; readonly broken: number }[];
  readonly violations: readonly Violation[];
  readonly sums: Readonly<Record<string, number>>;
  /** By name: how many, median, 95th, 99th percentile and most. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  readonly toxics: Readonly<Record<string, number>>;
  readonly searched: { readonly bytes: number; readonly files: number };
  readonly events: readonly { readonly atSeconds: number; readonly words: string }[];
  readonly series: readonly Second[];
}

export interface Asked {
  readonly seed: number;
  readonly regions: readonly string[];
  /** Before the first start: what ran, and the machine's load. */
  readonly commit: string;
  readonly loadBefore: number;
}

export function reportOf(outcome: Outcome, { seed, regions, commit, loadBefore }: Asked, at: Date): Report {
  const { history, roundsDone, toxicsMet, bytesSearched, filesSearched } = outcome;
  const figures = (samples: readonly number[]): number[] => [
    samples.length,
    ...[0.5, 0.95, 0.99, 1].map((share) => Math.round(quantileOf(samples, share) ?? 0)),
  ];
  return {
    at: at.toISOString(),
    commit,
    machine: {
      processor: os.cpus()[0]?.model ?? "unknown",
      processors: os.cpus().length,
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
      node: process.version,
      workerd: workerdVersion,
      loadBefore: Number(loadBefore.toFixed(1)),
      loadAfter: Number(os.loadavg()[0]!.toFixed(1)),
    },
    seed,
    regions,
    rounds: roundsDone,
    seconds: Math.round(history.elapsedSeconds),
    promises: (Object.keys(PROMISES) as Promised[]).map((name) => ({
      name,
      words: PROMISES[name],
      broken: history.broken.get(name) ?? 0,
    })),
    violations: history.violations,
    sums: Object.fromEntries([...history.sums].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    samples: Object.fromEntries([...history.samples].map(([name, samples]) => [name, figures(samples)])),
    toxics: Object.fromEntries(toxicsMet),
    searched: { bytes: bytesSearched, files: filesSearched },
    events: history.events,
    series: history.seconds,
  };
}

const whole = (value: number): string => Math.round(value).toLocaleString("en-GB");
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** For people, in Markdown. `plots`: file names as they are linked from the page. */
export function sectionOf(report: Report, plots: readonly string[]): string {
  const { machine, sums, samples, toxics } = report;
  const kept = report.promises.every(({ broken }) => broken === 0);
  const ends = (kind: string): string[] =>
    ["2xx", "4xx", "5xx", "broken", "left", "stuck"].map((end) => whole(sums[`${kind}: ${end}`] ?? 0));
  const kinds = Object.keys(sums)
    .filter((name) => / ?: (2xx|4xx|5xx|broken|left)$/.test(name) && !name.startsWith("end"))
    .map((name) => name.slice(0, name.lastIndexOf(":")));
  const writes = Object.entries(sums).filter(([name]) => name.startsWith("acknowledged: "));
  return [
    `Written by \`npm run soak -- --write\` on ${report.at.slice(0, 10)}, commit ${report.commit}: ${whole(report.seconds)} s in ${report.rounds} rounds over ${report.regions.length} regions, seed ${report.seed}; ${machine["processor"]}, ` +
      `${machine["processors"]} processors, ${machine["memoryGiB"]} GiB, ${machine["system"]}, Node ${machine["node"]}, workerd ${machine["workerd"]}, load ${machine["loadBefore"]} before and ${machine["loadAfter"]} after (a machine that works for others too makes ` +
      "every wait below longer).",
    "",
    kept ? "**Every promise was kept.**" : "**Not every promise was kept.**",
    "",
    row(["promise", "times broken"]),
    row(["---", "--:"]),
    ...report.promises.map(({ words, broken }) => row([words, broken === 0 ? "0" : `**${broken}**`])),
    "",
    `${whole(sums["requests"] ?? 0)} requests, ${whole(sums["crowds"] ?? 0)} crowds of 40 at once, ${whole(sums["kills"] ?? 0)} kills (SIGKILL), ${whole(sums["audits"] ?? 0)} audits of all that was acknowledged, ` +
      `${whole(report.searched.bytes / 2 ** 20)} MiB of answers, logs, metrics and ${whole(report.searched.files)} state files searched for secrets. Toxics met: ${Object.entries(
        toxics,
      )
        .map(([kind, count]) => `${kind.replaceAll("_", " ")} ${whole(count)}`)
        .join(", ")}.`,
    "",
    row(["requests", "2xx", "4xx", "5xx", "broken off", "client left", "stuck"]),
    row(["---", "--:", "--:", "--:", "--:", "--:", "--:"]),
    ...[...new Set(kinds)].map((kind) => row([kind, ...ends(kind)])),
    "",
    row(["writes acknowledged", "times"]),
    row(["---", "--:"]),
    ...writes.map(([name, count]) => row([name.slice("acknowledged: ".length), whole(count)])),
    row(["refused or unanswered, which an operator is told", whole(sums["writes refused or unanswered"] ?? 0)]),
    "",
    row(["ms", "times", "p50", "p95", "p99", "most"]),
    row(["---", "--:", "--:", "--:", "--:", "--:"]),
    ...Object.entries(samples).map(([name, figures]) => row([name.replace(/ ms$/, ""), ...figures.map(whole)])),
    "",
    ...plots.flatMap((plot) => [`![${plot.replace(/^.*\//, "").replace(/\.svg$/, "")}](${plot})`, ""]),
    ...report.violations
      .slice(0, 20)
      .map(
        ({ atSeconds, promise, words }) =>
          `- ${atSeconds.toFixed(1)} s, ${promise}: \`${words.replaceAll("`", "'").replaceAll("\n", " ")}\``,
      ),
  ]
    .join("\n")
    .trimEnd();
}

const BEGIN = "<!-- soak: begin -->";
const END = "<!-- soak: end -->";

/** The page with the section between its marks put in; throws when it has none. */
export function withSection(page: string, section: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${section}\n\n${page.slice(to)}`;
}
