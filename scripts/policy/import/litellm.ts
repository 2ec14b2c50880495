// From LiteLLM's proxy configuration to a policy. Groups of deployments become models, deployments become targets, what they
// have in common providers. https://docs.litellm.ai/docs/proxy/config_settings
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import { Foreign, isObject, type Note, type Step } from "./document.ts";
import { ADAPTERS, ProviderList, type Adapter, type Provider } from "./providers.ts";

type Models = NonNullable<WrittenPolicy["models"]>;
type Model = Models[string];
type Target = Exclude<Model["targets"][number], string>;
type Strategy = NonNullable<Model["strategy"]>;

export interface Imported {
  readonly policy: WrittenPolicy;
  readonly notes: readonly Note[];
}

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  "simple-shuffle": "weighted_random",
  "least-busy": "least_connections",
  "latency-based-routing": "latency",
  "cost-based-routing": "cost",
  "usage-based-routing": "intelligent",
  "usage-based-routing-v2": "intelligent",
};
const MOST_ATTEMPTS = 3;
const PARAMS = "litellm_params";

export function fromLiteLlm(root: unknown): Imported {
  const from = new Foreign(root);
  const list = new ProviderList();
  const groups = new Map<string, Target[]>();
  const prices = new Map<string, NonNullable<Provider["models"]>>();
  const entries = from.at("model_list");
  let takesAny = false;
  for (const index of Array.isArray(entries) ? entries.keys() : []) {
    const deployment = readDeployment(from, list, prices, index);
    if (deployment === "any") takesAny = true;
    else if (deployment !== undefined) {
      groups.set(deployment.group, [...(groups.get(deployment.group) ?? []), deployment.target]);
    }
  }
  const settings = routing(from);
  const models: Record<string, Model> = {};
  for (const [group, targets] of groups) models[group] = modelOf(targets, settings);
  joinFallbacks(from, groups, models, settings.strategy);
  for (const [alias, target] of aliases(from)) {
    const model = models[target];
    if (model === undefined) from.note(["router_settings", "model_group_alias", alias], "leads to no group: left out");
    else models[alias] = model;
  }
  const providers = Object.fromEntries(
    Object.entries(list.providers).map(([name, provider]): [string, Provider] => [
      name,
      {
        ...provider,
        ...settings.breaker,
        ...(prices.has(name) ? { models: allOf(name, prices.get(name)!, groups) } : {}),
      },
    ]),
  );
  const ai = { ...door(from), ...(takesAny ? {} : { allowProviderModels: false }) };
  const policy: WrittenPolicy = { security: { apiKeys: { store: "kv" } }, ai, providers, models };
  return { policy, notes: from.finish() };
}

// --- deployments ---

interface Deployment {
  readonly group: string;
  readonly target: Target;
}

function readDeployment(
  from: Foreign,
  list: ProviderList,
  prices: Map<string, NonNullable<Provider["models"]>>,
  index: number,
): Deployment | "any" | undefined {
  const params = (field: string): [string, number, string, string] => ["model_list", index, PARAMS, field];
  const group = from.text("model_list", index, "model_name");
  const written = from.text(...params("model"));
  if (group === undefined || written === undefined) {
    from.note(["model_list", index], "names no model: left out");
    return undefined;
  }
  const { kind, model } = parted(written, from.text(...params("custom_llm_provider")));
  const base = params("api_base");
  const adapter = ADAPTERS[kind] ?? (from.at(...base) === undefined ? undefined : "openai");
  if (adapter === undefined) {
    from.note(params("model"), `is a model of ${kind}, which has no adapter here: this deployment is left out`);
    return undefined;
  }
  if (ADAPTERS[kind] === undefined)
    from.note(params("model"), `is a model of ${kind}: taken for compatible with OpenAI`);
  const provider = providerOf(from, list, adapter, kind, params);
  const name = list.nameOf(provider, ADAPTERS[kind] === undefined ? kind.replaceAll("_", "-") : adapter);
  if (group.includes("*") || model.includes("*")) {
    from.note(["model_list", index, "model_name"], `takes any model: clients ask for ${name}/MODEL`);
    return "any";
  }
  const price = priceOf(from, index);
  if (price !== undefined) prices.set(name, [...(prices.get(name) ?? []), { id: model, price }]);
  const weight = from.number(...params("weight")) ?? rate(from, index);
  const order = from.number(...params("order"));
  const target: Target = {
    target: `${name}/${model}`,
    ...(weight === undefined ? {} : { weight }),
    ...(order === undefined ? {} : { priority: order }),
  };
  return { group: nameOf(from, index, group), target };
}

/** Names of models here hold no slash, which would read as `provider/model`. */
function nameOf(from: Foreign, index: number, group: string): string {
  const name = group.replaceAll(/[^A-Za-z0-9._:@-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  if (name !== group) from.note(["model_list", index, "model_name"], `is called ${name} here`);
  return name;
}

/** `azure/gpt-4o` apart; without a provider the name of the model says who it is. */
function parted(written: string, custom: string | undefined): { kind: string; model: string } {
  const slash = written.indexOf("/");
  if (custom !== undefined)
    return { kind: custom, model: written.startsWith(`${custom}/`) ? written.slice(slash + 1) : written };
  if (slash > 0)
    return { kind: written.slice(0, slash), model: written.slice(slash + 1).replace(/^(converse|invoke)\//, "") };
  const kind = written.startsWith("claude")
    ? "anthropic"
    : written.startsWith("gemini")
      ? "gemini"
      : written.startsWith("command")
        ? "cohere"
        : "openai";
  return { kind, model: written };
}

function providerOf(
  from: Foreign,
  list: ProviderList,
  adapter: Adapter,
  kind: string,
  params: (field: string) => [string, number, string, string],
): Provider {
  const baseUrl = list.address(from, params("api_base"), adapter, kind);
  const key = adapter === "bedrock" ? undefined : list.secret(from, params("api_key"), kind);
  const seconds = from.number(...params("timeout"));
  const provider: Provider = {
    adapter,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(key === undefined ? {} : { key }),
    ...(seconds === undefined ? {} : { timeouts: { headersMs: Math.round(seconds * 1_000) } }),
  };
  if (adapter === "azure") {
    const apiVersion = from.text(...params("api_version"));
    if (apiVersion === undefined) from.note(params("api_version"), "is not said: 2024-10-21 is written");
    if (baseUrl === undefined) from.note(params("api_base"), "is not said: write the address of the resource");
    return {
      ...provider,
      baseUrl: baseUrl ?? "https://azure.invalid",
      azure: { apiVersion: apiVersion ?? "2024-10-21" },
    };
  }
  if (adapter === "bedrock") {
    const region = from.text(...params("aws_region_name"));
    const accessKeyId = list.secret(from, params("aws_access_key_id"), "aws_access_key_id");
    const secretAccessKey = list.secret(from, params("aws_secret_access_key"), "aws_secret_access");
    if (region === undefined) from.note(params("aws_region_name"), "is not said: us-east-1 is written");
    if (accessKeyId === undefined)
      from.note(
        params("aws_access_key_id"),
        "is not said: secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are wanted",
      );
    return {
      ...provider,
      bedrock: {
        region: region ?? "us-east-1",
        accessKeyId: accessKeyId ?? { secret: "AWS_ACCESS_KEY_ID" },
        secretAccessKey: secretAccessKey ?? { secret: "AWS_SECRET_ACCESS_KEY" },
      },
    };
  }
  if (adapter === "workers-ai" && baseUrl === undefined) {
    from.note(params("model"), "needs the account's id: providers.*.cloudflareAccount");
    return { ...provider, cloudflareAccount: "ACCOUNT" };
  }
  if ((adapter === "vllm" || adapter === "ollama") && baseUrl === undefined) {
    from.note(params("api_base"), "is not said: write the server's address");
    return { ...provider, baseUrl: `https://${adapter}.invalid/v1` };
  }
  return provider;
}

/** Dollars per token there, per million here. */
function priceOf(from: Foreign, index: number): { input?: number; output?: number } | undefined {
  const read = (field: string): number | undefined => {
    const perToken =
      from.number("model_list", index, PARAMS, field) ?? from.number("model_list", index, "model_info", field);
    return perToken === undefined ? undefined : Number((perToken * 1_000_000).toFixed(6));
  };
  const [input, output] = [read("input_cost_per_token"), read("output_cost_per_token")];
  if (input === undefined && output === undefined) return undefined;
  return { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) };
}

/** A deployment's own rate weighs it there; as a limit it is not kept here. */
function rate(from: Foreign, index: number): number | undefined {
  const found = ["rpm", "tpm"].map((field) => {
    const steps: Step[] = [
      "model_list",
      index,
      from.at("model_list", index, field) === undefined ? PARAMS : "",
      field,
    ].filter((step) => step !== "");
    const value = from.number(...steps);
    if (value !== undefined)
      from.note(steps, "weighs this target; it limits nobody here: see models.*.rateLimit and budgets");
    return value;
  });
  return found.find((value) => value !== undefined);
}

/** A provider that lists models lists them all: those that have a price, and the others that are asked for. */
function allOf(
  provider: string,
  priced: NonNullable<Provider["models"]>,
  groups: ReadonlyMap<string, readonly Target[]>,
): NonNullable<Provider["models"]> {
  const known = new Set(priced.map((each) => (typeof each === "string" ? each : each.id)));
  const others = [...groups.values()]
    .flat()
    .flatMap(({ target }) => (target.startsWith(`${provider}/`) ? [target.slice(provider.length + 1)] : []))
    .filter((id) => !known.has(id));
  const once = priced.filter(
    (each, index) => priced.findIndex((other) => JSON.stringify(other) === JSON.stringify(each)) === index,
  );
  return [...once, ...new Set(others)];
}

// --- routing ---

interface Routing {
  readonly strategy: Strategy;
  readonly attempts: { readonly max: number } | undefined;
  readonly stream: { readonly totalMs: number } | undefined;
  readonly breaker: Pick<Provider, "breaker">;
}

const ROUTER = "router_settings";
const GENERAL = "litellm_settings";

function routing(from: Foreign): Routing {
  const named = from.text(ROUTER, "routing_strategy") ?? "simple-shuffle";
  const strategy = STRATEGIES[named];
  if (strategy === undefined) from.note([ROUTER, "routing_strategy"], "is not known here: intelligent is written");
  if (named.startsWith("usage-based")) {
    from.note([ROUTER, "routing_strategy"], "became intelligent, which weighs speed, price, reliability and load");
  }
  const retries = from.number(ROUTER, "num_retries") ?? from.number(GENERAL, "num_retries");
  if (retries !== undefined && retries + 1 > MOST_ATTEMPTS) {
    from.note([ROUTER, "num_retries"], `at most ${MOST_ATTEMPTS} requests are sent here, over retries and fallbacks`);
  }
  const seconds = from.number(ROUTER, "timeout") ?? from.number(GENERAL, "request_timeout");
  const fails = from.number(ROUTER, "allowed_fails");
  const cooldown = from.number(ROUTER, "cooldown_time");
  if (fails !== undefined)
    from.note([ROUTER, "allowed_fails"], "counts failures a minute there, in a row here (breaker.consecutiveFailures)");
  return {
    strategy: strategy ?? "intelligent",
    attempts:
      retries === undefined ? undefined : { max: Math.min(MOST_ATTEMPTS, 1 + Math.max(0, Math.floor(retries))) },
    stream: seconds === undefined ? undefined : { totalMs: Math.max(1, Math.round(seconds * 1_000)) },
    breaker:
      fails === undefined && cooldown === undefined
        ? {}
        : {
            breaker: {
              ...(fails === undefined ? {} : { consecutiveFailures: Math.max(1, Math.floor(fails) + 1) }),
              ...(cooldown === undefined ? {} : breakerTimes(cooldown)),
            },
          },
  };
}

const breakerTimes = (seconds: number): { openMs: number; maxOpenMs: number } => {
  const openMs = Math.max(1, Math.round(seconds * 1_000));
  return { openMs, maxOpenMs: openMs };
};

const modelOf = (targets: readonly Target[], { strategy, attempts, stream }: Routing): Model => ({
  strategy: targets.some(({ priority }) => priority !== undefined)
    ? "priority"
    : targets.length === 1
      ? "priority"
      : strategy,
  targets: targets.map((target) => (Object.keys(target).length === 1 ? target.target : target)),
  ...(attempts === undefined ? {} : { attempts }),
  ...(stream === undefined ? {} : { stream }),
});

/** `[{group: [others]}]`; the targets of the others stand behind its own. */
function joinFallbacks(
  from: Foreign,
  groups: ReadonlyMap<string, readonly Target[]>,
  models: Record<string, Model>,
  strategy: Strategy,
): void {
  const add = (group: string, others: readonly unknown[], steps: readonly Step[]): void => {
    const model = models[group];
    const behind = others.flatMap((other) => groups.get(String(other)) ?? []);
    const unknown = others.filter((other) => !groups.has(String(other)));
    if (unknown.length > 0) from.note(steps, "names groups that are not there: left out");
    if (model === undefined) {
      from.note(steps, "is of a group that is not there: left out");
      return;
    }
    const have = new Set(model.targets.map((each) => (typeof each === "string" ? each : each.target)));
    const more = behind
      .filter(({ target }) => !have.has(target))
      .map(({ target }) => ({ target, weight: 0, priority: 1_000 }));
    models[group] = { ...model, targets: [...model.targets, ...more] };
    if (
      more.length > 0 &&
      (strategy === "latency" || strategy === "cost" || strategy === "intelligent") &&
      model.strategy === strategy
    ) {
      from.note(steps, `stand beside the others here: ${strategy} puts all targets in one order`);
    }
  };
  for (const section of [ROUTER, GENERAL]) {
    for (const field of ["fallbacks", "context_window_fallbacks"]) {
      const written = from.take(section, field);
      const entries = Array.isArray(written) ? written.filter(isObject).flatMap((each) => Object.entries(each)) : [];
      for (const [group, others] of entries) add(group, Array.isArray(others) ? others : [], [section, field]);
      if (field === "context_window_fallbacks" && entries.length > 0) {
        from.note(
          [section, field],
          "became ordinary targets: of any, those with a larger window are asked when a prompt is too long",
        );
      }
    }
    const others = from.take(section, "default_fallbacks");
    if (Array.isArray(others)) {
      for (const group of groups.keys())
        if (!others.includes(group)) add(group, others, [section, "default_fallbacks"]);
    }
  }
}

function aliases(from: Foreign): [alias: string, group: string][] {
  const written = from.take(ROUTER, "model_group_alias");
  if (!isObject(written)) return [];
  return Object.entries(written).flatMap(([alias, target]): [string, string][] => {
    if (typeof target === "string") return [[alias, target]];
    if (isObject(target) && typeof target["model"] === "string") return [[alias, target["model"]]];
    from.note([ROUTER, "model_group_alias", alias], "is no name of a group: left out");
    return [];
  });
}

// --- what holds for all ---

const CACHES = new Set(["local", "redis", "s3", "disk", "gcs"]);

function door(from: Foreign): NonNullable<WrittenPolicy["ai"]> {
  const master = from.text("general_settings", "master_key");
  if (master !== undefined) {
    from.note(
      ["general_settings", "master_key"],
      "is not taken over: the admin API has ADMIN_TOKEN, callers have API keys (POST /_sluice/admin/keys)",
    );
  }
  if (from.take(GENERAL, "drop_params") === true) {
    from.note([GENERAL, "drop_params"], "is how it is here: adapters leave out what a provider refuses");
  }
  return { ...(master === undefined ? { auth: "none" as const } : {}), ...cache(from), ...budget(from) };
}

function cache(from: Foreign): Pick<NonNullable<WrittenPolicy["ai"]>, "cache"> {
  if (from.take(GENERAL, "cache") !== true) return {};
  const type = from.text(GENERAL, "cache_params", "type") ?? "local";
  const ttl = from.number(GENERAL, "cache_params", "ttl");
  if (!CACHES.has(type)) {
    from.note(
      [GENERAL, "cache_params", "type"],
      "answers what only means the same; here only what is the same is: left out",
    );
    return {};
  }
  from.note(
    [GENERAL, "cache_params", "type"],
    "became stored answers in the levels of cache.tiers; for Redis, name its level and its secrets there",
  );
  return { cache: { ...(ttl === undefined ? {} : { ttlSeconds: Math.max(1, Math.round(ttl)) }) } };
}

function budget(from: Foreign): Pick<NonNullable<WrittenPolicy["ai"]>, "budget"> {
  const most = from.number(GENERAL, "max_budget");
  const duration = from.text(GENERAL, "budget_duration");
  if (most === undefined) return {};
  const period = duration === "1d" || duration === "24h" ? "dollarsPerDay" : "dollarsPerMonth";
  if (!["1d", "24h", "30d", "1mo"].includes(duration ?? "")) from.note([GENERAL, "budget_duration"], "became a month");
  from.note([GENERAL, "max_budget"], "is of everybody together there, of each caller here: see budget.by");
  return { budget: { [period]: most } };
}
