// A provider that speaks OpenAI's chat over raw TCP and misbehaves by the model it is asked for: `whole` is well, every other
// name is a fault. It answers word by word, like a model, and knows how to go on where an answer broke off.
import type { Behaviour, Exchange } from "./upstream.ts";

export const ANSWER =
  "The lighthouse at Sankt Peter was built in 1907, three years after the storm that took the old one. Its keeper wrote " +
  "every night what she saw: ships, weather, and once a whale that stayed until morning. Nobody read her books until a " +
  "school class found them under the stairs, dry and whole, and today they lie behind glass in Kiel.";
/** As models write: a word and the space before it. */
export const PIECES: readonly string[] = ANSWER.match(/\s*\S+/g) ?? [];
/** Pieces that come before a fault in the middle. */
export const BEFORE = 12;

export interface Asked {
  readonly model: string;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export const askedOf = (exchange: { readonly request: { readonly body: Buffer } }): Asked =>
  JSON.parse(exchange.request.body.toString()) as Asked;

const BASE = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_790_000_000, model: "fake-1" };
const eventOf = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;
const roleEvent = eventOf({
  ...BASE,
  choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
});
const textEvent = (content: string): string =>
  eventOf({ ...BASE, choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const stopEvent = eventOf({ ...BASE, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
const USAGE = { prompt_tokens: 20, completion_tokens: PIECES.length, total_tokens: 20 + PIECES.length };
const usageEvent = eventOf({ ...BASE, choices: [], usage: USAGE });
const DONE = "data: [DONE]\n\n";

const wholeOf = (text: string): string =>
  JSON.stringify({
    ...BASE,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: text }, logprobs: null, finish_reason: "stop" }],
    usage: USAGE,
  });
const error = (status: number, type: string, message: string, code: string | null = null) => ({
  status,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ error: { message, type, param: null, code } }),
});

async function beginStream(exchange: Exchange): Promise<void> {
  await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
}

/** Text, a word at a time. */
async function say(exchange: Exchange, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    await exchange.chunk(textEvent(piece));
    await exchange.wait(1);
  }
}

async function endStream(exchange: Exchange): Promise<void> {
  await exchange.chunk(stopEvent);
  if (askedOf(exchange).stream_options?.include_usage === true) await exchange.chunk(usageEvent);
  await exchange.chunk(DONE);
  await exchange.lastChunk();
}

async function answerWith(exchange: Exchange, pieces: readonly string[]): Promise<void> {
  if (askedOf(exchange).stream !== true) {
    return exchange.reply({ headers: { "Content-Type": "application/json" }, body: wholeOf(pieces.join("")) });
  }
  await beginStream(exchange);
  await exchange.chunk(roleEvent);
  await say(exchange, pieces);
  await endStream(exchange);
}

const pings = async (exchange: Exchange): Promise<void> => {
  while (!exchange.gone) {
    await exchange.chunk(": ping\n\n");
    await exchange.wait(100);
  }
};

/** The beginning of an answer, in the middle of which something happens. */
const midway =
  (then: (exchange: Exchange) => void | Promise<void>): Behaviour =>
  async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(roleEvent);
    await say(exchange, PIECES.slice(0, BEFORE));
    await then(exchange);
  };

/** What the assistant is said to have said last, where it was cut off. */
function begunOf({ messages }: Asked): string {
  const last = messages.findLast(({ role }) => role === "assistant");
  return typeof last?.content === "string" ? last.content : "";
}

const rest = (asked: Asked): readonly string[] => {
  const begun = begunOf(asked);
  return begun !== "" && ANSWER.startsWith(begun) ? (ANSWER.slice(begun.length).match(/\s*\S+/g) ?? []) : PIECES;
};

export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  whole: (exchange) => answerWith(exchange, PIECES),
  /** Goes on exactly where the answer was cut off. */
  continues: (exchange) => answerWith(exchange, rest(askedOf(exchange))),
  /** Refuses to begin with words it has not written, and else starts over. */
  picky: (exchange) =>
    askedOf(exchange).messages.at(-1)?.role === "assistant"
      ? error(400, "invalid_request_error", "This model does not support assistant message prefill.")
      : answerWith(exchange, PIECES),

  "limited-later": () => ({ ...error(429, "rate_limit_error", "slow down"), headers: { "Retry-After": "30" } }),
  limited: () => error(429, "rate_limit_error", "slow down"),
  "limited-once": (exchange) =>
    exchange.upstream.count === 1
      ? { ...error(429, "rate_limit_error", "slow down"), headers: { "Retry-After": "1" } }
      : answerWith(exchange, PIECES),
  "limited-once-bare": (exchange) =>
    exchange.upstream.count === 1 ? error(429, "rate_limit_error", "slow down") : answerWith(exchange, PIECES),
  "fails-once": (exchange) =>
    exchange.upstream.count === 1 ? error(500, "server_error", "oops") : answerWith(exchange, PIECES),
  down: () => error(503, "server_error", "down"),
  reset: (exchange) => exchange.reset(),
  silent: (exchange) => exchange.hold(),
  "silent-body": async (exchange) => {
    await beginStream(exchange);
    await exchange.hold();
  },
  "only-pings": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(roleEvent);
    await pings(exchange);
  },
  "slow-start": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(roleEvent);
    await exchange.wait(8_000);
    await say(exchange, PIECES);
    await endStream(exchange);
  },
  "cut-early": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(roleEvent);
    exchange.finish();
  },
  cut: midway(async (exchange) => {
    await exchange.wait(20);
    exchange.finish();
  }),
  "cut-event": midway(async (exchange) => {
    await exchange.chunk(textEvent(" lost").slice(0, -9));
    await exchange.wait(20);
    exchange.finish();
  }),
  "reset-midway": midway(async (exchange) => {
    await exchange.wait(50);
    exchange.reset();
  }),
  "ends-midway": midway((exchange) => exchange.lastChunk()),
  stall: midway((exchange) => exchange.hold()),
  "stall-pings": midway(pings),
  "malformed-first": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk("data: {this is no JSON\n\n");
    await say(exchange, PIECES);
    await endStream(exchange);
  },
  malformed: midway(async (exchange) => {
    await exchange.chunk("data: {this is no JSON\n\n");
    await say(exchange, PIECES.slice(BEFORE));
    await endStream(exchange);
  }),
  "malformed-words": midway(async (exchange) => {
    await exchange.chunk('data: {"choices":[{"index":0,"delta":{"content":" bro\n\n');
    await say(exchange, PIECES.slice(BEFORE + 1));
    await endStream(exchange);
  }),
  "error-first": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(roleEvent);
    await exchange.chunk(eventOf({ error: { message: "overloaded", type: "overloaded_error", code: null } }));
    await exchange.lastChunk();
  },
  "error-midway": midway(async (exchange) => {
    await exchange.chunk(eventOf({ error: { message: "overloaded", type: "overloaded_error", code: null } }));
    await exchange.lastChunk();
  }),
  "no-done": async (exchange) => {
    await beginStream(exchange);
    await say(exchange, PIECES);
    await exchange.chunk(stopEvent);
    await exchange.lastChunk();
  },
  "no-done-open": async (exchange) => {
    await beginStream(exchange);
    await say(exchange, PIECES);
    await exchange.chunk(stopEvent);
    await exchange.hold();
  },
  "no-finish": async (exchange) => {
    await beginStream(exchange);
    await say(exchange, PIECES);
    await exchange.chunk(DONE);
    await exchange.lastChunk();
  },
  "only-done": async (exchange) => {
    await beginStream(exchange);
    await exchange.chunk(DONE);
    await exchange.lastChunk();
  },
  "too-long": () =>
    error(
      400,
      "invalid_request_error",
      "This model's maximum context length is 8192 tokens. Please reduce the length of the messages.",
      "context_length_exceeded",
    ),
  filtered: () => error(400, "invalid_request_error", "The response was filtered.", "content_filter"),
  "bad-key": () => error(401, "invalid_request_error", "Incorrect API key provided: sk-bad", "invalid_api_key"),
  unpaid: () => error(402, "insufficient_quota", "You exceeded your current quota", "insufficient_quota"),
  flapping: (exchange) => {
    const turn = (exchange.upstream.count - 1) % 3;
    if (turn === 0) return exchange.reset();
    return turn === 1 ? error(502, "server_error", "bad gateway") : answerWith(exchange, PIECES);
  },
  empty: () => ({ headers: { "Content-Type": "application/json" }, body: "" }),
  html: () => ({ headers: { "Content-Type": "text/html" }, body: "<!doctype html><title>Login</title><p>Sign in" }),
  truncated: () => ({ headers: { "Content-Type": "application/json" }, body: wholeOf(ANSWER).slice(0, 200) }),
  "cut-body": async (exchange) => {
    await exchange.head(200, { "Content-Type": "application/json", "Content-Length": "900" });
    await exchange.write(wholeOf(ANSWER).slice(0, 200));
    await exchange.wait(20);
    exchange.finish();
  },
  "stalled-body": async (exchange) => {
    await exchange.head(200, { "Content-Type": "application/json", "Content-Length": "900" });
    await exchange.write(wholeOf(ANSWER).slice(0, 200));
    await exchange.hold();
  },
  "error-in-200": () => ({ ...error(200, "server_error", "internal error") }),
};

/** Plays what the model's name says. */
export const provider: Behaviour = async (exchange) => {
  await exchange.whole();
  const behaviour = BEHAVIOURS[askedOf(exchange).model];
  return behaviour === undefined
    ? error(404, "invalid_request_error", "no such model", "model_not_found")
    : behaviour(exchange);
};
