// Figures over time as the admin API tells them, as columns for curves.
import type { Measures } from "../core/insight/measures.ts";

export type Measure = keyof Measures;

export interface History {
  readonly grain: "second" | "minute" | "hour";
  /** What each item covers. */
  readonly seconds: number;
  /** Oldest first; what nothing happened in is left out. */
  readonly items: readonly { readonly at: number; readonly series: Readonly<Record<string, Measures>> }[];
}

/** One figure of one series at each of these times; null where it was not measured. */
export const columnOf = (
  items: History["items"],
  series: string,
  measure: Measure,
  otherwise: number | null = null,
): (number | null)[] => items.map((item) => item.series[series]?.[measure] ?? otherwise);
