// One suite for every adapter: what it sends is what its provider takes, what comes back means the same whichever way it was
// written, whole or streamed, cut anywhere; and its errors fall into the classes that decide what comes next.
import { describe, expect, it } from "vitest";
import { adapterFor } from "../../worker/core/providers/adapters.ts";
import type { Adapter } from "../../worker/core/providers/adapter.ts";
import { textOf, withoutOpaque } from "../../worker/core/providers/chat.ts";
import type { ChatAnswer, ChatRequest, Opaque, Usage } from "../../worker/core/providers/chat.ts";
import type { Delta, Frame } from "../../worker/core/providers/deltas.ts";
import { readChat } from "../../worker/core/providers/dialects/chat-request.ts";
import { readMessages } from "../../worker/core/providers/dialects/messages-request.ts";
import { readResponses } from "../../worker/core/providers/dialects/responses-request.ts";
import { CALLING, FAKES, ORDINARY, THINKING } from "../support/ai-fakes.ts";
import type { Json, Say } from "../support/ai-fakes.ts";

const DECLARATION = { like: "openai", paths: {}, framing: "sse", rename: {}, drop: [], usage: {}, errors: {} } as const;

function made(name: string): Adapter {
  const azure = name === "azure" ? { apiVersion: "2024-10-21" } : undefined;
  const declaration = name === "custom" ? DECLARATION : undefined;
  const adapter = adapterFor({ adapter: name, capabilities: {}, azure, declaration });
  if (adapter === undefined) throw new Error(`no adapter is named ${name}`);
  return adapter;
}

const TOOL = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};
const PIXEL = "data:image/png;base64,iVBORw0KGgo=";

/** Everything that a conversation may hold, as an OpenAI client writes it. */
const FULL: Json = {
  model: "m",
  messages: [
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: PIXEL } },
      ],
    },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } }],
    },
    { role: "tool", tool_call_id: "call_a", content: "18 °C" },
    { role: "assistant", content: "It is 18 °C." },
    { role: "user", content: "And in Köln?" },
  ],
  tools: [{ type: "function", function: { name: "weather", description: "Tells it.", parameters: TOOL } }],
  tool_choice: "auto",
  max_tokens: 100,
  temperature: 0.2,
  top_p: 0.9,
  stop: ["END"],
  future_field: 1,
};

const AS_ANTHROPIC: Json = {
  model: "m",
  max_tokens: 100,
  system: "Be brief.",
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
      ],
    },
    { role: "assistant", content: [{ type: "tool_use", id: "call_a", name: "weather", input: { city: "Paris" } }] },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "call_a", content: "18 °C" },
        { type: "text", text: "And in Köln?" },
      ],
    },
  ],
  tools: [{ name: "weather", description: "Tells it.", input_schema: TOOL }],
  tool_choice: { type: "auto" },
  future_field: 1,
};

const AS_RESPONSES: Json = {
  model: "m",
  instructions: "Be brief.",
  max_output_tokens: 100,
  input: [
    {
      role: "user",
      content: [
        { type: "input_text", text: "What is this?" },
        { type: "input_image", image_url: PIXEL },
      ],
    },
    { type: "function_call", call_id: "call_a", name: "weather", arguments: '{"city":"Paris"}' },
    { type: "function_call_output", call_id: "call_a", output: "18 °C" },
    { role: "user", content: "And in Köln?" },
  ],
  tools: [{ type: "function", name: "weather", description: "Tells it.", parameters: TOOL }],
  future_field: 1,
};

const read = (result: ReturnType<typeof readChat>): ChatRequest => {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
};

interface Gathered {
  text: string;
  thought: string;
  seals: Opaque[];
  calls: { id: string; name: string; args: unknown }[];
  finish: string;
  usage: Usage | undefined;
}

function gather(deltas: readonly Delta[]): Gathered {
  const found: Gathered = { text: "", thought: "", seals: [], calls: [], finish: "", usage: undefined };
  const args: string[] = [];
  for (const delta of deltas) {
    if (delta.kind === "text") found.text += delta.text;
    if (delta.kind === "reasoning") {
      found.thought += delta.text;
      if (delta.opaque !== undefined) found.seals.push(delta.opaque);
    }
    if (delta.kind === "call") {
      args[delta.call] = (args[delta.call] ?? "") + delta.args;
      if (delta.name !== undefined) found.calls[delta.call] = { id: delta.id ?? "", name: delta.name, args: undefined };
    }
    if (delta.kind === "finish") found.finish = delta.finish;
    if (delta.kind === "usage") found.usage = delta.usage;
  }
  for (const [index, call] of found.calls.entries()) call.args = JSON.parse(args[index] ?? "");
  return found;
}

function ofAnswer(answer: ChatAnswer): Gathered {
  const [choice] = answer.choices;
  const parts = choice?.parts ?? [];
  return {
    text: textOf(parts),
    thought: parts.map((part) => (part.kind === "reasoning" ? part.text : "")).join(""),
    seals: parts.flatMap((part) => ("opaque" in part && part.opaque !== undefined ? [part.opaque] : [])),
    calls: parts.flatMap((part) =>
      part.kind === "call" ? [{ id: part.id, name: part.name, args: JSON.parse(part.args) as unknown }] : [],
    ),
    finish: choice?.finish ?? "",
    usage: answer.usage,
  };
}

function streamed(adapter: Adapter, bytes: Uint8Array, cuts: readonly number[]): { frames: Frame[]; deltas: Delta[] } {
  const reader = adapter.reader("chat");
  const at = [0, ...cuts, bytes.length];
  const frames = at.slice(1).flatMap((end, index) => reader.push(bytes.slice(at[index], end)));
  frames.push(...reader.end());
  return { frames, deltas: frames.flatMap(({ deltas }) => deltas) };
}

describe.each(Object.keys(FAKES))("%s", (name) => {
  const adapter = made(name);
  const fake = FAKES[name]!;
  const isCohere = name === "cohere";

  it.each([
    ["OpenAI's chat", read(readChat(FULL))],
    ["Anthropic's messages", read(readMessages(AS_ANTHROPIC))],
    ["OpenAI's responses", read(readResponses(AS_RESPONSES))],
  ])("is sent what it takes when a client asks by %s", (_surface, chat) => {
    for (const stream of [false, true]) {
      const body = adapter.write({ ...withoutOpaque(chat), extra: {}, stream }, "their-model");
      expect(fake.problem(body)).toBeUndefined();
      const text = JSON.stringify(body);
      for (const word of ["Be brief.", "And in Köln?", "18 °C", "iVBORw0KGgo=", "weather"])
        expect(text).toContain(word);
      expect(text).toContain("call_a".slice(0, adapter.codec.dialect === "gemini" ? 0 : undefined));
    }
  });

  const expected = (say: Say): Partial<Gathered> => ({
    text: isCohere && say.calls !== undefined ? "" : (say.text ?? ""),
    calls: (say.calls ?? []).map(({ id, name: tool, args }) => ({ id, name: tool, args })),
    finish: say.calls === undefined ? "stop" : "tool_calls",
    usage: { uncached: 7, cacheRead: 4, cacheWrite: 0, output: 7, reasoning: 0 },
  });
  const idless = (found: Gathered): Gathered =>
    adapter.codec.dialect === "gemini" ? { ...found, calls: found.calls.map((call) => ({ ...call, id: "" })) } : found;
  const alike = (say: Say): Partial<Gathered> => idless({ thought: "", seals: [], ...expected(say) } as Gathered);

  it.each([
    ["a text", ORDINARY],
    ["calls", CALLING],
    ["a thought and a text", THINKING],
  ])("reads %s whole and streamed, however it is cut", (_what, say) => {
    const whole = adapter.read("chat", fake.whole(say));
    expect(whole).toBeDefined();
    const found = idless(ofAnswer(whole!));
    const { thought: _thought, seals: _seals, ...rest } = alike(say) as Gathered;
    expect(found).toMatchObject(rest);
    expect(found.thought).toBe(isCohere && say.calls !== undefined ? say.text : (say.thought ?? ""));
    const bytes = fake.stream(say);
    for (let cut = 1; cut < bytes.length; cut += 41) {
      const { frames, deltas } = streamed(adapter, bytes, [cut]);
      expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes)).toBe(true);
      expect(frames.some(({ malformed }) => malformed)).toBe(false);
      const told = idless(gather(deltas));
      expect(told).toMatchObject(rest);
      expect(told.thought).toBe(found.thought);
    }
  });

  it.each([
    ["rate", "rate_limited"],
    ["overloaded", "overloaded"],
    ["auth", "authentication"],
    ["context", "context_length"],
    ["filter", "content_filter"],
    ["bad", "bad_request"],
  ] as const)("knows the error %s as %s, and tells nothing of keys and accounts", (kind, expectedKind) => {
    const { status, body } = fake.error(kind);
    const failure = adapter.failure(status, JSON.stringify(body), -1);
    expect(failure.kind).toBe(expectedKind);
    expect(failure.message).not.toContain("secret");
  });

  it("takes no nonsense for an answer, and never throws on it", () => {
    for (const nonsense of [{}, { choices: "x" }, { error: { message: 1 } }, { output: [] as unknown[], content: 3 }]) {
      expect(() => adapter.read("chat", nonsense)).not.toThrow();
      expect(() => adapter.failure(500, JSON.stringify(nonsense), -1)).not.toThrow();
      expect(() =>
        streamed(adapter, new TextEncoder().encode(`data: ${JSON.stringify(nonsense)}\n\n`), []),
      ).not.toThrow();
    }
    expect(adapter.failure(502, "<html>Bad gateway</html>", -1).kind).toBe("server_error");
    expect(adapter.read("chat", {})).toBeUndefined();
  });
});
