// What the Durable Objects answer to, as types only: objects implement them, platform calls them through its
// bindings, and neither imports the other. Everything that crosses is plain JSON; policy documents cross as text,
// so that nobody parses what it only passes on. Times are epoch ms unless the name says otherwise.
import type { Epochs, InstanceDelta, Reply, Report, Verdict } from "./reports.ts";

/** One immutable generation of the policy, as stored. Generation 0 is a document put into KV by hand. */
export interface PolicyDocument {
  generation: number;
  text: string;
  at: number;
}

/** Control news. The document comes along only when it is newer than the generation the asker knows. */
export interface News {
  epochs: Epochs;
  /** How old the epochs are, ms: clocks differ between machines, ages do not. */
  ageMs: number;
  policy?: PolicyDocument;
}

/** What a region saw of one instance since its last batch: counts summed, gauges over all live isolates. */
export interface MergedDelta extends Omit<InstanceDelta, "vote"> {
  /** Share, 0 to 1, of the service's offered load that comes from isolates whose local breaker is open. */
  openShare: number;
}

/** Probe leases one isolate asks for and gives back, by instance id. */
export interface LeaseRequest {
  isolate: string;
  want: string[];
  back: string[];
}

/** One region's merged reports for one service. */
export interface ServiceBatch {
  service: string;
  region: string;
  /** Isolates alive in the region. */
  isolates: number;
  instances: Record<string, MergedDelta>;
  leases: LeaseRequest[];
}

export interface ServiceReply {
  /** By instance id; only what is not plainly closed. */
  verdicts: Record<string, Verdict>;
  /** Leases granted: isolate, then instance id, to the epoch ms at which the lease ends. */
  leases: Record<string, Record<string, number>>;
}

/** Load and latency of one instance as its region sees it. */
export interface InstanceReading {
  requestsPerSecond: number;
  inFlight: number;
  /** EWMA (.1) of the response time, ms; 0 when nothing was measured. */
  ewmaMs: number;
  /** Over the last ten seconds. */
  window: { ok: number; failed: number; limited: number; slow: number };
  /** Response times of the last one to two minutes; 0 when there were none. */
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  seenAt: number;
}

export interface ServiceReading {
  service: string;
  region: string;
  isolates: number;
  instances: Record<string, InstanceReading>;
  verdicts: Record<string, Verdict>;
}

/** Counts since the region's object was first made; they only rise. */
export interface Outcomes {
  ok: number;
  failed: number;
  limited: number;
  slow: number;
}

export interface RegionReading {
  region: string;
  isolates: number;
  /** EWMA (.1) per second of traffic. */
  requestsPerSecond: number;
  inFlight: number;
  latencyMs: number;
  /** Share of upstream answers that succeeded, 0 to 1, EWMA (.1). */
  health: number;
  reports: { taken: number; repeated: number };
  epochs: Epochs;
  /** Age of the epochs, ms; -1 when `ControlObject` never answered. */
  newsAgeMs: number;
  nextReportMs: number;
}

/** What the region has counted, for metrics. */
export interface RegionTotals {
  region: string;
  isolates: number;
  requests: Report["requests"];
  /** By service, then instance id. */
  services: Record<string, Record<string, Outcomes>>;
}

/** Who changes something, and why. */
export interface Change {
  actor: string;
  note: string;
}

export interface GenerationEntry extends Change {
  generation: number;
  at: number;
  bytes: number;
  /** The generation whose document was taken up again; 0 for a document of its own. */
  rollbackOf: number;
}

export interface AuditEntry {
  id: number;
  at: number;
  actor: string;
  action: string;
  detail: string;
}

/**
 * `unchanged`: the document in force is the same, so no generation was made. `conflict`: another generation is in force
 * than was expected. `unknown`: the generation asked for is not kept. `generation` is the one in force.
 */
export interface PutAnswer {
  outcome: "stored" | "unchanged" | "conflict" | "unknown";
  generation: number;
}

/** One a region: merges isolates' reports, passes them on, and keeps control news for its isolates. */
export interface RegionRpc {
  /** Takes a report once, however often it arrives. */
  report(report: Report): Promise<Reply>;
  /** Epochs no older than a second while `ControlObject` answers; `known` is the asker's newest generation. */
  news(region: string, known: number): Promise<News>;
  reading(): RegionReading;
  totals(): RegionTotals;
}

/** One a service and region: load, latency and verdicts of its instances. */
export interface ServiceRpc {
  merge(batch: ServiceBatch): Promise<ServiceReply>;
  reading(): ServiceReading;
}

/** One for all: policy generations, epochs, audit. */
export interface ControlRpc {
  news(known: number): News;
  /** The newest generation, or the one asked for, or undefined when it is not kept. */
  policy(generation?: number): PolicyDocument | undefined;
  /** Compare-and-set when `expected` is given: 0 expects that there is none yet. Answers after it is stored. */
  put(text: string, change: Change, expected?: number): Promise<PutAnswer>;
  /** Takes an earlier document up again, as a new generation. */
  rollback(generation: number, change: Change, expected?: number): Promise<PutAnswer>;
  /** Newest first, below `before`. */
  history(before: number, limit: number): GenerationEntry[];
  audit(before: number, limit: number): AuditEntry[];
  record(actor: string, action: string, detail: string): void;
  /** Raises an epoch by one and answers with it. */
  raise(epoch: "purge" | "keys" | "chaos", change: Change): number;
}
