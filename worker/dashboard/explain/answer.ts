// What the admin API answers to `POST explain` and `POST cache/lookup`, as far as pages show it.
import type { RouteExplanation } from "../../core/policy/explain.ts";
import type { Decision, NamedFactors } from "../../core/routing/decision.ts";
import type { Mix } from "../../core/routing/score.ts";

interface BreakerShown {
  readonly state: string;
  readonly reason: string;
  readonly until: number;
}

export interface CandidateShown {
  readonly id: string;
  readonly url: string;
  readonly region: string;
  readonly weight: number;
  readonly priority: number;
  /** Why it would not be chosen; null when it could be. */
  readonly refused: string | null;
  readonly score: number;
  readonly factors: NamedFactors;
  readonly weights: NamedFactors;
  readonly ewmaMs: number;
  readonly inFlight: number;
  readonly ramp: number;
  readonly limit: number | null;
  readonly health: string | null;
  readonly breaker: { readonly stands: string; readonly region: BreakerShown; readonly isolate: BreakerShown };
}

export interface Explanation extends RouteExplanation {
  readonly algorithm: string | null;
  readonly candidates: readonly CandidateShown[];
  /** Absent where no route takes the request. */
  readonly mix?: Mix;
  readonly regionOrder?: readonly string[];
  readonly choice?: Decision | null;
  readonly refused: string | undefined;
  readonly probe?: string | null;
  readonly suspect?: string | null;
}

export interface Variant {
  readonly level: string;
  readonly status: number;
  readonly variant: string;
  readonly vary: readonly string[];
  readonly ageSeconds: number;
  readonly ttlSeconds: number;
  readonly lifetimeFrom: string;
  readonly tags: readonly string[];
  readonly bytes: number;
  readonly purge: string;
}

export interface Lookup {
  readonly region: string;
  readonly would: "hit" | "stale" | "validate" | "miss" | "bypass" | "refused";
  readonly why: string;
  readonly level?: string | null;
  readonly key?: string;
  readonly label?: string;
  readonly pattern?: string;
  readonly rule?: {
    readonly id: string;
    readonly strategy: string;
    readonly priority: number;
    readonly ttlSeconds: number | null;
    readonly mode: string;
    readonly varyBy: readonly string[];
  } | null;
  readonly variants?: readonly Variant[];
}

export interface Question {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** `Name: value` a line; or the first line that is none. */
export function headersOf(text: string): Readonly<Record<string, string>> | string {
  const headers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    if (colon < 1 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) return line;
    headers[name] = line.slice(colon + 1).trim();
  }
  return headers;
}
