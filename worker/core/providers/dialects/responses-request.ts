// OpenAI's Responses, the asking half: https://platform.openai.com/docs/api-reference/responses/create
// What only its own servers can do (stored responses, conversations, built-in tools) needs a provider that speaks it.
import {
  compact,
  isObject,
  objectOf,
  objects,
  stringOf,
  type ChatRequest,
  type Format,
  type JsonObject,
  type Message,
  type Part,
  type Tool,
  type ToolChoice,
} from "../chat.ts";
import type { Failure } from "../failures.ts";
import { badField, booleanOf, finiteOf, knownFields, wordOf } from "../fields.ts";
import { ok, type Result } from "../../result/result.ts";

const KNOWN = knownFields(
  "model input instructions tools tool_choice parallel_tool_calls text max_output_tokens temperature top_p reasoning user stream",
);

/** Fields that lean on what OpenAI's servers keep. */
const STATEFUL = ["previous_response_id", "conversation", "prompt", "background"] as const;

export function readResponses(body: JsonObject): Result<ChatRequest, Failure> {
  if (typeof body.model !== "string" || body.model === "") return badField("model", "must be a model's name");
  const { input } = body;
  if (typeof input !== "string" && !Array.isArray(input) && body.prompt === undefined) {
    return badField("input", "must be a text or a list of items");
  }
  const messages: Message[] = [];
  if (typeof body.instructions === "string" && body.instructions !== "") {
    messages.push({ role: "system", parts: [{ kind: "text", text: body.instructions }] });
  }
  if (typeof input === "string") messages.push({ role: "user", parts: [{ kind: "text", text: input }] });
  else for (const item of objects(input)) messages.push(...readItem(item));
  const tools = objects(body.tools);
  const native = tools.filter((tool) => tool.type !== "function");
  const stateful = STATEFUL.some((name) => body[name] !== undefined && body[name] !== null && body[name] !== false);
  return ok({
    model: body.model,
    messages: joined(messages),
    tools: tools.flatMap(readTool),
    nativeTools: stateful ? [...native, {}] : native,
    toolChoice: readToolChoice(body.tool_choice),
    parallelCalls: booleanOf(body.parallel_tool_calls),
    format: readFormat(objectOf(body.text).format),
    maxTokens: finiteOf(body.max_output_tokens),
    temperature: finiteOf(body.temperature),
    topP: finiteOf(body.top_p),
    stop: [],
    choices: 1,
    reasoning: isObject(body.reasoning) ? { effort: wordOf(body.reasoning.effort) } : undefined,
    user: wordOf(body.user),
    stream: body.stream === true,
    wantsUsage: true,
    extra: KNOWN.others(body),
    dialect: "responses",
  });
}

function readItem(item: JsonObject): Message[] {
  switch (item.type ?? "message") {
    case "message": {
      const role = item.role === "developer" ? "system" : item.role;
      if (role !== "system" && role !== "user" && role !== "assistant") return [];
      return [{ role, parts: readContent(item.content) }];
    }
    case "function_call": {
      const { call_id: id, name, arguments: args } = item;
      return [
        { role: "assistant", parts: [{ kind: "call", id: stringOf(id), name: stringOf(name), args: stringOf(args) }] },
      ];
    }
    case "function_call_output": {
      const parts = readContent(item.output);
      return [{ role: "tool", parts: [{ kind: "result", id: stringOf(item.call_id), parts, failed: false }] }];
    }
    case "reasoning": {
      const text = objects(item.summary)
        .map((each) => stringOf(each.text))
        .join("\n");
      return [{ role: "assistant", parts: [{ kind: "reasoning", text, opaque: thoughtOf(item) }] }];
    }
    default:
      return [{ role: "assistant", parts: [{ kind: "native", opaque: { dialect: "responses", value: item } }] }];
  }
}

/** Of a thought that another provider signed, in the form that `writeThought` gave it. */
function thoughtOf(item: JsonObject): Extract<Part, { kind: "reasoning" }>["opaque"] {
  const sealed = stringOf(item.encrypted_content);
  const foreign = /^sluice:(messages|gemini|converse):(signature|data):/.exec(sealed);
  if (foreign === null) return { dialect: "responses", value: item };
  const [head, dialect, field] = foreign;
  return { dialect: dialect as "messages" | "gemini" | "converse", value: { [field!]: sealed.slice(head.length) } };
}

/** What one speaker says in several items is one message: calls beside text and thoughts. */
function joined(messages: readonly Message[]): Message[] {
  const whole: Message[] = [];
  for (const message of messages) {
    const last = whole.at(-1);
    if (last?.role === message.role && (message.role === "assistant" || message.role === "tool")) {
      whole[whole.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
    } else whole.push(message);
  }
  return whole;
}

function readContent(content: unknown): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  return objects(content).map((part): Part => {
    switch (part.type) {
      case "input_text":
      case "output_text":
      case "text":
        return { kind: "text", text: stringOf(part.text) };
      case "refusal":
        return { kind: "refusal", text: stringOf(part.refusal) };
      case "input_image":
        if (typeof part.image_url !== "string") break;
        return { kind: "image", url: part.image_url, detail: wordOf(part.detail) };
      case "input_file":
        if (typeof part.file_data !== "string" && typeof part.file_url !== "string") break;
        return { kind: "document", url: stringOf(part.file_data ?? part.file_url), name: wordOf(part.filename) };
    }
    return { kind: "native", opaque: { dialect: "responses", value: part } };
  });
}

function readTool(tool: JsonObject): Tool[] {
  if (tool.type !== "function" || typeof tool.name !== "string") return [];
  const parameters = isObject(tool.parameters) ? tool.parameters : { type: "object", properties: {} };
  return [
    compact({ name: tool.name, description: tool.description, parameters, strict: tool.strict }) as unknown as Tool,
  ];
}

function readToolChoice(choice: unknown): ToolChoice | undefined {
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  const { type, name } = objectOf(choice);
  return type === "function" && typeof name === "string" ? { name } : undefined;
}

function readFormat(written: unknown): Format | undefined {
  const format = objectOf(written);
  if (format.type === "json_object") return { kind: "json" };
  if (format.type !== "json_schema") return undefined;
  return {
    kind: "schema",
    name: stringOf(format.name) || "answer",
    schema: objectOf(format.schema),
    strict: booleanOf(format.strict),
    description: wordOf(format.description),
  };
}
