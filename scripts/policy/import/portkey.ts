// From Portkey's config object to a policy with one model. Targets within targets become one list: in a fallback by their
// place, in a loadbalance by their weight. https://portkey.ai/docs/api-reference/inference-api/config-object
import type { WrittenPolicy } from "../../../worker/core/policy/schema.ts";
import { Foreign, isObject, type Step } from "./document.ts";
import type { Imported } from "./litellm.ts";
import { ADAPTERS, ProviderList, type Provider } from "./providers.ts";

type Model = NonNullable<WrittenPolicy["models"]>[string];
type Target = Exclude<Model["targets"][number], string>;

const MOST_ATTEMPTS = 3;

/** Fields may be written either way: `override_params`, `overrideParams`. */
const camel = (field: string): string => field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

class Reader {
  readonly from: Foreign;
  readonly list = new ProviderList();
  readonly targets: Target[] = [];
  attempts: number | undefined;
  timeoutMs: number | undefined;
  ttl: { ttlSeconds?: number } | undefined;
  modes: string[] = [];

  constructor(from: Foreign) {
    this.from = from;
  }

  /** Where the field is, however it is written. */
  path(steps: readonly Step[], field: string): readonly Step[] {
    return this.from.at(...steps, field) === undefined ? [...steps, camel(field)] : [...steps, field];
  }

  /** What holds for all below it, then its targets or itself. `above`: the strategies it stands in. */
  read(steps: readonly Step[], above: readonly string[], weight: number, priority: number): void {
    const { from } = this;
    this.common(steps);
    const nested = from.at(...steps, "targets");
    if (!Array.isArray(nested)) return this.target(steps, weight, priority);
    const modePath = [...this.path(steps, "strategy"), "mode"];
    const mode = from.text(...modePath) ?? "single";
    if (!["single", "fallback", "loadbalance"].includes(mode)) {
      from.note(
        modePath,
        "is not known here: its targets are taken as a fallback; routes and models choose by request",
      );
    }
    this.modes.push(mode);
    if (mode === "loadbalance" && above.includes("fallback")) {
      from.note(
        modePath,
        "within a fallback keeps its place, not its weights: strategy priority asks one after the other",
      );
    }
    if (mode === "fallback" && above.includes("loadbalance")) {
      from.note(
        modePath,
        "within a loadbalance became targets of equal weight: any may be asked first, the others stand in",
      );
    }
    nested.forEach((each: unknown, index) => {
      const at = [...steps, "targets", index];
      const own = from.number(...at, "weight") ?? 1;
      if (mode === "single" && index > 0) return from.note(at, "is never asked in mode single: left out");
      if (isObject(each))
        this.read(
          at,
          [...above, mode],
          weight * (mode === "loadbalance" ? own : 1),
          priority * 10 + (mode === "loadbalance" ? 1 : index + 1),
        );
      else from.note(at, "is no target: left out");
    });
  }

  common(steps: readonly Step[]): void {
    const { from } = this;
    const retries = from.number(...this.path(steps, "retry"), "attempts");
    if (retries !== undefined) {
      if (retries + 1 > MOST_ATTEMPTS)
        from.note(
          [...steps, "retry", "attempts"],
          `at most ${MOST_ATTEMPTS} requests are sent here, over retries and fallbacks`,
        );
      this.attempts = Math.max(this.attempts ?? 1, Math.min(MOST_ATTEMPTS, 1 + Math.max(0, Math.floor(retries))));
    }
    const timeout = from.number(...this.path(steps, "request_timeout"));
    if (timeout !== undefined && timeout > 0) this.timeoutMs = Math.max(this.timeoutMs ?? 0, Math.round(timeout));
    this.cache(steps);
  }

  cache(steps: readonly Step[]): void {
    const { from } = this;
    const at = [...steps, "cache"];
    const whole = from.at(...at);
    if (whole === undefined) return;
    const mode = typeof whole === "string" ? from.text(...at) : from.text(...at, "mode");
    const seconds = typeof whole === "string" ? undefined : from.number(...this.path(at, "max_age"));
    if (mode === "simple")
      this.ttl = seconds === undefined ? {} : { ttlSeconds: Math.max(1, Math.min(31_536_000, Math.round(seconds))) };
    else from.note(at, "answers what only means the same; here only what is the same is: left out");
  }

  target(steps: readonly Step[], weight: number, priority: number): void {
    const { from, list } = this;
    const slug = (from.text(...steps, "provider") ?? "").replace(/^@/, "");
    const virtual = from.text(...this.path(steps, "virtual_key"));
    const overrides = this.path(steps, "override_params");
    const written = from.text(...overrides, "model") ?? "";
    const prefixed = /^@([^/]+)\/(.+)$/.exec(written);
    const called = slug || (prefixed?.[1] ?? virtual ?? "");
    const model = prefixed?.[2] ?? written;
    if (called === "") return from.note(steps, "names no provider: left out");
    const kind = slug !== "" && ADAPTERS[slug] !== undefined ? slug : guess(called);
    const custom = this.path(steps, "custom_host");
    const adapter = kind === undefined ? undefined : ADAPTERS[kind];
    if (adapter === undefined && from.at(...custom) === undefined) {
      return from.note(steps, "is of a provider that has no adapter here: left out");
    }
    if (ADAPTERS[slug] === undefined) {
      from.note(
        steps,
        `was told apart by its name alone: look whether its adapter is ${adapter ?? "openai"}, and set its key`,
      );
    }
    const provider = this.provider(steps, adapter ?? "openai", called);
    if (model === "")
      from.note(
        [...overrides, "model"],
        `is not said, and the client's name is not kept here: write the model in place of MODEL`,
      );
    this.targets.push({
      target: `${list.nameOf(provider, called)}/${model === "" ? "MODEL" : model}`,
      weight,
      priority,
    });
  }

  provider(steps: readonly Step[], adapter: Provider["adapter"], called: string): Provider {
    const { from, list } = this;
    const baseUrl = list.address(from, this.path(steps, "custom_host"), adapter, called);
    const key = list.secret(from, this.path(steps, "api_key"), called) ?? {
      secret: `${called
        .toUpperCase()
        .replaceAll(/[^A-Z0-9]+/g, "_")
        .replace(/^_+/, "")}_KEY`,
    };
    const provider: Provider = {
      adapter,
      ...(baseUrl === undefined ? {} : { baseUrl }),
      ...(adapter === "bedrock" ? {} : { key }),
    };
    if (adapter === "azure") {
      const resource = from.text(...this.path(steps, "azure_resource_name"));
      const apiVersion = from.text(...this.path(steps, "azure_api_version"));
      const deployment = from.text(...this.path(steps, "azure_deployment_id"));
      if (resource === undefined && baseUrl === undefined)
        from.note(steps, "names no Azure resource: write its address");
      return {
        ...provider,
        baseUrl: baseUrl ?? `https://${resource ?? "azure"}.${resource === undefined ? "invalid" : "openai.azure.com"}`,
        azure: { apiVersion: apiVersion ?? "2024-10-21", ...(deployment === undefined ? {} : { deployment }) },
      };
    }
    if (adapter === "bedrock") {
      const region = from.text(...this.path(steps, "aws_region"));
      const accessKeyId = list.secret(from, this.path(steps, "aws_access_key_id"), "aws_access_key_id");
      const secretAccessKey = list.secret(from, this.path(steps, "aws_secret_access_key"), "aws_secret_access");
      return {
        ...provider,
        bedrock: {
          region: region ?? "us-east-1",
          accessKeyId: accessKeyId ?? { secret: "AWS_ACCESS_KEY_ID" },
          secretAccessKey: secretAccessKey ?? { secret: "AWS_SECRET_ACCESS_KEY" },
        },
      };
    }
    if ((adapter === "vllm" || adapter === "ollama") && baseUrl === undefined) {
      from.note(steps, "says no address: write the server's");
      return { ...provider, baseUrl: `https://${adapter}.invalid/v1` };
    }
    if (adapter === "workers-ai" && baseUrl === undefined) {
      const account = from.text(...this.path(steps, "workers_ai_account_id"));
      if (account === undefined) from.note(steps, "says no account: write it in place of ACCOUNT");
      return { ...provider, cloudflareAccount: account ?? "ACCOUNT" };
    }
    return provider;
  }
}

/** A slug such as `openai-prod` or `my-azure-key` mostly says whose it is. */
function guess(called: string): string | undefined {
  const words = called.toLowerCase();
  return Object.keys(ADAPTERS)
    .sort((a, b) => b.length - a.length)
    .find((name) => words.includes(name));
}

export function fromPortkey(root: unknown, name = "default"): Imported {
  const from = new Foreign(root);
  const reader = new Reader(from);
  if (isObject(root)) reader.read([], [], 1, 0);
  const [mode] = reader.modes;
  const outer =
    mode === "loadbalance" ? "weighted_random" : mode === "single" || mode === undefined ? "single" : "priority";
  const timeouts = reader.timeoutMs === undefined ? {} : { stream: { totalMs: reader.timeoutMs } };
  const model: Model = {
    strategy: reader.targets.length > 1 ? outer : "single",
    targets: reader.targets,
    ...(reader.attempts === undefined ? {} : { attempts: { max: reader.attempts } }),
    ...timeouts,
    ...(reader.ttl === undefined ? {} : { cache: reader.ttl }),
  };
  const policy: WrittenPolicy = {
    security: { apiKeys: { store: "kv" } },
    ai: { auth: "required" },
    providers: reader.list.providers,
    ...(reader.targets.length === 0 ? {} : { models: { [name]: model } }),
  };
  return { policy, notes: from.finish() };
}
