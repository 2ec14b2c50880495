// Amazon Bedrock's Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
// …API_runtime_ConverseStream.html. Its streams are frames of `application/vnd.amazon.eventstream` (../eventstream.ts).
import type { Codec, Terms } from "../adapter.ts";
import {
  argsOf,
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
import { dataUrlOf, finiteOf, parseObject } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";

export const converseCodec: Codec = {
  dialect: "converse",
  write: (chat) => writeRequest(chat),
  read: (body) => readAnswer(body),
  decoder: (terms) => converseDecoder(terms),
  error: awsError,
};

// --- requests ---

function writeRequest(chat: ChatRequest): JsonObject {
  const system = chat.messages.filter(({ role }) => role === "system").map(({ parts }) => ({ text: textOf(parts) }));
  const config = compact({
    maxTokens: chat.maxTokens,
    temperature: chat.temperature,
    topP: chat.topP,
    stopSequences: chat.stop.length > 0 ? chat.stop : undefined,
  });
  const more = compact({ top_k: chat.topK });
  return compact({
    messages: writeTurns(chat.messages),
    system: system.length > 0 ? system : undefined,
    inferenceConfig: Object.keys(config).length > 0 ? config : undefined,
    toolConfig: writeTools(chat),
    additionalModelRequestFields: Object.keys(more).length > 0 ? more : undefined,
  });
}

/** There is no way to say "none": then the tools are not offered, unless the conversation has used them, for they must stand. */
function writeTools({ tools, toolChoice, messages }: ChatRequest): JsonObject | undefined {
  const used = messages.some(({ parts }) => parts.some(({ kind }) => kind === "call" || kind === "result"));
  if (tools.length === 0 || (toolChoice === "none" && !used)) return undefined;
  const choice =
    typeof toolChoice === "object"
      ? { tool: { name: toolChoice.name } }
      : toolChoice === "required"
        ? { any: {} }
        : toolChoice === "auto"
          ? { auto: {} }
          : undefined;
  return compact({
    tools: tools.map(({ name, description, parameters }) => ({
      toolSpec: compact({ name, description, inputSchema: { json: parameters } }),
    })),
    toolChoice: choice,
  });
}

function writeTurns(messages: readonly Message[]): JsonObject[] {
  const turns: { role: string; content: JsonObject[] }[] = [];
  for (const { role, parts } of messages) {
    if (role === "system") continue;
    const content = parts.flatMap(writePart);
    if (content.length === 0) continue;
    const speaker = role === "assistant" ? "assistant" : "user";
    const last = turns.at(-1);
    if (last?.role === speaker) last.content.push(...content);
    else turns.push({ role: speaker, content });
  }
  if (turns[0]?.role !== "user") turns.unshift({ role: "user", content: [{ text: "(The conversation so far:)" }] });
  return turns;
}

function writePart(part: Part): JsonObject[] {
  switch (part.kind) {
    case "text":
    case "refusal":
      return part.text.trim() === "" ? [] : [{ text: part.text }];
    case "image":
    case "document":
      return writeData(part);
    case "call":
      return [{ toolUse: { toolUseId: part.id, name: part.name, input: argsOf(part.args) } }];
    case "result": {
      const content = part.parts.flatMap(writePart);
      return [
        {
          toolResult: {
            toolUseId: part.id,
            content: content.length > 0 ? content : [{ text: "(nothing)" }],
            status: part.failed ? "error" : "success",
          },
        },
      ];
    }
    case "reasoning": {
      if (part.opaque?.dialect !== "converse") return [];
      const { signature, data } = part.opaque.value;
      if (typeof data === "string") return [{ reasoningContent: { redactedContent: data } }];
      return [{ reasoningContent: { reasoningText: compact({ text: part.text, signature }) } }];
    }
    case "native":
      return part.opaque.dialect === "converse" ? [part.opaque.value] : [];
  }
}

/** Bytes only: a request with addresses of images is not sent here (Capabilities.imageUrls). */
function writeData(part: Extract<Part, { kind: "image" | "document" }>): JsonObject[] {
  const data = dataUrlOf(part.url);
  if (data === undefined) return [];
  const format = data.mediaType.slice(data.mediaType.indexOf("/") + 1);
  const source = { bytes: data.base64 };
  if (part.kind === "image") return [{ image: { format: format === "jpg" ? "jpeg" : format, source } }];
  // Names may hold letters, digits, blanks, hyphens and brackets only.
  const name = (part.name ?? "document").replace(/[^A-Za-z0-9 ()[\]-]/g, "-");
  return [{ document: { format, name, source } }];
}

// --- answers ---

const FINISHES: Readonly<Record<string, Finish>> = {
  end_turn: "stop",
  tool_use: "tool_calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  stop_sequence: "stop_sequence",
  guardrail_intervened: "content_filter",
  content_filtered: "content_filter",
};

const finishOf = (written: unknown): Finish => FINISHES[stringOf(written)] ?? "stop";

/** `inputTokens` leaves out what the cache read and wrote. */
function readUsage(written: unknown): Usage | undefined {
  if (!isObject(written)) return undefined;
  return {
    uncached: finiteOf(written.inputTokens) ?? 0,
    cacheRead: finiteOf(written.cacheReadInputTokens) ?? 0,
    cacheWrite: finiteOf(written.cacheWriteInputTokens) ?? 0,
    output: finiteOf(written.outputTokens) ?? 0,
    reasoning: 0,
  };
}

function readAnswer(body: JsonObject): ChatAnswer | undefined {
  const message = objectOf(objectOf(body.output).message);
  if (!Array.isArray(message.content)) return undefined;
  return {
    id: "",
    model: "",
    choices: [{ parts: objects(message.content).map(readBlock), finish: finishOf(body.stopReason) }],
    usage: readUsage(body.usage),
  };
}

function readBlock(block: JsonObject): Part {
  if (typeof block.text === "string") return { kind: "text", text: block.text };
  if (isObject(block.toolUse)) {
    const { toolUseId, name, input } = block.toolUse;
    return { kind: "call", id: stringOf(toolUseId), name: stringOf(name), args: JSON.stringify(input ?? {}) };
  }
  if (isObject(block.reasoningContent)) {
    const { redactedContent, reasoningText } = block.reasoningContent;
    const { text, signature } = objectOf(reasoningText);
    const value = typeof redactedContent === "string" ? { data: redactedContent } : compact({ signature });
    return { kind: "reasoning", text: stringOf(text), opaque: { dialect: "converse", value } };
  }
  return { kind: "native", opaque: { dialect: "converse", value: block } };
}

// --- streams ---

function converseDecoder(terms: Terms): EventDecoder {
  const calls = new Map<number, number>();
  return ({ name, data }) => {
    const body = parseObject(data);
    if (body === undefined) return undefined;
    if (name.endsWith("Exception") || name.endsWith("Error")) {
      const said = { ...awsError(200, body, -1), words: [name] };
      return [{ kind: "error", failure: classify(said, terms.errors) }];
    }
    const index = finiteOf(body.contentBlockIndex) ?? 0;
    switch (name) {
      case "messageStart":
        return [{ kind: "start", id: "", model: "" }];
      case "contentBlockStart": {
        const { toolUse } = objectOf(body.start);
        if (!isObject(toolUse)) return [];
        calls.set(index, calls.size);
        const { toolUseId, name: tool } = toolUse;
        return [
          { kind: "call", choice: 0, call: calls.size - 1, id: stringOf(toolUseId), name: stringOf(tool), args: "" },
        ];
      }
      case "contentBlockDelta":
        return deltaOf(objectOf(body.delta), calls.get(index) ?? 0);
      case "messageStop":
        return [{ kind: "finish", choice: 0, finish: finishOf(body.stopReason) }];
      case "metadata": {
        const usage = readUsage(body.usage);
        return usage === undefined ? [{ kind: "done" }] : [{ kind: "usage", usage }, { kind: "done" }];
      }
      default:
        return [];
    }
  };
}

function deltaOf(delta: JsonObject, call: number): Delta[] {
  if (typeof delta.text === "string") return [{ kind: "text", choice: 0, text: delta.text }];
  if (isObject(delta.toolUse)) return [{ kind: "call", choice: 0, call, args: stringOf(delta.toolUse.input) }];
  if (!isObject(delta.reasoningContent)) return [];
  const { text, signature, redactedContent } = delta.reasoningContent;
  const value = compact({ signature, data: redactedContent });
  const opaque = Object.keys(value).length > 0 ? ({ dialect: "converse", value } as const) : undefined;
  return [{ kind: "reasoning", choice: 0, text: stringOf(text), opaque }];
}

// --- errors (https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html) ---

function awsError(status: number, body: JsonObject, retryAfterMs: number): Said {
  const type = stringOf(body["__type"]);
  return {
    status,
    words: [type.slice(type.lastIndexOf("#") + 1)],
    message: stringOf(body.message) || stringOf(body.Message),
    retryAfterMs,
  };
}
