// Last step: what happened is counted, and once a second told to the region, behind the answer's back.
import type { Walk } from "./walk.ts";

export function capture(walk: Walk, status: number): void {
  const { metrics, reporter } = walk.gateway.isolate;
  const tookMs = walk.answeredAt - walk.startedAt;
  metrics.inFlight--;
  const route = walk.route === undefined ? "" : walk.route.id;
  const service = walk.service === undefined ? "" : walk.service.compiled.name;
  metrics.observe(route, service, status, tookMs);
  if (walk.strikes !== undefined) {
    for (const { order, group } of walk.strikes) {
      const befell = group === "faulted" && !walk.struck ? "neither" : group;
      metrics.experiment(order.id, befell, route, service, status, tookMs);
    }
  }
  if (walk.refusal !== undefined) metrics.refuse(walk.refusal.code);
  // A report waits its turn in `waitUntil`; an abandoned fetch would stay open as long, so another request carries it.
  if (reporter.due(walk.arrivedAt + tookMs) && (!walk.abandoned || reporter.isUrgent))
    walk.ctx.waitUntil(reporter.send());
}
