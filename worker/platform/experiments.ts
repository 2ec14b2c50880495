// What `InsightObject` knows of chaos experiments: their figures over time, how they stand against their criteria, and whether one must
// be stopped. Orders come with the ledger; points and sums are stored at every look, so that a report outlives a crash and the
// seconds it was made of. An experiment is looked at while it runs and, for its recovery, a while after.
import { endOf, stateOf, type ChaosOrder } from "../core/chaos/order.ts";
import { criteria, inWords, mustStop, recommendations, type GroupFigures, type Sight } from "../core/chaos/verdict.ts";
import { measuresOf } from "../core/insight/measures.ts";
import { merge, rowOf, SECOND } from "../core/insight/rollup.ts";
import type { ExperimentPoint, ExperimentReading } from "../core/protocol/insight.ts";
import type { LedgerEntry } from "../core/protocol/ledgers.ts";
import { addSlice, seriesName, type SeriesName, type Slice, type Slices } from "../core/protocol/rollups.ts";
import type { Rollups } from "./rollups.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS experiments (id TEXT PRIMARY KEY, seen TEXT NOT NULL, at INTEGER NOT NULL);`;

const KEPT = 200;
const BEFORE_MS = 30_000;
/** How much longer than its limit a recovery is watched. */
const GRACE_MS = 30_000;
/** Errors are back to normal within this much of what they were before. */
const AS_BEFORE = 0.01;
/** The last moments, on which an experiment is stopped. */
const LATELY_MS = 10_000;
const MOST_POINTS = 1_000;

/** What was seen of one experiment; stored as JSON. */
interface Seen {
  /** Up to where its seconds are counted, epoch ms. */
  countedTo: number;
  /** Sums over the experiment, without what came before and after. */
  sums: { whole: Slice; faulted: Slice; control: Slice; fleet: Slice };
  before: { requests: number; errorRate: number };
  points: ExperimentPoint[];
  recoveredAt: number;
}

/** One that must end now, and why. */
export interface Stop {
  readonly order: ChaosOrder;
  readonly reason: string;
}

export class Experiments {
  #sql: SqlStorage;
  #rollups: Rollups;
  #orders = new Map<string, ChaosOrder>();
  #seen = new Map<string, Seen>();

  constructor(sql: SqlStorage, rollups: Rollups) {
    this.#sql = sql;
    this.#rollups = rollups;
    sql.exec(SCHEMA);
    for (const { id, seen } of sql.exec<{ id: string; seen: string }>("SELECT id, seen FROM experiments"))
      this.#seen.set(id, JSON.parse(seen) as Seen);
  }

  /** Takes over what the ledger says. */
  configure(entries: readonly LedgerEntry[]): void {
    for (const { key, text } of entries) this.#orders.set(key, JSON.parse(text) as ChaosOrder);
  }

  /** One is still looked at. */
  watches(now: number): boolean {
    for (const order of this.#orders.values()) if (now < watchedTo(order)) return true;
    return false;
  }

  /** Looks at all that run or recover; those that must end. */
  tick(now: number): Stop[] {
    const stops: Stop[] = [];
    for (const order of this.#orders.values()) {
      const seen = this.#seen.get(order.id) ?? this.#begin(order);
      if (seen.countedTo >= watchedTo(order)) continue;
      this.#count(order, seen, now);
      this.#store(order.id, seen, now);
      if (stateOf(order, now) !== "running") continue;
      const reason = mustStop(order.spec, this.#lately(order, now));
      if (reason !== undefined) stops.push({ order, reason });
    }
    return stops;
  }

  #begin(order: ChaosOrder): Seen {
    const slices = merge(this.#rollups.read(SECOND, order.startedAt - BEFORE_MS, order.startedAt));
    const { requests = 0, failed = 0 } = slices[targetOf(order)] ?? {};
    const seen: Seen = {
      countedTo: rowOf(order.startedAt, SECOND),
      sums: { whole: {}, faulted: {}, control: {}, fleet: {} },
      before: { requests, errorRate: requests === 0 ? 0 : failed / requests },
      points: [],
      recoveredAt: 0,
    };
    this.#seen.set(order.id, seen);
    return seen;
  }

  /** Adds the seconds that are over since the last look. */
  #count(order: ChaosOrder, seen: Seen, now: number): void {
    const to = rowOf(now, SECOND);
    if (to <= seen.countedTo) return;
    const rows = this.#rollups.read(SECOND, seen.countedTo, to);
    const slices = merge(rows);
    const seconds = (to - seen.countedTo) / 1_000;
    const groups = groupsOf(order, slices);
    if (seen.countedTo < endOf(order))
      for (const group of ["whole", "faulted", "control", "fleet"] as const) addSlice(seen.sums[group], groups[group]);
    const target = figuresOf(slices[targetOf(order)] ?? {}, seconds);
    const point: ExperimentPoint = {
      at: to,
      whole: figuresOf(groups.whole, seconds),
      faulted: figuresOf(groups.faulted, seconds),
      control: figuresOf(groups.control, seconds),
      target,
    };
    seen.points.push(point);
    if (seen.points.length > MOST_POINTS) seen.points.shift();
    const isBack = target.requests > 0 && target.errorRate <= seen.before.errorRate + AS_BEFORE;
    if (seen.countedTo >= endOf(order) && isBack && seen.recoveredAt === 0) seen.recoveredAt = to;
    seen.countedTo = to;
  }

  #lately(order: ChaosOrder, now: number): Sight {
    const seconds = LATELY_MS / 1_000;
    const groups = groupsOf(order, this.#rollups.window(now, LATELY_MS));
    return sightOf(groups, seconds, undefined);
  }

  reading(id: string, now: number): ExperimentReading | undefined {
    const order = this.#orders.get(id);
    if (order === undefined) return undefined;
    const seen = this.#seen.get(id) ?? this.#begin(order);
    const seconds = Math.max(1, (Math.min(now, endOf(order)) - order.startedAt) / 1_000);
    const sight = sightOf(seen.sums, seconds, recoverySeconds(order, seen, now));
    const checks = criteria(order.spec, sight);
    const state = stateOf(order, now);
    return {
      ...{ id, name: order.name, hypothesis: order.spec.hypothesis ?? "", state },
      ...{ startedAt: order.startedAt, endsAt: order.endsAt, endedAt: state === "running" ? 0 : endOf(order) },
      ...{
        startedBy: order.startedBy,
        stopped: order.stopped ?? null,
        spec: JSON.stringify(order.spec),
        before: seen.before,
      },
      ...{ whole: sight.whole, faulted: sight.faulted, control: sight.control, blastShare: sight.blastShare },
      recoverySeconds: sight.recoverySeconds ?? null,
      criteria: checks.map((each) => ({ ...each, value: each.value ?? null, words: inWords(each) })),
      passed: order.stopped === undefined && checks.every(({ met }) => met),
      recommendations: recommendations(order.spec, sight),
      timeline: seen.points,
    };
  }

  /** Newest first. */
  list(now: number): ExperimentReading[] {
    return [...this.#orders.keys()]
      .flatMap((id) => this.reading(id, now) ?? [])
      .toSorted((a, b) => b.startedAt - a.startedAt);
  }

  #store(id: string, seen: Seen, now: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO experiments (id, seen, at) VALUES (?, ?, ?)", id, JSON.stringify(seen), now);
    this.#sql.exec(
      "DELETE FROM experiments WHERE id NOT IN (SELECT id FROM experiments ORDER BY at DESC LIMIT ?)",
      KEPT,
    );
  }
}

const watchedTo = (order: ChaosOrder): number =>
  endOf(order) + order.spec.success.maxRecoverySeconds * 1_000 + GRACE_MS;

/** Whose errors are compared before and after: the first service that is named, or the fleet. */
function targetOf({ spec }: ChaosOrder): SeriesName {
  const named = spec.faults.find(({ target }) => target.service !== undefined)?.target.service;
  return named === undefined ? "fleet" : seriesName("service", named);
}

function groupsOf({ id }: ChaosOrder, slices: Slices): Seen["sums"] {
  const of = (series: SeriesName): Slice => slices[series] ?? {};
  return {
    whole: of(seriesName("experiment", id)),
    faulted: of(seriesName("faulted", id)),
    control: of(seriesName("control", id)),
    fleet: of("fleet"),
  };
}

function figuresOf(slice: Slice, seconds: number): GroupFigures {
  const { error_rate, latency_p50_ms, latency_p95_ms } = measuresOf(slice, seconds);
  const requests = slice.requests ?? 0;
  return {
    ...{ requests, errorRate: error_rate ?? 0, perSecond: requests / seconds },
    ...{ p50Ms: latency_p50_ms ?? 0, p95Ms: latency_p95_ms ?? 0 },
  };
}

function sightOf(
  { whole, faulted, control, fleet }: Seen["sums"],
  seconds: number,
  recovery: number | undefined,
): Sight {
  return {
    whole: figuresOf(whole, seconds),
    faulted: figuresOf(faulted, seconds),
    control: figuresOf(control, seconds),
    blastShare: (faulted.requests ?? 0) / Math.max(1, fleet.requests ?? 0),
    recoverySeconds: recovery,
  };
}

function recoverySeconds(order: ChaosOrder, { recoveredAt }: Seen, now: number): number | undefined {
  if (recoveredAt > 0) return Math.max(0, (recoveredAt - endOf(order)) / 1_000);
  return now >= watchedTo(order) ? Infinity : undefined;
}
