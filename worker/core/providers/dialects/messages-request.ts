// Anthropic's Messages, the asking half: from a client's body to our words and back into a provider's.
// Shapes after https://platform.claude.com/docs/en/api/messages and the types of @anthropic-ai/sdk.
import {
  argsOf,
  compact,
  isObject,
  objectOf,
  objects,
  stringOf,
  textOf,
  type ChatRequest,
  type Format,
  type JsonObject,
  type Message,
  type Part,
  type Tool,
  type ToolChoice,
} from "../chat.ts";
import type { Failure } from "../failures.ts";
import { badField, booleanOf, dataUrlOf, finiteOf, knownFields, wordOf } from "../fields.ts";
import { ok, type Result } from "../../result/result.ts";

const KNOWN = knownFields(
  "model messages system max_tokens stop_sequences stream temperature top_k top_p tools tool_choice thinking output_config metadata",
);

// --- from a client ---

/** `counts`: only the tokens are asked for, and no limit need be said. */
export function readMessages(body: JsonObject, counts = false): Result<ChatRequest, Failure> {
  if (typeof body.model !== "string" || body.model === "") return badField("model", "must be a model's name");
  if (!Array.isArray(body.messages) || body.messages.length === 0 || !body.messages.every(isObject)) {
    return badField("messages", "must be a list of messages");
  }
  const maxTokens = finiteOf(body.max_tokens);
  if (maxTokens === undefined && !counts) return badField("max_tokens", "is required");
  const messages: Message[] = [];
  const system = readBlocks(body.system);
  if (system.length > 0) messages.push({ role: "system", parts: system });
  for (const [index, message] of objects(body.messages).entries()) {
    const { role } = message;
    if (role !== "user" && role !== "assistant" && role !== "system") {
      return badField(`messages.${index}.role`, "must be 'user' or 'assistant'");
    }
    messages.push(...readMessage(role, readBlocks(message.content)));
  }
  const tools = objects(body.tools);
  const metadata = objectOf(body.metadata);
  return ok({
    model: body.model,
    messages,
    tools: tools.flatMap(readTool),
    nativeTools: tools.filter((tool) => readTool(tool).length === 0),
    toolChoice: readToolChoice(body.tool_choice),
    parallelCalls: objectOf(body.tool_choice).disable_parallel_tool_use === true ? false : undefined,
    format: readFormat(body),
    maxTokens,
    temperature: finiteOf(body.temperature),
    topP: finiteOf(body.top_p),
    topK: finiteOf(body.top_k),
    stop: Array.isArray(body.stop_sequences) ? body.stop_sequences.filter((each) => typeof each === "string") : [],
    choices: 1,
    reasoning: readThinking(body),
    user: wordOf(metadata.user_id),
    stream: body.stream === true,
    wantsUsage: true,
    extra: KNOWN.others(body),
    dialect: "messages",
  });
}

/** Results of tools stand in a user's message; here each kind has its own. */
function readMessage(role: "user" | "assistant" | "system", parts: readonly Part[]): Message[] {
  const results = parts.filter(({ kind }) => kind === "result");
  if (role !== "user" || results.length === 0) return [{ role, parts }];
  const others = parts.filter(({ kind }) => kind !== "result");
  const tools: Message = { role: "tool", parts: results };
  return others.length > 0 ? [tools, { role, parts: others }] : [tools];
}

function readBlocks(content: unknown): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objects(content).map(readBlock);
}

/** Also a block of an answer. */
export function readBlock(block: JsonObject): Part {
  switch (block.type) {
    case "text": {
      const { text, type: _type, ...own } = block;
      const opaque = Object.keys(own).length > 0 ? ({ dialect: "messages", value: own } as const) : undefined;
      return { kind: "text", text: stringOf(text), opaque };
    }
    case "image":
    case "document": {
      const url = sourceUrl(objectOf(block.source));
      if (url === undefined) break;
      return block.type === "image" ? { kind: "image", url } : { kind: "document", url, name: wordOf(block.title) };
    }
    case "tool_use":
      return {
        kind: "call",
        id: stringOf(block.id),
        name: stringOf(block.name),
        args: JSON.stringify(block.input ?? {}),
      };
    case "tool_result":
      return {
        kind: "result",
        id: stringOf(block.tool_use_id),
        parts: readBlocks(block.content),
        failed: block.is_error === true,
      };
    case "thinking":
      return {
        kind: "reasoning",
        text: stringOf(block.thinking),
        opaque: { dialect: "messages", value: { signature: block.signature } },
      };
    case "redacted_thinking":
      return { kind: "reasoning", text: "", opaque: { dialect: "messages", value: { data: block.data } } };
  }
  return { kind: "native", opaque: { dialect: "messages", value: block } };
}

function sourceUrl(source: JsonObject): string | undefined {
  if (source.type === "url") return stringOf(source.url);
  if (source.type === "base64") return `data:${stringOf(source.media_type)};base64,${stringOf(source.data)}`;
  return undefined;
}

function readTool(tool: JsonObject): Tool[] {
  if ((tool.type !== undefined && tool.type !== "custom") || !isObject(tool.input_schema)) return [];
  const { name, description, input_schema: parameters, strict } = tool;
  return [{ name: stringOf(name), description: wordOf(description), parameters, strict: booleanOf(strict) }];
}

function readToolChoice(written: unknown): ToolChoice | undefined {
  const choice = objectOf(written);
  switch (choice.type) {
    case "auto":
    case "none":
      return choice.type;
    case "any":
      return "required";
    case "tool":
      return { name: stringOf(choice.name) };
    default:
      return undefined;
  }
}

function readFormat(body: JsonObject): Format | undefined {
  const format = objectOf(objectOf(body.output_config).format);
  if (format.type !== "json_schema") return undefined;
  return { kind: "schema", name: "answer", schema: objectOf(format.schema), strict: true };
}

function readThinking(body: JsonObject): ChatRequest["reasoning"] {
  const thinking = objectOf(body.thinking);
  const effort = wordOf(objectOf(body.output_config).effort);
  if (thinking.type === "enabled") return { budgetTokens: finiteOf(thinking.budget_tokens), effort };
  return thinking.type === "adaptive" || effort !== undefined ? { effort: effort ?? "medium" } : undefined;
}

// --- to a provider ---

/** A provider of this dialect wants a limit: this one where nobody says another. */
const ORDINARY_MAX_TOKENS = 4_096;

const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 2_048,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};
const LEAST_BUDGET = 1_024;

export function writeMessages(chat: ChatRequest, model: string): JsonObject {
  const own = chat.dialect === "messages";
  const system = chat.messages
    .filter(({ role }) => role === "system")
    .flatMap(({ parts }) => parts.flatMap(writeBlock));
  if (chat.format?.kind === "json") system.push({ type: "text", text: ONLY_JSON });
  const thinking = writeThinking(chat);
  const asked = chat.maxTokens ?? ORDINARY_MAX_TOKENS;
  // What is thought counts against the limit: a client of another dialect asked for so much of an answer.
  const maxTokens = thinking === undefined ? asked : Math.max(asked, thinking.budget_tokens + (own ? 1 : asked));
  return compact({
    ...(own ? chat.extra : {}),
    model,
    max_tokens: maxTokens,
    system: system.length > 0 ? system : undefined,
    messages: writeTurns(chat.messages),
    tools: chat.tools.length > 0 || own ? writeTools(chat) : undefined,
    tool_choice: writeToolChoice(chat),
    // Thinking takes neither of these but at their defaults.
    temperature: chat.temperature === undefined || thinking !== undefined ? undefined : Math.min(1, chat.temperature),
    top_p: thinking === undefined ? chat.topP : undefined,
    top_k: thinking === undefined ? chat.topK : undefined,
    // A stop sequence of blanks is refused.
    stop_sequences: chat.stop.some((each) => each.trim() !== "")
      ? chat.stop.filter((each) => each.trim() !== "")
      : undefined,
    thinking,
    output_config:
      chat.format?.kind === "schema" ? { format: { type: "json_schema", schema: chat.format.schema } } : undefined,
    metadata: chat.user === undefined ? undefined : { user_id: chat.user },
    stream: chat.stream ? true : undefined,
  });
}

const ONLY_JSON = "Answer with a single JSON object and nothing else.";

function writeTools({ tools, nativeTools = [], dialect }: ChatRequest): JsonObject[] | undefined {
  const written = [
    ...tools.map(({ name, description, parameters, strict }) =>
      compact({
        name,
        description,
        input_schema: { type: "object", ...parameters },
        strict: strict === true ? true : undefined,
      }),
    ),
    ...(dialect === "messages" ? nativeTools : []),
  ];
  return written.length > 0 ? written : undefined;
}

function writeToolChoice({ toolChoice, parallelCalls, tools }: ChatRequest): JsonObject | undefined {
  if (tools.length === 0) return undefined;
  const parallel = parallelCalls === false ? { disable_parallel_tool_use: true } : {};
  if (typeof toolChoice === "object") return { type: "tool", name: toolChoice.name, ...parallel };
  switch (toolChoice) {
    case "required":
      return { type: "any", ...parallel };
    case "none":
      return { type: "none" };
    case "auto":
      return { type: "auto", ...parallel };
    case undefined:
      return parallelCalls === false ? { type: "auto", ...parallel } : undefined;
  }
}

/**
 * Only where the model may think: not when a tool is forced, nor when its last thought before a tool's result is lost, for then
 * the provider refuses to go on.
 */
function writeThinking(chat: ChatRequest): { type: "enabled"; budget_tokens: number } | undefined {
  const { reasoning, toolChoice, messages } = chat;
  if (reasoning === undefined || reasoning.effort === "none") return undefined;
  if (typeof toolChoice === "object" || toolChoice === "required") return undefined;
  const last = messages.findLast(({ role }) => role === "assistant");
  const isToolLoop = messages.at(-1)?.role === "tool" && last !== undefined;
  if (isToolLoop && !last.parts.some((part) => part.kind === "reasoning" && part.opaque?.dialect === "messages")) {
    return undefined;
  }
  const budget = reasoning.budgetTokens ?? BUDGETS[reasoning.effort ?? "medium"] ?? LEAST_BUDGET;
  return { type: "enabled", budget_tokens: Math.max(LEAST_BUDGET, budget) };
}

/** Turns alternate, and the user's is first; a system message in between was moved to the front. */
function writeTurns(messages: readonly Message[]): JsonObject[] {
  const turns: { role: "user" | "assistant"; content: JsonObject[] }[] = [];
  for (const { role, parts } of messages) {
    if (role === "system") continue;
    const speaker = role === "assistant" ? "assistant" : "user";
    const blocks = parts.flatMap(writeBlock);
    if (blocks.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === speaker) last.content.push(...blocks);
    else turns.push({ role: speaker, content: blocks });
  }
  if (turns[0]?.role !== "user")
    turns.unshift({ role: "user", content: [{ type: "text", text: "(The conversation so far:)" }] });
  trimEnd(turns.at(-1));
  return turns.map(({ role, content }) => {
    const [only] = content;
    const plain = content.length === 1 && only?.type === "text" && Object.keys(only).length === 2;
    return { role, content: plain ? only.text : content };
  });
}

/** An answer's beginning must not end in blanks. */
function trimEnd(turn: { role: string; content: JsonObject[] } | undefined): void {
  const block = turn?.content.at(-1);
  if (turn?.role !== "assistant" || block?.type !== "text") return;
  const text = stringOf(block.text).trimEnd();
  if (text === "") turn.content.pop();
  else turn.content[turn.content.length - 1] = { ...block, text };
}

export function writeBlock(part: Part): JsonObject[] {
  switch (part.kind) {
    case "text": {
      // Empty text blocks are refused.
      if (part.text === "") return [];
      const own = part.opaque?.dialect === "messages" ? part.opaque.value : {};
      return [{ type: "text", text: part.text, ...own }];
    }
    case "refusal":
      return part.text === "" ? [] : [{ type: "text", text: part.text }];
    case "image":
      return [{ type: "image", source: sourceOf(part.url) }];
    case "document":
      return [compact({ type: "document", source: sourceOf(part.url), title: part.name })];
    case "call":
      return [{ type: "tool_use", id: part.id, name: part.name, input: argsOf(part.args) }];
    case "result":
      return [writeResult(part)];
    case "reasoning":
      return part.opaque?.dialect === "messages" ? [writeThought(part.text, part.opaque.value)] : [];
    case "native":
      return part.opaque.dialect === "messages" ? [part.opaque.value] : [];
  }
}

function writeResult(part: Extract<Part, { kind: "result" }>): JsonObject {
  const onlyText = part.parts.every(({ kind }) => kind === "text");
  const content = onlyText ? textOf(part.parts) : part.parts.flatMap(writeBlock);
  return compact({
    type: "tool_result",
    tool_use_id: part.id,
    content: content === "" ? undefined : content,
    is_error: part.failed ? true : undefined,
  });
}

const writeThought = (text: string, { data, signature }: JsonObject): JsonObject =>
  typeof data === "string"
    ? { type: "redacted_thinking", data }
    : { type: "thinking", thinking: text, signature: stringOf(signature) };

function sourceOf(url: string): JsonObject {
  const data = dataUrlOf(url);
  return data === undefined ? { type: "url", url } : { type: "base64", media_type: data.mediaType, data: data.base64 };
}
