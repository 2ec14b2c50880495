// Which service answers: the route's own or its canary. Who of its instances does is decided as the request is sent.
import type { Refusal } from "../core/http/problem.ts";
import type { Strike } from "../core/chaos/strike.ts";
import type { Walk } from "./walk.ts";

export function route(walk: Walk): Refusal | undefined {
  const { service, canary } = walk.route!;
  const chosen = canary !== undefined && Math.random() * 100 < canary.percent ? canary.service : service;
  walk.service = walk.gateway.fleet.service(walk.policy, chosen);
  if (walk.gateway.chaos.running.length > 0) walk.strikes = strikesOn(walk, chosen.name);
  return undefined;
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
