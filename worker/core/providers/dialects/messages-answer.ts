// Anthropic's Messages, the answering half: answers and their streams, as the provider writes them and as clients read them.
// Shapes after https://platform.claude.com/docs/en/api/messages and …/docs/en/build-with-claude/streaming.
import type { Codec, Terms } from "../adapter.ts";
import {
  argsOf,
  isObject,
  objectOf,
  objects,
  stringOf,
  type ChatAnswer,
  type Finish,
  type JsonObject,
  type Part,
  type Usage,
} from "../chat.ts";
import { classify, type Said } from "../classify.ts";
import type { Delta } from "../deltas.ts";
import type { Failure, FailureKind } from "../failures.ts";
import { finiteOf, parseObject, wordOf } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";
import type { Told } from "../surface.ts";
import { readBlock, writeBlock, writeMessages } from "./messages-request.ts";

export const messagesCodec: Codec = {
  dialect: "messages",
  write: (chat, model) => writeMessages(chat, model),
  read: (body) => readAnswer(body),
  decoder: (terms) => messagesDecoder(terms),
  error: anthropicError,
};

// --- words ---

const FINISHES: Readonly<Record<string, Finish>> = {
  end_turn: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  stop_sequence: "stop_sequence",
  tool_use: "tool_calls",
  pause_turn: "pause",
  refusal: "content_filter",
};

const finishOf = (written: unknown): Finish => FINISHES[stringOf(written)] ?? "stop";

export function finishWord(finish: Finish): string {
  switch (finish) {
    case "stop":
      return "end_turn";
    case "length":
      return "max_tokens";
    case "stop_sequence":
      return "stop_sequence";
    case "tool_calls":
      return "tool_use";
    case "content_filter":
      return "refusal";
    case "pause":
      return "pause_turn";
  }
}

/** `input_tokens` leaves the cached ones out. What a later event does not say, an earlier one said. */
function readUsage(written: JsonObject, before?: Usage): Usage {
  return {
    uncached: finiteOf(written.input_tokens) ?? before?.uncached ?? 0,
    cacheRead: finiteOf(written.cache_read_input_tokens) ?? before?.cacheRead ?? 0,
    cacheWrite: finiteOf(written.cache_creation_input_tokens) ?? before?.cacheWrite ?? 0,
    output: finiteOf(written.output_tokens) ?? before?.output ?? 0,
    reasoning: finiteOf(objectOf(written.output_tokens_details).thinking_tokens) ?? before?.reasoning ?? 0,
  };
}

export const writeUsage = (usage: Usage | undefined): JsonObject => ({
  input_tokens: usage?.uncached ?? 0,
  cache_creation_input_tokens: usage?.cacheWrite ?? 0,
  cache_read_input_tokens: usage?.cacheRead ?? 0,
  output_tokens: usage?.output ?? 0,
});

// --- errors ---

function anthropicError(status: number, body: JsonObject, retryAfterMs: number): Said {
  const error = objectOf(body.error);
  return { status, words: [stringOf(error.type)], message: stringOf(error.message), retryAfterMs };
}

const TYPES: { readonly [Kind in FailureKind]: string } = {
  bad_request: "invalid_request_error",
  content_filter: "invalid_request_error",
  context_length: "invalid_request_error",
  model_not_found: "not_found_error",
  too_large: "request_too_large",
  unsupported: "invalid_request_error",
  rate_limited: "rate_limit_error",
  overloaded: "overloaded_error",
  server_error: "api_error",
  authentication: "api_error",
  quota: "api_error",
  unreachable: "api_error",
  timeout: "timeout_error",
  invalid_answer: "api_error",
  cut: "api_error",
  stalled: "timeout_error",
  unauthenticated: "authentication_error",
  forbidden: "permission_error",
  not_found: "not_found_error",
  method_not_allowed: "invalid_request_error",
  client_limit: "rate_limit_error",
  budget: "rate_limit_error",
  unavailable: "overloaded_error",
  internal: "api_error",
};

export const writeMessagesError = ({ kind, message }: Failure): JsonObject => ({
  type: "error",
  error: {
    type: TYPES[kind],
    message: kind === "context_length" && !/long/i.test(message) ? `prompt is too long: ${message}` : message,
  },
});

// --- whole answers ---

function readAnswer(body: JsonObject): ChatAnswer | undefined {
  if (!Array.isArray(body.content) || body.type !== "message") return undefined;
  return {
    id: stringOf(body.id),
    model: stringOf(body.model),
    choices: [
      {
        parts: objects(body.content).map(readBlock),
        finish: finishOf(body.stop_reason),
        stopSequence: wordOf(body.stop_sequence),
      },
    ],
    usage: isObject(body.usage) ? readUsage(body.usage) : undefined,
  };
}

export function writeMessagesAnswer(answer: ChatAnswer, told: Told): JsonObject {
  const [choice] = answer.choices;
  return {
    id: answer.id || told.id,
    type: "message",
    role: "assistant",
    model: answer.model || told.model,
    content: (choice?.parts ?? []).flatMap(writeAnswerBlock),
    stop_reason: finishWord(choice?.finish ?? "stop"),
    stop_sequence: choice?.stopSequence ?? null,
    usage: writeUsage(answer.usage),
  };
}

/** A thought of another provider is shown; it has no signature, so it cannot be sent back as one. */
function writeAnswerBlock(part: Part): JsonObject[] {
  if (part.kind === "call") return [{ type: "tool_use", id: part.id, name: part.name, input: argsOf(part.args) }];
  if (part.kind === "reasoning" && part.opaque?.dialect !== "messages") {
    return part.text === "" ? [] : [{ type: "thinking", thinking: part.text, signature: "" }];
  }
  return writeBlock(part);
}

// --- streams ---

function messagesDecoder(terms: Terms): EventDecoder {
  const calls = new Map<number, number>();
  let usage: Usage | undefined;
  const tell = (written: unknown): Delta[] => {
    if (!isObject(written)) return [];
    usage = readUsage(written, usage);
    return [{ kind: "usage", usage }];
  };
  return ({ data }) => {
    const body = parseObject(data);
    if (body === undefined || typeof body.type !== "string") return undefined;
    switch (body.type) {
      case "message_start": {
        const message = objectOf(body.message);
        return [{ kind: "start", id: stringOf(message.id), model: stringOf(message.model) }, ...tell(message.usage)];
      }
      case "content_block_start": {
        const block = objectOf(body.content_block);
        if (block.type === "tool_use") calls.set(finiteOf(body.index) ?? 0, calls.size);
        return startOf(block, calls.size - 1);
      }
      case "content_block_delta":
        return deltaOf(objectOf(body.delta), calls.get(finiteOf(body.index) ?? 0) ?? 0);
      case "message_delta": {
        const delta = objectOf(body.delta);
        const finish: Delta[] =
          typeof delta.stop_reason === "string"
            ? [
                {
                  kind: "finish",
                  choice: 0,
                  finish: finishOf(delta.stop_reason),
                  stopSequence: wordOf(delta.stop_sequence),
                },
              ]
            : [];
        return [...tell(body.usage), ...finish];
      }
      case "message_stop":
        return [{ kind: "done" }];
      case "error":
        return [{ kind: "error", failure: classify(anthropicError(200, body, -1), terms.errors) }];
      default:
        // Pings, ends of blocks, and what will be added: the API asks for unknown events to be passed over.
        return [];
    }
  };
}

function startOf(block: JsonObject, call: number): Delta[] {
  switch (block.type) {
    case "text":
      return block.text === "" ? [] : [{ kind: "text", choice: 0, text: stringOf(block.text) }];
    case "tool_use": {
      const input = isObject(block.input) && Object.keys(block.input).length > 0 ? JSON.stringify(block.input) : "";
      return [{ kind: "call", choice: 0, call, id: stringOf(block.id), name: stringOf(block.name), args: input }];
    }
    case "redacted_thinking":
      return [{ kind: "reasoning", choice: 0, text: "", opaque: { dialect: "messages", value: { data: block.data } } }];
    default:
      return [];
  }
}

function deltaOf(delta: JsonObject, call: number): Delta[] {
  switch (delta.type) {
    case "text_delta":
      return [{ kind: "text", choice: 0, text: stringOf(delta.text) }];
    case "input_json_delta":
      return [{ kind: "call", choice: 0, call, args: stringOf(delta.partial_json) }];
    case "thinking_delta":
      return [{ kind: "reasoning", choice: 0, text: stringOf(delta.thinking) }];
    case "signature_delta":
      return [
        {
          kind: "reasoning",
          choice: 0,
          text: "",
          opaque: { dialect: "messages", value: { signature: delta.signature } },
        },
      ];
    default:
      return [];
  }
}
