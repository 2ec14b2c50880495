// Which steps a request needs, found out once for each route, method and generation: a step that has nothing to do for any request of
// its lane is left out of it, instead of finding that out anew each time. What a lane leaves out would have let the request
// go on unchanged; that is the only law, and each condition stands beside the step it is of.
import type { CompiledPolicy, CompiledRoute } from "../core/policy/compiled.ts";
import type { Gateway } from "../platform/gateway.ts";
import { rulesOf, type RouteRules } from "../platform/rules.ts";
import { authenticate } from "./authenticate.ts";
import { cacheRule } from "./cache-rule.ts";
import { cache } from "./cache.ts";
import { guard } from "./guard.ts";
import { limit } from "./limit.ts";
import { route } from "./route.ts";
import { trial } from "./trial.ts";
import type { Verdict, Walk } from "./walk.ts";

/** A refusal ends the walk as a problem, a `Response` as its answer; undefined lets it go on. Only who must wait returns a promise. */
export type Step = (walk: Walk) => Verdict | Promise<Verdict>;

/** All of them, in their order, behind `profile`. */
const STEPS: readonly Step[] = [guard, authenticate, limit, trial, cacheRule, cache, route];

interface Lane {
  readonly rules: RouteRules;
  readonly steps: readonly Step[];
}

/** Methods that have lanes: others are rare, and a client may invent them. */
const COMMON: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** Nearly always the newest generation is asked for, so one is enough to remember it by. */
let newest: { readonly policy: CompiledPolicy; readonly lanes: Map<CompiledRoute, Map<string, Lane>> } | undefined;

/** What is left to do of it, now that its route is known. */
export function stepsOf(walk: Walk): readonly Step[] {
  const { policy, route: taken, method } = walk;
  if (taken === undefined) return STEPS;
  if (newest?.policy !== policy) newest = { policy, lanes: new Map() };
  const lane = newest.lanes.get(taken)?.get(method) ?? open(newest.lanes, walk.gateway, policy, taken, method);
  if (lane === undefined) return STEPS;
  walk.rules = lane.rules;
  return lane.steps;
}

function open(
  lanes: Map<CompiledRoute, Map<string, Lane>>,
  gateway: Gateway,
  policy: CompiledPolicy,
  taken: CompiledRoute,
  method: string,
): Lane | undefined {
  if (!COMMON.has(method)) return undefined;
  const rules = rulesOf(policy).of(taken);
  const needed = needs(gateway, policy, taken, rules, method);
  const lane = { rules, steps: STEPS.filter((step) => needed.get(step) ?? true) };
  const byMethod = lanes.get(taken) ?? new Map<string, Lane>();
  lanes.set(taken, byMethod.set(method, lane));
  return lane;
}

function needs(
  gateway: Gateway,
  policy: CompiledPolicy,
  taken: CompiledRoute,
  rules: RouteRules,
  method: string,
): ReadonlyMap<Step, boolean> {
  const { addresses, forbidden } = rulesOf(policy);
  const { keys, fields } = gateway.identity.rulesOf(policy);
  // Nobody is asked, and there is nothing that would have to be held back.
  const asks = taken.auth !== "none" || keys !== undefined || fields !== undefined;
  const caches = policy.policy.cache !== false;
  return new Map<Step, boolean>([
    [guard, addresses !== undefined || forbidden.has(method) || rules.contentTypes !== undefined],
    [authenticate, asks],
    // A credential may bring a limit of its own.
    [limit, asks || rules.limit !== undefined || taken.maxBodyBytes !== Infinity],
    [cacheRule, caches],
    [cache, caches],
  ]);
}
