// Last step: what happened is counted, recorded where the policy wants records, and once a second told to the region, behind the
// answer's back.
import { FAILED, HUNG, REFUSED, RETRIED } from "../platform/evidence.ts";
import type { CacheWord } from "../platform/metrics.ts";
import { noteIncident } from "./incident.ts";
import { observe } from "./observe.ts";
import { recordOf } from "./record.ts";
import type { Walk } from "./walk.ts";

export function capture(walk: Walk, status: number): void {
  const { isolate, recorder } = walk.gateway;
  const { metrics, reporter } = isolate;
  const tookMs = walk.answeredAt - walk.startedAt;
  metrics.inFlight--;
  const route = walk.route === undefined ? "" : walk.route.id;
  const service = walk.service === undefined ? "" : walk.service.compiled.name;
  const word = cacheWord(walk.cacheStatus);
  metrics.observe(route, service, status, tookMs, word, walk.attempts - 1);
  if (word === "hit" && walk.cacheEntry !== undefined && walk.cacheEntry.level !== "memory")
    metrics.lowerHit(walk.cacheEntry.level);
  if (walk.overlay !== undefined) {
    for (const { id, arm } of walk.overlay.arms) metrics.trial(id, arm, status, tookMs, word, walk.attempts - 1);
  }
  // A hit says nothing of upstreams, and what an experiment spoils says nothing of how things are.
  if (walk.service !== undefined && !walk.struck && walk.policy.policy.telemetry.suggestions !== false)
    tellKind(walk, route, service, status, tookMs);
  if (walk.strikes !== undefined) {
    for (const { order, group } of walk.strikes) {
      const befell = group === "faulted" && !walk.struck ? "neither" : group;
      metrics.experiment(order.id, befell, route, service, status, tookMs);
    }
  }
  observe(walk);
  if (walk.refusal !== undefined) {
    metrics.refuse(walk.refusal.code);
    noteIncident(walk, walk.refusal.code);
  }
  if (recorder.wants(walk.policy.policy.telemetry, status, tookMs)) recorder.record(recordOf(walk, status), walk.ctx);
  // A report waits its turn in `waitUntil`; an abandoned fetch would stay open as long, so another request carries it.
  if (reporter.due(walk.arrivedAt + tookMs) && (!walk.abandoned || reporter.isUrgent))
    walk.ctx.waitUntil(reporter.send());
}

/** A request that went forward, as suggestions look at it. */
function tellKind(walk: Walk, route: string, service: string, status: number, tookMs: number): void {
  const { instance, attempts, refusal, upstreamMs } = walk;
  const code = refusal === undefined ? "" : refusal.code;
  let how = status >= 500 ? FAILED : 0;
  if (code === "breaker_open") how |= REFUSED;
  if (code === "upstream_timeout") how |= HUNG;
  if (attempts > 1) {
    how |= RETRIED;
    // One before the last waited its whole time in vain.
    if (tookMs - upstreamMs >= walk.route!.timeouts.headersMs * 0.9) how |= HUNG;
  }
  const by = instance === undefined ? "" : instance.compiled.id;
  // How long failures take says nothing of how long answers do.
  const answeredMs = attempts > 0 && code === "" && status < 500 ? upstreamMs : -1;
  walk.gateway.isolate.evidence.saw(route, walk.method, service, by, how, answeredMs);
}

/** From our own member of Cache-Status. */
function cacheWord(status: string): CacheWord {
  if (status === "" || status.startsWith("sluice; fwd=bypass") || status.startsWith("sluice; fwd=method"))
    return "unasked";
  return status.startsWith("sluice; hit") ? "hit" : "miss";
}
