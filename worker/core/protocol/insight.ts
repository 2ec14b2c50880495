// What `InsightObject` is told and answers, as types only, like everything objects say to each other (objects.ts).
import type { ChoiceTally, Mix } from "./reports.ts";

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

/** A change that was made because it should help (SEEDS P11). */
export interface Suggestion {
  id: string;
  kind: "mix" | "revert";
  service: string;
  before: Mix;
  after: Mix;
  /** By how much the mean worth of an answer should rise, 0 to 1. */
  expectedImprovement: number;
  confidence: number;
  appliedAt: number;
  /** By how much it did rise, measured at the next analysis; null until then. */
  effectiveness: number | null;
  /** What it led to is what is used now. */
  inForce: boolean;
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

/** One for all: what is learned from how decisions turned out. */
export interface InsightRpc {
  /** Counts a region's news in, by service, and answers with the mixes of those services that are not the policy's own. */
  learn(news: Record<string, LearnNews>): Promise<Record<string, Mix>>;
  reading(): InsightReading;
  /** Takes a suggestion back, or puts it into force again; undefined when there is none of that id. */
  decide(id: string, decision: "apply" | "rollback"): Suggestion | undefined;
}
