// What this isolate counts. The hot path adds to plain number fields; nothing is formatted before somebody asks.
// Law: every label comes from the policy or from a fixed list, and every map is bounded, so that no client can make
// the series grow; what is over the bound is counted under `other`.

import type { Slice, SliceRow } from "../core/protocol/rollups.ts";
import type { Arm } from "../core/protocol/suggestions.ts";
import { clearSketch, flatten, record, sketch, type Sketch } from "../core/stats/sketch.ts";
import type { TierName } from "../core/cache/influence.ts";
import { AiCounts } from "./ai-counts.ts";

const MOST_ROUTES = 300;
const MOST_INSTANCES = 2_000;
const MOST_CODES = 64;
const MOST_EXPERIMENTS = 48;
const MOST_TRIALS = 128;
const OTHER = "other";

/** Upper bounds of the response time histogram, ms; one more bucket holds the rest. */
export const DURATION_BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000] as const;

interface Durations {
  /** One count a bound, not cumulative, and one for what is longer than all of them. */
  readonly counts: number[];
  sumMs: number;
}

export interface RouteSeries {
  readonly route: string;
  readonly service: string;
  /** By status class, index 1 to 5; 0 for anything else. */
  readonly classes: number[];
  readonly durations: Durations;
  /** Since the last report. */
  readonly untold: Untold;
}

/** Of one series, on its way to the region. */
interface Untold {
  readonly classes: number[];
  limited: number;
  /** Requests that asked the cache, and that it answered. */
  lookups: number;
  hits: number;
  faulted: number;
  /** Attempts after the first. */
  retries: number;
  readonly times: Sketch;
}

/** What the cache had for a request. */
export type CacheWord = "unasked" | "hit" | "miss";

type Group = NonNullable<SliceRow["group"]>;

const untold = (): Untold => ({
  ...{ classes: [0, 0, 0, 0, 0, 0], limited: 0, lookups: 0, hits: 0, faulted: 0, retries: 0 },
  times: sketch(),
});

/** What there is to tell, which is then told; undefined for nothing. */
function tell(own: Untold): Slice | undefined {
  const requests = own.times.count;
  if (requests === 0) return undefined;
  const { limited, lookups, hits, faulted, retries, times } = own;
  const [, , , , rejected = 0, failed = 0] = own.classes;
  const slice = { requests, failed, rejected, limited, lookups, hits, faulted, retries, times: flatten(times) };
  own.classes.fill(0);
  own.limited = own.lookups = own.hits = own.faulted = own.retries = 0;
  clearSketch(times);
  return slice;
}

/** How one attempt at an instance ended. `cancelled`: the client left, or another attempt won. */
export type AttemptOutcome = "ok" | "failed" | "limited" | "timeout" | "cancelled";

export interface AttemptSeries extends Record<AttemptOutcome, number> {
  sumMs: number;
}

/** Further tries, by what made them; `unpaid`: wanted, and the retry budget was spent. */
export type FurtherTry = "retry" | "hedge" | "fallback" | "unpaid";

const durations = (): Durations => ({
  counts: new Array<number>(DURATION_BOUNDS_MS.length + 1).fill(0),
  sumMs: 0,
});

export class Metrics {
  /** Requests answered, by the gateway itself too. */
  total = 0;
  /** Of them, those answered with 5xx. */
  failed = 0;
  /** Answers the gateway made because it would not or could not forward. */
  refused = 0;
  /** Gauge: requests under way; the pipeline adds and subtracts one. */
  inFlight = 0;
  readonly ai = new AiCounts();
  /** By `service/instance`. */
  readonly attempts = new Map<string, AttemptSeries>();
  /** By the problem's code. */
  readonly refusals = new Map<string, number>();
  /** Further tries by service. */
  readonly tries = new Map<string, Record<FurtherTry, number>>();
  /** Choices made while fewer than half of a service's instances stood, by service. */
  readonly panics = new Map<string, number>();
  /** Requests that experiments target, by experiment and group. */
  #experiments = new Map<string, Untold & { readonly experiment: string; readonly group: Group }>();
  /** Requests that suggestions are tried on, by trial and group. */
  #trials = new Map<string, Untold & { readonly trial: string; readonly arm: Arm }>();
  /** By the route's id, then the service's name: a canary makes two of one route. */
  #routes = new Map<string, Map<string, RouteSeries>>();
  /** Hits since the last report that a level below memory answered. */
  #lowerHits = new Map<TierName, number>();
  #opened = 0;
  #told = { total: 0, failed: 0, refused: 0 };

  /** One answered request: the compiled route's id and the service's name, both "" when no route took it. */
  observe(
    route: string,
    service: string,
    status: number,
    totalMs: number,
    cache: CacheWord = "unasked",
    retries = 0,
  ): void {
    this.total++;
    if (status >= 500) this.failed++;
    const series = this.#routes.get(route)?.get(service) ?? this.#open(route, service);
    const { classes, durations: times, untold } = series;
    const statusClass = status >= 100 && status < 600 ? (status / 100) | 0 : 0;
    classes[statusClass]!++;
    untold.classes[statusClass]!++;
    if (status === 429) untold.limited++;
    if (retries > 0) untold.retries += retries;
    if (cache !== "unasked") {
      untold.lookups++;
      if (cache === "hit") untold.hits++;
    }
    record(untold.times, totalMs);
    let bucket = 0;
    while (bucket < DURATION_BOUNDS_MS.length && totalMs > DURATION_BOUNDS_MS[bucket]!) bucket++;
    times.counts[bucket]!++;
    times.sumMs += totalMs;
  }

  /** A hit that memory did not have. */
  lowerHit(level: TierName): void {
    this.#lowerHits.set(level, (this.#lowerHits.get(level) ?? 0) + 1);
  }

  /** The same request, as one that an experiment targets. */
  experiment(experiment: string, group: Group, route: string, service: string, status: number, totalMs: number): void {
    if (group === "faulted") {
      const series = this.#routes.get(route)?.get(service);
      if (series !== undefined) series.untold.faulted++;
    }
    const key = `${experiment} ${group}`;
    let own = this.#experiments.get(key);
    if (own === undefined) {
      if (this.#experiments.size >= MOST_EXPERIMENTS) return;
      this.#experiments.set(key, (own = { experiment, group, ...untold() }));
    }
    own.classes[status >= 100 && status < 600 ? (status / 100) | 0 : 0]!++;
    record(own.times, totalMs);
  }

  /** The same request, as one that a suggestion is tried on. */
  trial(trial: string, arm: Arm, status: number, totalMs: number, cache: CacheWord, retries: number): void {
    const key = `${trial} ${arm}`;
    let own = this.#trials.get(key);
    if (own === undefined) {
      if (this.#trials.size >= MOST_TRIALS) return;
      this.#trials.set(key, (own = { trial, arm, ...untold() }));
    }
    own.classes[status >= 100 && status < 600 ? (status / 100) | 0 : 0]!++;
    if (retries > 0) own.retries += retries;
    if (cache !== "unasked") own.lookups++;
    if (cache === "hit") own.hits++;
    record(own.times, totalMs);
  }

  /** What happened since the last call, for the report; the series without news are left out. */
  slices(): SliceRow[] {
    const rows: SliceRow[] = [];
    let memoryHits = 0;
    for (const { route, service, untold } of this.series()) {
      const slice = tell(untold);
      if (slice === undefined) continue;
      memoryHits += slice.hits ?? 0;
      rows.push({ route, service, ...slice });
    }
    for (const [level, hits] of this.#lowerHits) {
      memoryHits -= hits;
      rows.push({ level, hits });
    }
    this.#lowerHits.clear();
    if (memoryHits > 0) rows.push({ level: "memory", hits: memoryHits });
    for (const [key, own] of this.#experiments) {
      const { experiment, group } = own;
      const slice = tell(own);
      if (slice === undefined) this.#experiments.delete(key);
      else rows.push({ experiment, group, ...slice });
    }
    for (const [key, own] of this.#trials) {
      const { trial, arm } = own;
      const slice = tell(own);
      if (slice === undefined) this.#trials.delete(key);
      else rows.push({ trial, arm, ...slice });
    }
    rows.push(...this.ai.slices());
    return rows;
  }

  /** Every series that has counted something. */
  *series(): Generator<RouteSeries> {
    for (const byService of this.#routes.values()) yield* byService.values();
  }

  #open(route: string, service: string): RouteSeries {
    if (this.#opened >= MOST_ROUTES && (route !== OTHER || service !== OTHER)) {
      return this.#routes.get(OTHER)?.get(OTHER) ?? this.#open(OTHER, OTHER);
    }
    const series = { route, service, classes: [0, 0, 0, 0, 0, 0], durations: durations(), untold: untold() };
    const byService = this.#routes.get(route) ?? new Map<string, RouteSeries>();
    this.#routes.set(route, byService.set(service, series));
    this.#opened++;
    return series;
  }

  /** One finished attempt at an instance; `key` is `service/instance`. */
  attempt(key: string, outcome: AttemptOutcome, ms: number): void {
    let series = this.attempts.get(key);
    if (series === undefined) {
      const name = this.attempts.size < MOST_INSTANCES ? key : OTHER;
      series = this.attempts.get(name);
      if (series === undefined) {
        this.attempts.set(name, (series = { ok: 0, failed: 0, limited: 0, timeout: 0, cancelled: 0, sumMs: 0 }));
      }
    }
    series[outcome]++;
    series.sumMs += ms;
  }

  /** One answer the gateway made itself; `code` is the problem's own. `observe` counts the request as well. */
  refuse(code: string): void {
    this.refused++;
    const known = this.refusals.get(code);
    const name = known !== undefined || this.refusals.size < MOST_CODES ? code : OTHER;
    this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1);
  }

  /** A try beyond a request's first, or one that could not be paid for. */
  tried(service: string, kind: FurtherTry): void {
    const known = this.tries.get(service);
    const name = known !== undefined || this.tries.size < MOST_ROUTES ? service : OTHER;
    const counts = known ?? this.tries.get(name) ?? { retry: 0, hedge: 0, fallback: 0, unpaid: 0 };
    counts[kind]++;
    this.tries.set(name, counts);
  }

  /** A choice among the few that stand. */
  panic(service: string): void {
    const known = this.panics.get(service);
    const name = known !== undefined || this.panics.size < MOST_ROUTES ? service : OTHER;
    this.panics.set(name, (this.panics.get(name) ?? 0) + 1);
  }

  /** Requests since the last call, for the report. */
  drain(): { total: number; failed: number; refused: number } {
    const { total, failed, refused } = this;
    const told = this.#told;
    this.#told = { total, failed, refused };
    return { total: total - told.total, failed: failed - told.failed, refused: refused - told.refused };
  }
}
