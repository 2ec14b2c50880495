// What the admin API answers under `cache/`, as far as pages show it.
import type { CacheReading, UsageReading, WarmCounts } from "../../core/protocol/cache-news.ts";

export interface LevelShown {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly stored: number;
  readonly timeouts: number;
  readonly failures: number;
  readonly skipped: number;
  readonly resting: boolean;
  readonly lastFailure: string;
}

export interface CacheStats extends Pick<CacheReading, "total" | "patterns" | "warm" | "advice" | "admitted"> {
  /** RFC 3339. */
  readonly since: string;
  /** Null where the policy switches the cache off. */
  readonly isolate: {
    readonly memory: { readonly bytes: number; readonly maxBytes: number; readonly keys: number };
    readonly levels: readonly LevelShown[];
    readonly sparedReads: number;
    readonly purges: { readonly lines: number };
  } | null;
}

export interface CacheKeys {
  readonly items: readonly UsageReading[];
  readonly wasted: readonly UsageReading[];
}

export interface CacheWarmth {
  readonly enabled: boolean;
  readonly fleet: (WarmCounts & { readonly precision: number }) | null;
}
