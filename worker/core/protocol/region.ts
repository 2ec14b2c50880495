// What a region knows of its isolates: who is alive, what they carry, and the counts on their way to the services.
// The state lives in one object's memory and is changed in place; time is an argument. Laws: a report counts once,
// however often it arrives; gauges and votes die with the isolate that gave them; every map is bounded.
import { addDelta, addOutcomes, answers, emptyTally, meanMs, reportInterval, smooth, type Tally } from "./merge.ts";
import type { LeaseRequest, MergedDelta, Outcomes, RegionTotals, ServiceBatch } from "./objects.ts";
import type { Report } from "./reports.ts";

const MOST_ISOLATES = 16_384;
const MOST_INSTANCES = 5_000;
/** An isolate is gone when it missed this many reports. */
const MISSED_REPORTS = 3;
/** Its sequence is remembered for longer: the report it repeats after an outage must still be known as one. */
const REMEMBER_MS = 600_000;
/** Counts that cover more than this, or than two intervals, are history: they enter the sums and no window. */
const RECENT_MS = 10_000;

interface Isolate {
  sequence: number;
  seenAt: number;
  /** Requests per second by service, as of the last report. */
  load: Map<string, number>;
  /** Requests in flight by `service/instance`, where there are any. */
  inFlight: Map<string, number>;
  /** `service/instance` of what its local breaker holds open. */
  open: Set<string>;
}

export interface RegionState {
  /** In order of their last report, oldest first; also those that are gone but remembered. */
  isolates: Map<string, Isolate>;
  /** Waiting for the next batch: by service, then instance. */
  pending: Map<string, Map<string, Tally>>;
  leases: Map<string, LeaseRequest[]>;
  requests: Report["requests"];
  /** By `service/instance`. */
  totals: Map<string, Outcomes>;
  reports: { taken: number; repeated: number };
  /** EWMA a second of traffic; undefined before the first. */
  requestsPerSecond: number | undefined;
  latencyMs: number | undefined;
  health: number | undefined;
  /** Since the last beat. */
  beat: { at: number; requests: number; ok: number; answered: number; timeMs: number };
  nextReportMs: number;
}

export const emptyRegion = (now: number): RegionState => ({
  isolates: new Map(),
  pending: new Map(),
  leases: new Map(),
  requests: { total: 0, failed: 0, refused: 0 },
  totals: new Map(),
  reports: { taken: 0, repeated: 0 },
  requestsPerSecond: undefined,
  latencyMs: undefined,
  health: undefined,
  beat: { at: now, requests: 0, ok: 0, answered: 0, timeMs: 0 },
  nextReportMs: reportInterval(0),
});

const instanceKey = (service: string, instance: string): string => `${service}/${instance}`;

/** Counts a report in, or says that it was counted before. */
export function takeReport(region: RegionState, report: Report, now: number): "taken" | "repeated" {
  const known = region.isolates.get(report.isolate);
  if (known !== undefined && report.sequence <= known.sequence) {
    region.reports.repeated++;
    known.seenAt = now;
    toYoungest(region, report.isolate, known);
    return "repeated";
  }
  region.reports.taken++;
  const isolate = {
    sequence: report.sequence,
    seenAt: now,
    load: new Map(),
    inFlight: new Map(),
    open: known?.open ?? new Set<string>(),
  };
  if (known === undefined && region.isolates.size >= MOST_ISOLATES)
    region.isolates.delete(region.isolates.keys().next().value!);
  toYoungest(region, report.isolate, isolate);
  region.requests.total += report.requests.total;
  region.requests.failed += report.requests.failed;
  region.requests.refused += report.requests.refused;
  if (isRecent(region, report)) region.beat.requests += report.requests.total;
  for (const [service, instances] of Object.entries(report.services))
    takeService(region, isolate, report, service, instances);
  for (const side of ["want", "back"] as const) {
    for (const key of report.leases?.[side] ?? []) takeLease(region, report.isolate, side, key);
  }
  return "taken";
}

/** Deleting first moves an entry to the end of the map's order. */
function toYoungest(region: RegionState, id: string, isolate: Isolate): void {
  region.isolates.delete(id);
  region.isolates.set(id, isolate);
}

const isRecent = (region: RegionState, report: Report): boolean =>
  report.spanMs <= Math.max(RECENT_MS, 2 * region.nextReportMs);

function takeService(
  region: RegionState,
  isolate: Isolate,
  report: Report,
  service: string,
  instances: Report["services"][string],
): void {
  let pending = region.pending.get(service);
  if (pending === undefined) region.pending.set(service, (pending = new Map()));
  const recent = isRecent(region, report);
  let answered = 0;
  for (const [id, delta] of Object.entries(instances)) {
    const key = instanceKey(service, id);
    const tally = pending.get(id) ?? emptyTally();
    pending.set(id, recent ? addDelta(tally, delta) : tally);
    const total = region.totals.get(key);
    if (total !== undefined || region.totals.size < MOST_INSTANCES) {
      region.totals.set(key, addOutcomes(total ?? { ok: 0, failed: 0, limited: 0, slow: 0 }, delta));
    }
    if (delta.inFlight > 0) isolate.inFlight.set(key, delta.inFlight);
    if (delta.vote === "open") isolate.open.add(key);
    if (delta.vote === "closed") isolate.open.delete(key);
    answered += answers(delta);
    if (!recent) continue;
    region.beat.ok += delta.ok;
    region.beat.answered += answers(delta);
    region.beat.timeMs += delta.ewmaMs * answers(delta);
  }
  isolate.load.set(service, (answered * 1_000) / Math.max(report.spanMs, 1_000));
}

/** Leases travel as `service/instance`; service names hold no slash. */
function takeLease(region: RegionState, isolate: string, side: "want" | "back", key: string): void {
  const slash = key.indexOf("/");
  if (slash < 1) return;
  const service = key.slice(0, slash);
  const requests = region.leases.get(service) ?? [];
  region.leases.set(service, requests);
  let request = requests.find((one) => one.isolate === isolate);
  if (request === undefined) requests.push((request = { isolate, want: [], back: [] }));
  request[side].push(key.slice(slash + 1));
}

/**
 * Once a second of traffic: forgets isolates that fell silent, moves the averages, and sets the interval that keeps
 * all reports together within the region's rate. A second that counted no answer moves neither latency nor health.
 */
export function beat(region: RegionState, now: number): void {
  for (const [id, isolate] of region.isolates) {
    if (isLive(region, isolate, now)) break;
    isolate.load.clear();
    isolate.inFlight.clear();
    isolate.open.clear();
    if (now - isolate.seenAt > REMEMBER_MS) region.isolates.delete(id);
  }
  region.nextReportMs = reportInterval(liveIsolates(region, now));
  const { at, requests, ok, answered, timeMs } = region.beat;
  const elapsedMs = Math.max(now - at, 1);
  region.requestsPerSecond = smooth(region.requestsPerSecond, (requests * 1_000) / Math.max(elapsedMs, 1_000));
  if (answered > 0) {
    region.health = smooth(region.health, ok / answered);
    region.latencyMs = smooth(region.latencyMs, timeMs / answered);
  }
  region.beat = { at: now, requests: 0, ok: 0, answered: 0, timeMs: 0 };
}

const isLive = (region: RegionState, isolate: Isolate, now: number): boolean =>
  now - isolate.seenAt <= region.nextReportMs * MISSED_REPORTS + 2_000;

/** How many isolates report. */
export function liveIsolates(region: RegionState, now: number): number {
  let live = 0;
  for (const isolate of region.isolates.values()) if (isLive(region, isolate, now)) live++;
  return live;
}

/** Takes out what waits for the services, one batch each. */
export function drainBatches(region: RegionState, name: string, now: number): ServiceBatch[] {
  const isolates = liveIsolates(region, now);
  const { inFlight, load, openLoad } = gauges(region);
  const services = new Set([...region.pending.keys(), ...region.leases.keys()]);
  const batches = [...services].map((service) => {
    const instances = [...(region.pending.get(service) ?? [])].map(([id, tally]): [string, MergedDelta] => {
      const key = instanceKey(service, id);
      const openShare = (openLoad.get(key) ?? 0) / (load.get(service) || 1);
      const { ok, failed, limited, slow, times } = tally;
      return [
        id,
        { ok, failed, limited, slow, times, ewmaMs: meanMs(tally), inFlight: inFlight.get(key) ?? 0, openShare },
      ];
    });
    return {
      service,
      region: name,
      isolates,
      instances: Object.fromEntries(instances),
      leases: region.leases.get(service) ?? [],
    };
  });
  region.pending = new Map();
  region.leases = new Map();
  return batches;
}

/** Over all live isolates: in flight by instance, load by service, and load of those that hold an instance open. */
function gauges(region: RegionState): Record<"inFlight" | "load" | "openLoad", Map<string, number>> {
  const sums = {
    inFlight: new Map<string, number>(),
    load: new Map<string, number>(),
    openLoad: new Map<string, number>(),
  };
  const add = (sum: Map<string, number>, key: string, value: number) => sum.set(key, (sum.get(key) ?? 0) + value);
  for (const isolate of region.isolates.values()) {
    for (const [key, count] of isolate.inFlight) add(sums.inFlight, key, count);
    for (const [service, offered] of isolate.load) add(sums.load, service, offered);
    for (const key of isolate.open) add(sums.openLoad, key, isolate.load.get(key.slice(0, key.indexOf("/"))) ?? 0);
  }
  return sums;
}

export function inFlightOf(region: RegionState): number {
  let sum = 0;
  for (const isolate of region.isolates.values()) for (const one of isolate.inFlight.values()) sum += one;
  return sum;
}

/** Sums by service, then instance. */
export function totalsByService(region: RegionState): RegionTotals["services"] {
  const services = new Map<string, [string, Outcomes][]>();
  for (const [key, outcomes] of region.totals) {
    const slash = key.indexOf("/");
    const service = key.slice(0, slash);
    const instances = services.get(service) ?? [];
    instances.push([key.slice(slash + 1), outcomes]);
    services.set(service, instances);
  }
  return Object.fromEntries([...services].map(([service, instances]) => [service, Object.fromEntries(instances)]));
}

/** What outlives the object's memory, as one plain value: sums, and the sequences that keep repeats out. */
export interface RegionCheckpoint {
  requests: Report["requests"];
  totals: [string, Outcomes][];
  sequences: [isolate: string, sequence: number, seenAt: number][];
}

export const checkpointOf = (region: RegionState): RegionCheckpoint => ({
  requests: region.requests,
  totals: [...region.totals],
  sequences: [...region.isolates].map(([id, { sequence, seenAt }]) => [id, sequence, seenAt]),
});

export function restoreRegion(checkpoint: RegionCheckpoint, now: number): RegionState {
  const isolates = checkpoint.sequences.map(([id, sequence, seenAt]): [string, Isolate] => [
    id,
    // A stored time may lie ahead of this machine's clock; it must not keep an isolate alive for longer.
    { sequence, seenAt: Math.min(seenAt, now), load: new Map(), inFlight: new Map(), open: new Set() },
  ]);
  return {
    ...emptyRegion(now),
    requests: { ...checkpoint.requests },
    totals: new Map(checkpoint.totals),
    isolates: new Map(isolates),
  };
}
