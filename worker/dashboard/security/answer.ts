// What the admin API answers to `GET security` and about keys, as far as pages show it.
import type { LimitedReading } from "../../core/protocol/limiter.ts";
import type { SecurityEventEntry } from "../../core/protocol/security.ts";

export interface SecurityReport {
  readonly events: readonly (SecurityEventEntry & { readonly region: string })[];
  readonly counts: Readonly<Record<string, number>>;
  readonly limited: readonly LimitedReading[];
  readonly keys: { readonly count: number | null };
  readonly keySets: readonly {
    readonly from: string;
    readonly keys: number;
    readonly loadedAt: number;
    readonly problem: string;
    readonly refused: readonly unknown[];
  }[];
  readonly regions: Readonly<Record<string, { readonly reachable: boolean }>>;
}

export interface KeyShown {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly rateLimit: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}
