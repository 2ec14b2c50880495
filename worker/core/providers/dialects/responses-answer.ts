// OpenAI's Responses, the answering half: https://platform.openai.com/docs/api-reference/responses/object and
// …/responses-streaming. An answer is a list of items; a stream tells the birth and the end of each.
import type { Listener, Terms } from "../adapter.ts";
import {
  isObject,
  objectOf,
  objects,
  promptTokens,
  stringOf,
  textOf,
  type ChatAnswer,
  type ChatRequest,
  type Finish,
  type JsonObject,
  type Opaque,
  type Part,
  type Usage,
} from "../chat.ts";
import { classify } from "../classify.ts";
import type { Delta } from "../deltas.ts";
import { finiteOf, parseObject } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";
import type { Told } from "../surface.ts";
import { openAiError } from "./openai-error.ts";

export const responsesListener: Listener = {
  dialect: "responses",
  read: (body) => readAnswer(body),
  decoder: (terms) => responsesDecoder(terms),
};

// --- a provider's ---

function readUsage(written: unknown): Usage | undefined {
  if (!isObject(written)) return undefined;
  const cacheRead = finiteOf(objectOf(written.input_tokens_details).cached_tokens) ?? 0;
  return {
    uncached: Math.max(0, (finiteOf(written.input_tokens) ?? 0) - cacheRead),
    cacheRead,
    cacheWrite: 0,
    output: finiteOf(written.output_tokens) ?? 0,
    reasoning: finiteOf(objectOf(written.output_tokens_details).reasoning_tokens) ?? 0,
  };
}

function finishOf(body: JsonObject, calls: boolean): Finish {
  const { reason } = objectOf(body.incomplete_details);
  if (body.status === "incomplete") return reason === "content_filter" ? "content_filter" : "length";
  return calls ? "tool_calls" : "stop";
}

function readAnswer(body: JsonObject): ChatAnswer | undefined {
  if (!Array.isArray(body.output)) return undefined;
  const parts = objects(body.output).flatMap(readItem);
  const calls = parts.some(({ kind }) => kind === "call");
  return {
    id: stringOf(body.id),
    model: stringOf(body.model),
    choices: [{ parts, finish: finishOf(body, calls) }],
    usage: readUsage(body.usage),
  };
}

function readItem(item: JsonObject): Part[] {
  switch (item.type) {
    case "message":
      return objects(item.content).map((part) =>
        part.type === "refusal"
          ? { kind: "refusal", text: stringOf(part.refusal) }
          : { kind: "text", text: stringOf(part.text) },
      );
    case "function_call":
      return [{ kind: "call", id: stringOf(item.call_id), name: stringOf(item.name), args: stringOf(item.arguments) }];
    case "reasoning": {
      const text = objects(item.summary)
        .map((each) => stringOf(each.text))
        .join("\n");
      return [{ kind: "reasoning", text, opaque: { dialect: "responses", value: item } }];
    }
    default:
      return [{ kind: "native", opaque: { dialect: "responses", value: item } }];
  }
}

function responsesDecoder(terms: Terms): EventDecoder {
  const calls = new Map<number, number>();
  return ({ data }) => {
    if (data === terms.endMarker) return [{ kind: "done" }];
    const body = parseObject(data);
    if (body === undefined || typeof body.type !== "string") return undefined;
    const index = finiteOf(body.output_index) ?? 0;
    switch (body.type) {
      case "response.created": {
        const { id, model } = objectOf(body.response);
        return [{ kind: "start", id: stringOf(id), model: stringOf(model) }];
      }
      case "response.output_text.delta":
        return [{ kind: "text", choice: 0, text: stringOf(body.delta) }];
      case "response.refusal.delta":
        return [{ kind: "refusal", choice: 0, text: stringOf(body.delta) }];
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        return [{ kind: "reasoning", choice: 0, text: stringOf(body.delta) }];
      case "response.output_item.added": {
        const item = objectOf(body.item);
        if (item.type !== "function_call") return [];
        calls.set(index, calls.size);
        const id = stringOf(item.call_id);
        return [
          {
            kind: "call",
            choice: 0,
            call: calls.size - 1,
            id,
            name: stringOf(item.name),
            args: stringOf(item.arguments),
          },
        ];
      }
      case "response.function_call_arguments.delta":
        return [{ kind: "call", choice: 0, call: calls.get(index) ?? 0, args: stringOf(body.delta) }];
      case "response.completed":
      case "response.incomplete": {
        const response = objectOf(body.response);
        const usage = readUsage(response.usage);
        const told: Delta[] = usage === undefined ? [] : [{ kind: "usage", usage }];
        return [...told, { kind: "finish", choice: 0, finish: finishOf(response, calls.size > 0) }, { kind: "done" }];
      }
      case "response.failed":
      case "error": {
        const said = body.type === "error" ? (isObject(body.error) ? body : { error: body }) : objectOf(body.response);
        return [{ kind: "error", failure: classify(openAiError(200, said, -1), terms.errors) }];
      }
      default:
        return [];
    }
  };
}

// --- a client's ---

const writeUsage = (usage: Usage): JsonObject => ({
  input_tokens: promptTokens(usage),
  input_tokens_details: { cached_tokens: usage.cacheRead },
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning },
  total_tokens: promptTokens(usage) + usage.output,
});

/** The answer as an object of its own, whatever stands in it so far. */
export function writeResponse(
  chat: ChatRequest,
  told: Told,
  output: readonly JsonObject[],
  finish: Finish | undefined,
  usage: Usage | undefined,
): JsonObject {
  const cut = finish === "length" ? "max_output_tokens" : finish === "content_filter" ? "content_filter" : undefined;
  const status = finish === undefined ? "in_progress" : cut === undefined ? "completed" : "incomplete";
  return {
    id: told.id,
    object: "response",
    created_at: told.created,
    status,
    error: null,
    incomplete_details: cut === undefined ? null : { reason: cut },
    instructions: null,
    max_output_tokens: chat.maxTokens ?? null,
    model: told.model,
    output,
    parallel_tool_calls: chat.parallelCalls ?? true,
    previous_response_id: null,
    reasoning: { effort: chat.reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: chat.temperature ?? null,
    text: { format: { type: "text" } },
    tool_choice: typeof chat.toolChoice === "string" ? chat.toolChoice : "auto",
    tools: [],
    top_p: chat.topP ?? null,
    truncation: "disabled",
    usage: usage === undefined ? null : writeUsage(usage),
    metadata: {},
  };
}

export function writeResponsesAnswer(answer: ChatAnswer, chat: ChatRequest, told: Told): JsonObject {
  const [choice] = answer.choices;
  const parts = choice?.parts ?? [];
  const id = answer.id || told.id;
  const output: JsonObject[] = parts.flatMap((part, index) => writeThought(part, `rs_${index}_${id}`));
  const said = parts.filter(({ kind }) => kind === "text" || kind === "refusal");
  if (said.length > 0) output.push(messageItem(`msg_${id}`, said, "completed"));
  for (const [index, part] of parts.entries()) {
    if (part.kind === "call") output.push(callItem(`fc_${index}_${id}`, part.id, part.name, part.args, "completed"));
  }
  const named = { ...told, id, model: answer.model || told.model };
  return writeResponse(chat, named, output, choice?.finish ?? "stop", answer.usage);
}

export function messageItem(id: string, parts: readonly Part[], status: string): JsonObject {
  const content = parts.map((part) =>
    part.kind === "refusal"
      ? { type: "refusal", refusal: part.text }
      : { type: "output_text", text: textOf([part]), annotations: [], logprobs: [] },
  );
  return { type: "message", id, status, role: "assistant", content };
}

export const callItem = (id: string, callId: string, name: string, args: string, status: string): JsonObject => ({
  type: "function_call",
  id,
  call_id: callId,
  name,
  arguments: args,
  status,
});

function writeThought(part: Part, id: string): JsonObject[] {
  if (part.kind !== "reasoning") return [];
  return [part.opaque?.dialect === "responses" ? part.opaque.value : thoughtItem(id, part.text, part.opaque)];
}

/** Another provider's seal travels as encrypted content, so that the client hands it back. */
export function thoughtItem(id: string, text: string, opaque: Opaque | undefined): JsonObject {
  const summary = text === "" ? [] : [{ type: "summary_text", text }];
  const item = { type: "reasoning", id, summary };
  const [field, value] = Object.entries(opaque?.value ?? {}).find(([, each]) => typeof each === "string") ?? [];
  if (field === undefined || opaque === undefined) return item;
  const kind = field === "data" ? "data" : "signature";
  return { ...item, encrypted_content: `sluice:${opaque.dialect}:${kind}:${stringOf(value)}` };
}
