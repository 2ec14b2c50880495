// What a region tells its isolates of a service's health, put together from active checks and from the registry that the
// instances come from. Where both know an instance the worse one counts; who knows nothing does not count. Bad news grows old
// too: an instance that was found sick and has not been looked at for a while is unknown again, not sick for ever.
import type { HealthStatus, ServiceHealth } from "../protocol/reports.ts";

/** What one source says of one instance. */
export interface Finding {
  readonly status: HealthStatus;
  /** Epoch ms; 0 for never. */
  readonly checkedAt: number;
}

const ORDER: readonly HealthStatus[] = ["unknown", "healthy", "degraded", "unhealthy"];

const NOTHING = { status: "unknown", checkedAt: 0 } as const satisfies Finding;

/** The worst of what is known; `unknown` when nothing is. */
export function worstOf<F extends Finding>(findings: readonly (F | undefined)[]): F | typeof NOTHING {
  let worst: F | typeof NOTHING = NOTHING;
  for (const finding of findings) {
    if (finding === undefined) continue;
    const order = ORDER.indexOf(finding.status) - ORDER.indexOf(worst.status);
    if (order > 0 || (order === 0 && finding.checkedAt > worst.checkedAt)) worst = finding;
  }
  return worst;
}

/** `findings` by instance id, one for each instance there is. */
export function healthNews(findings: ReadonlyMap<string, Finding>, now: number, staleAfterMs: number): ServiceHealth {
  const except: ServiceHealth["except"] = {};
  let newest = 0;
  for (const [id, { status, checkedAt }] of findings) {
    newest = Math.max(newest, checkedAt);
    const stale = now - checkedAt > staleAfterMs;
    if (status === "unhealthy" && stale) except[id] = "unknown";
    else if (status !== "healthy") except[id] = status;
  }
  return { ageMs: newest === 0 ? 0 : Math.max(0, now - newest), except };
}
