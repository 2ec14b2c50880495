// AI as an operator looks at it: who stands behind the door, which names lead where, what they cost, and what of the budgets is spent.
// Figures over time are the history's (`provider NAME`, `model NAME`); breakers and load those of the services `ai:NAME`.
import { addressOf } from "../core/providers/options.ts";
import { catalogued, completePrice, type Price } from "../core/providers/prices.ts";
import type { Policy } from "../core/policy/schema.ts";
import { LIMITER_SHARDS } from "../core/protocol/names.ts";
import type { SpendingReading } from "../core/protocol/limiter.ts";
import type { Budget } from "../core/security/limits.ts";
import { secretOf } from "../platform/call-headers.ts";
import type { Env } from "../platform/env.ts";
import { rulesOf, type Rules } from "../platform/rules.ts";
import type { Asked } from "./context.ts";
import { refusal } from "./refuse.ts";

const MOST_SPENDERS = 50;

export async function getAi(c: Asked): Promise<Response> {
  const { policies, objects } = c.get("isolate");
  const inForce = policies.current;
  if (inForce === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const { policy, generation } = inForce;
  const budgets = budgetsOf(policy, rulesOf(inForce));
  // The shards are asked only where something can have been spent.
  const readings = budgets.length === 0 ? [] : await objects.limiters();
  const spending = readings.flatMap((reading) => reading.spending);
  return c.json({
    generation,
    providers: Object.entries(policy.providers).map(([name, options]) => providerShown(name, options, c.env)),
    models: Object.entries(policy.models).map(([name, options]) => modelShown(name, options, policy)),
    budgets: budgets.map((budget) => ({
      name: budget.name,
      by: budget.by,
      shadow: budget.shadow,
      limits: budget.rule,
      spending: spendersOf(budget, spending),
    })),
    /** Of the objects that keep budgets, how many did not answer. */
    unreachable: budgets.length === 0 ? 0 : LIMITER_SHARDS - readings.length,
  });
}

type Provider = Policy["providers"][string];
type Model = Policy["models"][string];

function providerShown(name: string, options: Provider, env: Env) {
  const { adapter, enabled, priority, weight, region } = options;
  const secrets = [...(options.key === undefined ? [] : [options.key]), ...options.keys];
  return {
    ...{ name, adapter, enabled, priority, weight },
    region: region ?? null,
    address: addressOf(options) ?? null,
    /** Names only; a key that is not set cannot be used. */
    keys: secrets.map((secret) => ({ name: secret.secret, isSet: secretOf(secret, env) !== undefined })),
    models: options.models?.map((model) => (typeof model === "string" ? model : model.id)) ?? null,
  };
}

function modelShown(name: string, options: Model, policy: Policy) {
  return {
    ...{
      name,
      strategy: options.strategy,
      recovery: options.stream.recovery,
      firstTokenMs: options.stream.firstTokenMs,
    },
    stored: options.cache !== false,
    targets: options.targets.map((written) => {
      const target = typeof written === "string" ? { target: written, weight: 1, priority: 1 } : written;
      return { ...target, price: priceOf(target.target, policy) ?? null };
    }),
  };
}

/** Dollars per million tokens, as calls are charged; undefined where nobody knows. */
function priceOf(target: string, policy: Policy): Omit<Price, "long"> | undefined {
  const slash = target.indexOf("/");
  const model = target.slice(slash + 1);
  const provider = Object.hasOwn(policy.providers, target.slice(0, slash))
    ? policy.providers[target.slice(0, slash)]
    : undefined;
  if (provider === undefined) return undefined;
  const known = catalogued(provider.adapter, model)?.price;
  const listed = provider.models?.find((each) => typeof each === "object" && each.id === model);
  const written = typeof listed === "object" ? listed.price : undefined;
  const price = written === undefined ? known : completePrice(written, known);
  if (price === undefined) return undefined;
  const { input, output, cacheRead, cacheWrite } = price;
  return { input, output, cacheRead, cacheWrite };
}

/** Every budget of the policy, once: the door's, those of models and providers, and those of limits. */
function budgetsOf({ models, providers }: Policy, rules: Rules): Budget[] {
  const all = [
    ...rules.ai.budgets,
    ...Object.keys(models).flatMap((name) => rules.model(name).budgets),
    ...Object.keys(providers).flatMap((name) => rules.provider(name) ?? []),
    ...[...rules.limits.values()].flatMap(({ budget }) => budget ?? []),
  ];
  return [...new Map(all.map((budget) => [budget.name, budget])).values()];
}

/** Who has used most of it, as a share of what its tightest period allows. */
function spendersOf({ name, rule }: Budget, spending: readonly SpendingReading[]) {
  return spending
    .filter(({ budget }) => budget === name)
    .map(({ who, periods }) => {
      const used = periods.flatMap((period) => {
        const limit = rule[period.name];
        return limit === undefined ? [] : [{ ...period, limit, share: (period.spent + period.reserved) / limit }];
      });
      return { who, periods: used, share: Math.max(0, ...used.map(({ share }) => share)) };
    })
    .filter(({ periods }) => periods.length > 0)
    .toSorted((a, b) => b.share - a.share)
    .slice(0, MOST_SPENDERS);
}
