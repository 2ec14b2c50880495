// The two shapes in which the demo's models answer: OpenAI's Chat Completions and Anthropic's Messages, as published.
import type { ServerResponse } from "node:http";
import { sendJson } from "./instance.ts";

export interface Shape {
  whole(response: ServerResponse, model: string, pieces: readonly string[]): void;
  /** Of a stream: what comes before the words, each of them, and what comes after. */
  start(model: string): string;
  piece(model: string, text: string): string;
  end(model: string, tokens: number, tellsUsage: boolean, marked: boolean): string;
  /** An error answer; true, for it ends the matter. */
  refuse(response: ServerResponse, status: number, type: string, message: string): true;
}

const ID = "demo-1";
const PROMPT_TOKENS = 12;

const chunk = (model: string, fields: object): string =>
  `data: ${JSON.stringify({ id: ID, object: "chat.completion.chunk", created: seconds(), model, ...fields })}\n\n`;
const seconds = (): number => Math.floor(Date.now() / 1000);
const usageOf = (tokens: number): object => ({
  prompt_tokens: PROMPT_TOKENS,
  completion_tokens: tokens,
  total_tokens: PROMPT_TOKENS + tokens,
});

export const OPENAI: Shape = {
  whole: (response, model, pieces) =>
    sendJson(response, 200, {
      id: ID,
      object: "chat.completion",
      created: seconds(),
      model,
      choices: [
        { index: 0, message: { role: "assistant", content: pieces.join("") }, logprobs: null, finish_reason: "stop" },
      ],
      usage: usageOf(pieces.length),
    }),
  start: (model) =>
    chunk(model, { choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }),
  piece: (model, text) => chunk(model, { choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }),
  end: (model, tokens, tellsUsage, marked) =>
    chunk(model, { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) +
    (tellsUsage ? chunk(model, { choices: [], usage: usageOf(tokens) }) : "") +
    (marked ? "data: [DONE]\n\n" : ""),
  refuse(response, status, type, message) {
    sendJson(response, status, { error: { message, type, param: null, code: type } });
    return true;
  },
};

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const message = (model: string, text: string, fields: object): object => ({
  id: `msg_${ID}`,
  type: "message",
  role: "assistant",
  model,
  content: text === "" ? [] : [{ type: "text", text }],
  ...fields,
});

const ANTHROPIC: Shape = {
  whole: (response, model, pieces) =>
    sendJson(
      response,
      200,
      message(model, pieces.join(""), {
        stop_reason: "end_turn",
        stop_sequence: null,
        usage: { input_tokens: PROMPT_TOKENS, output_tokens: pieces.length },
      }),
    ),
  start: (model) =>
    event("message_start", {
      message: message(model, "", {
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: PROMPT_TOKENS, output_tokens: 1 },
      }),
    }) + event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  piece: (_, text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
  end: (_, tokens, __, marked) =>
    event("content_block_stop", { index: 0 }) +
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: tokens },
    }) +
    (marked ? event("message_stop", {}) : ""),
  refuse(response, status, type, text) {
    sendJson(response, status, { type: "error", error: { type, message: text } });
    return true;
  },
};

export function shapeAt(path: string): Shape | undefined {
  if (path === "/v1/chat/completions") return OPENAI;
  return path === "/v1/messages" ? ANTHROPIC : undefined;
}
