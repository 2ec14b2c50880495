// What a request may say of its own handling: Portkey's config object (header `x-portkey-config`), so that its users switch by
// URL, and the lists of fallbacks that other gateways' clients send. Bounded, validated, and never more than the policy lets:
// it names targets of the policy, and brings neither addresses nor keys.
// https://portkey.ai/docs/api-reference/inference-api/config-object
import { ok, refuse, type Result } from "../result/result.ts";
import { isObject, objectOf, objects, stringOf, type JsonObject } from "./chat.ts";
import { finiteOf, parseObject } from "./fields.ts";
import type { AiStrategy } from "./select.ts";

export interface RequestConfig {
  readonly strategy: AiStrategy | undefined;
  /** `provider/model`, or `provider/` for the model that the request names. */
  readonly targets: readonly { readonly target: string; readonly weight: number }[];
  /** Requests sent at most, the first one counted. */
  readonly attempts: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly cache: { readonly ttlSeconds: number | undefined } | undefined;
}

const MOST_TARGETS = 8;
const MOST_CHARACTERS = 16_384;
const MOST_TIMEOUT_MS = 600_000;

const STRATEGIES: Readonly<Record<string, AiStrategy>> = {
  single: "single",
  fallback: "priority",
  loadbalance: "weighted_random",
};

export function readPortkey(written: string): Result<RequestConfig, string> {
  if (written.length > MOST_CHARACTERS) return refuse("is too long");
  const config = parseObject(written);
  if (config === undefined) return refuse("must be a JSON object: saved configs are not known here");
  const mode = objectOf(config.strategy).mode;
  const strategy = mode === undefined ? undefined : STRATEGIES[stringOf(mode)];
  if (mode !== undefined && strategy === undefined)
    return refuse("strategy.mode must be 'single', 'fallback' or 'loadbalance'");
  const listed = config.targets === undefined ? [config] : objects(config.targets);
  if (listed.length > MOST_TARGETS) return refuse(`targets must be at most ${MOST_TARGETS}`);
  const targets: { target: string; weight: number }[] = [];
  for (const [index, each] of listed.entries()) {
    if (each.targets !== undefined && each !== config)
      return refuse(`targets[${index}] must not have targets of its own`);
    const target = targetOf(each);
    if (target !== undefined) targets.push({ target, weight: weightOf(each.weight) });
    else if (config.targets !== undefined) return refuse(`targets[${index}] must name a provider`);
  }
  const retries = finiteOf(objectOf(config.retry).attempts);
  const timeout = finiteOf(config.request_timeout);
  return ok({
    strategy: strategy ?? (config.targets === undefined ? undefined : "priority"),
    targets,
    attempts: retries === undefined ? undefined : 1 + Math.max(0, Math.min(2, Math.floor(retries))),
    timeoutMs: timeout === undefined || timeout <= 0 ? undefined : Math.min(MOST_TIMEOUT_MS, timeout),
    cache: cacheOf(config.cache),
  });
}

/** `provider: "openai"` or `"@openai"`, or a virtual key of that name; the model stands in `override_params`. */
function targetOf(each: JsonObject): string | undefined {
  const provider = (stringOf(each.provider) || stringOf(each.virtual_key)).replace(/^@/, "");
  const model = stringOf(objectOf(each.override_params).model);
  if (provider !== "") return `${provider}/${model}`;
  return /^@?[^/]+\/./.test(model) ? model.replace(/^@/, "") : undefined;
}

const weightOf = (written: unknown): number => Math.max(0, finiteOf(written) ?? 1);

function cacheOf(written: unknown): RequestConfig["cache"] {
  if (written === "simple") return { ttlSeconds: undefined };
  // What means the same is another matter: only what is the same is answered from a cache.
  if (!isObject(written) || written.mode !== "simple") return undefined;
  return { ttlSeconds: finiteOf(written.max_age) };
}

const MOST_FALLBACKS = 8;

/** `fallbacks` (names, or objects with a model) or OpenRouter's `models`; undefined where neither is such a list. */
export function readFallbacks(
  body: JsonObject,
): { readonly field: string; readonly names: readonly string[] } | undefined {
  for (const field of ["fallbacks", "models"]) {
    const written = body[field];
    if (!Array.isArray(written)) continue;
    const names = written
      .slice(0, MOST_FALLBACKS)
      .map((each) => (typeof each === "string" ? each : stringOf(objectOf(each).model)));
    if (names.length > 0 && names.every((name) => name !== "")) return { field, names };
  }
  return undefined;
}
