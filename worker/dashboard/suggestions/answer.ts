// What the admin API answers to `GET suggestions`.
import type { LearningReading } from "../../core/protocol/insight.ts";
import type { Suggestion } from "../../core/protocol/suggestions.ts";

export interface SuggestionShown extends Omit<Suggestion, "change"> {
  readonly change: { readonly path: string; readonly before: unknown; readonly after: unknown };
}

export interface Suggestions {
  readonly items: readonly SuggestionShown[];
  /** By service, the mix of `intelligent_adaptive`. */
  readonly learning: Readonly<Record<string, LearningReading>>;
}
