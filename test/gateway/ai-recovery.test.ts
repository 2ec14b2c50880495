// An answer that breaks off is finished by another target, whatever client and providers speak: seen by the official clients,
// which refuse a stream that is not in order. Providers here take the beginning of an answer, or refuse to.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ANSWER, BEFORE, PIECES, askedOf, provider } from "../support/provider.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Behaviour, Exchange, Upstream } from "../support/upstream.ts";

let openaiSide: Upstream;
let anthropicSide: Upstream;
let rig: Rig;
let openai: OpenAI;
let anthropic: Anthropic;

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const start = event("message_start", {
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-fake",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 20, output_tokens: 1 },
  },
});
const block = event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
const word = (text: string): string => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
const stopped =
  event("content_block_stop", { index: 0 }) +
  event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 60 } });
const ended = event("message_stop", {});
const refusesPrefill = {
  status: 400,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({
    type: "error",
    error: { type: "invalid_request_error", message: "This model does not support assistant message prefill." },
  }),
};

async function begin(exchange: Exchange, pieces: readonly string[]): Promise<void> {
  await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
  await exchange.chunk(start + block + event("ping", {}));
  for (const piece of pieces) await exchange.chunk(word(piece));
}

const finish = async (exchange: Exchange, end: string): Promise<void> => {
  await exchange.chunk(end);
  await exchange.lastChunk();
};

/** What it was given to begin with, Anthropic's content as text or as blocks. */
function begunOf(exchange: Exchange): string {
  const { messages } = askedOf(exchange);
  const last = messages.findLast(({ role }) => role === "assistant")?.content;
  if (typeof last === "string") return last;
  return ((last ?? []) as { text?: string }[]).map(({ text }) => text ?? "").join("");
}

/** Anthropic's shape, by the model that is asked. */
const messages: Behaviour = async (exchange) => {
  await exchange.whole();
  const { model, messages: said } = askedOf(exchange);
  const isPrefilled = said.at(-1)?.role === "assistant";
  switch (model) {
    case "cut":
      await begin(exchange, PIECES.slice(0, BEFORE));
      await exchange.wait(20);
      return exchange.finish();
    case "stall":
      await begin(exchange, PIECES.slice(0, BEFORE));
      return exchange.hold();
    case "error":
      await begin(exchange, PIECES.slice(0, BEFORE));
      return finish(exchange, event("error", { error: { type: "overloaded_error", message: "Overloaded" } }));
    case "no-stop":
      await begin(exchange, PIECES);
      return finish(exchange, stopped);
    case "continues":
      await begin(exchange, [ANSWER.slice(begunOf(exchange).length)]);
      return finish(exchange, stopped + ended);
    case "picky":
      if (isPrefilled) return refusesPrefill;
      await begin(exchange, PIECES);
      return finish(exchange, stopped + ended);
    default:
      return { status: 404 };
  }
};

const FAULTS = ["cut", "stall", "error"] as const;
const stream = { firstTokenMs: 3_000, idleMs: 700, recovery: "continue" as const };

beforeAll(async () => {
  [openaiSide, anthropicSide] = await Promise.all([startUpstream(provider), startUpstream(messages)]);
  const model = (...targets: string[]) => ({ targets, strategy: "priority" as const, stream });
  rig = await startRig({
    policy: {
      ai: { auth: "none" },
      providers: {
        o: { adapter: "openai", baseUrl: `${openaiSide.origin}/v1`, breaker: false },
        a: { adapter: "anthropic", baseUrl: anthropicSide.origin, breaker: false, key: { secret: "A_KEY" } },
      },
      models: {
        ...Object.fromEntries(
          FAULTS.flatMap((fault) => [
            [`aa-${fault}`, model(`a/${fault}`, "a/continues")],
            [`ap-${fault}`, model(`a/${fault}`, "a/picky")],
            [`ao-${fault}`, model(`a/${fault}`, "o/picky")],
            [`oa-${fault}`, model(`o/${fault === "error" ? "error-midway" : fault}`, "a/continues")],
            [`op-${fault}`, model(`o/${fault === "error" ? "error-midway" : fault}`, "a/picky")],
            [`alone-${fault}`, { ...model(`a/${fault}`), stream: { ...stream, recovery: "none" as const } }],
          ]),
        ),
        "no-stop": model("a/no-stop"),
      },
    },
    vars: { A_KEY: "sk-ant" },
  });
  openai = new OpenAI({ apiKey: "client", baseURL: `${rig.g1}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: "client", baseURL: rig.g1, maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await Promise.all([openaiSide?.close(), anthropicSide?.close()]);
});
beforeEach(() => {
  openaiSide.clear();
  anthropicSide.clear();
});

const asked = [{ role: "user" as const, content: "Tell me." }];

async function expectWholeByOpenAi(model: string): Promise<void> {
  const chunks = await openai.chat.completions.create({
    model,
    messages: asked,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  const finishes: unknown[] = [];
  const usages: unknown[] = [];
  for await (const { choices, usage } of chunks) {
    text += choices[0]?.delta.content ?? "";
    if (choices[0]?.finish_reason) finishes.push(choices[0].finish_reason);
    if (usage) usages.push(usage.completion_tokens);
  }
  expect(text).toBe(ANSWER);
  expect(finishes).toEqual(["stop"]);
  expect(usages).toHaveLength(1);
}

async function expectWholeByAnthropic(model: string): Promise<void> {
  const message = await anthropic.messages.stream({ model, max_tokens: 500, messages: asked }).finalMessage();
  expect(message.content).toMatchObject([{ type: "text", text: ANSWER }]);
  expect(message.stop_reason).toBe("end_turn");
  expect(message.usage.output_tokens).toBeGreaterThan(0);
}

const names = FAULTS.flatMap((fault) => ["aa", "ap", "ao", "oa", "op"].map((who) => `${who}-${fault}`));

describe.each(names)("%s", (model) => {
  it("is whole for OpenAI's client", () => expectWholeByOpenAi(model));
  it("is whole for Anthropic's client", () => expectWholeByAnthropic(model));
});

it("a target that refuses the beginning of an answer is told in words instead", async () => {
  await expectWholeByAnthropic("ap-cut");
  const [, first, second] = anthropicSide.requests.map((request) => askedOf({ request }));
  expect(first!.messages.at(-1)!.role).toBe("assistant");
  expect(second!.messages.at(-1)!.role).toBe("user");
  expect(second!.messages.at(-2)!.role).toBe("assistant");
});

it("a message that lacks nothing but its last event is whole for both", async () => {
  await expectWholeByAnthropic("no-stop");
  await expectWholeByOpenAi("no-stop");
});

it.each(FAULTS)("%s with nobody to finish it is an error in the surface's own form", async (fault) => {
  await expect(
    anthropic.messages.stream({ model: `alone-${fault}`, max_tokens: 500, messages: asked }).finalMessage(),
  ).rejects.toThrow(/\S/);
  await expect(expectWholeByOpenAi(`alone-${fault}`)).rejects.toThrow(/\S/);
});
