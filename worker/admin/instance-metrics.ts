// Of /_sluice/metrics, what this isolate knows of its services' instances: further tries, breakers as it obeys them, limits.
// Gauges are read when somebody asks; a request pays for none of them.
import { standing, type Standing } from "../core/resilience/gate.ts";
import type { Fleet } from "../platform/fleet.ts";
import type { Isolate } from "../platform/isolate.ts";
import type { Exposition } from "./exposition.ts";

const TRIES = ["retry", "hedge", "fallback"] as const;

export function writeTries(out: Exposition, { metrics: { tries }, id }: Isolate): void {
  const mine = { isolate: id };
  out.family("sluice_further_tries_total", "counter", "Tries beyond a request's first, by what made them.");
  for (const [service, counts] of tries) for (const kind of TRIES) out.sample({ ...mine, service, kind }, counts[kind]);
  out.family(
    "sluice_retry_budget_exhausted_total",
    "counter",
    "Requests that would have been tried again, had the retry budget not been spent.",
  );
  for (const [service, counts] of tries) out.sample({ ...mine, service }, counts.unpaid);
}

/** In the order of how much they let through. */
const STANDINGS: Readonly<Record<Standing, number>> = { closed: 0, ramp: 1, due: 2, needs: 2, open: 3 };

/** Gauges of the instances as this isolate may use them. */
export function writeInstances(out: Exposition, isolate: Isolate, fleet: Fleet): void {
  const now = isolate.now();
  const services = [...fleet.services];
  const instances = services.flatMap((service) =>
    service.instances.map((instance) => {
      const labels = { isolate: isolate.id, service: service.compiled.name, instance: instance.compiled.id };
      return { labels, instance };
    }),
  );
  out.family("sluice_breaker_state", "gauge", "As the isolate obeys it: 0 closed, 1 ramp, 2 half open, 3 open.");
  for (const { labels, instance } of instances) {
    out.sample(labels, STANDINGS[standing(instance.gate, fleet.news, now)]);
  }
  out.family("sluice_upstream_in_flight", "gauge", "Requests of the isolate under way at an instance.");
  for (const { labels, instance } of instances) out.sample(labels, instance.candidate.inFlight);
  out.family(
    "sluice_concurrency_limit",
    "gauge",
    'Requests at once that the isolate may have; instance "": the service.',
  );
  for (const { labels, instance } of instances) {
    if (instance.limiter !== undefined) out.sample(labels, Math.floor(instance.limiter.limit));
  }
  const limited = services.filter(({ limits }) => limits.any);
  for (const { compiled, limits } of limited) {
    if (limits.whole === undefined) continue;
    out.sample({ isolate: isolate.id, service: compiled.name, instance: "" }, Math.floor(limits.whole.limit));
  }
  out.family("sluice_concurrency_queue", "gauge", "Requests that wait for a place.");
  for (const { compiled, limits } of limited) {
    out.sample({ isolate: isolate.id, service: compiled.name }, limits.waiting);
  }
}
