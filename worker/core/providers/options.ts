// What a policy may say about AI: the door (`ai`), who stands behind it (`providers`), and the names clients ask for
// (`models`). A provider that no adapter knows can be declared here alone. Keys are named, never written.
// Blocks of other rooms (attempts, budgets, condensation) are joined on by core/policy, which alone composes them.
import * as v from "valibot";
import {
  bindingName,
  callHeaders,
  count,
  countOrZero,
  dollars,
  headerName,
  latitude,
  longitude,
  millis,
  name,
  requestPath,
  seconds,
  secondsOrZero,
  secret,
  share,
  text,
  upstreamUrl,
  weight,
} from "../protocol/fields.ts";

// --- declaration: an adapter in words (A1) ---

/** A field within an answer, dots between: `usage.prompt_tokens`. */
const field = v.pipe(
  v.string(),
  v.maxLength(256),
  v.regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, "must be a field name, with dots between nested names"),
);
const fields = v.pipe(v.array(text(256)), v.maxLength(32));

const capabilities = v.strictObject({
  chat: v.optional(v.boolean()),
  completions: v.optional(v.boolean()),
  embeddings: v.optional(v.boolean()),
  stream: v.optional(v.boolean()),
  streamOptions: v.optional(v.boolean()),
  tools: v.optional(v.boolean()),
  jsonSchema: v.optional(v.boolean()),
  vision: v.optional(v.boolean()),
  reasoning: v.optional(v.boolean()),
  /** The last message may be the beginning of the answer. */
  prefill: v.optional(v.boolean()),
  logprobs: v.optional(v.boolean()),
});

const declaration = v.strictObject({
  /** Whose shape requests and answers have, apart from what is declared here. */
  like: v.optional(v.picklist(["openai", "anthropic", "gemini", "cohere"]), "openai"),
  auth: v.optional(v.strictObject({ header: v.optional(headerName, "Authorization"), scheme: v.optional(text(32)) })),
  paths: v.optional(
    v.strictObject({
      chat: v.optional(requestPath),
      completions: v.optional(requestPath),
      embeddings: v.optional(requestPath),
      models: v.optional(requestPath),
    }),
    {},
  ),
  framing: v.optional(v.picklist(["sse", "ndjson", "eventstream", "json"]), "sse"),
  /** What ends a stream. */
  endMarker: v.optional(text(64)),
  /** Request fields under another name: ours to theirs. */
  rename: v.optional(v.record(field, field), {}),
  /** Request fields it does not take. */
  drop: v.optional(v.pipe(v.array(field), v.maxLength(64)), []),
  usage: v.optional(
    v.strictObject({
      input: v.optional(field),
      output: v.optional(field),
      cacheRead: v.optional(field),
      cacheWrite: v.optional(field),
      reasoning: v.optional(field),
    }),
    {},
  ),
  /** Words in an error's code, type or message that tell its class. */
  errors: v.optional(
    v.strictObject({
      contextLength: v.optional(fields, []),
      contentFilter: v.optional(fields, []),
      rateLimited: v.optional(fields, []),
      overloaded: v.optional(fields, []),
      authentication: v.optional(fields, []),
      quota: v.optional(fields, []),
    }),
    {},
  ),
});

// --- providers ---

const adapters = [
  "openai",
  "anthropic",
  "azure",
  "bedrock",
  "cohere",
  "deepseek",
  "gemini",
  "groq",
  "mistral",
  "ollama",
  "openrouter",
  "together",
  "vllm",
  "workers-ai",
  "xai",
  "custom",
] as const;

/** A model's own name at its provider; may hold slashes. */
const modelId = v.pipe(
  v.string(),
  v.maxLength(200),
  v.regex(/^[A-Za-z0-9@][A-Za-z0-9._:@/+-]*$/, "must be a model's name"),
);

/** Dollars per million tokens; what is not said comes from the catalogue. */
const price = v.strictObject({
  input: v.optional(dollars),
  output: v.optional(dollars),
  cacheRead: v.optional(dollars),
  cacheWrite: v.optional(dollars),
});

const model = v.strictObject({
  id: modelId,
  contextWindow: v.optional(count),
  maxOutputTokens: v.optional(count),
  price: v.optional(price),
  capabilities: v.optional(capabilities),
});

/** Fields of one provider; core/policy adds the blocks that HTTP services have too. */
export const providerEntries = {
  adapter: v.picklist(adapters),
  enabled: v.optional(v.boolean(), true),
  /** Absent: the adapter's public address. */
  baseUrl: v.optional(upstreamUrl),
  /** Binding that requests to it go through, instead of the open network. */
  via: v.optional(bindingName),
  key: v.optional(secret),
  /** Several credentials, taken in turn; one that is refused rests. */
  keys: v.optional(v.pipe(v.array(secret), v.maxLength(32)), []),
  /** Lower is preferred. */
  priority: v.optional(countOrZero, 1),
  weight: v.optional(weight, 1),
  /** Absent: whatever the provider lists. */
  models: v.optional(v.pipe(v.array(v.union([modelId, model])), v.maxLength(1000))),
  headers: v.optional(callHeaders, {}),
  region: v.optional(name),
  latitude: v.optional(latitude),
  longitude: v.optional(longitude),
  capabilities: v.optional(capabilities, {}),
  declaration: v.optional(declaration),
  azure: v.optional(v.strictObject({ apiVersion: text(32), deployment: v.optional(text(128)) })),
  bedrock: v.optional(
    v.strictObject({ region: name, accessKeyId: secret, secretAccessKey: secret, sessionToken: v.optional(secret) }),
  ),
  cloudflareAccount: v.optional(name),
  /** How often its list of models is read; 0 for never. */
  discoverSeconds: v.optional(secondsOrZero, 3600),
};

const PUBLIC_ADDRESSES: Readonly<Record<string, string>> = {
  openai: "https://api.openai.com/v1",
  anthropic: "https://api.anthropic.com",
  cohere: "https://api.cohere.com",
  deepseek: "https://api.deepseek.com",
  gemini: "https://generativelanguage.googleapis.com/v1beta",
  groq: "https://api.groq.com/openai/v1",
  mistral: "https://api.mistral.ai/v1",
  openrouter: "https://openrouter.ai/api/v1",
  together: "https://api.together.xyz/v1",
  xai: "https://api.x.ai/v1",
};

interface Addressed {
  readonly adapter: string;
  readonly baseUrl?: string | undefined;
  readonly bedrock?: { readonly region: string } | undefined;
  readonly cloudflareAccount?: string | undefined;
}

/** Where a provider stands: its own word, or its adapter's public address. */
export function addressOf({ adapter, baseUrl, bedrock, cloudflareAccount }: Addressed): string | undefined {
  if (baseUrl !== undefined) return baseUrl;
  if (adapter === "bedrock" && bedrock !== undefined) return `https://bedrock-runtime.${bedrock.region}.amazonaws.com`;
  if (adapter === "workers-ai" && cloudflareAccount !== undefined) {
    return `https://api.cloudflare.com/client/v4/accounts/${cloudflareAccount}/ai`;
  }
  return PUBLIC_ADDRESSES[adapter];
}

// --- models ---

const targetName = v.pipe(
  v.string(),
  v.maxLength(265),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9@][A-Za-z0-9._:@/+-]*$/, "must be 'provider/model'"),
);

const target = v.union([
  targetName,
  v.strictObject({
    target: targetName,
    weight: v.optional(weight, 1),
    priority: v.optional(countOrZero, 1),
  }),
]);

/** Weights of A2's score. */
const selectionWeights = v.pipe(
  v.strictObject({
    performance: v.optional(weight, 0.4),
    cost: v.optional(weight, 0.3),
    reliability: v.optional(weight, 0.2),
    load: v.optional(weight, 0.1),
  }),
  v.check((weights) => Object.values(weights).some((each) => each > 0), "must have at least one weight above 0"),
);

const history = v.strictObject({
  speed: v.optional(count, 10),
  kept: v.optional(v.pipe(count, v.maxValue(10_000)), 100),
  /** Below this many samples a target's reliability is `neutral`. */
  minimum: v.optional(countOrZero, 10),
  neutral: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 50),
});

const streamOptions = v.strictObject({
  /** Ceiling of the learned deadline for the first token. */
  firstTokenMs: v.optional(millis, 10_000),
  idleMs: v.optional(millis, 10_000),
  totalMs: v.optional(millis, 600_000),
  /** `continue`: a cut text answer is finished by another target. */
  recovery: v.optional(v.picklist(["none", "continue"]), "none"),
});

/** Stored answers of a model; off unless given. */
export const aiCacheOptions = v.strictObject({
  ttlSeconds: v.optional(seconds, 3600),
  /** Answers sampled at a temperature above this are not stored. */
  maxTemperature: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(2)), 2),
  /** Whether callers of one tenant share entries, or each has his own. */
  scope: v.optional(v.picklist(["tenant", "user"]), "tenant"),
});

/** Fields of one model alias; core/policy adds attempts, budget, condensation. */
export const modelEntries = {
  targets: v.pipe(v.array(target), v.minLength(1), v.maxLength(32)),
  strategy: v.optional(
    v.picklist([
      "single",
      "priority",
      "round_robin",
      "least_connections",
      "weighted_random",
      "geographic",
      "latency",
      "cost",
      "intelligent",
    ]),
    "intelligent",
  ),
  weights: v.optional(selectionWeights, {}),
  history: v.optional(history, {}),
  stream: v.optional(streamOptions, {}),
  /** How long a conversation keeps its provider, for the sake of its prompt cache; 0 for not at all. */
  affinitySeconds: v.optional(secondsOrZero, 300),
  contextWindow: v.optional(count),
  exploreShare: v.optional(share, 0.02),
};
