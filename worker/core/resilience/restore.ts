// The region's breaker over a restart of its object. What is stored may be of an older version, other options or another
// clock. Law: deadlines reach no further than they could from now, and what does not fit is a fresh, closed breaker.
import type { Verdict } from "../protocol/reports.ts";
import type { OpenReason } from "./breaker.ts";
import { sharedBreaker, type SharedBreaker, type SharedOptions } from "./shared.ts";

export function restore(stored: unknown, options: SharedOptions, now: number): SharedBreaker {
  const fresh = sharedBreaker(options);
  if (!looksStored(stored)) return fresh;
  const manual = stored.state === "open" && stored.reason === "manual";
  const leases = stored.state === "half_open" ? stored.leases : [];
  return {
    state: stored.state,
    reason: stored.reason,
    until: clampedUntil(stored, manual, options, now),
    // Stored by an older version without it, it is not brought forward.
    soonest: stored.soonest ?? stored.until,
    refused: stored.refused ?? 0,
    generation: stored.generation,
    opens: stored.opens,
    successes: Math.min(stored.successes, options.successesToClose - 1),
    leases: leases
      .filter((lease) => now < lease.until)
      .slice(0, options.halfOpenProbes)
      .map((lease) => ({ isolate: lease.isolate, until: Math.min(lease.until, now + options.leaseMs) })),
    drained: manual && stored.drained,
    // Ten seconds of counts are not worth a wrong one: the window starts anew.
    window: fresh.window,
  };
}

function clampedUntil(stored: Stored, manual: boolean, options: SharedOptions, now: number): number {
  if (manual || stored.state === "closed" || stored.state === "half_open") return 0;
  const longestMs = stored.state === "ramp" ? options.rampMs : options.maxOpenMs;
  // 0 would be "never", which only an operator may say.
  return Math.max(1, Math.min(stored.until, now + longestMs));
}

const STATES: readonly unknown[] = ["closed", "open", "half_open", "ramp"] satisfies Verdict["state"][];
const REASONS: readonly unknown[] = ["", "consecutive", "rate", "slow", "manual"] satisfies OpenReason[];

type Stored = Omit<SharedBreaker, "soonest" | "refused"> & Partial<Pick<SharedBreaker, "soonest" | "refused">>;

function looksStored(stored: unknown): stored is Stored {
  if (typeof stored !== "object" || stored === null) return false;
  const { state, reason, leases, drained } = stored as Record<string, unknown>;
  const { until, generation, opens, successes, soonest = 0, refused = 0 } = stored as Record<string, unknown>;
  return (
    STATES.includes(state) &&
    REASONS.includes(reason) &&
    [until, generation, opens, successes, soonest, refused].every((value) => typeof value === "number" && value >= 0) &&
    typeof drained === "boolean" &&
    Array.isArray(leases) &&
    leases.every((lease: unknown) => {
      if (typeof lease !== "object" || lease === null) return false;
      const { isolate, until: end } = lease as Record<string, unknown>;
      return typeof isolate === "string" && typeof end === "number";
    })
  );
}
