// From a declaration to an adapter: everything that providers do alike, done once.
import type { Adapter, Capabilities, Declaration, Listener, Operation, Terms } from "./adapter.ts";
import { objects, type JsonObject } from "./chat.ts";
import { classify } from "./classify.ts";
import { chatCodec } from "./dialects/chat-answer.ts";
import { completionsListener } from "./dialects/completions.ts";
import { messagesCodec } from "./dialects/messages-answer.ts";
import { responsesListener } from "./dialects/responses-answer.ts";
import { EventStreamReader } from "./eventstream.ts";
import { parseList, parseObject } from "./fields.ts";
import { BodyReader, LinesReader, SseReader, type EventDecoder, type Framing } from "./frames.ts";
import type { StreamReader } from "./deltas.ts";

export const BEARER = { kind: "header", name: "authorization", prefix: "Bearer " } as const;

/** What OpenAI's own models can do; others say where they differ. */
export const ABLE: Capabilities = {
  chat: true,
  completions: true,
  embeddings: true,
  stream: true,
  streamOptions: true,
  tools: true,
  jsonSchema: true,
  vision: true,
  reasoning: true,
  prefill: false,
  logprobs: true,
  choices: true,
  imageUrls: true,
};

/** How a client's own words are listened to, where they pass. */
const LISTENERS: Partial<Record<Operation, Listener>> = {
  chat: chatCodec,
  completions: completionsListener,
  responses: responsesListener,
  messages: messagesCodec,
};

export function adapterOf(declaration: Declaration): Adapter {
  const { codec, paths, rename, renameWritten, drop, modelInPath } = declaration;
  const terms: Terms = declaration;
  const natives = new Set(declaration.natives);
  const listener = (operation: Operation): Listener =>
    (natives.has(operation) ? LISTENERS[operation] : undefined) ?? codec;
  return {
    ...declaration,
    path(operation, model, stream) {
      const path = stream && operation === "chat" ? (declaration.streamPath ?? paths.chat) : paths[operation];
      return path?.replaceAll("{model}", encodeURIComponent(model));
    },
    write: (chat, model) => edit(codec.write(chat, model, terms), { ...rename, ...renameWritten }, drop),
    adopt: (body, model) => edit(modelInPath || body.model === model ? body : { ...body, model }, rename, drop),
    read: (operation, body) => listener(operation).read(body, terms),
    reader: (operation) => readerOf(declaration.framing, listener(operation).decoder(terms)),
    failure(status, text, retryAfterMs, errorType = "") {
      // Some answer with a list of one.
      const body = parseObject(text) ?? objects(parseList(text))[0];
      const said = body === undefined ? undefined : codec.error(status, body, retryAfterMs);
      const words = [...(said?.words ?? []), errorType.split(":", 1)[0] ?? ""];
      return classify({ status, message: "", retryAfterMs, ...said, words }, declaration.errors);
    },
  };
}

/** Under other names, and without what is not taken. */
function edit(body: JsonObject, rename: Readonly<Record<string, string>>, drop: readonly string[]): JsonObject {
  const moved = Object.entries(rename).filter(([ours]) => Object.hasOwn(body, ours));
  const dropped = drop.filter((name) => Object.hasOwn(body, name));
  if (moved.length + dropped.length === 0) return body;
  const edited = { ...body };
  for (const [ours, theirs] of moved) {
    delete edited[ours];
    edited[theirs] = body[ours];
  }
  for (const name of dropped) delete edited[name];
  return edited;
}

function readerOf(framing: Framing, decode: EventDecoder): StreamReader {
  switch (framing) {
    case "sse":
      return new SseReader(decode);
    case "ndjson":
      return new LinesReader(decode);
    case "eventstream":
      return new EventStreamReader(decode);
    case "json":
      return new BodyReader(decode);
  }
}
