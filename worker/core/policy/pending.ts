// Sections that a policy may have already and this build does not act on yet. They validate, and `ready` says what is
// not done: nothing in a policy is ever silently ignored. Who builds one deletes its line here.
import type { Policy } from "./schema.ts";

export interface PendingSection {
  /** As written in the policy, `services.*` for any service. */
  readonly section: string;
  readonly reason: string;
}

type InUse = (policy: Policy) => boolean;

const PENDING: readonly (PendingSection & { readonly inUse: InUse })[] = [
  {
    section: "telemetry.suggestions.apply",
    reason:
      "only the mix of intelligent_adaptive is changed by itself; rules, timeouts and weights are not suggested yet",
    inUse: ({ telemetry }) => telemetry.suggestions !== false && telemetry.suggestions.apply === "automatic",
  },
  {
    section: "telemetry.otlp.metrics",
    reason: "traces are exported, metrics are not: scrape /_sluice/metrics",
    inUse: ({ telemetry }) => telemetry.otlp !== false && telemetry.otlp.metrics,
  },
];

/** The sections in use that are not acted on; for `ready` and `policy check`. */
export function pendingSections(policy: Policy): PendingSection[] {
  return PENDING.filter((each) => each.inUse(policy)).map(({ section, reason }) => ({ section, reason }));
}
