// What a policy says about AI, as the door reads it: adapters made, names resolved to targets, prices and windows looked up.
// Made once per generation and isolate, at the first AI request; a policy that is gone takes it along.
import { adapterFor } from "../core/providers/adapters.ts";
import type { ListedModel } from "../core/providers/listing.ts";
import type { Adapter } from "../core/providers/adapter.ts";
import { catalogued, completePrice, type Price } from "../core/providers/prices.ts";
import type { CompiledPolicy, CompiledService } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Secret } from "../core/protocol/fields.ts";

export type ProviderOptions = Policy["providers"][string];
export type ModelOptions = Policy["models"][string];

export interface Provider {
  readonly name: string;
  readonly adapter: Adapter;
  readonly options: ProviderOptions;
  /** Credentials, to be taken in turn. */
  readonly keys: readonly Secret[];
  /** Its breaker, limit and load: in the fleet under this service. */
  readonly service: CompiledService;
  /** Targets at it that were named so far. */
  readonly targets: Map<string, Target>;
  /** What its own list says of its models, once somebody has asked for it. */
  readonly listed: Map<string, ListedModel>;
}

/** A model at a provider. */
export interface Target {
  /** `provider/model`. */
  readonly key: string;
  readonly provider: Provider;
  readonly model: string;
  /** With what the policy says this model can do. */
  readonly adapter: Adapter;
  /** 0 when nobody knows. */
  readonly contextWindow: number;
  readonly maxOutputTokens: number | undefined;
  readonly price: Price | undefined;
}

export interface Choosable {
  readonly target: Target;
  readonly weight: number;
  readonly priority: number;
}

/** A name clients ask for; `options` undefined for `provider/model`. */
export interface Model {
  readonly name: string;
  readonly targets: readonly Choosable[];
  readonly options: ModelOptions | undefined;
}

export interface AiPolicy {
  readonly options: Policy["ai"];
  readonly providers: ReadonlyMap<string, Provider>;
  readonly models: ReadonlyMap<string, Model>;
}

const compiled = new WeakMap<CompiledPolicy, AiPolicy>();

/** Undefined where the policy names neither models nor providers: then there is no AI door. */
export function aiOf(policy: CompiledPolicy): AiPolicy | undefined {
  const known = compiled.get(policy);
  if (known !== undefined) return known;
  const { providers, models } = policy.policy;
  if (Object.keys(providers).length + Object.keys(models).length === 0) return undefined;
  const made = compileAi(policy);
  compiled.set(policy, made);
  return made;
}

function compileAi(policy: CompiledPolicy): AiPolicy {
  const providers = new Map<string, Provider>();
  for (const [name, options] of Object.entries(policy.policy.providers)) {
    const adapter = adapterFor(options);
    const service = policy.services.get(`ai:${name}`);
    // Switched off, or without an address: nobody can be asked there.
    if (adapter === undefined || service === undefined) continue;
    const keys = [...(options.key === undefined ? [] : [options.key]), ...options.keys];
    providers.set(name, { name, adapter, options, keys, service, targets: new Map(), listed: new Map() });
  }
  const models = new Map<string, Model>();
  for (const [name, options] of Object.entries(policy.policy.models)) {
    const targets = options.targets.flatMap((written) => {
      const {
        target: key,
        weight,
        priority,
      } = typeof written === "string" ? { target: written, weight: 1, priority: 1 } : written;
      const target = targetNamed(providers, key, options.contextWindow);
      return target === undefined ? [] : [{ target, weight, priority }];
    });
    models.set(name, { name, targets, options });
  }
  return { options: policy.policy.ai, providers, models };
}

/** Clients name models: what is kept of names that the policy does not list is bounded. */
const MOST_TARGETS = 1_000;

/** Takes over what a provider says of its models, for those that neither policy nor catalogue knows. */
export function takeListing(provider: Provider, models: readonly ListedModel[]): void {
  for (const model of models) {
    const isNews = !provider.listed.has(model.id);
    provider.listed.set(model.id, model);
    // Targets of the policy's own models stay what they were made of.
    if (isNews) provider.targets.delete(model.id);
  }
}

/** A model at one provider, whoever named it. */
export function targetAt(provider: Provider, model: string): Target {
  return provider.targets.get(model) ?? makeTarget(provider, `${provider.name}/${model}`, model, undefined);
}

function targetNamed(
  providers: ReadonlyMap<string, Provider>,
  key: string,
  contextWindow?: number,
): Target | undefined {
  const slash = key.indexOf("/");
  const provider = slash < 0 ? undefined : providers.get(key.slice(0, slash));
  const model = key.slice(slash + 1);
  if (provider === undefined || model === "" || model.length > 200) return undefined;
  const known = provider.targets.get(model);
  if (known !== undefined && contextWindow === undefined) return known;
  const target = makeTarget(provider, key, model, contextWindow);
  if (provider.targets.size < MOST_TARGETS) provider.targets.set(model, target);
  return target;
}

function makeTarget(provider: Provider, key: string, model: string, contextWindow: number | undefined): Target {
  const { options } = provider;
  const listed = options.models?.find((one) => (typeof one === "string" ? one : one.id) === model);
  const said = typeof listed === "object" ? listed : undefined;
  const facts = catalogued(options.adapter, model) ?? provider.listed.get(model);
  const adapter =
    said?.capabilities === undefined
      ? provider.adapter
      : (adapterFor({ ...options, capabilities: { ...options.capabilities, ...said.capabilities } }) ??
        provider.adapter);
  return {
    key,
    provider,
    model,
    adapter,
    contextWindow: contextWindow ?? said?.contextWindow ?? facts?.contextWindow ?? 0,
    maxOutputTokens: said?.maxOutputTokens,
    price: said?.price === undefined ? facts?.price : completePrice(said.price, facts?.price),
  };
}

/** An alias of the policy, or `provider/model` where the policy allows it, or a model that one provider lists. */
export function modelNamed(ai: AiPolicy, name: string): Model | undefined {
  const alias = ai.models.get(name);
  if (alias !== undefined) return alias;
  if (!ai.options.allowProviderModels) return undefined;
  const target = targetNamed(ai.providers, name) ?? listedTarget(ai, name);
  return target === undefined ? undefined : { name, targets: [{ target, weight: 1, priority: 1 }], options: undefined };
}

function listedTarget(ai: AiPolicy, name: string): Target | undefined {
  for (const provider of ai.providers.values()) {
    const lists = provider.options.models?.some((one) => (typeof one === "string" ? one : one.id) === name);
    if (lists === true) return targetNamed(ai.providers, `${provider.name}/${name}`);
  }
  return undefined;
}
