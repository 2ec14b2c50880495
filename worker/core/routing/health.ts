// Health of an instance (SEEDS P5): what checks found, and how much that is worth as it grows old. The state is plain JSON,
// kept by whoever runs the checks; a check's answer is one step.

import type { HealthStatus } from "../protocol/reports.ts";

export type { HealthStatus };

export interface Health {
  status: HealthStatus;
  /** Epoch ms of the newest check; 0 for never. */
  checkedAt: number;
  /** Checks in a row that went the other way than `status`. */
  streak: number;
}

export interface HealthScoreOptions {
  readonly healthy: number;
  readonly degraded: number;
  readonly unhealthy: number;
  readonly unknown: number;
  readonly staleAfterSeconds: number;
  readonly decaySeconds: number;
  readonly floor: number;
}

export const UNCHECKED: Readonly<Health> = { status: "unknown", checkedAt: 0, streak: 0 };

/**
 * The status's score, times freshness: 1 while the newest check is young enough, then falling in a straight line over
 * `decaySeconds`, never under `floor`.
 */
export function healthScore(health: Readonly<Health>, now: number, options: HealthScoreOptions): number {
  const staleSeconds = (now - health.checkedAt) / 1000 - options.staleAfterSeconds;
  const freshness = staleSeconds > 0 ? Math.max(options.floor, 1 - staleSeconds / options.decaySeconds) : 1;
  return options[health.status] * freshness;
}

export interface CheckOptions {
  /** Passing checks in a row that make an unhealthy instance healthy, and failing ones that make it unhealthy. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
  /** A passing check slower than this is `degraded`; absent: never. */
  readonly degradedMs?: number | undefined;
}

export interface CheckResult {
  readonly passed: boolean;
  readonly tookMs: number;
  /** Epoch ms. */
  readonly at: number;
}

/**
 * One check's answer. The first one decides at once, for waiting would leave a new instance unknown; later ones must agree
 * with each other before the status turns.
 */
export function healthStep(health: Readonly<Health>, check: CheckResult, options: CheckOptions): Health {
  const slow = options.degradedMs !== undefined && check.tookMs > options.degradedMs;
  const passing: HealthStatus = slow ? "degraded" : "healthy";
  const checkedAt = check.at;
  if (health.status === "unknown") {
    return { status: check.passed ? passing : "unhealthy", checkedAt, streak: 0 };
  }
  const wasUp = health.status !== "unhealthy";
  if (check.passed === wasUp) return { status: wasUp ? passing : "unhealthy", checkedAt, streak: 0 };
  const streak = health.streak + 1;
  const needed = wasUp ? options.unhealthyAfter : options.healthyAfter;
  if (streak < needed) return { status: health.status, checkedAt, streak };
  return { status: wasUp ? "unhealthy" : passing, checkedAt, streak: 0 };
}

/** Whether choice may use it: unknown counts as up, or nothing would ever start. */
export function isUp(health: Readonly<Health>): boolean {
  return health.status !== "unhealthy";
}

/**
 * The share of its traffic an instance may take `sinceMs` after it came (back): from `from` up to 1 in a straight line.
 * Serves slow start of new instances; recovering ones ramp by their breaker.
 */
export function slowStart(sinceMs: number, durationMs: number, from: number): number {
  if (durationMs <= 0 || sinceMs >= durationMs) return 1;
  return from + (1 - from) * Math.max(0, sinceMs / durationMs);
}
