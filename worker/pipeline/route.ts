// Which service answers: the route's own or its canary. Who of its instances does is decided as the request is sent.
import type { Refusal } from "../core/http/problem.ts";
import type { CompiledService } from "../core/policy/compiled.ts";
import type { Strike } from "../core/chaos/strike.ts";
import type { Walk } from "./walk.ts";

export function route(walk: Walk): Refusal | undefined | Promise<undefined> {
  const { service, canary } = walk.route!;
  const chosen = canary !== undefined && Math.random() * 100 < canary.percent ? canary.service : service;
  walk.service = walk.gateway.fleet.service(walk.policy, chosen);
  if (walk.service.awaitsRegistry) return waitForInstances(walk, chosen);
  if (walk.overlay?.breaker !== undefined) walk.service.lend(walk.overlay.breaker, walk.arrivedAt);
  strike(walk, chosen);
  return undefined;
}

/** It is the first that comes: bounded, and within its own deadline. */
async function waitForInstances(walk: Walk, chosen: CompiledService): Promise<undefined> {
  const deadlineAt = walk.arrivedAt + walk.route!.timeouts.attemptsMs;
  walk.service = await walk.gateway.fleet.whenDiscovered(walk.policy, chosen, walk.ctx, deadlineAt);
  strike(walk, chosen);
  return undefined;
}

function strike(walk: Walk, chosen: CompiledService): void {
  if (walk.gateway.chaos.running.length > 0) walk.strikes = strikesOn(walk, chosen.name);
}

/** What experiments do to it; decided here, once for all its attempts. */
function strikesOn(walk: Walk, service: string): readonly Strike[] | undefined {
  const { gateway, route, headers, arrivedAt, security } = walk;
  const targeted = {
    ...{ service, route: route!.id, region: gateway.isolate.region.name, keyId: security.keyId, provider: "" },
    header: (name: string) => headers.get(name),
  };
  return gateway.chaos.strikes(targeted, arrivedAt);
}
