// What the Durable Objects answer to, as types only: objects implement them, platform calls them through its
// bindings, and neither imports the other. Everything that crosses is plain JSON; policy documents cross as text,
// so that nobody parses what it only passes on. Times are epoch ms unless the name says otherwise.
import type { Ledger, LedgerEntry, LedgerNumbers, LedgerPages, OutdatedPairs } from "./ledgers.ts";
import type {
  Epochs,
  FoundInstance,
  HealthStatus,
  InstanceDelta,
  LeaseNews,
  Outcomes,
  RegionStanding,
  Registry,
  Reply,
  Report,
  ServiceHealth,
  Verdict,
} from "./reports.ts";
import type { ListedKey, SecurityReading } from "./security.ts";
import type { AuditEntry, AuditFilter, OnceAnswer } from "./writes.ts";

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

/** What an isolate that asks is told: control news, and what a report would have been answered. */
export interface RegionNews extends News {
  reply: Reply;
}

/** What a region asks of `ControlObject`, with the newest it has of each. */
export interface ControlQuestion {
  /** Policy generation. */
  policy: number;
  /** Number of an operation. */
  operation: number;
  ledgers: LedgerNumbers;
  /** What the region that asks sends to the instances of each region. */
  load?: RegionLoad;
}

export interface RegionLoad {
  region: string;
  /** Requests in flight, by the region the instances stand in. */
  inFlight: Record<string, number>;
  /** URLs that unsafe requests made outdated of late, again and again for some seconds. */
  outdated?: OutdatedPairs;
}

export interface ControlAnswer extends News {
  /** Operations above the one named in the question, in their order. */
  operations: Operation[];
  /** Requests in flight from all other regions together, by the region the instances stand in. */
  inFlight: Record<string, number>;
  /** What is newer than the numbers of the question. */
  ledgers?: LedgerPages;
}

export type OperationCommand = "drain" | "open" | "close" | "reset";

/** What an operator last said of an instance. Numbers only ever rise, so that each is obeyed once. */
export interface Operation {
  number: number;
  service: string;
  instance: string;
  command: OperationCommand;
}

/** What a region saw of one instance since its last batch: counts summed, gauges over all live isolates. */
export interface MergedDelta extends Omit<InstanceDelta, "vote" | "recent"> {
  /** Those of the counts that are fresh: breakers judge by these. */
  recent: Outcomes;
  /** Share, 0 to 1, of the service's offered load that comes from isolates whose local breaker is open. */
  openShare: number;
}

/** What one isolate says of its probe leases, by instance id. */
export interface LeaseRequest extends Required<LeaseNews> {
  isolate: string;
}

/** What a service's object must know of the policy. */
export interface ServiceSettings {
  /** The service's section of the policy, defaults filled, as JSON. */
  text: string;
  /** How long a probe may take; its lease lasts a little longer. */
  probeMs: number;
}

/** One region's merged reports for one service. */
export interface ServiceBatch {
  service: string;
  region: string;
  /** Isolates alive in the region. */
  isolates: number;
  instances: Record<string, MergedDelta>;
  leases: LeaseRequest[];
  /** Requests of the region that found nobody to be sent to. */
  refused: number;
  /** Where the policy changed, or the region cannot know that the service's object has it. */
  settings?: ServiceSettings;
  /** Of this service's instances; those it has obeyed already change nothing. */
  operations?: Operation[];
  /** Generation of the discovered instances the region has. */
  registry: number;
}

/** What a region is to know of a service. */
export interface ServiceNews {
  /** Rises from one to the next: an older one that arrives late is ignored. */
  at: number;
  /** By instance id; only what is not plainly closed. */
  verdicts: Record<string, Verdict>;
  /** Absent when nothing is checked. */
  health?: ServiceHealth;
  /** Absent when the region has this generation, or nothing was ever found. */
  registry?: Registry;
}

export interface ServiceReply extends ServiceNews {
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

/** As the region's own breaker of an instance stands. */
export interface BreakerReading {
  state: Verdict["state"];
  reason: "consecutive" | "rate" | "slow" | "manual" | "";
  /** Open: when probes may start, 0 for never. Ramp: when it is over. Else 0. */
  until: number;
  /** Probe leases that stand. */
  probes: number;
  /** The isolates that hold them. */
  probing: string[];
  /** Taken out of service by an operator's `drain`. */
  drained: boolean;
}

export interface CheckReading {
  status: HealthStatus;
  /** 0 for never. */
  checkedAt: number;
  /** Of the newest check; absent where a registry says. */
  tookMs?: number;
  /** Why the newest check did not pass. */
  problem?: string;
}

export interface DiscoveryReading {
  kind: string;
  generation: number;
  /** When the registry last answered; 0 for never. */
  answeredAt: number;
  instances: FoundInstance[];
  /** Why the newest answer was not taken. */
  problem?: string;
}

/** A service as one of its regions knows it; each map by instance id, without those nothing is known of. */
export interface ServiceReading {
  service: string;
  region: string;
  isolates: number;
  instances: Record<string, InstanceReading>;
  breakers: Record<string, BreakerReading>;
  health: Record<string, CheckReading>;
  discovery?: DiscoveryReading;
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
  /** Calls to the objects of its services since the region's own was last started. */
  serviceCalls: number;
  epochs: Epochs;
  /** Age of the epochs, ms; -1 when `ControlObject` never answered. */
  newsAgeMs: number;
  nextReportMs: number;
  /** The policy's regions as seen from this one, by name. */
  regions: Record<string, SeenRegion>;
}

/** One region as seen from another, or from itself. */
export interface SeenRegion extends Omit<RegionStanding, "up"> {
  /** Of them, those from the region that looks. */
  ownInFlight: number;
  /** Share of its instances' answers that were good, EWMA (.1); 1 before the first. */
  goodShare: number;
  /** Traffic and probes say that it works. */
  healthy: boolean;
  endpoint?: EndpointReading;
}

export interface EndpointReading {
  up: boolean;
  /** EWMA (.1) of probes that were answered, ms. */
  latencyMs: number;
  checkedAt: number;
  /** Why the newest probe did not pass. */
  problem?: string;
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
  /**
   * Epochs no older than a second while `ControlObject` answers; `known` is the asker's newest policy generation,
   * `discovered` and `ledgers` as in a report.
   */
  news(
    region: string,
    known: number,
    discovered?: Record<string, number>,
    ledgers?: LedgerNumbers,
  ): Promise<RegionNews>;
  /** Asks `ControlObject` at once and passes on what it says; whether it was reached. */
  attend(region: string): Promise<boolean>;
  /** A service's object has news that no batch asked for. */
  hear(service: string, news: ServiceNews): void;
  reading(): RegionReading;
  totals(): RegionTotals;
  security(): SecurityReading;
}

/** One a service and region: load, latency and verdicts of its instances. */
export interface ServiceRpc {
  merge(batch: ServiceBatch): Promise<ServiceReply>;
  reading(): ServiceReading;
}

/** One for all: policy generations, epochs, audit, API keys. */
export interface ControlRpc {
  news(question: ControlQuestion): ControlAnswer;
  /** The newest generation, or the one asked for, or undefined when it is not kept. */
  policy(generation?: number): PolicyDocument | undefined;
  /** Compare-and-set when `expected` is given: 0 expects that there is none yet. Answers after it is stored. */
  put(text: string, change: Change, expected?: number): Promise<PutAnswer>;
  /** Takes an earlier document up again, as a new generation. */
  rollback(generation: number, change: Change, expected?: number): Promise<PutAnswer>;
  /** Newest first, below `before`. */
  history(before: number, limit: number): GenerationEntry[];
  audit(below: number, limit: number, filter?: AuditFilter): AuditEntry[];
  /** Begins a write that is to be done once, under a name for its caller and key; `endOnce` says what came of it. */
  beginOnce(name: string, fingerprint: string): OnceAnswer;
  /** Undefined: it was not done. */
  endOnce(name: string, answer?: string): void;
  /** Stores a key's record (JSON), which then is good everywhere; answers after it is stored. */
  createKey(id: string, record: string, change: Change): Promise<"stored" | "full">;
  /** The record, revoked or not. */
  apiKey(id: string): string | undefined;
  /** Newest first, below `before`. */
  apiKeys(before: number, limit: number): ListedKey[];
  keyCount(): number;
  /** Puts `record` in the place of `expected`, the record as it was read; every isolate obeys within five seconds. */
  changeKey(id: string, expected: string, record: string, change: Change): Promise<"stored" | "conflict" | "unknown">;
  /** Refused everywhere within five seconds of the answer. */
  revokeKey(id: string, change: Change): Promise<"revoked" | "already" | "unknown">;
  record(actor: string, action: string, detail: string): void;
  /** Stores what an operator says of an instance, and who said it; answers after it is stored. */
  operate(operation: Omit<Operation, "number">, change: Change): Operation;
  /**
   * Stores an order that every isolate is to obey, with an audit entry of `action`, and answers with its number once it is
   * stored; that number is the ledger's epoch. `text` is JSON of at most 65,536 characters.
   */
  append(ledger: Ledger, key: string, text: string, action: string, change: Change): number;
  /** What stands in a ledger, in its order. */
  ledger(ledger: Ledger): LedgerEntry[];
}
