// What a region knows of its isolates: who is alive, what they carry, and the counts on their way to the services.
// The state lives in one object's memory and is changed in place; time is an argument. Laws: a report counts once,
// however often it arrives; gauges and votes die with the isolate that gave them; every map is bounded.
import { addDelta, addOutcomes, answers, emptyTally, meanMs, reportInterval, smooth, type Tally } from "./merge.ts";
import type { LeaseRequest, MergedDelta, RegionTotals, ServiceBatch } from "./objects.ts";
import { RECENT_MS } from "./pace.ts";
import type { LeaseNews, Outcomes, Report } from "./reports.ts";

const MOST_ISOLATES = 16_384;
const MOST_INSTANCES = 5_000;
/** An isolate is gone when it missed this many reports. */
const MISSED_REPORTS = 3;
/** Its sequence is remembered for longer: the report it repeats after an outage must still be known as one. */
const REMEMBER_MS = 600_000;

interface Isolate {
  sequence: number;
  seenAt: number;
  services: Map<string, Offered>;
}

/** What one isolate offers one service. */
interface Offered {
  /** Requests per second, as of the last reports. */
  load: number;
  /** Requests in flight by instance, where there are any. */
  inFlight: Map<string, number>;
  /** Instances that its local breaker holds open. */
  open: Set<string>;
}

export interface RegionState {
  /** When this memory began: reports of before may have been taken by one that was lost. */
  readonly since: number;
  /** In order of their last report, oldest first; also those that are gone but remembered. */
  isolates: Map<string, Isolate>;
  /** Waiting for the next batch: by service, then instance. */
  pending: Map<string, Map<string, Tally>>;
  leases: Map<string, LeaseRequest[]>;
  /** By service, requests that found nobody to be sent to. */
  refused: Map<string, number>;
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
  since: now,
  isolates: new Map(),
  pending: new Map(),
  leases: new Map(),
  refused: new Map(),
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

/**
 * Counts a report in, or says that it was counted before. `again`: it is counted in here, and may have been taken, and told to others, by a
 * memory that was lost; nobody else is to hear of it twice.
 */
export function takeReport(region: RegionState, report: Report, now: number): "taken" | "again" | "repeated" {
  const known = region.isolates.get(report.isolate);
  if (known !== undefined && report.sequence <= known.sequence) {
    region.reports.repeated++;
    known.seenAt = now;
    toYoungest(region, report.isolate, known);
    return "repeated";
  }
  region.reports.taken++;
  const isolate: Isolate = { sequence: report.sequence, seenAt: now, services: new Map() };
  if (known === undefined && region.isolates.size >= MOST_ISOLATES)
    region.isolates.delete(region.isolates.keys().next().value!);
  toYoungest(region, report.isolate, isolate);
  region.requests.total += report.requests.total;
  region.requests.failed += report.requests.failed;
  region.requests.refused += report.requests.refused;
  if (isRecent(region, report)) region.beat.requests += report.requests.total;
  keepOffers(isolate, known, report);
  for (const service of Object.keys(report.services))
    takeService(region, isolate, known?.services.get(service), report, service);
  if (report.refused !== undefined && isRecent(region, report)) takeRefused(region.refused, report.refused);
  if (report.leases !== undefined) takeLeases(region, report.isolate, report.leases);
  return report.againAfterMs !== undefined && now - report.againAfterMs <= region.since ? "again" : "taken";
}

/** What stays of an isolate's earlier offers until its report says more of them. */
function keepOffers(isolate: Isolate, known: Isolate | undefined, report: Report): void {
  for (const [service, before] of known?.services ?? []) {
    const load = loadOf(before, 0, report.spanMs);
    if (load > 0 || before.open.size > 0) {
      isolate.services.set(service, { load, inFlight: new Map(), open: before.open });
    }
  }
}

/**
 * Requests a second: a report that covers less than one tells only of its part of it. What is refused because a breaker
 * is open is offered all the same, though nobody counts it, so while one is the load does not fall.
 */
function loadOf({ load, open }: Offered, answered: number, spanMs: number): number {
  const seen = (answered * 1_000) / Math.max(spanMs, 1_000);
  const next = seen + load * Math.max(0, 1 - spanMs / 1_000);
  return open.size > 0 ? Math.max(load, next) : next;
}

/** Deleting first moves an entry to the end of the map's order. */
function toYoungest(region: RegionState, id: string, isolate: Isolate): void {
  region.isolates.delete(id);
  region.isolates.set(id, isolate);
}

/** Counts that cover more than this, or than two intervals, are history: they enter the sums and no window. */
const isRecent = (region: RegionState, report: Report): boolean =>
  report.spanMs <= Math.max(RECENT_MS, 2 * region.nextReportMs);

function takeService(
  region: RegionState,
  isolate: Isolate,
  before: Offered | undefined,
  report: Report,
  service: string,
): void {
  const instances = report.services[service]!;
  let pending = region.pending.get(service);
  if (pending === undefined) region.pending.set(service, (pending = new Map()));
  const recent = isRecent(region, report);
  const offered: Offered = { load: before?.load ?? 0, inFlight: new Map(), open: before?.open ?? new Set() };
  let answered = 0;
  for (const [id, delta] of Object.entries(instances)) {
    const key = instanceKey(service, id);
    const tally = pending.get(id) ?? emptyTally();
    pending.set(id, recent ? addDelta(tally, delta) : tally);
    const total = region.totals.get(key);
    if (total !== undefined || region.totals.size < MOST_INSTANCES) {
      region.totals.set(key, addOutcomes(total ?? { ok: 0, failed: 0, limited: 0, slow: 0 }, delta));
    }
    if (delta.inFlight > 0) offered.inFlight.set(id, delta.inFlight);
    if (delta.vote === "open") offered.open.add(id);
    if (delta.vote === "closed") offered.open.delete(id);
    answered += answers(delta);
    if (!recent) continue;
    region.beat.ok += delta.ok;
    region.beat.answered += answers(delta);
    region.beat.timeMs += delta.ewmaMs * answers(delta);
  }
  offered.load = loadOf(offered, answered, report.spanMs);
  isolate.services.set(service, offered);
}

function takeRefused(sums: RegionState["refused"], refused: Readonly<Record<string, number>>): void {
  for (const [service, count] of Object.entries(refused)) sums.set(service, (sums.get(service) ?? 0) + count);
}

/** Leases travel as `service/instance`; service names hold no slash. */
function takeLeases(region: RegionState, isolate: string, leases: LeaseNews): void {
  const of = (key: string): { request: LeaseRequest; instance: string } | undefined => {
    const slash = key.indexOf("/");
    if (slash < 1) return undefined;
    const service = key.slice(0, slash);
    const requests = region.leases.get(service) ?? [];
    region.leases.set(service, requests);
    let request = requests.find((one) => one.isolate === isolate);
    if (request === undefined) requests.push((request = { isolate, want: [], back: [], passed: [], failed: {} }));
    return { request, instance: key.slice(slash + 1) };
  };
  for (const side of ["want", "back", "passed"] as const) {
    for (const key of leases[side] ?? []) {
      const found = of(key);
      found?.request[side].push(found.instance);
    }
  }
  for (const [key, retryAfterMs] of Object.entries(leases.failed ?? {})) {
    const found = of(key);
    if (found !== undefined) found.request.failed[found.instance] = retryAfterMs;
  }
}

/** The services whose objects should hear an urgent report at once: of its votes and leases, else all it names. */
export function urgentServices(report: Report): Set<string> {
  const services = new Set<string>();
  for (const [service, instances] of Object.entries(report.services)) {
    if (Object.values(instances).some(({ vote }) => vote !== undefined)) services.add(service);
  }
  const { want = [], back = [], passed = [], failed = {} } = report.leases ?? {};
  for (const key of [...want, ...back, ...passed, ...Object.keys(failed)]) services.add(key.slice(0, key.indexOf("/")));
  return services.size > 0 ? services : new Set(Object.keys(report.services));
}

/**
 * Once a second of traffic: forgets isolates that fell silent, moves the averages, and sets the interval that keeps
 * all reports together within the region's rate. A second that counted no answer moves neither latency nor health.
 */
export function beat(region: RegionState, now: number): void {
  for (const [id, isolate] of region.isolates) {
    if (isLive(region, isolate, now)) break;
    isolate.services.clear();
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

/** A batch, but for what the region's object adds of its own. */
export type MergedBatch = Pick<ServiceBatch, "service" | "region" | "isolates" | "instances" | "leases" | "refused">;

/** Takes out what waits for a service; gauges stand in it also when nothing waits. */
export function drainBatch(region: RegionState, name: string, service: string, now: number): MergedBatch {
  const { inFlight, load, openLoad } = gauges(region, service);
  const instances = [...(region.pending.get(service) ?? [])].map(([id, tally]): [string, MergedDelta] => {
    const openShare = (openLoad.get(id) ?? 0) / (load || 1);
    const { ok, failed, limited, slow, times, recent } = tally;
    const gauged = { ewmaMs: meanMs(tally), inFlight: inFlight.get(id) ?? 0, openShare };
    return [id, { ok, failed, limited, slow, times, recent, ...gauged }];
  });
  const leases = region.leases.get(service) ?? [];
  const refused = region.refused.get(service) ?? 0;
  region.pending.delete(service);
  region.leases.delete(service);
  region.refused.delete(service);
  const isolates = liveIsolates(region, now);
  return { service, region: name, isolates, instances: Object.fromEntries(instances), leases, refused };
}

/** Over all live isolates: load, and by instance in flight and load of those that hold it open. */
function gauges(
  region: RegionState,
  service: string,
): { load: number; inFlight: Map<string, number>; openLoad: Map<string, number> } {
  const inFlight = new Map<string, number>();
  const openLoad = new Map<string, number>();
  const add = (sum: Map<string, number>, id: string, value: number) => sum.set(id, (sum.get(id) ?? 0) + value);
  let load = 0;
  for (const isolate of region.isolates.values()) {
    const offered = isolate.services.get(service);
    if (offered === undefined) continue;
    load += offered.load;
    for (const [id, count] of offered.inFlight) add(inFlight, id, count);
    for (const id of offered.open) add(openLoad, id, offered.load);
  }
  return { load, inFlight, openLoad };
}

export function inFlightOf(region: RegionState): number {
  let sum = 0;
  for (const { services } of region.isolates.values())
    for (const { inFlight } of services.values()) for (const one of inFlight.values()) sum += one;
  return sum;
}

/** Requests in flight by the region that `regionOf` says an instance stands in; "" counts nowhere. */
export function inFlightByRegion(
  region: RegionState,
  regionOf: (service: string, instance: string) => string,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { services } of region.isolates.values()) {
    for (const [service, { inFlight }] of services) {
      for (const [id, count] of inFlight) {
        const name = regionOf(service, id);
        if (name !== "") sums.set(name, (sums.get(name) ?? 0) + count);
      }
    }
  }
  return sums;
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
    { sequence, seenAt: Math.min(seenAt, now), services: new Map() },
  ]);
  return {
    ...emptyRegion(now),
    requests: { ...checkpoint.requests },
    totals: new Map(checkpoint.totals),
    isolates: new Map(isolates),
  };
}
