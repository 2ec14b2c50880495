// What `InsightObject` is told and answers, as types only, like everything objects say to each other (objects.ts).
import type { LiveTicket } from "./live.ts";
import type { CacheNews, CacheReading } from "./cache-news.ts";
import type { LearnedRate } from "./ledgers.ts";
import type { ChoiceTally, Mix } from "./reports.ts";
import type { RollupBatch, Slices } from "./rollups.ts";
import type { DecideAnswer, Suggestion } from "./suggestions.ts";

/** How the policy lets a service's mix be learned, and where it starts. */
export interface LearnSettings extends Mix {
  readonly learn: boolean;
  readonly everySeconds: number;
  readonly maximumStep: number;
  readonly minimum: number;
}

/** What a region's isolates saw of one service's choices since the region last told. */
export interface LearnNews {
  settings: LearnSettings;
  tally: ChoiceTally;
}

export interface LearningReading {
  start: Mix;
  mix: Mix;
  /** Choices counted since the last analysis, and when that was. */
  choices: number;
  analysedAt: number;
}

export interface InsightReading {
  /** By service. */
  learning: Record<string, LearningReading>;
  /** Newest first. */
  suggestions: Suggestion[];
}

export interface RollupQuestion {
  grain: "second" | "minute" | "hour";
  /** Epoch ms; rows from `from` up to, but not at, `to`. */
  from: number;
  to: number;
  /** Rows merged into one; absent: each for itself. */
  step?: number;
  /** Names, or `KIND *` for all of a kind; absent: all series. */
  series?: string[];
}

export interface RollupReading {
  at: number;
  slices: Slices;
}

/** What is shown of an alert is the alert itself; core/insight says what it is. */
export interface AlertsReading {
  /** Newest first; `number` is what `before` of the next page is. */
  items: { number: number; alert: AlertReading }[];
  /** How each rule of the policy stands. */
  rules: RuleReading[];
  /** Notices, newest first. */
  deliveries: DeliveryReading[];
}

export interface AlertReading {
  id: string;
  rule: string;
  severity: "info" | "warning" | "error" | "critical";
  state: "active" | "acknowledged" | "resolved";
  title: string;
  description: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  scope: string;
  condition: string;
  /** The figures the condition looks at, as they were when it fired and as they were last. */
  atFiring: Record<string, number>;
  values: Record<string, number>;
  /** Epoch ms, 0 for never: when the condition began to hold, and what became of the alert. */
  since: number;
  firedAt: number;
  acknowledgedAt: number;
  acknowledgedBy: string;
  resolvedAt: number;
}

export interface RuleReading {
  rule: string;
  enabled: boolean;
  severity: AlertReading["severity"];
  condition: string;
  scope: string;
  status: "ok" | "pending" | "firing" | "unknown" | "error";
  error: string;
  /** Epoch ms, 0 for never. */
  since: number;
  firedAt: number;
  evaluatedAt: number;
  /** The figures the condition looks at, as they were then; what nothing was measured for is absent. */
  values: Record<string, number>;
}

export interface DeliveryReading {
  /** The same at every try. */
  id: string;
  notifier: string;
  /** Ids of the alerts it tells of. */
  alerts: string[];
  madeAt: number;
  tries: number;
  /** When it is tried next; 0 when it is over. */
  nextAt: number;
  state: "waiting" | "sent" | "failed";
  /** Why the last try was not taken; "" when it was. */
  problem: string;
}

/** Figures of one group of requests. */
export interface GroupReading {
  requests: number;
  /** Share of 5xx. */
  errorRate: number;
  p50Ms: number;
  p95Ms: number;
  perSecond: number;
}

/** A few seconds up to `at`: all that was targeted, what was struck, what was spared, and all of the first target. */
export interface ExperimentPoint {
  at: number;
  whole: GroupReading;
  faulted: GroupReading;
  control: GroupReading;
  target: GroupReading;
}

/** A chaos experiment and its report. Times are epoch ms, 0 for never. */
export interface ExperimentReading {
  id: string;
  name: string;
  hypothesis: string;
  state: "running" | "completed" | "stopped";
  startedAt: number;
  endsAt: number;
  endedAt: number;
  startedBy: string;
  stopped: { at: number; by: string; reason: string } | null;
  /** As it was ordered, defaults filled, as JSON. */
  spec: string;
  before: { requests: number; errorRate: number };
  whole: GroupReading;
  faulted: GroupReading;
  control: GroupReading;
  blastShare: number;
  /** From its end until errors were as before; null while that is not known, Infinity (null in JSON) when they never were. */
  recoverySeconds: number | null;
  criteria: { name: string; limit: number; value: number | null; met: boolean; words: string }[];
  /** Met them all, and was not stopped. */
  passed: boolean;
  recommendations: string[];
  timeline: ExperimentPoint[];
}

/** One for all: what is learned from how decisions turned out, what happened, and what to be alarmed at. */
export interface InsightRpc {
  /** Counts a region's news in, by service, and answers with the mixes of those services that are not the policy's own. */
  learn(news: Record<string, LearnNews>): Promise<Record<string, Mix>>;
  reading(): InsightReading;
  /**
   * Counts in what a region's isolates saw of their caches; how often their rules are to be looked at. Answers with what is
   * known of the changes of the keys that were visited.
   */
  hearCache(news: CacheNews, analyseEverySeconds: number): Promise<LearnedRate[]>;
  cacheReading(): CacheReading;
  /** Applies a suggestion or takes it back at an operator's word (`by`); written down before it is done. */
  decide(id: string, decision: "apply" | "rollback", by: string): Promise<DecideAnswer>;
  /** Counts a batch once, however often it arrives; it is stored when this answers. */
  rollup(batch: RollupBatch): Promise<void>;
  history(question: RollupQuestion): RollupReading[];
  /** For one who may look; redeemed by a handshake through `fetch`. Undefined while too many are out. */
  liveTicket(): Promise<LiveTicket | undefined>;
  alerts(before: number, limit: number): AlertsReading;
  /** Newest first. */
  experiments(): Promise<ExperimentReading[]>;
  experiment(id: string): Promise<ExperimentReading | undefined>;
  /** Stored when this answers; undefined when there is none of that id. */
  acknowledge(id: string, by: string): AlertReading | undefined;
}
