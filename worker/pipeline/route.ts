// Which service answers: the route's own or its canary. Who of its instances does is decided as the request is sent.
import type { Refusal } from "../core/http/problem.ts";
import type { Walk } from "./walk.ts";

export function route(walk: Walk): Refusal | undefined {
  const { service, canary } = walk.route!;
  const chosen = canary !== undefined && Math.random() * 100 < canary.percent ? canary.service : service;
  walk.service = walk.gateway.fleet.service(walk.policy, chosen);
  return undefined;
}
