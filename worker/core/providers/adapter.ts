// What a provider is to the gateway: how it speaks (a dialect), and what is peculiar to it (a declaration): address, paths,
// credentials, framing, names, limits. Most providers differ in the declaration alone; code is needed per dialect only.
//
// Contract. An adapter is pure: `write` says what to send, `read`, `reader` and `failure` say what came back means; none of
// them throws on anything a provider may send. Headers that need time or a key (`sign`) are platform's.
import type { ChatAnswer, ChatRequest, Dialect, JsonObject } from "./chat.ts";
import type { StreamReader } from "./deltas.ts";
import type { ErrorWords, Said } from "./classify.ts";
import type { Failure } from "./failures.ts";
import type { EventDecoder, Framing } from "./frames.ts";

/** What is asked of a provider. */
export type Operation = "chat" | "completions" | "responses" | "messages" | "embeddings" | "count" | "models";

export interface Capabilities {
  readonly chat: boolean;
  readonly completions: boolean;
  readonly embeddings: boolean;
  readonly stream: boolean;
  /** Tells the usage of a stream when asked by `stream_options`. */
  readonly streamOptions: boolean;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly vision: boolean;
  readonly reasoning: boolean;
  /** The last message may be the beginning of the answer. */
  readonly prefill: boolean;
  readonly logprobs: boolean;
  /** Several answers at once. */
  readonly choices: boolean;
  /** Images by their address, not their bytes alone. */
  readonly imageUrls: boolean;
}

/** How answers of one dialect are read. */
export interface Listener {
  readonly dialect: Dialect;
  /** A whole answer; undefined when it is none. */
  read(body: JsonObject, terms: Terms): ChatAnswer | undefined;
  decoder(terms: Terms): EventDecoder;
}

/** How a provider that speaks it is asked. */
export interface Codec extends Listener {
  /** The body that asks `chat` of `model`. */
  write(chat: ChatRequest, model: string, terms: Terms): JsonObject;
  /** What an error body says, before what is declared of it. */
  error(status: number, body: JsonObject, retryAfterMs: number): Said;
}

/** What a codec must know of the provider. */
export interface Terms {
  readonly capabilities: Capabilities;
  /** Where its answers tell the usage, by dotted path, where that is not the dialect's own place. */
  readonly usage: UsageFields;
  readonly endMarker: string;
  readonly errors: ErrorWords;
}

export interface UsageFields {
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly cacheRead?: string | undefined;
  readonly cacheWrite?: string | undefined;
  readonly reasoning?: string | undefined;
}

/** Where the credential goes; `sigv4` is platform's to make. */
export type AuthScheme =
  | { readonly kind: "header"; readonly name: string; readonly prefix: string }
  | { readonly kind: "sigv4" };

/** An adapter in words. What a provider's declaration leaves out is its dialect's. */
export interface Declaration {
  readonly name: string;
  readonly codec: Codec;
  readonly auth: AuthScheme;
  /** Fields of every request, lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of streams; `json`: it does not stream. */
  readonly framing: Framing;
  readonly endMarker: string;
  /** Paths behind the base URL: `{model}` stands for the model's name. What is absent it does not offer. */
  readonly paths: Readonly<Partial<Record<Operation, string | undefined>>>;
  /** The path of a streamed chat, where it is another one. */
  readonly streamPath?: string | undefined;
  /** What it takes in a client's own words. */
  readonly natives: readonly Operation[];
  /** Request fields under another name, ours to theirs: of all bodies, and of those that are written here. */
  readonly rename: Readonly<Record<string, string>>;
  readonly renameWritten: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
  readonly usage: UsageFields;
  readonly errors: ErrorWords;
  readonly capabilities: Capabilities;
  /** The model's name stands in the path, and nowhere in the body. */
  readonly modelInPath: boolean;
}

export interface Adapter extends Declaration {
  /** Path behind the base URL, query included; undefined for what it does not offer. */
  path(operation: Operation, model: string, stream: boolean): string | undefined;
  /** The body of its own way to chat. */
  write(chat: ChatRequest, model: string): JsonObject;
  /** A native body for another name of the model, fields it does not take left out; the same object when nothing changes. */
  adopt(body: JsonObject, model: string): JsonObject;
  read(operation: Operation, body: JsonObject): ChatAnswer | undefined;
  reader(operation: Operation): StreamReader;
  /** What an answer that is no success says. `text` is its beginning. */
  /** `errorType`: a header's word for it (AWS). */
  failure(status: number, text: string, retryAfterMs: number, errorType?: string): Failure;
}
