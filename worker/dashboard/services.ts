// Services as the admin API shows them, and what a page says of a breaker: its state in a word, why, until when, and who finds out.
import type { BreakerReading, CheckReading, InstanceReading } from "../core/protocol/objects.ts";
import { ago, moment, plural } from "./format.ts";
import type { Tone } from "./parts/basics.tsx";

export interface Seen extends Partial<InstanceReading> {
  readonly breaker?: BreakerReading;
  readonly health?: CheckReading;
}

export interface Instance {
  readonly id: string;
  readonly url: string;
  readonly region: string;
  readonly weight: number;
  /** `policy`, or what discovered it. */
  readonly from: string;
  readonly breaker: BreakerReading;
  readonly health: CheckReading;
  readonly totals: { readonly ok: number; readonly failed: number; readonly limited: number } | null;
  readonly seenFrom: Readonly<Record<string, Seen>>;
}

export interface Service {
  readonly name: string;
  readonly instances: readonly Instance[];
}

export interface Services {
  readonly generation: number;
  readonly reachable: boolean;
  readonly items: readonly Service[];
  /** There are more than one page holds. */
  readonly next: string | null;
}

/** Providers are services too; the policy's own never have a colon. */
export const titleOf = (service: string): string =>
  service.startsWith("ai:") ? `${service.slice(3)} (AI provider)` : service;

/** Of all regions: requests and those under way together, of latencies the highest. */
export function loadOf({ seenFrom }: Instance): { requestsPerSecond: number; inFlight: number; p95Ms: number | null } {
  const load = { requestsPerSecond: 0, inFlight: 0, p95Ms: 0 };
  for (const seen of Object.values(seenFrom)) {
    load.requestsPerSecond += seen.requestsPerSecond ?? 0;
    load.inFlight += seen.inFlight ?? 0;
    load.p95Ms = Math.max(load.p95Ms, seen.p95Ms ?? 0);
  }
  return { ...load, p95Ms: load.p95Ms === 0 ? null : load.p95Ms };
}

export function breakerWord({ state, drained }: BreakerReading): string {
  switch (state) {
    case "closed":
      return "Closed";
    case "open":
      return drained ? "Drained" : "Open";
    case "half_open":
      return "Half open";
    case "ramp":
      return "Recovering";
  }
}

const TONES: Readonly<Record<BreakerReading["state"], Tone>> = {
  closed: "good",
  open: "bad",
  half_open: "warn",
  ramp: "info",
};

export const breakerTone = ({ state, drained }: BreakerReading): Tone => (drained ? "warn" : TONES[state]);

const REASONS: Readonly<Record<Exclude<BreakerReading["reason"], "">, string>> = {
  consecutive: "too many failures in a row",
  rate: "too large a share of failures",
  slow: "too many slow answers",
  manual: "an operator opened it",
};

/** Why it is not simply closed, until when, and who probes; a line each. */
export function whyOf({ state, reason, until, probes, probing, drained }: BreakerReading, now: number): string[] {
  if (state === "closed") return [];
  const lines: string[] = [];
  if (drained) lines.push("an operator took it out of service");
  else if (reason !== "") lines.push(REASONS[reason]);
  else if (state === "open") lines.push("isolates that carry much of the load had opened it");
  if (state === "open") {
    if (until === 0) lines.push("until an operator closes it");
    else if (until > now) lines.push(`probes from ${moment(until, now)} (${ago(until, now)})`);
    else lines.push("the next request probes it");
  }
  if (state === "ramp" && until > now) lines.push(`full traffic ${ago(until, now)}`);
  if (probes > 0) lines.push(`${plural(probes, "probe")} under way, by ${probing.map(shortened).join(", ")}`);
  else if (state === "half_open") lines.push("waits for a request to probe it");
  return lines;
}

/** Names of isolates are long and differ early. */
const shortened = (isolate: string): string => `isolate ${isolate.slice(0, 8)}`;

const HEALTH: Readonly<Record<CheckReading["status"], Tone>> = {
  healthy: "good",
  degraded: "warn",
  unhealthy: "bad",
  unknown: "quiet",
};

export const healthTone = (status: CheckReading["status"]): Tone => HEALTH[status];
