// What the policy's `security` says of requests before they are sent on, made once a generation and isolate: for all of them,
// and for each route. A step finds the rules of its route by one look into a map.
import type { CompiledPolicy, CompiledRoute } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";
import { compileCors, type Cors } from "../core/security/cors.ts";
import { allowField, compileAddresses, type AddressRules } from "../core/security/guard.ts";
import { compileLimit, type Limit } from "../core/security/limits.ts";

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
  };
}

function corsOf(written: Policy["routes"][number]["cors"], otherwise?: Cors): Cors | undefined {
  if (written === false) return undefined;
  return written === undefined ? otherwise : compileCors(written);
}

const limitNamed = (limits: ReadonlyMap<string, Limit>, name: string | undefined): Limit | undefined =>
  name === undefined ? undefined : limits.get(name);
