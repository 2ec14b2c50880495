// What a policy says about AI, as the door reads it: adapters made, names resolved to targets. Made once per generation and
// isolate, at the first AI request; a policy that is gone takes it along.
import { addressOf } from "../core/providers/options.ts";
import { ADAPTERS } from "../core/providers/adapters.ts";
import type { Adapter } from "../core/providers/adapter.ts";
import type { CompiledPolicy, CompiledService } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";

type ProviderOptions = Policy["providers"][string];
export type ModelOptions = Policy["models"][string];

export interface Provider {
  readonly name: string;
  readonly adapter: Adapter;
  readonly options: ProviderOptions;
  /** Its breaker, limit and load: in the fleet under this service. */
  readonly service: CompiledService;
}

/** A model at a provider. */
export interface Target {
  /** `provider/model`. */
  readonly key: string;
  readonly provider: Provider;
  readonly model: string;
  readonly weight: number;
  readonly priority: number;
}

/** A name clients ask for; `options` undefined for `provider/model`. */
export interface Model {
  readonly name: string;
  readonly targets: readonly Target[];
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
    const adapter = ADAPTERS.get(options.adapter);
    const service = policy.services.get(`ai:${name}`);
    if (adapter === undefined || service === undefined || addressOf(options) === undefined) continue;
    providers.set(name, { name, adapter, options, service });
  }
  const models = new Map<string, Model>();
  for (const [name, options] of Object.entries(policy.policy.models)) {
    const targets = options.targets.flatMap((written) => {
      const { target, weight, priority } =
        typeof written === "string" ? { target: written, weight: 1, priority: 1 } : written;
      return targetNamed(providers, target, weight, priority) ?? [];
    });
    models.set(name, { name, targets, options });
  }
  return { options: policy.policy.ai, providers, models };
}

function targetNamed(
  providers: ReadonlyMap<string, Provider>,
  key: string,
  weight = 1,
  priority = 1,
): Target | undefined {
  const slash = key.indexOf("/");
  const provider = providers.get(key.slice(0, slash));
  return provider === undefined ? undefined : { key, provider, model: key.slice(slash + 1), weight, priority };
}

/** An alias of the policy, or `provider/model` where the policy allows it. */
export function modelNamed(ai: AiPolicy, name: string): Model | undefined {
  const alias = ai.models.get(name);
  if (alias !== undefined) return alias;
  if (!ai.options.allowProviderModels) return undefined;
  const target = targetNamed(ai.providers, name);
  if (target !== undefined) return { name, targets: [target], options: undefined };
  const listed = [...ai.providers.values()].find(({ options }) =>
    options.models?.some((one) => (typeof one === "string" ? one : one.id) === name),
  );
  const found = listed === undefined ? undefined : targetNamed(ai.providers, `${listed.name}/${name}`);
  return found === undefined ? undefined : { name, targets: [found], options: undefined };
}
