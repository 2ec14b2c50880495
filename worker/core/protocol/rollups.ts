// What happened in a stretch of time, as counts that merge by adding: one slice a series (the fleet, a route, a service, an
// instance, a region, a provider, a model). Isolates tell slices with their reports, regions merge those of a second and pass
// them on numbered, `InsightObject` keeps them. Merging is exact and its order never matters.
import { mergeTimes } from "../stats/sketch.ts";
import type { Arm, EvidenceNews } from "./suggestions.ts";

/** Every counter of a slice; one that is absent is 0. */
export const COUNTERS = [
  "requests",
  /** Answered with 5xx, by whomever. */
  "failed",
  /** Answered with 4xx. */
  "rejected",
  /** Of those, 429. */
  "limited",
  /** Answers from the cache, and requests that asked it. */
  "hits",
  "lookups",
  /** Faults of a chaos experiment befell them. */
  "faulted",
  "retries",
  "inputTokens",
  "outputTokens",
  /** Of answers that streamed: their tokens after the first, and how long those took, ms. */
  "streamedTokens",
  "streamedMs",
  /** Millionths of a dollar. */
  "microdollars",
] as const;

export type Counter = (typeof COUNTERS)[number];

export interface Slice extends Partial<Record<Counter, number>> {
  /** Response times as a flat sketch (core/stats/sketch). */
  times?: number[];
  /** Times to the first token of answers that streamed, likewise. */
  firstTimes?: number[];
}

/** What an isolate tells in its report: a slice, and what it is of. */
export interface SliceRow extends Slice {
  /** Id of the route and name of the service; "" when none took the request. */
  route?: string;
  service?: string;
  /** Of an AI call. */
  provider?: string;
  model?: string;
  /** Of answers from the cache: the level they came from. */
  level?: string;
  /** Of requests that an experiment targets, and what it did with them. */
  experiment?: string;
  group?: "faulted" | "control" | "neither";
  /** Of requests that a suggestion is tried on, and which way they went. */
  trial?: string;
  arm?: Arm;
}

/** Whose slice: `kind` and name. The fleet's has the name "". */
export type SeriesKind =
  | "fleet"
  | "route"
  | "service"
  | "instance"
  | "region"
  | "provider"
  | "model"
  | "level"
  | "experiment"
  | "faulted"
  | "control"
  | Arm;

/** `service orders`; instances as `instance orders/o1`, models as `model provider/name`. */
export type SeriesName = "fleet" | `${Exclude<SeriesKind, "fleet">} ${string}`;

export type Slices = Record<string, Slice>;

/** What a region saw since its last batch, told to `InsightObject` once. */
export interface RollupBatch {
  region: string;
  /** Rises from batch to batch; one that was taken before changes nothing. */
  number: number;
  slices: Slices;
  /** For suggestions; absent for none. */
  evidence?: EvidenceNews;
}

export const seriesName = (kind: Exclude<SeriesKind, "fleet">, name: string): SeriesName => `${kind} ${name}`;

/** Adds `from` to `into`, in place. */
export function addSlice(into: Slice, from: Slice): Slice {
  for (const counter of COUNTERS) {
    const count = from[counter];
    // Slices come from elsewhere: what is not a positive number is left out.
    if (count !== undefined && count > 0) into[counter] = (into[counter] ?? 0) + count;
  }
  for (const times of ["times", "firstTimes"] as const) {
    const more = from[times];
    if (more !== undefined && more.length > 0) into[times] = mergeTimes(into[times] ?? [], more);
  }
  return into;
}

/** Adds all slices; a series beyond `most` is left out, and how many were is said. */
export function addSlices(into: Slices, from: Slices, most: number): number {
  let known = Object.keys(into).length;
  let left = 0;
  for (const [series, slice] of Object.entries(from)) {
    const own = Object.hasOwn(into, series) ? into[series] : undefined;
    if (own !== undefined) addSlice(own, slice);
    else if (known < most) {
      into[series] = addSlice({}, slice);
      known++;
    } else left++;
  }
  return left;
}
