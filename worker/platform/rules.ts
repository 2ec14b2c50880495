// What the policy's `security` says of requests before they are sent on, made once a generation and isolate: for all of them,
// and for each route. A step finds the rules of its route by one look into a map.
import type { CompiledPolicy, CompiledRoute } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";
import { compileCors, type Cors } from "../core/security/cors.ts";
import { allowField, compileAddresses, type AddressRules } from "../core/security/guard.ts";
import { compileBudget, compileLimit, type Budget, type Limit } from "../core/security/limits.ts";

export interface RouteRules {
  /** Undefined: cross-origin fields are the upstream's own. */
  readonly cors: Cors | undefined;
  /** Media types a body may have, lower case; undefined: any. */
  readonly contentTypes: readonly string[] | undefined;
  readonly limit: Limit | undefined;
}

export interface Rules {
  readonly limits: ReadonlyMap<string, Limit>;
  readonly addresses: AddressRules | undefined;
  readonly forbidden: ReadonlySet<string>;
  /** `Allow` of a forbidden method. */
  readonly allow: string;
  of(route: CompiledRoute): RouteRules;
  /** Of the AI door as a whole. */
  readonly ai: AiRules & { readonly cors: Cors | undefined };
  /** Of one model of the policy, beside those of the door. */
  model(name: string): AiRules;
  /** What may be spent at one provider. */
  provider(name: string): Budget | undefined;
}

/** What AI requests are counted by: requests, and what they spend. */
export interface AiRules {
  readonly limit: Limit | undefined;
  /** Of the limit, and of the budget beside it. */
  readonly budgets: readonly Budget[];
}

const NONE: RouteRules = { cors: undefined, contentTypes: undefined, limit: undefined };

/** Nearly always the newest generation is asked for, so one is enough to remember it by. */
let newest: { readonly policy: CompiledPolicy; readonly rules: Rules } | undefined;

export function rulesOf(policy: CompiledPolicy): Rules {
  if (newest?.policy !== policy) newest = { policy, rules: compile(policy) };
  return newest.rules;
}

function compile(compiled: CompiledPolicy): Rules {
  const { security, routes } = compiled.policy;
  const limits = new Map(
    Object.entries(security.rateLimits).map(([name, options]) => [name, compileLimit(name, options)]),
  );
  const forbidden = new Set(security.forbiddenMethods);
  const common = corsOf(security.cors);
  const direct: RouteRules = {
    ...NONE,
    cors: security.direct === false ? common : corsOf(security.direct.cors, common),
    limit: security.direct === false ? undefined : limitNamed(limits, security.direct.rateLimit),
  };
  const rules = new Map<CompiledRoute, RouteRules>();
  compiled.routes.forEach((route, index) => {
    const { cors, contentTypes, rateLimit } = routes[index]!;
    rules.set(route, {
      cors: corsOf(cors, common),
      contentTypes: contentTypes?.map((type) => type.toLowerCase()),
      limit: limitNamed(limits, rateLimit),
    });
  });
  return {
    limits,
    addresses: compileAddresses(security.addresses),
    forbidden,
    allow: allowField(forbidden),
    of: (route) => rules.get(route) ?? (route.kind === "direct" ? direct : NONE),
    ...compileAi(compiled.policy, limits, common),
  };
}

const NO_AI: AiRules = { limit: undefined, budgets: [] };

/** Budgets have names of their own: a model, a provider and a limit may be called alike. */
function compileAi(
  { ai, models, providers }: Policy,
  limits: ReadonlyMap<string, Limit>,
  common: Cors | undefined,
): Pick<Rules, "ai" | "model" | "provider"> {
  const rulesFor = (name: string, written: Pick<Policy["ai"], "rateLimit" | "budget">): AiRules => {
    const limit = limitNamed(limits, written.rateLimit);
    const own = written.budget === undefined ? undefined : compileBudget(name, written.budget);
    return { limit, budgets: [limit?.budget, own].filter((budget) => budget !== undefined) };
  };
  const byModel = new Map(Object.entries(models).map(([name, model]) => [name, rulesFor(`model ${name}`, model)]));
  const byProvider = new Map(
    Object.entries(providers).map(([name, { budget }]) => [
      name,
      budget === undefined ? undefined : compileBudget(`provider ${name}`, budget),
    ]),
  );
  return {
    ai: { ...rulesFor("ai", ai), cors: corsOf(ai.cors, common) },
    model: (name) => byModel.get(name) ?? NO_AI,
    provider: (name) => byProvider.get(name),
  };
}

function corsOf(written: Policy["routes"][number]["cors"], otherwise?: Cors): Cors | undefined {
  if (written === false) return undefined;
  return written === undefined ? otherwise : compileCors(written);
}

const limitNamed = (limits: ReadonlyMap<string, Limit>, name: string | undefined): Limit | undefined =>
  name === undefined ? undefined : limits.get(name);
