// The suggestions that are tried or kept, as this isolate has heard of them: by route, what is done differently, and for which share of the
// requests it is not. Off trials there is an empty map, and a request pays a comparison. What does not fit the policy in force is left
// out here at once, whatever its order says; the thought behind it was about another policy.
import * as v from "valibot";
import { cacheOptions } from "../core/cache/options.ts";
import { compileRules, type CompiledRule, type CompiledRules } from "../core/cache/rules.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { whyNotFitting } from "../core/policy/trials.ts";
import type { Arm, TrialOrder } from "../core/protocol/suggestions.ts";
import type { AttemptOptions } from "../core/resilience/attempts.ts";
import type { RegionOptions } from "../core/routing/regions.ts";
import { evenChance, type Chance } from "../core/stats/chance.ts";
import { kindOfMethod } from "./evidence.ts";
import type { Orders } from "./orders.ts";

/** More than the gateway ever has in force. */
const MOST_ORDERS = 64;

/** What is different for one request. */
export interface Overlay {
  /** Which way it goes in each trial of its route. */
  readonly arms: { readonly id: string; readonly arm: Arm }[];
  /** Rules of suggestions, asked before the policy's own; `id` is part of the key, so that nothing else is answered by what they keep. */
  readonly cache: { readonly id: string; readonly rules: CompiledRules }[];
  /** It keeps the old way in a trial of a rule: its answer is looked at. */
  isCompared: boolean;
  headersMs: number | undefined;
  attempts: { readonly service: string; readonly options: AttemptOptions } | undefined;
  avoids: { readonly service: string; readonly instance: string } | undefined;
  regions: { readonly service: string; readonly options: RegionOptions } | undefined;
  breaker: { readonly service: string; readonly slowMs: number } | undefined;
}

interface Compiled {
  readonly order: TrialOrder;
  readonly rules: CompiledRules | undefined;
}

export class Trials {
  /** Whether there are any at all. */
  any = false;
  #orders = new Map<string, TrialOrder>();
  #policy: CompiledPolicy | undefined;
  #byRoute: ReadonlyMap<string, readonly Compiled[]> = new Map();
  #chance: Chance;

  constructor(orders: Orders, chance: Chance = evenChance(Math.random())) {
    this.#chance = chance;
    orders.subscribe("trials", (entries, lostBelow) => {
      // Orders that went by unheard may have been ends.
      if (lostBelow > 0) this.#orders.clear();
      for (const { key, text } of entries) {
        const order = JSON.parse(text) as TrialOrder;
        this.#orders.delete(key);
        if (!order.ended && this.#orders.size < MOST_ORDERS) this.#orders.set(key, order);
      }
      this.any = this.#orders.size > 0;
      this.#policy = undefined;
    });
  }

  /** What is different for this request; undefined where nothing is. */
  overlay(policy: CompiledPolicy, route: string, method: string, now: number): Overlay | undefined {
    if (policy !== this.#policy) this.#compile(policy);
    const trials = this.#byRoute.get(route);
    return trials === undefined ? undefined : this.#drawn(trials, policy, method, now);
  }

  #compile(policy: CompiledPolicy): void {
    this.#policy = policy;
    const byRoute = new Map<string, Compiled[]>();
    for (const order of this.#orders.values()) {
      if (whyNotFitting(order.change, policy) !== undefined) continue;
      const rules = order.change.kind === "cache_rule" ? rulesOf(order.change.rule) : undefined;
      if (order.change.kind === "cache_rule" && rules === undefined) continue;
      const trials = byRoute.get(order.change.route) ?? [];
      trials.push({ order, rules });
      byRoute.set(order.change.route, trials);
    }
    this.#byRoute = byRoute;
  }

  #drawn(trials: readonly Compiled[], policy: CompiledPolicy, method: string, now: number): Overlay | undefined {
    let overlay: Overlay | undefined;
    for (const { order, rules } of trials) {
      const { change, id, holdoutShare } = order;
      if (change.kind === "instance_weight" && change.method !== kindOfMethod(method)) continue;
      if (change.kind === "cache_rule" && method !== "GET" && method !== "HEAD") continue;
      overlay ??= nothing();
      if (change.kind === "breaker_slow") {
        this.#slice(overlay, order, change, now);
        continue;
      }
      const arm: Arm = this.#chance() < holdoutShare ? "holdout" : "changed";
      overlay.arms.push({ id, arm });
      if (arm === "changed") apply(overlay, order, rules, policy, this.#chance);
      else if (change.kind === "cache_rule") overlay.isCompared = true;
    }
    return overlay;
  }

  /**
   * A breaker is one for all requests, so its two groups take turns: every second slice of time keeps the old threshold, and only the
   * second half of each is counted, when what the other one did to the breaker is over.
   */
  #slice(
    overlay: Overlay,
    { id, holdoutShare, startedAt }: TrialOrder,
    change: Extract<TrialOrder["change"], { kind: "breaker_slow" }>,
    now: number,
  ): void {
    const { service, after, sliceMs } = change;
    const slice = Math.floor((now - startedAt) / sliceMs);
    // What is kept has every sixteenth slice, the last: less would never be measured.
    const keepsOld = holdoutShare < 0.05 ? slice % 16 === 15 : slice % 2 === 1;
    if (!keepsOld) overlay.breaker = { service, slowMs: after };
    if ((now - startedAt) % sliceMs >= sliceMs / 2) overlay.arms.push({ id, arm: keepsOld ? "holdout" : "changed" });
  }
}

const nothing = (): Overlay => ({
  arms: [],
  cache: [],
  isCompared: false,
  headersMs: undefined,
  attempts: undefined,
  avoids: undefined,
  regions: undefined,
  breaker: undefined,
});

function apply(
  overlay: Overlay,
  { id, change }: TrialOrder,
  rules: CompiledRules | undefined,
  policy: CompiledPolicy,
  chance: Chance,
): void {
  switch (change.kind) {
    case "cache_rule":
      overlay.cache.push({ id, rules: rules! });
      break;
    case "headers_timeout":
      overlay.headersMs = change.after;
      break;
    case "instance_weight":
      if (chance() >= change.factor) overlay.avoids = { service: change.service, instance: change.instance };
      break;
    case "retries": {
      const { attempts } = policy.services.get(change.service)!.options;
      if (attempts !== false)
        overlay.attempts = { service: change.service, options: { ...attempts, max: change.after } };
      break;
    }
    case "region_spill": {
      const { regions } = policy.services.get(change.service)!.options.routing;
      overlay.regions = { service: change.service, options: { ...regions, spillAtLoad: change.after } };
      break;
    }
    case "breaker_slow":
      break;
  }
}

/** As the policy's own schema reads it; undefined when it refuses it. */
function rulesOf(text: string): CompiledRules | undefined {
  const parsed = v.safeParse(cacheOptions, { rules: [JSON.parse(text) as unknown] });
  return parsed.success ? compileRules(parsed.output) : undefined;
}

/** The rule of an overlay that takes this request. */
export function ruleIn(
  overlay: Overlay | undefined,
  question: Parameters<CompiledRules["find"]>[0],
): { readonly rule: CompiledRule; readonly id: string } | undefined {
  if (overlay === undefined) return undefined;
  for (const { id, rules } of overlay.cache) {
    const rule = rules.find(question);
    if (rule !== undefined) return { rule, id };
  }
  return undefined;
}
