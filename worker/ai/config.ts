// What the request says of its own handling, where the policy lets requests: Portkey's config, and a list of fallbacks. Names
// lead to targets of the policy or nowhere; fields that were meant for the gateway go no further.
import type { Failure } from "../core/providers/failures.ts";
import { failureOf } from "../core/providers/classify.ts";
import { readFallbacks, readPortkey, type RequestConfig } from "../core/providers/portkey.ts";
import { modelNamed, targetAt, type Choosable, type Model } from "./compiled.ts";
import type { AiWalk } from "./walk.ts";

const HEADER = "x-portkey-config";

/** Before the body is read for what it asks. */
export function takeConfig(walk: AiWalk): Failure | undefined {
  if (!walk.ai.options.allowRequestConfig) return undefined;
  takeFallbacks(walk);
  const written = walk.request.headers.get(HEADER);
  if (written === null) return undefined;
  const read = readPortkey(written);
  if (!read.ok) return wrong(read.error);
  walk.config = read.value;
  const { strategy, attempts, timeoutMs } = read.value;
  walk.strategy = strategy;
  if (attempts !== undefined) walk.mostAttempts = attempts;
  if (timeoutMs !== undefined) walk.timeoutMs = timeoutMs;
  return undefined;
}

const wrong = (what: string): Failure => ({
  ...failureOf("bad_request"),
  message: `${HEADER}: ${what}.`,
  param: HEADER,
});

/** All of them known here, or none of our business: then the field is the provider's. */
function takeFallbacks(walk: AiWalk): void {
  const read = readFallbacks(walk.body);
  if (read === undefined || read.names.some((name) => modelNamed(walk.ai, name) === undefined)) return;
  walk.fallbacks = read.names;
  const body = { ...walk.body };
  delete body[read.field];
  walk.body = body;
}

/** The model that the config's targets make; undefined when it names none. */
export function configuredModel(walk: AiWalk, config: RequestConfig, model: string): Model | Failure | undefined {
  if (config.targets.length === 0) return undefined;
  if (!walk.ai.options.allowProviderModels) return wrong("targets may not be named here");
  const targets: Choosable[] = [];
  for (const [index, { target: key, weight }] of config.targets.entries()) {
    const slash = key.indexOf("/");
    const provider = walk.ai.providers.get(key.slice(0, slash));
    if (provider === undefined) return wrong(`targets[${index}] names no provider of this gateway`);
    const name = key.slice(slash + 1) || model.slice(model.indexOf("/") + 1);
    targets.push({ target: targetAt(provider, name), weight, priority: index });
  }
  return { name: model, targets, options: walk.ai.models.get(model)?.options };
}
