// The cache's rules in this isolate, compiled once for each policy that comes into force. Whoever judges what was stored under an
// earlier policy asks by a rule's name, and gets the rule of that name that is in force now.
import type { QueryKey } from "../../core/cache/query.ts";
import { compileRules, type CompiledRule, type CompiledRules } from "../../core/cache/rules.ts";
import type { RequestInfluence } from "../../core/cache/influence.ts";
import { NO_RULE, sharesMisses, usualTiers } from "../../core/cache/strategy.ts";
import type { CompiledPolicy } from "../../core/policy/compiled.ts";

const NO_RULES: CompiledRules = compileRules({ rules: [] });

export class Rulebook {
  #policy: CompiledPolicy | undefined;
  #rules: CompiledRules = NO_RULES;
  #byId: ReadonlyMap<string, CompiledRule> = new Map();
  /** Counts how often rules were compiled: once a generation. */
  compiled = 0;
  /** Whether a rule weighs how often something is asked for. */
  scores = false;
  /** Whether a rule learns its lifetime. */
  learns = false;
  /** What holds for a request that no rule takes. */
  withoutRule: RequestInfluence = NO_RULE;

  /** Of the policy in force. */
  of(policy: CompiledPolicy): CompiledRules {
    if (policy === this.#policy) return this.#rules;
    this.#policy = policy;
    const { cache } = policy.policy;
    this.#rules = cache === false ? NO_RULES : compileRules(cache);
    this.#byId = new Map(this.#rules.all.map((rule) => [rule.id, rule]));
    this.scores = this.#rules.all.some(({ options }) => options.strategy === "intelligent_adaptive");
    this.learns = this.#rules.all.some(({ options }) => options.targetStaleness !== undefined);
    this.withoutRule =
      cache === false ? NO_RULE : { ...NO_RULE, acrossIsolates: sharesMisses(cache), tiers: usualTiers(cache) };
    this.compiled++;
    return this.#rules;
  }

  rule(id: string): CompiledRule | undefined {
    return this.#byId.get(id);
  }

  /** How the rule of that name keys queries; undefined where it keys them as they came. */
  queryOf(id: string): QueryKey | undefined {
    const rule = this.#byId.get(id);
    return rule === undefined || rule.wholeQuery ? undefined : rule.query;
  }
}
