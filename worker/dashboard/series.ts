// Figures over time as the admin API tells them, as rows and as columns for curves.
import type { Measures } from "../core/insight/measures.ts";

export type Measure = keyof Measures;
export type SeriesOf = Readonly<Record<string, Measures>>;

/** What happened in the time that ends at `at`, epoch ms. */
export interface Row {
  readonly at: number;
  readonly series: SeriesOf;
}

export interface History {
  readonly grain: "second" | "minute" | "hour";
  /** What each item covers. */
  readonly seconds: number;
  /** Oldest first, `at` their beginning; what nothing happened in is left out. */
  readonly items: readonly { readonly at: number; readonly series: SeriesOf }[];
}

export const rowsOf = ({ items, seconds }: History): Row[] =>
  items.map(({ at, series }) => ({ at: at + seconds * 1_000, series }));

/** One figure of one series in each row; null where it was not measured. */
export const columnOf = (
  rows: readonly Row[],
  series: string,
  measure: Measure,
  otherwise: number | null = null,
): (number | null)[] => rows.map((row) => row.series[series]?.[measure] ?? otherwise);

/** Names of the series of a kind in any of the rows, without the kind, in their order. */
export function namesOf(rows: readonly Row[], kind: string): string[] {
  const names = new Set<string>();
  for (const { series } of rows) {
    for (const name of Object.keys(series)) if (name.startsWith(`${kind} `)) names.add(name.slice(kind.length + 1));
  }
  return [...names].toSorted();
}
