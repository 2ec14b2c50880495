// What a region knows of one service's instances: ten seconds of outcomes, load, and response times of the last one
// to two minutes. State is changed in place, time is an argument. Laws: an idle gap clears the window, for a second
// that has passed says nothing about now; instances that fell silent for an hour are forgotten.
import { mergeTimes, quantile } from "../stats/sketch.ts";
import { advance, count, rollingWindow, total, type RollingWindow } from "../stats/window.ts";
import { answers, smooth } from "./merge.ts";
import type { BreakerReading, CheckReading, InstanceReading, MergedDelta, ServiceBatch } from "./objects.ts";

const WINDOW_SECONDS = 10;
const FIELDS = ["ok", "failed", "limited", "slow"] as const;
const TIMES_MS = 60_000;
const FORGET_MS = 3_600_000;
const MOST_INSTANCES = 1_000;

export interface InstanceState {
  /** By second; the fields are those of `FIELDS`, in their order. */
  window: RollingWindow;
  inFlight: number;
  ewmaMs: number | undefined;
  times: number[];
  earlierTimes: number[];
  timesSince: number;
  seenAt: number;
}

export interface ServiceState {
  service: string;
  region: string;
  isolates: number;
  /** In order of the last news, oldest first. */
  instances: Map<string, InstanceState>;
}

export const emptyService = (): ServiceState => ({ service: "", region: "", isolates: 0, instances: new Map() });

const emptyInstance = (now: number): InstanceState => ({
  window: rollingWindow(WINDOW_SECONDS * 1_000, WINDOW_SECONDS, FIELDS.length),
  inFlight: 0,
  ewmaMs: undefined,
  times: [],
  earlierTimes: [],
  timesSince: now,
  seenAt: now,
});

/** Counts a merged batch in. */
export function takeBatch(state: ServiceState, batch: ServiceBatch, now: number): void {
  state.service = batch.service;
  state.region = batch.region;
  state.isolates = batch.isolates;
  for (const [id, delta] of Object.entries(batch.instances)) {
    const instance = state.instances.get(id) ?? emptyInstance(now);
    takeDelta(instance, delta, now);
    state.instances.delete(id);
    state.instances.set(id, instance);
  }
  for (const [id, { seenAt }] of state.instances) {
    if (state.instances.size <= MOST_INSTANCES && now - seenAt <= FORGET_MS) break;
    state.instances.delete(id);
  }
}

function takeDelta(instance: InstanceState, delta: MergedDelta, now: number): void {
  advance(instance.window, now);
  FIELDS.forEach((field, index) => count(instance.window, index, delta[field]));
  instance.inFlight = delta.inFlight;
  if (delta.ewmaMs > 0 && answers(delta) > 0) instance.ewmaMs = smooth(instance.ewmaMs, delta.ewmaMs);
  turnTimes(instance, now);
  instance.times = mergeTimes(instance.times, delta.times);
  instance.seenAt = now;
}

/** Two sketches take turns by the minute, so that what is read covers one to two minutes. */
function turnTimes(instance: InstanceState, now: number): void {
  const elapsedMs = now - instance.timesSince;
  if (elapsedMs < TIMES_MS) return;
  instance.earlierTimes = elapsedMs < 2 * TIMES_MS ? instance.times : [];
  instance.times = [];
  instance.timesSince = now;
}

export function readInstance(instance: InstanceState, now: number): InstanceReading {
  advance(instance.window, now);
  turnTimes(instance, now);
  const [ok, failed, limited, slow] = FIELDS.map((_, index) => total(instance.window, index)) as [
    number,
    number,
    number,
    number,
  ];
  const times = mergeTimes(instance.earlierTimes, instance.times);
  return {
    requestsPerSecond: (ok + failed + limited) / WINDOW_SECONDS,
    inFlight: instance.inFlight,
    ewmaMs: instance.ewmaMs ?? 0,
    window: { ok, failed, limited, slow },
    p50Ms: quantile(times, 0.5),
    p95Ms: quantile(times, 0.95),
    p99Ms: quantile(times, 0.99),
    seenAt: instance.seenAt,
  };
}

const SHUT: readonly BreakerReading["state"][] = ["closed", "ramp", "half_open", "open"];
const SICK: readonly CheckReading["status"][] = ["healthy", "unknown", "degraded", "unhealthy"];

/** One answer for several regions: the one that holds it shut most, the longest of them; all their probes. */
export function worstBreaker(regions: readonly BreakerReading[]): BreakerReading {
  const none: BreakerReading = { state: "closed", reason: "", until: 0, probes: 0, probing: [], drained: false };
  const endOf = ({ state, until }: BreakerReading): number => (state === "open" && until === 0 ? Infinity : until);
  const worst = regions.reduce((a, b) => {
    const order = SHUT.indexOf(b.state) - SHUT.indexOf(a.state);
    return order > 0 || (order === 0 && endOf(b) > endOf(a)) ? b : a;
  }, none);
  const probing = regions.flatMap((each) => each.probing);
  return { ...worst, probes: probing.length, probing };
}

/** The worst that any region's newest checks found; unknown when none has checked. */
export function worstHealth(regions: readonly CheckReading[]): CheckReading {
  const checked = regions.filter(({ checkedAt }) => checkedAt > 0);
  if (checked.length === 0) return { status: "unknown", checkedAt: 0 };
  return checked.reduce((a, b) => (SICK.indexOf(b.status) > SICK.indexOf(a.status) ? b : a));
}
