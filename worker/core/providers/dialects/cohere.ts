// Cohere's Chat, version 2: https://docs.cohere.com/reference/chat and …/reference/chat-stream.
import type { Codec, Terms } from "../adapter.ts";
import {
  compact,
  isObject,
  objectOf,
  objects,
  stringOf,
  textOf,
  type ChatAnswer,
  type ChatRequest,
  type Finish,
  type JsonObject,
  type Message,
  type Part,
  type Usage,
} from "../chat.ts";
import { classify, type Said } from "../classify.ts";
import type { Delta } from "../deltas.ts";
import { finiteOf, parseObject } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";

export const cohereCodec: Codec = {
  dialect: "cohere",
  write: (chat, model) => writeRequest(chat, model),
  read: (body) => readAnswer(body),
  decoder: (terms) => cohereDecoder(terms),
  error: cohereError,
};

// --- requests ---

function writeRequest(chat: ChatRequest, model: string): JsonObject {
  const { toolChoice, reasoning, format } = chat;
  const wants = typeof toolChoice === "object" || toolChoice === "required" ? "REQUIRED" : undefined;
  return compact({
    model,
    messages: chat.messages.flatMap(writeMessage),
    // It cannot be told which tool to call, only that it must: then it is offered no other.
    tools: toolsOf(chat),
    tool_choice: toolChoice === "none" ? "NONE" : wants,
    response_format: format === undefined ? undefined : writeFormat(format),
    max_tokens: chat.maxTokens,
    temperature: chat.temperature,
    p: chat.topP,
    k: chat.topK,
    seed: chat.seed,
    frequency_penalty: chat.frequencyPenalty,
    presence_penalty: chat.presencePenalty,
    stop_sequences: chat.stop.length > 0 ? chat.stop.slice(0, 5) : undefined,
    logprobs: chat.logprobs,
    thinking:
      reasoning === undefined
        ? undefined
        : compact({ type: reasoning.effort === "none" ? "disabled" : "enabled", token_budget: reasoning.budgetTokens }),
    stream: chat.stream ? true : undefined,
  });
}

function toolsOf({ tools, toolChoice }: ChatRequest): JsonObject[] | undefined {
  const offered = typeof toolChoice === "object" ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  if (offered.length === 0) return undefined;
  return offered.map(({ name, description, parameters }) => ({
    type: "function",
    function: compact({ name, description, parameters }),
  }));
}

function writeFormat(format: NonNullable<ChatRequest["format"]>): JsonObject {
  return format.kind === "json" ? { type: "json_object" } : { type: "json_object", json_schema: format.schema };
}

function writeMessage({ role, parts }: Message): JsonObject[] {
  switch (role) {
    case "system":
      return [{ role, content: textOf(parts) }];
    case "user":
      return [{ role, content: writeContent(parts) }];
    case "assistant":
      return [writeAssistant(parts)];
    case "tool":
      return parts.flatMap((part) => {
        if (part.kind !== "result") return [];
        const text = textOf(part.parts);
        return [{ role: "tool", tool_call_id: part.id, content: part.failed ? `Error: ${text}` : text }];
      });
  }
}

function writeContent(parts: readonly Part[]): string | JsonObject[] {
  if (parts.every(({ kind }) => kind === "text")) return textOf(parts);
  return parts.flatMap((part): JsonObject[] => {
    if (part.kind === "text" || part.kind === "refusal") return [{ type: "text", text: part.text }];
    if (part.kind === "image")
      return [{ type: "image_url", image_url: compact({ url: part.url, detail: part.detail }) }];
    return [];
  });
}

function writeAssistant(parts: readonly Part[]): JsonObject {
  const calls = parts.flatMap((part) =>
    part.kind === "call"
      ? [{ id: part.id, type: "function", function: { name: part.name, arguments: part.args || "{}" } }]
      : [],
  );
  const text = textOf(parts);
  return compact({
    role: "assistant",
    content: text === "" && calls.length > 0 ? undefined : text,
    tool_calls: calls.length > 0 ? calls : undefined,
  });
}

// --- answers ---

const FINISHES: Readonly<Record<string, Finish>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop_sequence",
  MAX_TOKENS: "length",
  TOOL_CALL: "tool_calls",
  ERROR_TOXIC: "content_filter",
};

const finishOf = (written: unknown): Finish => FINISHES[stringOf(written)] ?? "stop";

/** `tokens` is what the model saw, `billed_units` what is paid for: prices are per billed token. */
function readUsage(written: unknown): Usage | undefined {
  if (!isObject(written)) return undefined;
  const counted = isObject(written.billed_units) ? written.billed_units : objectOf(written.tokens);
  const cacheRead = finiteOf(written.cached_tokens) ?? 0;
  return {
    uncached: Math.max(0, (finiteOf(counted.input_tokens) ?? 0) - cacheRead),
    cacheRead,
    cacheWrite: 0,
    output: finiteOf(counted.output_tokens) ?? 0,
    reasoning: 0,
  };
}

function readAnswer(body: JsonObject): ChatAnswer | undefined {
  if (!isObject(body.message)) return undefined;
  const { message } = body;
  const parts: Part[] = [];
  if (typeof message.tool_plan === "string" && message.tool_plan !== "") {
    parts.push({ kind: "reasoning", text: message.tool_plan });
  }
  for (const content of objects(message.content)) {
    if (content.type === "text") parts.push({ kind: "text", text: stringOf(content.text) });
    else if (content.type === "thinking") parts.push({ kind: "reasoning", text: stringOf(content.thinking) });
  }
  for (const call of objects(message.tool_calls)) {
    const { name, arguments: args } = objectOf(call.function);
    parts.push({ kind: "call", id: stringOf(call.id), name: stringOf(name), args: stringOf(args) });
  }
  return {
    id: stringOf(body.id),
    model: "",
    choices: [{ parts, finish: finishOf(body.finish_reason) }],
    usage: readUsage(body.usage),
  };
}

// --- streams ---

function cohereDecoder(terms: Terms): EventDecoder {
  const calls = new Map<number, number>();
  return ({ data }) => {
    if (data === "[DONE]") return [{ kind: "done" }];
    const body = parseObject(data);
    if (body === undefined) return undefined;
    if (typeof body.type !== "string") {
      // An error within a stream is a bare message.
      if (typeof body.message !== "string") return undefined;
      return [{ kind: "error", failure: classify(cohereError(200, body, -1), terms.errors) }];
    }
    const message = objectOf(objectOf(body.delta).message);
    const index = finiteOf(body.index) ?? 0;
    switch (body.type) {
      case "message-start":
        return [{ kind: "start", id: stringOf(body.id), model: "" }];
      case "content-start":
      case "content-delta":
        return contentOf(objectOf(message.content));
      case "tool-plan-delta":
        return [{ kind: "reasoning", choice: 0, text: stringOf(message.tool_plan) }];
      case "tool-call-start": {
        calls.set(index, calls.size);
        const call = objectOf(message.tool_calls);
        const { name, arguments: args } = objectOf(call.function);
        const id = stringOf(call.id);
        return [{ kind: "call", choice: 0, call: calls.size - 1, id, name: stringOf(name), args: stringOf(args) }];
      }
      case "tool-call-delta": {
        const { arguments: args } = objectOf(objectOf(message.tool_calls).function);
        return [{ kind: "call", choice: 0, call: calls.get(index) ?? 0, args: stringOf(args) }];
      }
      case "message-end":
        return endOf(objectOf(body.delta));
      default:
        return [];
    }
  };
}

function contentOf(content: JsonObject): Delta[] {
  const deltas: Delta[] = [];
  if (stringOf(content.thinking) !== "")
    deltas.push({ kind: "reasoning", choice: 0, text: stringOf(content.thinking) });
  if (stringOf(content.text) !== "") deltas.push({ kind: "text", choice: 0, text: stringOf(content.text) });
  return deltas;
}

/** The last event, and the stream's own end: no marker follows. */
function endOf(delta: JsonObject): Delta[] {
  const usage = readUsage(delta.usage);
  const told: Delta[] = usage === undefined ? [] : [{ kind: "usage", usage }];
  return [...told, { kind: "finish", choice: 0, finish: finishOf(delta.finish_reason) }, { kind: "done" }];
}

// --- errors (https://docs.cohere.com/reference/errors) ---

function cohereError(status: number, body: JsonObject, retryAfterMs: number): Said {
  // 498: what was generated or asked for was blocked.
  const blocked = status === 498;
  return {
    status: blocked ? 400 : status,
    words: blocked ? ["content_filter"] : [],
    message: stringOf(body.message),
    retryAfterMs,
  };
}
