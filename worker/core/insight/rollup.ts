// Slices over time at three grains: seconds become minutes, minutes become hours, each kept for a while. Pure parts: which
// row a moment falls into, what is due to be merged, and what is usual of a figure, from the minutes before.
import { addSlices, type SeriesName, type Slices } from "../protocol/rollups.ts";
import type { Usual } from "./condition.ts";
import { measuresOf, type Measure } from "./measures.ts";

export interface Grain {
  readonly name: "second" | "minute" | "hour";
  readonly ms: number;
  readonly keptMs: number;
}

export const SECOND: Grain = { name: "second", ms: 1_000, keptMs: 600_000 };
export const MINUTE: Grain = { name: "minute", ms: 60_000, keptMs: 48 * 3_600_000 };
export const HOUR: Grain = { name: "hour", ms: 3_600_000, keptMs: 90 * 86_400_000 };
export const GRAINS: readonly Grain[] = [SECOND, MINUTE, HOUR];

/** Series a row holds at the most; what comes after is left out and counted. */
export const MOST_SERIES = 500;
/** Fewer minutes than this say nothing of what is usual. */
const LEAST_MINUTES = 10;

export const rowOf = (at: number, { ms }: Grain): number => Math.floor(at / ms) * ms;

export interface Row {
  readonly at: number;
  readonly slices: Slices;
}

/** All rows in one. */
export function merge(rows: Iterable<Row>): Slices {
  const sum: Slices = {};
  for (const { slices } of rows) addSlices(sum, slices, MOST_SERIES);
  return sum;
}

/** Rows merged into steps of `ms`, the first of which begins at `from`. */
export function inSteps(rows: readonly Row[], from: number, ms: number): Row[] {
  const steps = new Map<number, Row[]>();
  for (const row of rows) {
    const at = from + Math.floor((row.at - from) / ms) * ms;
    const step = steps.get(at);
    if (step === undefined) steps.set(at, [row]);
    else step.push(row);
  }
  return [...steps].map(([at, step]) => ({ at, slices: merge(step) }));
}

/** Of each row the series that are asked for: by name, which may then be empty, or by kind, as in `service *`. Absent: all. */
export function pickSeries(rows: readonly Row[], names: readonly string[] | undefined): Row[] {
  if (names === undefined) return [...rows];
  const kinds = new Set(names.filter((name) => name.endsWith(" *")).map((name) => name.slice(0, -1)));
  const single = names.filter((name) => !name.endsWith(" *"));
  return rows.map(({ at, slices }) => {
    const picked: Slices = {};
    for (const name of single) picked[name] = (Object.hasOwn(slices, name) ? slices[name] : undefined) ?? {};
    if (kinds.size > 0) {
      for (const [name, slice] of Object.entries(slices))
        if (kinds.has(name.slice(0, name.indexOf(" ") + 1))) picked[name] = slice;
    }
    return { at, slices: picked };
  });
}

/** Mean and standard deviation of a figure over minutes; undefined while there are too few that measured it. */
export function usualOf(minutes: readonly Row[], series: SeriesName, measure: Measure): Usual | undefined {
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const { slices } of minutes) {
    const slice = Object.hasOwn(slices, series) ? slices[series] : undefined;
    const value = slice === undefined ? undefined : measuresOf(slice, 60)[measure];
    if (value === undefined) continue;
    // Welford (1962): no difference of large sums.
    count++;
    const before = value - mean;
    mean += before / count;
    squares += before * (value - mean);
  }
  return count < LEAST_MINUTES ? undefined : { mean, deviation: Math.sqrt(squares / count) };
}
