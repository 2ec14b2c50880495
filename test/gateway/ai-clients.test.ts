// The official clients, only their base URL changed, against every adapter: each surface, whole and streamed, with calls of tools
// and with thoughts. The endpoints behind are fakes that follow the providers' published references (test/support/ai-fakes.ts).
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CALLING, FAKES, ORDINARY, THINKING } from "../support/ai-fakes.ts";
import type { Json, Say } from "../support/ai-fakes.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Exchange, Reply, Upstream } from "../support/upstream.ts";

const ADAPTERS = Object.keys(FAKES);
let upstream: Upstream;
let rig: Rig;
let openai: OpenAI;
let anthropic: Anthropic;
let say: Say = ORDINARY;
/** Why the fake refused, if it did. */
let refusals: string[] = [];

const PATHS: Readonly<Record<string, { whole: RegExp; stream: RegExp; auth: string }>> = {
  anthropic: { whole: /^\/anthropic\/v1\/messages$/, stream: /^\/anthropic\/v1\/messages$/, auth: "x-api-key" },
  gemini: {
    whole: /^\/gemini\/models\/m1:generateContent$/,
    stream: /^\/gemini\/models\/m1:streamGenerateContent$/,
    auth: "x-goog-api-key",
  },
  cohere: { whole: /^\/cohere\/v2\/chat$/, stream: /^\/cohere\/v2\/chat$/, auth: "authorization" },
  bedrock: {
    whole: /^\/bedrock\/model\/m1\/converse$/,
    stream: /^\/bedrock\/model\/m1\/converse-stream$/,
    auth: "authorization",
  },
  azure: {
    whole: /deployments\/m1\/chat\/completions$/,
    stream: /deployments\/m1\/chat\/completions$/,
    auth: "api-key",
  },
};

async function provider({ request }: Exchange): Promise<Reply> {
  await upstream.whole(request.number);
  const name = request.path.split("/")[1] ?? "";
  const fake = FAKES[name];
  if (fake === undefined) return { status: 404 };
  const body = JSON.parse(request.body.toString()) as Json;
  const streams = body.stream === true || /stream/i.test(request.path);
  const native = /\/(responses|completions)$/.exec(request.path)?.[1];
  const expected = PATHS[name];
  const problems = [
    native === "completions" || native === undefined || /chat/.test(request.path) ? fake.problem(body) : undefined,
    expected === undefined || (streams ? expected.stream : expected.whole).test(request.path)
      ? undefined
      : request.path,
    request.header(expected?.auth ?? "authorization") === undefined ? "no credential" : undefined,
  ].filter((problem) => problem !== undefined);
  refusals.push(...problems);
  if (problems.length > 0)
    return {
      status: 400,
      body: JSON.stringify({
        error: { message: problems.join("; "), type: "invalid_request_error" },
        message: problems.join("; "),
      }),
    };
  const type = name === "bedrock" ? "application/vnd.amazon.eventstream" : "text/event-stream";
  return streams
    ? { headers: { "Content-Type": type }, body: fake.stream(say) }
    : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(fake.whole(say)) };
}

beforeAll(async () => {
  upstream = await startUpstream(provider);
  const providers = Object.fromEntries(
    ADAPTERS.map((adapter) => [
      adapter,
      {
        adapter,
        baseUrl: `${upstream.origin}/${adapter}`,
        key: { secret: "A_KEY" },
        ...(adapter === "azure" ? { azure: { apiVersion: "2024-10-21" } } : {}),
        ...(adapter === "bedrock"
          ? {
              bedrock: {
                region: "eu-central-1",
                accessKeyId: { secret: "A_KEY" },
                secretAccessKey: { secret: "A_KEY" },
              },
            }
          : {}),
        ...(adapter === "custom" ? { declaration: { like: "openai", paths: { chat: "/say" } } } : {}),
      },
    ]),
  );
  rig = await startRig({
    policy: { expose: true, ai: { auth: "none" }, providers, models: {} },
    vars: { A_KEY: "secret-key" },
  });
  openai = new OpenAI({ apiKey: "client", baseURL: `${rig.g1}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: "client", baseURL: rig.g1, maxRetries: 0 });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => {
  say = ORDINARY;
  refusals = [];
  upstream.clear();
});

const TOOL = { type: "object", properties: { city: { type: "string" } } } as const;
const tools = [{ type: "function", function: { name: "weather", parameters: { ...TOOL } } }] as const;

describe.each(ADAPTERS)("%s", (adapter) => {
  const model = `${adapter}/m1`;
  // Cohere tells a plan beside its calls, which is a thought and no text.
  const spoken = adapter === "cohere" ? "" : "Let me look.";

  it("chat completions", async () => {
    const whole = await openai.chat.completions.create({ model, messages: [{ role: "user", content: "Hi" }] });
    expect(whole.choices[0]).toMatchObject({ message: { content: ORDINARY.text }, finish_reason: "stop" });
    expect(whole.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 });
    const stream = openai.chat.completions.stream({
      model,
      messages: [{ role: "user", content: "Hi" }],
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]).toMatchObject({ message: { content: ORDINARY.text }, finish_reason: "stop" });
    expect(final.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 7 });
    expect(refusals).toEqual([]);
  });

  it("chat completions with calls of tools, and what they gave back", async () => {
    say = CALLING;
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "The weather?" }];
    const whole = await openai.chat.completions.create({ model, messages, tools: [...tools] });
    const streamed = await openai.chat.completions.stream({ model, messages, tools: [...tools] }).finalChatCompletion();
    for (const { message, finish_reason: finish } of [whole.choices[0]!, streamed.choices[0]!]) {
      expect(finish).toBe("tool_calls");
      expect(message.content ?? "").toBe(spoken);
      const calls = message.tool_calls?.map((call) =>
        call.type === "function" ? [call.function.name, JSON.parse(call.function.arguments)] : [],
      );
      expect(calls).toEqual(CALLING.calls?.map(({ name, args }) => [name, args]));
    }
    say = ORDINARY;
    const [call] = whole.choices[0]!.message.tool_calls!;
    const answered = await openai.chat.completions.create({
      model,
      tools: [...tools],
      messages: [
        ...messages,
        whole.choices[0]!.message,
        ...whole.choices[0]!.message.tool_calls!.map(
          ({ id }) => ({ role: "tool", tool_call_id: id, content: "18 °C" }) as const,
        ),
      ],
    });
    expect(call).toBeDefined();
    expect(answered.choices[0]?.message.content).toBe(ORDINARY.text);
    expect(refusals).toEqual([]);
  });

  it("messages", async () => {
    const asked = { model, max_tokens: 100, system: "Be brief.", messages: [{ role: "user" as const, content: "Hi" }] };
    const whole = await anthropic.messages.create(asked);
    expect(whole).toMatchObject({ content: [{ type: "text", text: ORDINARY.text }], stop_reason: "end_turn" });
    expect(whole.usage).toMatchObject({ input_tokens: 7, cache_read_input_tokens: 4, output_tokens: 7 });
    const final = await anthropic.messages.stream(asked).finalMessage();
    expect(final).toMatchObject({ content: [{ type: "text", text: ORDINARY.text }], stop_reason: "end_turn" });
    expect(final.usage.output_tokens).toBe(7);
    expect(refusals).toEqual([]);
  });

  it("messages with calls of tools, and what they gave back", async () => {
    say = CALLING;
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "The weather?" }];
    const asked = { model, max_tokens: 100, messages, tools: [{ name: "weather", input_schema: { ...TOOL } }] };
    const whole = await anthropic.messages.create(asked);
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    for (const { content, stop_reason: stop } of [whole, streamed]) {
      expect(stop).toBe("tool_use");
      expect(content.flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input]] : []))).toEqual(
        CALLING.calls?.map(({ name, args }) => [name, args]),
      );
    }
    say = ORDINARY;
    const results = whole.content.flatMap((block) =>
      block.type === "tool_use" ? [{ type: "tool_result" as const, tool_use_id: block.id, content: "18 °C" }] : [],
    );
    const content = whole.content as unknown as Anthropic.ContentBlockParam[];
    const next = [...messages, { role: "assistant" as const, content }, { role: "user" as const, content: results }];
    const answered = await anthropic.messages.create({ ...asked, messages: next });
    expect(answered.content).toMatchObject([{ type: "text", text: ORDINARY.text }]);
    expect(refusals).toEqual([]);
  });

  // Where a provider speaks these itself, the client's own words reach it and its bytes come back (ai-door.test.ts).
  const isOpenai = FAKES[adapter] === FAKES["openai"];
  const translatesResponses =
    !isOpenai ||
    ["azure", "together", "deepseek", "mistral", "openrouter", "ollama", "workers-ai", "custom"].includes(adapter);
  const translatesCompletions = !isOpenai || ["deepseek", "mistral", "groq", "workers-ai"].includes(adapter);
  const expectResponses = async (): Promise<void> => {
    const whole = await openai.responses.create({ model, instructions: "Be brief.", input: "Hi" });
    expect(whole.output_text).toBe(ORDINARY.text);
    expect(whole.usage).toMatchObject({ input_tokens: 11, output_tokens: 7 });
    const final = await openai.responses.stream({ model, input: "Hi" }).finalResponse();
    expect(final.output_text).toBe(ORDINARY.text);
    say = CALLING;
    const asked = {
      model,
      input: "The weather?",
      tools: [{ type: "function" as const, name: "weather", parameters: { ...TOOL }, strict: false }],
    };
    for (const answer of [await openai.responses.create(asked), await openai.responses.stream(asked).finalResponse()]) {
      const calls = answer.output.flatMap((item) =>
        item.type === "function_call" ? [[item.name, JSON.parse(item.arguments)]] : [],
      );
      expect(calls).toEqual(CALLING.calls?.map(({ name, args }) => [name, args]));
    }
    expect(refusals).toEqual([]);
  };

  const expectCompletions = async (): Promise<void> => {
    const whole = await openai.completions.create({ model, prompt: "Once" });
    expect(whole.choices[0]).toMatchObject({ text: ORDINARY.text, finish_reason: "stop" });
    let text = "";
    for await (const chunk of await openai.completions.create({ model, prompt: "Once", stream: true }))
      text += chunk.choices[0]?.text ?? "";
    expect(text).toBe(ORDINARY.text);
    expect(refusals).toEqual([]);
  };
  if (translatesResponses) it("responses", () => expectResponses());
  if (translatesCompletions) it("completions", () => expectCompletions());

  it("thoughts, told as each surface tells them", async () => {
    say = THINKING;
    const chat = await openai.chat.completions.create({ model, messages: [{ role: "user", content: "Hi" }] });
    expect(chat.choices[0]?.message).toMatchObject({ content: "Hello!", reasoning_content: THINKING.thought });
    const message = await anthropic.messages
      .stream({ model, max_tokens: 100, messages: [{ role: "user", content: "Hi" }] })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: THINKING.thought },
      { type: "text", text: "Hello!" },
    ]);
  });
});
