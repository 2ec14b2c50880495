// `lumen` and `ember`: AI providers that stream real sentences in OpenAI's and in Anthropic's shape, and misbehave when told
// to: by the model's name (`lumen:cut`) or by a word in the last message (`!cut`), which only lumen hears, so that ember can
// be seen to step in. `GET /v1/faults` lists what it knows.
import type { ServerResponse } from "node:http";
import { notFound, readJson, sendJson, urlOf } from "./instance.ts";
import type { Handler } from "./instance.ts";
import { OPENAI, shapeAt, type Shape } from "./shapes.ts";
import { piecesOf, taleFor } from "./tales.ts";

/** Between words, as a quick model is. */
const WORD_MS = 25;
/** Words before a fault in the middle. */
const MIDWAY = 12;
const SLOW_START_MS = 15_000;

const FAULTS = {
  "429": "refuses with 429 and Retry-After: 5",
  "429-bare": "refuses with 429 and no Retry-After",
  "500-once": "fails with 500 every other time",
  "503": "is unavailable",
  reset: "breaks the connection before it answers",
  silent: "takes the request and never answers",
  slow: "takes 15 s to its first word",
  cut: "breaks off in the middle",
  stall: "falls silent in the middle",
  malformed: "sends an event that is none",
  "no-done": "ends without [DONE]",
  "context-length": "says the conversation is too long",
  "content-filter": "refuses to answer",
  "no-prefill": "refuses to begin with words it has not written",
  flapping: "breaks two of three connections",
} as const;
type Fault = keyof typeof FAULTS;

interface Asked {
  /** What it says, and what is left of it after what it is to begin with. */
  readonly tale: readonly string[];
  readonly rest: readonly string[];
  /** It is to begin with words that it has not written. */
  readonly isPrefilled: boolean;
  readonly model: string;
  readonly stream: boolean;
  readonly tellsUsage: boolean;
  readonly fault: Fault | undefined;
}

/** `hears`: it obeys what the message says, and not only what the model's name says. */
export function model(hears: boolean): Handler {
  let turn = 0;
  return (request, response) => {
    const { pathname } = urlOf(request);
    if (pathname === "/v1/models") return sendJson(response, 200, { object: "list", data: [] });
    if (pathname === "/v1/faults") return sendJson(response, 200, FAULTS);
    const shape = shapeAt(pathname);
    if (shape === undefined || request.method !== "POST") return notFound(request, response);
    void readJson(request).then((body) => {
      const asked = read(body, hears);
      if (asked === undefined) return shape.refuse(response, 400, "invalid_request_error", "messages are needed");
      turn++;
      if (!refuses(asked, shape, response, turn)) void answer(asked, shape, response);
    });
  };
}

function read(body: unknown, hears: boolean): Asked | undefined {
  if (typeof body !== "object" || body === null || !("messages" in body) || !Array.isArray(body.messages))
    return undefined;
  const messages = body.messages.map((each: unknown) => messageOf(each));
  const question = messages.findLast(({ role }) => role === "user")?.text ?? "";
  const name = "model" in body && typeof body.model === "string" ? body.model : "";
  const word = name.split(":")[1] ?? (hears ? /!([\w-]+)/.exec(question)?.[1] : undefined) ?? "";
  const options = "stream_options" in body ? (body.stream_options as { include_usage?: boolean } | null) : undefined;
  return {
    ...tell(messages, question),
    isPrefilled: messages.at(-1)?.role === "assistant",
    model: name.split(":")[0] ?? name,
    stream: "stream" in body && body.stream === true,
    tellsUsage: options?.include_usage === true,
    fault: word in FAULTS ? (word as Fault) : undefined,
  };
}

/** A tale for the question; where the last answer is the beginning of one, the rest of that. */
function tell(messages: readonly Message[], question: string): Pick<Asked, "tale" | "rest"> {
  const at = messages.findLastIndex(({ role }) => role === "assistant");
  const begun = messages[at]?.text ?? "";
  const before = messages.slice(0, Math.max(at, 0)).findLast(({ role }) => role === "user")?.text ?? "";
  const tale = taleFor(before);
  const text = tale.join("");
  if (begun !== "" && begun !== text && text.startsWith(begun))
    return { tale, rest: piecesOf(text.slice(begun.length)) };
  const other = taleFor(question);
  return { tale: other, rest: other };
}

interface Message {
  readonly role: string;
  readonly text: string;
}

function messageOf(written: unknown): Message {
  const { role, content } = written as { role?: unknown; content?: unknown };
  const text =
    typeof content === "string"
      ? content
      : Array.isArray(content)
        ? content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("")
        : "";
  return { role: String(role), text };
}

/** Whether a fault has ended it before an answer began. */
function refuses({ fault, isPrefilled }: Asked, shape: Shape, response: ServerResponse, turn: number): boolean {
  switch (fault) {
    case "429":
      response.setHeader("Retry-After", "5");
      return shape.refuse(response, 429, "rate_limit_error", "too many requests");
    case "429-bare":
      return shape.refuse(response, 429, "rate_limit_error", "too many requests");
    case "500-once":
      return turn % 2 === 1 && shape.refuse(response, 500, "api_error", "something broke");
    case "503":
      return shape.refuse(response, 503, "overloaded_error", "overloaded");
    case "reset":
      return hangUp(response);
    case "flapping":
      return turn % 3 !== 0 && hangUp(response);
    case "silent":
      return true;
    case "context-length":
      return shape.refuse(
        response,
        400,
        shape === OPENAI ? "context_length_exceeded" : "invalid_request_error",
        "prompt is too long: it exceeds this model's maximum context length",
      );
    case "content-filter":
      return shape.refuse(response, 400, "content_filter", "blocked by content filtering policy");
    case "no-prefill":
      return isPrefilled && shape.refuse(response, 400, "invalid_request_error", "prefill is not supported");
    case "slow":
    case "cut":
    case "stall":
    case "malformed":
    case "no-done":
    case undefined:
      return false;
  }
}

function hangUp(response: ServerResponse): true {
  response.socket?.resetAndDestroy();
  return true;
}

async function answer(asked: Asked, shape: Shape, response: ServerResponse): Promise<void> {
  const { fault, rest, stream } = asked;
  if (fault === "slow") await pause(response, SLOW_START_MS);
  if (!stream) return shape.whole(response, asked.model, rest);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.write(shape.start(asked.model));
  for (const [index, piece] of rest.entries()) {
    if (response.destroyed) return;
    if (index === MIDWAY && fault === "cut") return response.socket?.destroySoon();
    if (index === MIDWAY && fault === "stall") return;
    if (index === MIDWAY && fault === "malformed") response.write("data: {this is no JSON\n\n");
    response.write(shape.piece(asked.model, piece));
    await pause(response, WORD_MS);
  }
  response.end(shape.end(asked.model, rest.length, asked.tellsUsage, fault !== "no-done"));
}

/** No longer than the client stays. */
function pause(response: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      response.off("close", done);
      resolve();
    }
    response.on("close", done);
  });
}
