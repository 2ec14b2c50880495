// One conversation in words of our own: the pivot between what a client speaks and what a provider speaks. Where both
// speak alike nothing is turned into it and back on the wire: it is then only looked at.
//
// Law: what only one provider can read (a signature, an encrypted thought) is `Opaque`, marked with the dialect it was
// written in; a writer of another dialect leaves it out, and `withoutOpaque` takes it off when the provider changes.

export type JsonObject = Record<string, unknown>;

/** How a provider or a client speaks: OpenAI's three, Anthropic's, Gemini's, Cohere's v2, Bedrock's Converse. */
export type Dialect = "chat" | "completions" | "responses" | "messages" | "gemini" | "cohere" | "converse";

/** Readable by one dialect only, kept as it came. */
export interface Opaque {
  readonly dialect: Dialect;
  readonly value: JsonObject;
}

export type Part =
  | { readonly kind: "text"; readonly text: string; readonly opaque?: Opaque | undefined }
  /** `url`: an address or a `data:` URL. */
  | { readonly kind: "image"; readonly url: string; readonly detail?: string | undefined }
  | { readonly kind: "document"; readonly url: string; readonly name?: string | undefined }
  /** A call of a tool; `args` is JSON text, as models write it. */
  | {
      readonly kind: "call";
      readonly id: string;
      readonly name: string;
      readonly args: string;
      readonly opaque?: Opaque | undefined;
    }
  /** What a tool gave back. */
  | { readonly kind: "result"; readonly id: string; readonly parts: readonly Part[]; readonly failed: boolean }
  | { readonly kind: "reasoning"; readonly text: string; readonly opaque?: Opaque | undefined }
  | { readonly kind: "refusal"; readonly text: string }
  /** A part that has no word here. */
  | { readonly kind: "native"; readonly opaque: Opaque };

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly parts: readonly Part[];
  /** Author's name, where a client gives one. */
  readonly name?: string | undefined;
}

export interface Tool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of its arguments. */
  readonly parameters: JsonObject;
  readonly strict?: boolean | undefined;
}

export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

/** What the answer must look like. */
export type Format =
  | { readonly kind: "json" }
  | {
      readonly kind: "schema";
      readonly name: string;
      readonly schema: JsonObject;
      readonly strict?: boolean | undefined;
      readonly description?: string | undefined;
    };

export interface ChatRequest {
  /** As the client named it. */
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  /** Tools that only a provider of the client's own dialect has; also whatever else ties a request to that dialect. */
  readonly nativeTools?: readonly JsonObject[] | undefined;
  readonly toolChoice?: ToolChoice | undefined;
  readonly parallelCalls?: boolean | undefined;
  readonly format?: Format | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly seed?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly stop: readonly string[];
  /** How many answers at once. */
  readonly choices: number;
  readonly logprobs?: boolean | undefined;
  readonly topLogprobs?: number | undefined;
  readonly reasoning?: { readonly effort?: string | undefined; readonly budgetTokens?: number | undefined } | undefined;
  readonly user?: string | undefined;
  readonly stream: boolean;
  /** A stream's client asked to be told the usage. */
  readonly wantsUsage: boolean;
  /** Fields of the client's dialect that have no word here. */
  readonly extra: JsonObject;
  readonly dialect: Dialect;
}

export type Finish = "stop" | "length" | "tool_calls" | "content_filter" | "stop_sequence" | "pause";

export interface Choice {
  readonly parts: readonly Part[];
  readonly finish: Finish;
  readonly stopSequence?: string | undefined;
}

export interface ChatAnswer {
  /** The provider's own, "" when it gives none. */
  readonly id: string;
  readonly model: string;
  readonly choices: readonly Choice[];
  readonly usage: Usage | undefined;
}

/**
 * Tokens, each counted once: the prompt is `uncached + cacheRead + cacheWrite`, what was generated is `output`, of which
 * `reasoning` was not shown.
 */
export interface Usage {
  readonly uncached: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
}

export const promptTokens = (usage: Usage): number => usage.uncached + usage.cacheRead + usage.cacheWrite;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const objects = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
export const stringOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Sets what is known and leaves out what is not: no provider likes `undefined` or null. */
export function compact(fields: JsonObject): JsonObject {
  for (const [name, value] of Object.entries(fields)) if (value === undefined) delete fields[name];
  return fields;
}

/** Text of a message, parts that are none left out. */
export const textOf = (parts: readonly Part[]): string =>
  parts.map((part) => (part.kind === "text" || part.kind === "refusal" ? part.text : "")).join("");

/** JSON text of a call's arguments as an object; models also write nothing at all for "no arguments". */
export function argsOf(args: string): JsonObject {
  if (args.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(args);
    return isObject(value) ? value : { value };
  } catch {
    // A model's mistake is handed on as text: whoever reads it sees what it wrote.
    return { value: args };
  }
}

/** For another provider than the one that wrote it: without signatures and encrypted thoughts, and thoughts themselves. */
export function withoutOpaque(chat: ChatRequest): ChatRequest {
  let changed = false;
  const messages = chat.messages.map((message) => {
    if (!message.parts.some((part) => part.kind === "reasoning" || part.kind === "native" || "opaque" in part))
      return message;
    changed = true;
    return { ...message, parts: message.parts.flatMap(plainPart) };
  });
  return changed ? { ...chat, messages: messages.filter(({ parts }) => parts.length > 0) } : chat;
}

function plainPart(part: Part): Part[] {
  switch (part.kind) {
    case "reasoning":
    case "native":
      return [];
    case "text":
      return [{ kind: "text", text: part.text }];
    case "call":
      return [{ kind: "call", id: part.id, name: part.name, args: part.args }];
    case "result":
      return [{ ...part, parts: part.parts.flatMap(plainPart) }];
    case "image":
    case "document":
    case "refusal":
      return [part];
  }
}
