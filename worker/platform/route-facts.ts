// What findings need to know of the policy's routes, as plain figures.
import type { RouteFacts } from "../core/insight/findings.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";

const LONGEST_CYCLE_MS = 120_000;
const SHORTEST_CYCLE_MS = 6_000;

export function routeFacts({ routes, policy }: CompiledPolicy): RouteFacts[] {
  const capacities = Object.fromEntries(
    Object.entries(policy.regions).map(([name, { capacity }]) => [name, capacity ?? Number.POSITIVE_INFINITY]),
  );
  return routes.map((route, index) => {
    const { service, id, timeouts } = route;
    const { breaker, attempts, routing } = service.options;
    return {
      route: id,
      path: `routes[${index}]`,
      service: service.name,
      headersMs: timeouts.headersMs,
      breaker:
        breaker === false
          ? undefined
          : {
              slowMs: breaker.slowMs,
              slowRate: breaker.slowRate,
              // Long enough for reports and verdicts to go round, and for what a breaker does in one slice to be over in the next one's first half.
              cycleMs: Math.min(
                LONGEST_CYCLE_MS,
                Math.max(SHORTEST_CYCLE_MS, 2 * (breaker.windowMs + breaker.maxOpenMs)),
              ),
            },
      attempts: attempts === false ? 1 : attempts.max,
      hedges: attempts !== false && attempts.hedgeAfter !== false,
      instances: service.instances.map((instance) => ({ id: instance.id, region: instance.region })),
      capacities,
      spillAtLoad: routing.regions.spillAtLoad,
    };
  });
}

/** Host of a route's requests, for rules that must not take those of another; undefined for any. */
export function hostOf({ policy }: CompiledPolicy, index: number): string | undefined {
  const host = policy.routes[index]?.match.host;
  return host === "*" ? undefined : host;
}
