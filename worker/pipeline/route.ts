// Which instance answers: the route's service or its canary, then the service's strategy among its instances.
import type { Refusal } from "../core/http/problem.ts";
import { chooseInstance } from "../core/routing/choice.ts";
import { NONE_TRIED } from "../core/routing/strategy.ts";
import type { Walk } from "./walk.ts";

const RETRY_MS = 1_000;

export function route(walk: Walk): Refusal | undefined {
  const { fleet } = walk.gateway;
  const { service, canary } = walk.route!;
  const chosen = canary !== undefined && Math.random() * 100 < canary.percent ? canary.service : service;
  const state = fleet.service(walk.policy, chosen);
  walk.service = state;
  const { input } = state;
  input.now = walk.arrivedAt;
  input.exclude = NONE_TRIED;
  const index = chooseInstance(state.strategy, state.candidates, input);
  if (index < 0) return { code: "no_instance", retryAfterMs: RETRY_MS };
  walk.instance = state.instances[index]!;
  return undefined;
}
