// The providers that are known by name, and those that a policy declares. All but their dialects' code is said here, in
// declarations; the sources are the providers' published API references, given with each.
import type { Adapter, Capabilities, Declaration } from "./adapter.ts";
import type { ErrorWords } from "./classify.ts";
import { ABLE, adapterOf, BEARER } from "./declared.ts";
import { chatCodec } from "./dialects/chat-answer.ts";
import { cohereCodec } from "./dialects/cohere.ts";
import { converseCodec } from "./dialects/converse.ts";
import { geminiCodec } from "./dialects/gemini.ts";
import { messagesCodec } from "./dialects/messages-answer.ts";
import type { Framing } from "./frames.ts";

const OPENAI_PATHS = {
  chat: "/chat/completions",
  completions: "/completions",
  responses: "/responses",
  embeddings: "/embeddings",
  models: "/models",
} as const;

/** https://platform.openai.com/docs/api-reference */
const openai: Declaration = {
  name: "openai",
  codec: chatCodec,
  auth: BEARER,
  headers: {},
  framing: "sse",
  endMarker: "[DONE]",
  paths: OPENAI_PATHS,
  natives: ["chat", "completions", "responses", "embeddings"],
  rename: {},
  // Reasoning models refuse `max_tokens`; all take the new name.
  renameWritten: { max_tokens: "max_completion_tokens" },
  drop: [],
  usage: {},
  errors: {},
  capabilities: ABLE,
  modelInPath: false,
};

/** Those that speak as OpenAI did before its renames. */
const compatible = (name: string, differs: Partial<Declaration>, able: Partial<Capabilities> = {}): Declaration => ({
  ...openai,
  name,
  paths: { ...OPENAI_PATHS, responses: undefined },
  natives: ["chat", "completions", "embeddings"],
  renameWritten: {},
  ...differs,
  capabilities: { ...ABLE, ...able },
});

const NO_EMBEDDINGS = { embeddings: false } as const;

const DECLARATIONS: readonly Declaration[] = [
  openai,
  /** https://learn.microsoft.com/azure/ai-services/openai/reference; its paths come from `azure`. */
  compatible("azure", {
    auth: { kind: "header", name: "api-key", prefix: "" },
    renameWritten: { max_tokens: "max_completion_tokens" },
  }),
  /** https://console.groq.com/docs/api-reference; usage of streams also under `x_groq`. */
  compatible(
    "groq",
    { natives: ["chat", "responses"], paths: { ...OPENAI_PATHS } },
    { ...NO_EMBEDDINGS, completions: false, choices: false, logprobs: false },
  ),
  /** https://docs.together.ai/reference/chat-completions-1 */
  compatible("together", {}),
  /** https://api-docs.deepseek.com/api/create-chat-completion; JSON, but by no schema. */
  compatible(
    "deepseek",
    { natives: ["chat"] },
    { ...NO_EMBEDDINGS, completions: false, jsonSchema: false, vision: false, choices: false },
  ),
  /** https://docs.mistral.ai/api; refuses what it does not know; tells the usage of every stream unasked. */
  compatible(
    "mistral",
    {
      natives: ["chat", "embeddings"],
      rename: { seed: "random_seed", max_completion_tokens: "max_tokens" },
      drop: ["stream_options", "user", "logprobs", "top_logprobs", "logit_bias", "store", "service_tier"],
    },
    { completions: false, streamOptions: false, logprobs: false },
  ),
  /** https://openrouter.ai/docs/api-reference/overview */
  compatible("openrouter", {}),
  /** https://docs.x.ai/docs/api-reference */
  compatible("xai", { paths: OPENAI_PATHS, natives: ["chat", "completions", "responses"] }, NO_EMBEDDINGS),
  /** https://github.com/ollama/ollama/blob/main/docs/openai.md */
  compatible("ollama", {}, { choices: false }),
  /** https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
  compatible("vllm", { paths: OPENAI_PATHS, natives: ["chat", "completions", "responses", "embeddings"] }),
  /** https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/, over REST */
  compatible(
    "workers-ai",
    {
      paths: { chat: "/v1/chat/completions", embeddings: "/v1/embeddings", models: "/models/search?per_page=1000" },
      natives: ["chat", "embeddings"],
    },
    { completions: false, choices: false, logprobs: false },
  ),
  /** https://platform.claude.com/docs/en/api/overview */
  {
    ...openai,
    name: "anthropic",
    codec: messagesCodec,
    auth: { kind: "header", name: "x-api-key", prefix: "" },
    headers: { "anthropic-version": "2023-06-01" },
    endMarker: "",
    paths: {
      chat: "/v1/messages",
      messages: "/v1/messages",
      count: "/v1/messages/count_tokens",
      models: "/v1/models?limit=1000",
    },
    natives: ["messages", "count"],
    renameWritten: {},
    capabilities: { ...ABLE, ...NO_EMBEDDINGS, completions: false, logprobs: false, choices: false, prefill: true },
  },
  /** https://ai.google.dev/api */
  {
    ...openai,
    name: "gemini",
    codec: geminiCodec,
    auth: { kind: "header", name: "x-goog-api-key", prefix: "" },
    endMarker: "",
    paths: {
      chat: "/models/{model}:generateContent",
      embeddings: "/models/{model}:batchEmbedContents",
      models: "/models?pageSize=1000",
    },
    streamPath: "/models/{model}:streamGenerateContent?alt=sse",
    natives: [],
    renameWritten: {},
    modelInPath: true,
    capabilities: { ...ABLE, completions: false, logprobs: false },
  },
  /** https://docs.cohere.com/reference/about */
  {
    ...openai,
    name: "cohere",
    codec: cohereCodec,
    endMarker: "",
    paths: { chat: "/v2/chat", embeddings: "/v2/embed", models: "/v1/models?page_size=1000" },
    natives: [],
    renameWritten: {},
    capabilities: { ...ABLE, completions: false, choices: false, logprobs: false },
  },
  /** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
  {
    ...openai,
    name: "bedrock",
    codec: converseCodec,
    auth: { kind: "sigv4" },
    framing: "eventstream",
    endMarker: "",
    paths: { chat: "/model/{model}/converse" },
    streamPath: "/model/{model}/converse-stream",
    natives: [],
    renameWritten: {},
    modelInPath: true,
    capabilities: {
      ...ABLE,
      ...NO_EMBEDDINGS,
      completions: false,
      choices: false,
      logprobs: false,
      jsonSchema: false,
      imageUrls: false,
    },
  },
];

const KNOWN: ReadonlyMap<string, Declaration> = new Map(DECLARATIONS.map((each) => [each.name, each]));
/** What a declared provider begins with: of those that speak as it does, the one that claims least. */
const LIKE: Readonly<Record<string, string>> = { openai: "together" };

/** A provider's section, as far as it says how it is spoken to. */
export interface AdapterOptions {
  readonly adapter: string;
  readonly capabilities: { readonly [Name in keyof Capabilities]?: boolean | undefined };
  readonly azure?: { readonly apiVersion: string; readonly deployment?: string | undefined } | undefined;
  readonly declaration?: DeclaredOptions | undefined;
}

/** The policy's `declaration`. */
export interface DeclaredOptions {
  readonly like: string;
  readonly auth?: { readonly header: string; readonly scheme?: string | undefined } | undefined;
  readonly paths: Readonly<Record<string, string | undefined>>;
  readonly framing: Framing;
  readonly endMarker?: string | undefined;
  readonly rename: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
  readonly usage: Declaration["usage"];
  readonly errors: ErrorWords;
}

/** Undefined for a name that is none. */
export function adapterFor(options: AdapterOptions): Adapter | undefined {
  const { adapter, declaration, azure } = options;
  const like = declaration === undefined ? adapter : adapter === "custom" ? declaration.like : adapter;
  const known = KNOWN.get(adapter === "custom" ? (LIKE[like] ?? like) : like);
  if (known === undefined) return undefined;
  const capabilities: Capabilities = { ...known.capabilities, ...defined(options.capabilities) };
  const paths = azure === undefined ? known.paths : azurePaths(azure);
  const base: Declaration = { ...known, name: adapter, capabilities, paths };
  return adapterOf(declaration === undefined ? base : declare(base, declaration));
}

function declare(base: Declaration, said: DeclaredOptions): Declaration {
  const { auth } = said;
  const paths = { ...base.paths, ...defined(said.paths) };
  return {
    ...base,
    auth:
      auth === undefined
        ? base.auth
        : {
            kind: "header",
            name: auth.header.toLowerCase(),
            prefix: auth.scheme === undefined ? "" : `${auth.scheme} `,
          },
    // Whoever says where it chats says it of the client's own words too.
    paths:
      base.natives.includes("messages") && said.paths.chat !== undefined
        ? { ...paths, messages: said.paths.chat }
        : paths,
    streamPath: said.paths.chat === undefined ? base.streamPath : undefined,
    framing: said.framing,
    endMarker: said.endMarker ?? base.endMarker,
    rename: { ...base.rename, ...said.rename },
    drop: [...base.drop, ...said.drop],
    usage: said.usage,
    errors: said.errors,
  };
}

/** The model's name is that of a deployment, unless one deployment is all there is. */
function azurePaths({ apiVersion, deployment }: NonNullable<AdapterOptions["azure"]>): Declaration["paths"] {
  const at = `/openai/deployments/${deployment === undefined ? "{model}" : encodeURIComponent(deployment)}`;
  const version = `?api-version=${encodeURIComponent(apiVersion)}`;
  return {
    chat: `${at}/chat/completions${version}`,
    completions: `${at}/completions${version}`,
    embeddings: `${at}/embeddings${version}`,
    models: `/openai/models${version}`,
  };
}

/** Without what is undefined, so that it overrides nothing. */
const defined = <T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
