// What the runs say: each contestant's mean over the seeds, the best rival of each scenario, and the bars that the gateway
// must meet. Bars are fixed here and not chosen by the results.
import type { Done } from "./job.ts";
import type { Result } from "./measure.ts";
import { RIVALS } from "./rivals.ts";
import { SLUICE, SLUICE_DEAD, SLUICE_LOCAL } from "./sluice.ts";

/** Within this of the best rival, in every scenario. */
const TOLERANCE = 0.05;
/** Shares of failed requests that differ by less are the same: one request in ten thousand. */
const SAME_SHARE = 0.0001;
const MOST_SPOILT = 1300;
const MOST_RECOVERY_SECONDS = 10;
const SINGLE_OUTAGE = "single outage";

type Figure = Exclude<keyof Result, "failedBySecond" | "faultyBySecond">;

/** One contestant in one scenario: the mean of each figure over its seeds, and the runs themselves. */
export interface Row {
  readonly scenario: string;
  readonly contestant: string;
  readonly mean: Readonly<Record<Figure, number>>;
  readonly runs: readonly Done[];
}

export interface Comparison {
  readonly scenario: string;
  readonly row: Row;
  readonly bestP99: Row;
  readonly bestFailed: Row;
  readonly p99Ratio: number;
  readonly p99: Standing;
  readonly failed: Standing;
}

export type Standing = "better" | "even" | "worse";

export interface Bar {
  readonly says: string;
  readonly measured: string;
  readonly met: boolean;
}

export function rowsOf(done: readonly Done[]): Row[] {
  const groups = Map.groupBy(done, ({ scenario, contestant }) => `${scenario}\n${contestant}`);
  return [...groups.values()].map((unordered) => {
    const runs = [...unordered].sort((a, b) => a.seed - b.seed);
    const { scenario, contestant, result } = runs[0]!;
    const figures = Object.entries(result).filter(([, value]) => typeof value === "number") as [Figure, number][];
    const mean = Object.fromEntries(
      figures.map(([figure]) => [figure, runs.reduce((sum, run) => sum + run.result[figure], 0) / runs.length]),
    ) as Row["mean"];
    return { scenario, contestant, mean, runs };
  });
}

const isRival = (name: string): boolean => RIVALS.some((rival) => rival.name === name);

/** The gateway against the best rival of each figure, scenario by scenario; those without both are left out. */
export function compare(rows: readonly Row[]): Comparison[] {
  return rows.flatMap((row) => {
    if (row.contestant !== SLUICE.name) return [];
    const rivals = rows.filter(({ scenario, contestant }) => scenario === row.scenario && isRival(contestant));
    if (rivals.length === 0) return [];
    const best = (figure: Figure): Row => rivals.reduce((a, b) => (b.mean[figure] < a.mean[figure] ? b : a));
    const bestP99 = best("p99Ms");
    const bestFailed = best("failedShare");
    const p99Ratio = row.mean.p99Ms / bestP99.mean.p99Ms;
    const failed = row.mean.failedShare;
    const leastFailed = bestFailed.mean.failedShare;
    return {
      scenario: row.scenario,
      row,
      bestP99,
      bestFailed,
      p99Ratio,
      p99: p99Ratio > 1 + TOLERANCE ? "worse" : isLowerWithEverySeed(row, bestP99) ? "better" : "even",
      failed:
        failed > leastFailed * (1 + TOLERANCE) + SAME_SHARE
          ? "worse"
          : failed < leastFailed - SAME_SHARE
            ? "better"
            : "even",
    };
  });
}

/** Seeds draw the same requests for everybody, so a difference that has one sign with all of them is no accident of the draw. */
function isLowerWithEverySeed(row: Row, than: Row): boolean {
  return row.runs.every(({ seed, result }) => {
    const other = than.runs.find((run) => run.seed === seed);
    return other !== undefined && result.p99Ms < other.result.p99Ms;
  });
}

export function bars(rows: readonly Row[]): Bar[] {
  const comparisons = compare(rows);
  const named = (list: readonly Comparison[]): string => list.map(({ scenario }) => scenario).join(", ") || "none";
  const slower = comparisons.filter(({ p99 }) => p99 === "worse");
  const failing = comparisons.filter(({ failed }) => failed === "worse");
  const better = comparisons.filter(({ p99, failed }) => p99 === "better" || failed === "better");
  const all: Bar[] = [
    {
      says: `p99 within ${TOLERANCE * 100} % of the best rival in every scenario`,
      measured: `worse in ${slower.length} of ${comparisons.length}: ${named(slower)}`,
      met: slower.length === 0,
    },
    {
      says: `failed share within ${TOLERANCE * 100} % of the best rival in every scenario`,
      measured: `worse in ${failing.length} of ${comparisons.length}: ${named(failing)}`,
      met: failing.length === 0,
    },
    {
      says: "better than the best rival, in p99 (with every seed) or in failed share, in most scenarios",
      measured: `${better.length} of ${comparisons.length}`,
      met: better.length > comparisons.length / 2,
    },
  ];
  const outage = rows.find(({ scenario, contestant }) => scenario === SINGLE_OUTAGE && contestant === SLUICE.name);
  if (outage !== undefined) {
    const spoilt = outage.runs.map(({ result }) => result.spoilt);
    const recovery = outage.runs.map(({ result }) => result.recoverSeconds);
    all.push(
      {
        says: `a 60 s outage of a single upstream lets at most ${MOST_SPOILT} bad requests reach it`,
        measured: spoilt.join(", "),
        met: spoilt.every((count) => count <= MOST_SPOILT),
      },
      {
        says: `95 % of requests succeed again within ${MOST_RECOVERY_SECONDS} s of its end`,
        measured: `after ${recovery.map((seconds) => seconds.toFixed(1)).join(", ")} s`,
        met: recovery.every((seconds) => seconds <= MOST_RECOVERY_SECONDS),
      },
    );
  }
  all.push(...withoutObjects(rows));
  return all;
}

/** Dead objects against none at all. */
function withoutObjects(rows: readonly Row[]): Bar[] {
  const pairs = rows.flatMap((dead) => {
    if (dead.contestant !== SLUICE_DEAD.name) return [];
    const local = rows.find(
      ({ scenario, contestant }) => scenario === dead.scenario && contestant === SLUICE_LOCAL.name,
    );
    return local === undefined ? [] : [{ dead, local }];
  });
  if (pairs.length === 0) return [];
  const failing = pairs.filter(
    ({ dead, local }) => dead.mean.failedShare > local.mean.failedShare * (1 + TOLERANCE) + SAME_SHARE,
  );
  const slower = pairs.filter(({ dead, local }) => dead.mean.p99Ms > local.mean.p99Ms * (1 + TOLERANCE));
  const names = (list: typeof pairs): string => list.map(({ dead }) => dead.scenario).join(", ") || "none";
  return [
    {
      says: "with the objects dead no more requests fail, or are refused, than without objects",
      measured: `more in ${failing.length} of ${pairs.length}: ${names(failing)}`,
      met: failing.length === 0,
    },
    {
      says: `with the objects dead p99 is within ${TOLERANCE * 100} % of that without objects`,
      measured: `slower in ${slower.length} of ${pairs.length}: ${names(slower)}`,
      met: slower.length === 0,
    },
  ];
}
