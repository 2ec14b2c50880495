// OpenAI's Chat Completions, the asking half: from a client's body to our words and back into a provider's.
// Shapes after https://platform.openai.com/docs/api-reference/chat/create, and what compatible providers add to them:
// `reasoning_content` (DeepSeek and others), `reasoning_details` (OpenRouter), `extra_content` (Gemini's signatures).
import {
  compact,
  isObject,
  objectOf,
  objects,
  stringOf,
  textOf,
  type ChatRequest,
  type Dialect,
  type Format,
  type JsonObject,
  type Message,
  type Opaque,
  type Part,
  type Tool,
  type ToolChoice,
} from "../chat.ts";
import type { Failure } from "../failures.ts";
import { badField, finiteOf, knownFields } from "../fields.ts";
import { ok, type Result } from "../../result/result.ts";

const KNOWN = knownFields(
  "model messages tools tool_choice parallel_tool_calls response_format max_tokens max_completion_tokens temperature top_p " +
    "top_k seed frequency_penalty presence_penalty stop n logprobs top_logprobs reasoning_effort user stream stream_options",
);

// --- from a client ---

export function readChat(body: JsonObject): Result<ChatRequest, Failure> {
  if (typeof body.model !== "string" || body.model === "") return badField("model", "must be a model's name");
  if (!Array.isArray(body.messages) || body.messages.length === 0 || !body.messages.every(isObject)) {
    return badField("messages", "must be a list of messages");
  }
  if (
    body.n !== undefined &&
    body.n !== null &&
    !(Number.isInteger(body.n) && Number(body.n) >= 1 && Number(body.n) <= 128)
  ) {
    return badField("n", "must be a whole number from 1 to 128");
  }
  const messages: Message[] = [];
  const tools = objects(body.tools);
  for (const [index, message] of objects(body.messages).entries()) {
    const read = readMessage(message);
    if (read === undefined) return badField(`messages[${index}].role`, "must be a role");
    messages.push(read);
  }
  return ok({
    model: body.model,
    messages,
    tools: tools.flatMap(readTool),
    nativeTools: tools.filter((tool) => tool.type !== "function"),
    toolChoice: readToolChoice(body.tool_choice),
    parallelCalls: typeof body.parallel_tool_calls === "boolean" ? body.parallel_tool_calls : undefined,
    format: readFormat(body.response_format),
    maxTokens: finiteOf(body.max_completion_tokens) ?? finiteOf(body.max_tokens),
    temperature: finiteOf(body.temperature),
    topP: finiteOf(body.top_p),
    topK: finiteOf(body.top_k),
    seed: finiteOf(body.seed),
    frequencyPenalty: finiteOf(body.frequency_penalty),
    presencePenalty: finiteOf(body.presence_penalty),
    stop: stopsOf(body.stop),
    choices: finiteOf(body.n) ?? 1,
    logprobs: typeof body.logprobs === "boolean" ? body.logprobs : undefined,
    topLogprobs: finiteOf(body.top_logprobs),
    reasoning: typeof body.reasoning_effort === "string" ? { effort: body.reasoning_effort } : undefined,
    user: typeof body.user === "string" ? body.user : undefined,
    stream: body.stream === true,
    wantsUsage: wantsUsage(body),
    extra: KNOWN.others(body),
    dialect: "chat",
  });
}

export const wantsUsage = (body: JsonObject): boolean => objectOf(body.stream_options).include_usage === true;

export const stopsOf = (stop: unknown): string[] =>
  typeof stop === "string" ? [stop] : Array.isArray(stop) ? stop.filter((each) => typeof each === "string") : [];

function readMessage(message: JsonObject): Message | undefined {
  const name = typeof message.name === "string" ? message.name : undefined;
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", parts: readContent(message.content), name };
    case "user":
      return { role: "user", parts: readContent(message.content), name };
    case "assistant":
      return { role: "assistant", parts: readAssistant(message), name };
    case "tool":
      return {
        role: "tool",
        parts: [
          { kind: "result", id: stringOf(message.tool_call_id), parts: readContent(message.content), failed: false },
        ],
      };
    default:
      return undefined;
  }
}

function readContent(content: unknown): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objects(content).map(readPart);
}

function readPart(part: JsonObject): Part {
  switch (part.type) {
    case "text":
      return { kind: "text", text: stringOf(part.text) };
    case "refusal":
      return { kind: "refusal", text: stringOf(part.refusal) };
    case "image_url": {
      const image = isObject(part.image_url) ? part.image_url : { url: part.image_url };
      const detail = typeof image.detail === "string" ? image.detail : undefined;
      return { kind: "image", url: stringOf(image.url), detail };
    }
    case "file": {
      const file = objectOf(part.file);
      if (typeof file.file_data !== "string") break;
      const name = typeof file.filename === "string" ? file.filename : undefined;
      return { kind: "document", url: file.file_data, name };
    }
  }
  return { kind: "native", opaque: { dialect: "chat", value: part } };
}

/** What an assistant's message says: thoughts, text, refusal, calls; of a request or of an answer. */
export function readAssistant(message: JsonObject): Part[] {
  const parts = readReasoning(message);
  for (const part of readContent(message.content)) {
    if (part.kind === "native" && part.opaque.value.type === "thinking") parts.push(mistralThought(part.opaque));
    else parts.push(part);
  }
  if (typeof message.refusal === "string" && message.refusal !== "")
    parts.push({ kind: "refusal", text: message.refusal });
  for (const call of objects(message.tool_calls)) {
    const asked = objectOf(call.function);
    const signature = objectOf(objectOf(call.extra_content).google).thought_signature;
    parts.push({
      kind: "call",
      id: stringOf(call.id),
      name: stringOf(asked.name),
      args: typeof asked.arguments === "string" ? asked.arguments : JSON.stringify(asked.arguments ?? {}),
      opaque: typeof signature === "string" ? { dialect: "gemini", value: { thoughtSignature: signature } } : undefined,
    });
  }
  return parts;
}

/** Mistral writes a thought as a part: `{type: "thinking", thinking: [{type: "text", text}]}`. */
const mistralThought = (opaque: Opaque): Part => ({
  kind: "reasoning",
  text: objects(opaque.value.thinking)
    .map(({ text }) => stringOf(text))
    .join(""),
});

/** OpenRouter's names for who wrote an encrypted or signed thought. */
const FORMATS: Readonly<Record<string, Dialect>> = {
  "anthropic-claude-v1": "messages",
  "google-gemini-v1": "gemini",
  "openai-responses-v1": "responses",
  "sluice-converse-v1": "converse",
};

function readReasoning(message: JsonObject): Part[] {
  const details = objects(message.reasoning_details);
  if (details.length > 0) return details.map(readDetail);
  const text = stringOf(message.reasoning_content) || stringOf(message.reasoning);
  return text === "" ? [] : [{ kind: "reasoning", text }];
}

function readDetail(detail: JsonObject): Part {
  const dialect = FORMATS[stringOf(detail.format)] ?? "chat";
  const text = stringOf(detail.text) || stringOf(detail.summary);
  if (dialect === "chat") return { kind: "reasoning", text, opaque: { dialect, value: detail } };
  const { signature, data } = detail;
  const value = compact({ signature: signature ?? undefined, data: data ?? undefined });
  return { kind: "reasoning", text, opaque: Object.keys(value).length > 0 ? { dialect, value } : undefined };
}

/** Thoughts of others, so that a client can send them back. */
export function writeDetails(parts: readonly Part[]): JsonObject[] {
  return parts.flatMap((part, index) => {
    if (part.kind !== "reasoning" || part.opaque === undefined) return [];
    if (part.opaque.dialect === "chat") return [part.opaque.value];
    return [detailOf(part.text, part.opaque, index)];
  });
}

export function detailOf(text: string, { dialect, value }: Opaque, index: number): JsonObject {
  const format = Object.keys(FORMATS).find((name) => FORMATS[name] === dialect) ?? "unknown";
  if (typeof value.data === "string") return { type: "reasoning.encrypted", data: value.data, format, index };
  return compact({ type: "reasoning.text", text, signature: value.signature, format, index });
}

function readTool(tool: JsonObject): Tool[] {
  const asked = objectOf(tool.function);
  if (tool.type !== "function" || typeof asked.name !== "string") return [];
  return [
    {
      name: asked.name,
      description: typeof asked.description === "string" ? asked.description : undefined,
      parameters: isObject(asked.parameters) ? asked.parameters : { type: "object", properties: {} },
      strict: typeof asked.strict === "boolean" ? asked.strict : undefined,
    },
  ];
}

function readToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  const { name } = objectOf(objectOf(choice).function);
  return typeof name === "string" ? { name } : undefined;
}

function readFormat(format: unknown): Format | undefined {
  const { type, json_schema: asked } = objectOf(format);
  if (type === "json_object") return { kind: "json" };
  if (type !== "json_schema" || !isObject(asked)) return undefined;
  return {
    kind: "schema",
    name: stringOf(asked.name) || "answer",
    schema: objectOf(asked.schema),
    strict: typeof asked.strict === "boolean" ? asked.strict : undefined,
    description: typeof asked.description === "string" ? asked.description : undefined,
  };
}

// --- to a provider ---

export function writeChat(chat: ChatRequest, model: string, tellsUsage: boolean): JsonObject {
  const own = chat.dialect === "chat";
  return compact({
    ...(own ? chat.extra : {}),
    model,
    messages: chat.messages.flatMap(writeMessage),
    tools: toolsOf(chat),
    tool_choice:
      typeof chat.toolChoice === "object" ? { type: "function", function: chat.toolChoice } : chat.toolChoice,
    parallel_tool_calls: chat.parallelCalls,
    response_format: chat.format === undefined ? undefined : writeFormat(chat.format),
    max_tokens: chat.maxTokens,
    temperature: chat.temperature,
    top_p: chat.topP,
    top_k: own ? chat.topK : undefined,
    seed: chat.seed,
    frequency_penalty: chat.frequencyPenalty,
    presence_penalty: chat.presencePenalty,
    stop: chat.stop.length > 0 ? chat.stop : undefined,
    n: chat.choices > 1 ? chat.choices : undefined,
    logprobs: chat.logprobs,
    top_logprobs: chat.topLogprobs,
    reasoning_effort: chat.reasoning?.effort,
    user: chat.user,
    stream: chat.stream ? true : undefined,
    stream_options: chat.stream && tellsUsage ? { include_usage: true } : undefined,
  });
}

function toolsOf({ tools, nativeTools = [], dialect }: ChatRequest): JsonObject[] | undefined {
  const written = [...tools.map(writeTool), ...(dialect === "chat" ? nativeTools : [])];
  return written.length > 0 ? written : undefined;
}

function writeMessage({ role, parts, name }: Message): JsonObject[] {
  switch (role) {
    case "system":
      return [compact({ role, content: textOf(parts), name })];
    case "user":
      return [compact({ role, content: writeContent(parts), name })];
    case "assistant":
      return [writeAssistant(parts, name)];
    case "tool":
      return parts.flatMap(writeResult);
  }
}

/** A tool's message takes text alone: images it gave follow as if the user had shown them. */
function writeResult(part: Part): JsonObject[] {
  if (part.kind !== "result") return [];
  const text = textOf(part.parts);
  const shown = part.parts.filter(({ kind }) => kind === "image" || kind === "document");
  const content = part.failed && text !== "" ? `Error: ${text}` : text;
  const message = { role: "tool", tool_call_id: part.id, content };
  return shown.length > 0 ? [message, { role: "user", content: writeContent(shown) }] : [message];
}

function writeContent(parts: readonly Part[]): string | JsonObject[] {
  const [only] = parts;
  if (parts.length === 0) return "";
  if (parts.length === 1 && only?.kind === "text") return only.text;
  return parts.flatMap((part): JsonObject[] => {
    switch (part.kind) {
      case "text":
      case "refusal":
        return [{ type: "text", text: part.text }];
      case "image":
        return [{ type: "image_url", image_url: compact({ url: part.url, detail: part.detail }) }];
      case "document":
        return [{ type: "file", file: { filename: part.name ?? "document", file_data: part.url } }];
      case "native":
        return part.opaque.dialect === "chat" ? [part.opaque.value] : [];
      case "call":
      case "result":
      case "reasoning":
        return [];
    }
  });
}

function writeAssistant(parts: readonly Part[], name: string | undefined): JsonObject {
  const text = textOf(parts);
  const calls = parts.flatMap((part) => (part.kind === "call" ? [writeCall(part)] : []));
  const own = parts.flatMap((part) =>
    part.kind === "reasoning" && part.opaque?.dialect === "chat" ? [part.opaque.value] : [],
  );
  return compact({
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    name,
    tool_calls: calls.length > 0 ? calls : undefined,
    reasoning_details: own.length > 0 ? own : undefined,
  });
}

export function writeCall({ id, name, args, opaque }: Extract<Part, { kind: "call" }>): JsonObject {
  const signature = opaque?.dialect === "gemini" ? opaque.value.thoughtSignature : undefined;
  return compact({
    id,
    type: "function",
    function: { name, arguments: args === "" ? "{}" : args },
    extra_content: signature === undefined ? undefined : { google: { thought_signature: signature } },
  });
}

const writeTool = ({ name, description, parameters, strict }: Tool): JsonObject => ({
  type: "function",
  function: compact({ name, description, parameters, strict }),
});

function writeFormat(format: Format): JsonObject {
  if (format.kind === "json") return { type: "json_object" };
  const { name, schema, strict, description } = format;
  return { type: "json_schema", json_schema: compact({ name, description, schema, strict }) };
}
