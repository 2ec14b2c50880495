// Whether a suggestion that is tried or kept has a say in this request, and which way it goes: drawn once, before the cache is asked.
import type { Walk } from "./walk.ts";

export function trial(walk: Walk): undefined {
  const { trials } = walk.gateway;
  if (trials.any) walk.overlay = trials.overlay(walk.policy, walk.route!.id, walk.method, walk.arrivedAt);
  return undefined;
}
