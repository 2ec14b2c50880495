// The AI door as a whole: who may enter, what is passed on byte for byte, and what is answered when nobody can.
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { open } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
let client: OpenAI;

const CHUNK = { id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-x" };
const STREAM = [
  { ...CHUNK, choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] },
  { ...CHUNK, choices: [{ index: 0, delta: { content: "Hel" }, finish_reason: null }] },
  { ...CHUNK, choices: [{ index: 0, delta: { content: "lo" }, finish_reason: null }] },
  { ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
]
  .map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
  .concat("data: [DONE]\n\n")
  .join("");
const WHOLE = `{"id":"c1","object":"chat.completion", "created":1,"model":"gpt-x","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({
    policy: {
      expose: true,
      ai: { auth: "none", cors: { origins: ["https://app.example.com"] } },
      security: { addresses: { deny: ["198.51.100.0/24"] } },
      providers: {
        one: { adapter: "openai", baseUrl: `${upstream.origin}/v1`, key: { secret: "ONE_KEY" } },
        claude: { adapter: "anthropic", baseUrl: upstream.origin, key: { secret: "ONE_KEY" } },
      },
      models: { smart: { targets: ["one/gpt-x"] } },
    },
    vars: { ONE_KEY: "sk-one" },
  });
  client = new OpenAI({ apiKey: "client-key", baseURL: `${rig.g1}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => {
  upstream.clear();
  upstream.play(async ({ request }) => {
    await upstream.whole(request.number);
    const asked = JSON.parse(request.body.toString()) as { stream?: boolean };
    return asked.stream === true
      ? { headers: { "Content-Type": "text/event-stream" }, body: STREAM }
      : { headers: { "Content-Type": "application/json" }, body: WHOLE };
  });
});

const messages = [{ role: "user", content: "hi" }] as const;

const post = (path: string, body: unknown) =>
  open(rig.g1, {
    method: "POST",
    target: path,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).answer();

it("passes a whole answer byte for byte, asked with the provider's own key and model", async () => {
  const answer = await post("/v1/chat/completions", { model: "smart", messages, future_field: { a: 1 } });
  expect(answer).toMatchObject({ status: 200, text: WHOLE });
  expect(answer.header("x-sluice-provider")).toBe("one");
  expect(upstream.last.path).toBe("/v1/chat/completions");
  expect(upstream.last.header("authorization")).toBe("Bearer sk-one");
  expect(JSON.parse(upstream.last.body.toString())).toEqual({ model: "gpt-x", messages, future_field: { a: 1 } });
});

it("serves the official client, whole and streamed", async () => {
  const whole = await client.chat.completions.create({ model: "one/gpt-x", messages: [...messages] });
  expect(whole.choices[0]?.message.content).toBe("Hello");
  const stream = await client.chat.completions.create({ model: "smart", messages: [...messages], stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  expect(text).toBe("Hello");
});

it("answers in OpenAI's envelope what it refuses itself", async () => {
  const answer = await post("/v1/chat/completions", { model: "nobody", messages });
  expect(answer.status).toBe(404);
  expect(answer.json()).toMatchObject({ error: { type: "invalid_request_error", code: "model_not_found" } });
  expect((await post("/v1/nowhere", {})).status).toBe(404);
});

it("hands back a client's mistake as the provider put it, asked once", async () => {
  const body =
    '{"error": {"message":"bad temperature","type":"invalid_request_error","param":"temperature","code":null}}';
  upstream.play({ status: 400, headers: { "Content-Type": "application/json" }, body });
  expect(await post("/v1/chat/completions", { model: "smart", messages })).toMatchObject({ status: 400, text: body });
  expect(upstream.count).toBe(1);
});

// Odd spacing, an unknown event and an unknown field: nothing of it may be touched.
const RESPONSE = `{"id":"resp_1", "object":"response","created_at":1,"status":"completed","model":"gpt-x","output":[{"type":"message","id":"m1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5},"odd":1}`;
const RESPONSES = [
  `event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","model":"gpt-x"}}\n\n`,
  `event: response.new_kind\ndata: {"type":"response.new_kind"}\n\n`,
  `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"m1","output_index":0,"delta":"Hello"}\n\n`,
  `event: response.completed\ndata: {"type":"response.completed", "response":${RESPONSE}}\n\n`,
].join("");
const COMPLETION = `{"id":"cmpl-1", "object":"text_completion","created":1,"model":"gpt-x","choices":[{"text":"Hello","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`;
const COMPLETIONS = `data: {"id":"cmpl-1","object":"text_completion","choices":[{"text":"Hello","index":0,"finish_reason":null}]}\r\n\r\ndata: {"id":"cmpl-1","choices":[{"text":"","index":0,"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n`;
const MESSAGE = `{"id":"msg_1", "type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2},"odd":1}`;
const MESSAGES = [
  `event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-x","usage":{"input_tokens":3,"output_tokens":1}}}\n\n`,
  `: ping\n\nevent: ping\ndata: {"type": "ping"}\n\n`,
  `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n`,
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n`,
  `event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n`,
  `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n`,
  `event: message_stop\ndata: {"type":"message_stop"}\n\n`,
].join("");

it.each([
  ["/v1/responses", "one/gpt-x", { input: "hi" }, RESPONSE, RESPONSES],
  ["/v1/completions", "one/gpt-x", { prompt: "hi" }, COMPLETION, COMPLETIONS],
  ["/v1/chat/completions", "one/gpt-x", { messages }, WHOLE, STREAM],
  ["/v1/messages", "claude/claude-x", { max_tokens: 9, messages }, MESSAGE, MESSAGES],
])(
  "passes %s byte for byte where the provider has it, whole and streamed",
  async (path, model, asked, whole, stream) => {
    upstream.play({ headers: { "Content-Type": "application/json" }, body: whole });
    expect((await post(path, { model, ...asked })).text).toBe(whole);
    expect(upstream.last.path).toBe(path);
    upstream.play({ headers: { "Content-Type": "text/event-stream" }, body: stream });
    const streamed = await post(path, {
      model,
      ...asked,
      stream: true,
      stream_options: { include_usage: false },
      odd_field: 1,
    });
    expect(streamed.text).toBe(stream);
    expect(JSON.parse(upstream.last.body.toString())).toMatchObject({
      model: model.slice(model.indexOf("/") + 1),
      odd_field: 1,
    });
  },
);

it("surfaces a provider that refuses the gateway's key as 502", async () => {
  upstream.play({
    status: 401,
    body: '{"error":{"message":"Incorrect API key provided: sk-one","code":"invalid_api_key"}}',
  });
  const answer = await post("/v1/chat/completions", { model: "smart", messages });
  expect(answer.status).toBe(502);
  expect(answer.text).not.toContain("sk-one");
});

it("answers browsers of the policy's origins, and keeps out who is to be kept out, in the surface's form", async () => {
  const ask = (method: string, headers: Record<string, string>) =>
    open(rig.g1, {
      method,
      target: "/v1/chat/completions",
      headers,
      ...(method === "POST" ? { body: "{" } : {}),
    }).answer();
  const origin = { Origin: "https://app.example.com" };
  const preflight = await ask("OPTIONS", { ...origin, "Access-Control-Request-Method": "POST" });
  expect(preflight.status).toBe(204);
  expect(preflight.header("access-control-allow-origin")).toBe(origin.Origin);
  const refused = await ask("POST", origin);
  expect(refused.status).toBe(400);
  expect(refused.header("access-control-allow-origin")).toBe(origin.Origin);
  const out = await ask("POST", { "CF-Connecting-IP": "198.51.100.1" });
  expect(out.status).toBe(403);
  expect(out.json()).toMatchObject({ error: {} });
});
