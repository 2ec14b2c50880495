// OpenAI's Completions, the older of its surfaces: a prompt and its continuation.
// https://platform.openai.com/docs/api-reference/completions
import type { Listener, Terms } from "../adapter.ts";
import {
  compact,
  objects,
  stringOf,
  textOf,
  type ChatAnswer,
  type ChatRequest,
  type JsonObject,
  type Usage,
} from "../chat.ts";
import { classify } from "../classify.ts";
import type { Delta, StreamWriter } from "../deltas.ts";
import type { Failure } from "../failures.ts";
import { badField, finiteOf, knownFields, parseObject, wordOf } from "../fields.ts";
import type { EventDecoder } from "../frames.ts";
import type { Told } from "../surface.ts";
import { ok, type Result } from "../../result/result.ts";
import { finishOf, finishWord, readUsage, writeUsage } from "./chat-answer.ts";
import { stopsOf, wantsUsage } from "./chat-request.ts";
import { openAiError, writeError } from "./openai-error.ts";

const KNOWN = knownFields(
  "model prompt max_tokens temperature top_p n stop seed frequency_penalty presence_penalty user stream stream_options",
);

/** Of several prompts only a provider that speaks this dialect can make several answers. */
export function readCompletions(body: JsonObject): Result<ChatRequest, Failure> {
  if (typeof body.model !== "string" || body.model === "") return badField("model", "must be a model's name");
  const prompts = Array.isArray(body.prompt) ? body.prompt : [body.prompt ?? ""];
  const [prompt] = prompts;
  const isPlain = prompts.length === 1 && typeof prompt === "string";
  return ok({
    model: body.model,
    messages: [
      {
        role: "user",
        parts: isPlain
          ? [{ kind: "text", text: prompt }]
          : [{ kind: "native", opaque: { dialect: "completions", value: { prompt: body.prompt } } }],
      },
    ],
    tools: [],
    nativeTools: isPlain ? [] : [{}],
    maxTokens: finiteOf(body.max_tokens),
    temperature: finiteOf(body.temperature),
    topP: finiteOf(body.top_p),
    seed: finiteOf(body.seed),
    frequencyPenalty: finiteOf(body.frequency_penalty),
    presencePenalty: finiteOf(body.presence_penalty),
    stop: stopsOf(body.stop),
    choices: finiteOf(body.n) ?? 1,
    user: wordOf(body.user),
    stream: body.stream === true,
    wantsUsage: wantsUsage(body),
    extra: KNOWN.others(body),
    dialect: "completions",
  });
}

// --- a provider's ---

export const completionsListener: Listener = {
  dialect: "completions",
  read: (body, terms) => readAnswer(body, terms),
  decoder: (terms) => completionsDecoder(terms),
};

function readAnswer(body: JsonObject, terms: Terms): ChatAnswer | undefined {
  if (!Array.isArray(body.choices)) return undefined;
  return {
    id: stringOf(body.id),
    model: stringOf(body.model),
    choices: objects(body.choices).map((choice) => ({
      parts: [{ kind: "text", text: stringOf(choice.text) }],
      finish: finishOf(choice.finish_reason),
    })),
    usage: readUsage(body, terms),
  };
}

function completionsDecoder(terms: Terms): EventDecoder {
  let started = false;
  return ({ data }) => {
    if (data === terms.endMarker) return [{ kind: "done" }];
    const body = parseObject(data);
    if (body === undefined) return undefined;
    if (body.error !== undefined && body.error !== null) {
      return [{ kind: "error", failure: classify(openAiError(200, body, -1), terms.errors) }];
    }
    const usage = readUsage(body, terms);
    if (!Array.isArray(body.choices) && usage === undefined) return undefined;
    const deltas: Delta[] = [];
    if (!started) {
      started = true;
      deltas.push({ kind: "start", id: stringOf(body.id), model: stringOf(body.model) });
    }
    for (const choice of objects(body.choices)) {
      const index = finiteOf(choice.index) ?? 0;
      const text = stringOf(choice.text);
      if (text !== "") deltas.push({ kind: "text", choice: index, text });
      if (typeof choice.finish_reason === "string") {
        deltas.push({ kind: "finish", choice: index, finish: finishOf(choice.finish_reason) });
      }
    }
    if (usage !== undefined) deltas.push({ kind: "usage", usage });
    return deltas;
  };
}

// --- a client's ---

export function writeCompletion(answer: ChatAnswer, told: Told): JsonObject {
  return compact({
    id: answer.id || told.id,
    object: "text_completion",
    created: told.created,
    model: answer.model || told.model,
    choices: answer.choices.map(({ parts, finish }, index) => ({
      text: textOf(parts),
      index,
      logprobs: null,
      finish_reason: finishWord(finish),
    })),
    usage: answer.usage === undefined ? undefined : writeUsage(answer.usage),
  });
}

export class CompletionsWriter implements StreamWriter {
  #told: Told;
  #id: string;
  #model: string;
  #wantsUsage: boolean;
  #usage: Usage | undefined;

  constructor(chat: ChatRequest, told: Told) {
    this.#told = told;
    this.#id = told.id;
    this.#model = told.model;
    this.#wantsUsage = chat.wantsUsage;
  }

  write(delta: Delta): string {
    switch (delta.kind) {
      case "start":
        this.#id = delta.id || this.#told.id;
        this.#model = delta.model || this.#told.model;
        return "";
      case "text":
      case "refusal":
        return this.#event([{ text: delta.text, index: delta.choice, logprobs: null, finish_reason: null }]);
      case "finish":
        return this.#event([
          { text: "", index: delta.choice, logprobs: null, finish_reason: finishWord(delta.finish) },
        ]);
      case "usage":
        this.#usage = delta.usage;
        return "";
      case "error":
        return this.fail(delta.failure);
      case "reasoning":
      case "call":
      case "done":
        return "";
    }
  }

  end(): string {
    const usage =
      this.#wantsUsage && this.#usage !== undefined ? this.#event([], { usage: writeUsage(this.#usage) }) : "";
    return `${usage}data: [DONE]\n\n`;
  }

  fail(failure: Failure): string {
    return `data: ${JSON.stringify(writeError(failure))}\n\n`;
  }

  #event(choices: JsonObject[], more: JsonObject = {}): string {
    const chunk = { id: this.#id, object: "text_completion", created: this.#told.created, model: this.#model, choices };
    return `data: ${JSON.stringify({ ...chunk, ...more })}\n\n`;
  }
}
