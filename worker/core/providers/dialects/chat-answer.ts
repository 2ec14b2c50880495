// OpenAI's Chat Completions, the answering half: answers and their streams, as providers write them and as clients read them.
// Shapes after https://platform.openai.com/docs/api-reference/chat/object and …/chat/streaming.
import type { Codec, Terms } from "../adapter.ts";
import { classify } from "../classify.ts";
import {
  compact,
  isObject,
  objectOf,
  objects,
  promptTokens,
  stringOf,
  textOf,
  type ChatAnswer,
  type ChatRequest,
  type Choice,
  type Finish,
  type JsonObject,
  type Usage,
} from "../chat.ts";
import type { Delta, StreamWriter } from "../deltas.ts";
import type { Failure } from "../failures.ts";
import { fieldAt, finiteOf, parseObject } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";
import type { Told } from "../surface.ts";
import { openAiError, writeError } from "./openai-error.ts";
import { detailOf, readAssistant, writeCall, writeChat, writeDetails } from "./chat-request.ts";

export const chatCodec: Codec = {
  dialect: "chat",
  write: (chat, model, { capabilities }) => writeChat(chat, model, capabilities.streamOptions),
  read: (body, terms) => readAnswer(body, terms),
  decoder: (terms) => chatDecoder(terms),
  error: openAiError,
};

// --- words ---

const FINISHES: Readonly<Record<string, Finish>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

export const finishOf = (written: unknown): Finish => FINISHES[stringOf(written)] ?? "stop";

export function finishWord(finish: Finish): string {
  switch (finish) {
    case "stop":
    case "stop_sequence":
    case "pause":
      return "stop";
    case "length":
    case "tool_calls":
    case "content_filter":
      return finish;
  }
}

/** Cached tokens are a part of `prompt_tokens`; DeepSeek counts its hits elsewhere; the policy may say where others do. */
export function readUsage(body: JsonObject, { usage: declared }: Terms): Usage | undefined {
  const said = isObject(body.usage) ? body.usage : objectOf(body.x_groq).usage;
  const at = (path: string | undefined): number | undefined =>
    path === undefined ? undefined : finiteOf(fieldAt(body, path));
  if (!isObject(said) && at(declared.output) === undefined) return undefined;
  const usage = objectOf(said);
  const details = objectOf(usage.prompt_tokens_details);
  const cacheRead =
    at(declared.cacheRead) ?? finiteOf(details.cached_tokens) ?? finiteOf(usage.prompt_cache_hit_tokens) ?? 0;
  const cacheWrite = at(declared.cacheWrite) ?? finiteOf(details.cache_write_tokens) ?? 0;
  const prompt = at(declared.input) ?? finiteOf(usage.prompt_tokens) ?? 0;
  return {
    uncached: Math.max(0, prompt - cacheRead - cacheWrite),
    cacheRead,
    cacheWrite,
    output: at(declared.output) ?? finiteOf(usage.completion_tokens) ?? 0,
    reasoning: at(declared.reasoning) ?? finiteOf(objectOf(usage.completion_tokens_details).reasoning_tokens) ?? 0,
  };
}

export function writeUsage(usage: Usage): JsonObject {
  const prompt = promptTokens(usage);
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

// --- whole answers ---

function readAnswer(body: JsonObject, terms: Terms): ChatAnswer | undefined {
  if (!Array.isArray(body.choices) || body.choices.length === 0) return undefined;
  const choices = objects(body.choices).map((choice): Choice => ({
    parts: readAssistant(objectOf(choice.message)),
    finish: finishOf(choice.finish_reason),
  }));
  return { id: stringOf(body.id), model: stringOf(body.model), choices, usage: readUsage(body, terms) };
}

export function writeAnswer(answer: ChatAnswer, told: Told): JsonObject {
  return compact({
    id: answer.id || told.id,
    object: "chat.completion",
    created: told.created,
    model: answer.model || told.model,
    choices: answer.choices.map(writeChoice),
    usage: answer.usage === undefined ? undefined : writeUsage(answer.usage),
  });
}

function writeChoice({ parts, finish }: Choice, index: number): JsonObject {
  const calls = parts.flatMap((part) => (part.kind === "call" ? [writeCall(part)] : []));
  const text = textOf(parts.filter(({ kind }) => kind === "text"));
  const refusal = textOf(parts.filter(({ kind }) => kind === "refusal"));
  const thoughts = parts.map((part) => (part.kind === "reasoning" ? part.text : "")).join("");
  const details = writeDetails(parts);
  return {
    index,
    message: compact({
      role: "assistant",
      content: text === "" && (calls.length > 0 || refusal !== "") ? null : text,
      refusal: refusal === "" ? null : refusal,
      reasoning_content: thoughts === "" ? undefined : thoughts,
      reasoning_details: details.length > 0 ? details : undefined,
      tool_calls: calls.length > 0 ? calls : undefined,
    }),
    logprobs: null,
    finish_reason: finishWord(finish),
  };
}

// --- streams ---

function chatDecoder(terms: Terms): EventDecoder {
  let started = false;
  return ({ data }) => {
    if (data === terms.endMarker) return [{ kind: "done" }];
    const body = parseObject(data);
    if (body === undefined) return undefined;
    if (body.error !== undefined && body.error !== null)
      return [{ kind: "error", failure: classify(openAiError(200, body, -1), terms.errors) }];
    const usage = readUsage(body, terms);
    if (!Array.isArray(body.choices) && usage === undefined) return undefined;
    const deltas: Delta[] = [];
    if (!started && typeof body.id === "string") {
      started = true;
      deltas.push({ kind: "start", id: body.id, model: stringOf(body.model) });
    }
    for (const choice of objects(body.choices)) decodeChoice(choice, deltas);
    if (usage !== undefined) deltas.push({ kind: "usage", usage });
    return deltas;
  };
}

function decodeChoice(choice: JsonObject, deltas: Delta[]): void {
  const index = finiteOf(choice.index) ?? 0;
  // Some providers end a stream with a whole message.
  const delta = objectOf(choice.delta ?? choice.message);
  for (const part of readAssistant({ ...delta, tool_calls: undefined })) {
    switch (part.kind) {
      case "text":
      case "refusal":
        deltas.push({ kind: part.kind, choice: index, text: part.text });
        break;
      case "reasoning":
        deltas.push({ kind: "reasoning", choice: index, text: part.text, opaque: part.opaque });
        break;
      case "image":
      case "document":
      case "call":
      case "result":
      case "native":
    }
  }
  for (const [position, call] of objects(delta.tool_calls).entries()) {
    const asked = objectOf(call.function);
    const signature = objectOf(objectOf(call.extra_content).google).thought_signature;
    deltas.push({
      kind: "call",
      choice: index,
      call: finiteOf(call.index) ?? position,
      id: typeof call.id === "string" && call.id !== "" ? call.id : undefined,
      name: typeof asked.name === "string" && asked.name !== "" ? asked.name : undefined,
      args:
        typeof asked.arguments === "string"
          ? asked.arguments
          : isObject(asked.arguments)
            ? JSON.stringify(asked.arguments)
            : "",
      opaque: typeof signature === "string" ? { dialect: "gemini", value: { thoughtSignature: signature } } : undefined,
    });
  }
  if (typeof choice.finish_reason === "string") {
    deltas.push({ kind: "finish", choice: index, finish: finishOf(choice.finish_reason) });
  }
}

export class ChatWriter implements StreamWriter {
  #id: string;
  #model: string;
  #created: number;
  #wantsUsage: boolean;
  #usage: Usage | undefined;
  #begun = new Set<number>();

  constructor(chat: ChatRequest, told: Told) {
    this.#id = told.id;
    this.#model = told.model;
    this.#created = told.created;
    this.#wantsUsage = chat.wantsUsage;
  }

  write(delta: Delta): string {
    switch (delta.kind) {
      case "start":
        if (delta.id !== "") this.#id = delta.id;
        if (delta.model !== "") this.#model = delta.model;
        return "";
      case "text":
        return this.#chunk(delta.choice, { content: delta.text });
      case "refusal":
        return this.#chunk(delta.choice, { refusal: delta.text });
      case "reasoning":
        return this.#chunk(delta.choice, writeThought(delta));
      case "call":
        return this.#chunk(delta.choice, { tool_calls: [writeCallPiece(delta)] });
      case "finish":
        return this.#chunk(delta.choice, {}, finishWord(delta.finish));
      case "usage":
        this.#usage = delta.usage;
        return "";
      case "error":
        return this.fail(delta.failure);
      case "done":
        return "";
    }
  }

  end(): string {
    const usage =
      this.#wantsUsage && this.#usage !== undefined ? this.#event({ choices: [], usage: writeUsage(this.#usage) }) : "";
    return `${usage}data: [DONE]\n\n`;
  }

  fail(failure: Failure): string {
    return `data: ${JSON.stringify(writeError(failure))}\n\n`;
  }

  #chunk(index: number, delta: JsonObject, finish: string | null = null): string {
    const first = !this.#begun.has(index);
    if (first) this.#begun.add(index);
    const role = first ? { role: "assistant" } : {};
    return this.#event({
      choices: [{ index, delta: { ...role, ...delta }, logprobs: null, finish_reason: finish }],
    });
  }

  #event(fields: JsonObject): string {
    const chunk = {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.#created,
      model: this.#model,
      ...fields,
    };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }
}

function writeThought({ text, opaque }: Extract<Delta, { kind: "reasoning" }>): JsonObject {
  return compact({
    reasoning_content: text === "" ? undefined : text,
    reasoning_details: opaque === undefined ? undefined : [detailOf(text, opaque, 0)],
  });
}

function writeCallPiece({ call, id, name, args, opaque }: Extract<Delta, { kind: "call" }>): JsonObject {
  const signature = opaque?.dialect === "gemini" ? opaque.value.thoughtSignature : undefined;
  return compact({
    index: call,
    id,
    type: id === undefined ? undefined : "function",
    function: compact({ name, arguments: args }),
    extra_content: signature === undefined ? undefined : { google: { thought_signature: signature } },
  });
}
