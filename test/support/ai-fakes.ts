// Endpoints that answer as the providers' published references say they do, for each way of speaking: whole, as a stream, with
// calls of tools, and with their errors. They also look at what they are asked, and refuse what the real ones would refuse.
// Sources, beside each fake. None of them is the real service: what differs there is not found out here.
// Length: five ways to say the same, to be compared side by side.
import { crc32 } from "../../worker/core/providers/eventstream.ts";

export type Json = Record<string, unknown>;

/** What a model is to say. */
export interface Say {
  readonly text?: string;
  readonly thought?: string;
  /** What is behind the thought, sealed. */
  readonly seal?: string;
  readonly calls?: readonly { readonly id: string; readonly name: string; readonly args: Json }[];
  readonly usage?: { readonly input: number; readonly cached: number; readonly output: number };
  readonly finish?: "stop" | "length";
}

export const ORDINARY: Say = { text: "Hello, wörld 🎈!", usage: { input: 11, cached: 4, output: 7 } };
export const CALLING: Say = {
  text: "Let me look.",
  calls: [
    { id: "call_a", name: "weather", args: { city: "Paris" } },
    { id: "call_b", name: "weather", args: { city: "Köln", days: 2 } },
  ],
  usage: { input: 11, cached: 4, output: 7 },
};
export const THINKING: Say = {
  thought: "They greet me.",
  seal: "c2VhbGVk",
  text: "Hello!",
  usage: { input: 11, cached: 4, output: 7 },
};

export interface Fake {
  /** Why a body would be refused; undefined when it would not. */
  problem(body: Json): string | undefined;
  whole(say: Say): Json;
  stream(say: Say): Uint8Array;
  /** An error as it is written on the wire. */
  error(kind: "rate" | "overloaded" | "auth" | "context" | "filter" | "bad"): { status: number; body: Json };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sse = (events: readonly (readonly [name: string, data: unknown])[]): Uint8Array =>
  bytes(
    events
      .map(
        ([name, data]) =>
          `${name === "" ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
      )
      .join(""),
  );
/** A text in pieces, letters of several bytes whole. */
const pieces = (text: string): string[] => text.match(/.{1,4}/gsu) ?? [];
const isList = (value: unknown): value is Json[] => Array.isArray(value);
const usageOf = ({ usage }: Say): NonNullable<Say["usage"]> => usage ?? { input: 1, cached: 0, output: 1 };

function unknownField(body: Json, known: string): string | undefined {
  const names = new Set(known.split(" "));
  const found = Object.keys(body).find((name) => !names.has(name));
  return found === undefined ? undefined : `${found}: Extra inputs are not permitted`;
}

// --- OpenAI: https://platform.openai.com/docs/api-reference/chat/object, …/chat-streaming/streaming ---

const openAiCalls = (say: Say): Json[] | undefined =>
  say.calls?.map(({ id, name, args }) => ({
    id,
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  }));

const openAiUsage = (say: Say): Json => {
  const { input, cached, output } = usageOf(say);
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
};

const OPENAI_ERRORS = {
  rate: [429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached for gpt-x in organization org-secret."],
  overloaded: [503, "server_error", null, "The engine is currently overloaded, please try again later"],
  auth: [401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-secret."],
  context: [
    400,
    "invalid_request_error",
    "context_length_exceeded",
    "This model's maximum context length is 8192 tokens.",
  ],
  filter: [400, "invalid_request_error", "content_filter", "The response was filtered."],
  bad: [400, "invalid_request_error", null, "Invalid value: 'x'."],
} as const;

const openAi: Fake = {
  problem(body) {
    if (typeof body.model !== "string") return "you must provide a model parameter";
    if (!isList(body.messages)) return "'messages' is a required property";
    for (const message of body.messages) {
      if (!["system", "developer", "user", "assistant", "tool"].includes(String(message.role))) return "bad role";
      if (message.role === "tool" && typeof message.tool_call_id !== "string") return "tool_call_id is required";
      if (message.role === "tool" && typeof message.content !== "string" && !isList(message.content)) return "content";
    }
    if (body.stream_options !== undefined && body.stream !== true) return "stream_options needs stream";
    return undefined;
  },
  whole(say) {
    const calls = openAiCalls(say);
    return {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "gpt-x-2026",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: say.text ?? null,
            refusal: null,
            ...(say.thought === undefined ? {} : { reasoning_content: say.thought }),
            ...(calls === undefined ? {} : { tool_calls: calls }),
          },
          logprobs: null,
          finish_reason: calls === undefined ? (say.finish ?? "stop") : "tool_calls",
        },
      ],
      usage: openAiUsage(say),
      system_fingerprint: "fp_1",
    };
  },
  stream(say) {
    const chunk = (delta: Json, finish: string | null = null): readonly [string, unknown] => [
      "",
      {
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        model: "gpt-x-2026",
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      },
    ];
    const events = [chunk({ role: "assistant", content: "", refusal: null })];
    for (const piece of pieces(say.thought ?? "")) events.push(chunk({ reasoning_content: piece }));
    for (const piece of pieces(say.text ?? "")) events.push(chunk({ content: piece }));
    for (const [index, { id, name, args }] of (say.calls ?? []).entries()) {
      events.push(chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }));
      for (const piece of pieces(JSON.stringify(args))) {
        events.push(chunk({ tool_calls: [{ index, function: { arguments: piece } }] }));
      }
    }
    events.push(chunk({}, say.calls === undefined ? (say.finish ?? "stop") : "tool_calls"));
    const last = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-x-2026", choices: [] };
    return sse([...events, ["", { ...last, usage: openAiUsage(say) }], ["", "[DONE]"]]);
  },
  error(kind) {
    const [status, type, code, message] = OPENAI_ERRORS[kind];
    return { status, body: { error: { message, type, param: null, code } } };
  },
};

// --- Anthropic: https://platform.claude.com/docs/en/api/messages, …/build-with-claude/streaming ---

const anthropicUsage = (say: Say): Json => {
  const { input, cached, output } = usageOf(say);
  return {
    input_tokens: input - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: output,
  };
};

const anthropicBlocks = (say: Say): Json[] => [
  ...(say.thought === undefined ? [] : [{ type: "thinking", thinking: say.thought, signature: say.seal ?? "" }]),
  ...(say.text === undefined ? [] : [{ type: "text", text: say.text }]),
  ...(say.calls ?? []).map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
];

const anthropicStop = (say: Say): string =>
  say.calls === undefined ? (say.finish === "length" ? "max_tokens" : "end_turn") : "tool_use";

const ANTHROPIC_ERRORS = {
  rate: [429, "rate_limit_error", "This request would exceed your organization's rate limit."],
  overloaded: [529, "overloaded_error", "Overloaded"],
  auth: [401, "authentication_error", "invalid x-api-key"],
  context: [400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"],
  filter: [400, "invalid_request_error", "Output blocked by content filtering policy"],
  bad: [400, "invalid_request_error", "temperature: range: 0..1"],
} as const;

const anthropic: Fake = {
  problem(body) {
    const unknown = unknownField(
      body,
      "model max_tokens messages system metadata stop_sequences stream temperature thinking tool_choice tools top_k top_p output_config service_tier",
    );
    if (unknown !== undefined) return unknown;
    if (typeof body.max_tokens !== "number" || body.max_tokens < 1) return "max_tokens: Field required";
    if (!isList(body.messages) || body.messages.length === 0) return "messages: Field required";
    if (typeof body.temperature === "number" && body.temperature > 1) return "temperature: range: 0..1";
    if (body.messages[0]?.role !== "user") return 'messages: first message must use the "user" role';
    for (const [at, { role, content }] of body.messages.entries()) {
      if (role !== "user" && role !== "assistant") return `messages.${at}.role`;
      if (body.messages[at - 1]?.role === role) return "messages: roles must alternate";
      if (content === "" || (isList(content) && content.some((block) => block.type === "text" && block.text === ""))) {
        return "messages: text content blocks must be non-empty";
      }
      if (
        isList(content) &&
        content.some(({ type, tool_use_id: id }) => type === "tool_result" && typeof id !== "string")
      ) {
        return "tool_use_id: Field required";
      }
    }
    const thinking = body.thinking as { type?: string; budget_tokens?: number } | undefined;
    if (thinking?.type === "enabled" && (thinking.budget_tokens ?? 0) >= body.max_tokens)
      return "max_tokens must be greater";
    if (
      isList(body.tools) &&
      body.tools.some(
        ({ input_schema: schema, type }) => type === undefined && (schema as Json | undefined)?.type !== "object",
      )
    ) {
      return "tools.0.input_schema.type: Field required";
    }
    return undefined;
  },
  whole: (say) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-x-2026",
    content: anthropicBlocks(say),
    stop_reason: anthropicStop(say),
    stop_sequence: null,
    usage: anthropicUsage(say),
  }),
  stream(say) {
    const events: (readonly [string, Json])[] = [];
    const push = (data: Json): void => void events.push([String(data.type), data]);
    const usage = { ...anthropicUsage(say), output_tokens: 1 };
    const message = {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-x-2026",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
    };
    push({ type: "message_start", message });
    push({ type: "ping" });
    let index = 0;
    const block = (content_block: Json, deltas: readonly Json[]): void => {
      push({ type: "content_block_start", index, content_block });
      for (const delta of deltas) push({ type: "content_block_delta", index, delta });
      push({ type: "content_block_stop", index: index++ });
    };
    if (say.thought !== undefined) {
      block({ type: "thinking", thinking: "", signature: "" }, [
        ...pieces(say.thought).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: say.seal ?? "" },
      ]);
    }
    if (say.text !== undefined) {
      block(
        { type: "text", text: "" },
        pieces(say.text).map((text) => ({ type: "text_delta", text })),
      );
    }
    for (const { id, name, args } of say.calls ?? []) {
      const deltas = pieces(JSON.stringify(args)).map((partial_json) => ({ type: "input_json_delta", partial_json }));
      block({ type: "tool_use", id, name, input: {} }, deltas);
    }
    push({
      type: "message_delta",
      delta: { stop_reason: anthropicStop(say), stop_sequence: null },
      usage: { output_tokens: usageOf(say).output },
    });
    push({ type: "message_stop" });
    return sse(events);
  },
  error(kind) {
    const [status, type, message] = ANTHROPIC_ERRORS[kind];
    return { status, body: { type: "error", error: { type, message }, request_id: "req_1" } };
  },
};

// --- Gemini: https://ai.google.dev/api/generate-content ---

const geminiUsage = (say: Say): Json => {
  const { input, cached, output } = usageOf(say);
  return {
    promptTokenCount: input,
    cachedContentTokenCount: cached,
    candidatesTokenCount: output,
    totalTokenCount: input + output,
  };
};
const geminiChunk = (parts: readonly Json[], say: Say, finishReason?: string): Json => ({
  candidates: [
    { content: { role: "model", parts }, index: 0, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  usageMetadata: geminiUsage(say),
  modelVersion: "gemini-x-001",
  responseId: "resp1",
});
const geminiSeal = (say: Say): Json => (say.seal === undefined ? {} : { thoughtSignature: say.seal });
const geminiEnd = (say: Say): string => (say.finish === "length" ? "MAX_TOKENS" : "STOP");

const GEMINI_ERRORS = {
  rate: [429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'requests per minute'."],
  overloaded: [503, "UNAVAILABLE", "The model is overloaded. Please try again later."],
  auth: [400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."],
  context: [
    400,
    "INVALID_ARGUMENT",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
  ],
  filter: [400, "INVALID_ARGUMENT", "The request was blocked by content policy."],
  bad: [400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.temperature'"],
} as const;

const gemini: Fake = {
  problem(body) {
    const unknown = unknownField(
      body,
      "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels",
    );
    if (unknown !== undefined) return unknown;
    if (!isList(body.contents) || body.contents.length === 0) return "contents is not specified";
    for (const { role, parts } of body.contents) {
      if (role !== "user" && role !== "model") return "Please use a valid role: user, model.";
      if (!isList(parts) || parts.length === 0) return "parts must not be empty";
      const kinds = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
      if (!parts.every((part) => kinds.some((kind) => Object.hasOwn(part, kind))))
        return "oneof field 'data' must be set";
    }
    return undefined;
  },
  whole(say) {
    const parts: Json[] = [];
    if (say.thought !== undefined) parts.push({ text: say.thought, thought: true });
    if (say.text !== undefined) parts.push({ text: say.text, ...geminiSeal(say) });
    for (const { name, args } of say.calls ?? []) parts.push({ functionCall: { name, args } });
    return geminiChunk(parts, say, geminiEnd(say));
  },
  stream(say) {
    const chunks = [
      ...pieces(say.thought ?? "").map((text) => geminiChunk([{ text, thought: true }], say)),
      ...pieces(say.text ?? "").map((text) => geminiChunk([{ text }], say)),
      ...(say.calls ?? []).map(({ name, args }) => geminiChunk([{ functionCall: { name, args } }], say)),
      geminiChunk([{ text: "", ...geminiSeal(say) }], say, geminiEnd(say)),
    ];
    return bytes(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join(""));
  },
  error(kind) {
    const [code, status, message] = GEMINI_ERRORS[kind];
    const info = {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: "API_KEY_INVALID",
      domain: "googleapis.com",
    };
    const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "12s" };
    const details = kind === "auth" ? [info] : kind === "rate" ? [retry] : [];
    return { status: code, body: { error: { code, message, status, details } } };
  },
};

// --- Cohere: https://docs.cohere.com/reference/chat, …/chat-stream ---

const cohereUsage = (say: Say): Json => {
  const { input, cached, output } = usageOf(say);
  return {
    billed_units: { input_tokens: input, output_tokens: output },
    tokens: { input_tokens: input + 60, output_tokens: output },
    cached_tokens: cached,
  };
};
const cohereEnd = (say: Say): string =>
  say.calls === undefined ? (say.finish === "length" ? "MAX_TOKENS" : "COMPLETE") : "TOOL_CALL";

const cohere: Fake = {
  problem(body) {
    const unknown = unknownField(
      body,
      "model messages tools tool_choice response_format max_tokens temperature p k seed frequency_penalty presence_penalty stop_sequences logprobs thinking stream strict_tools safety_mode documents citation_options",
    );
    if (unknown !== undefined) return unknown;
    if (typeof body.model !== "string" || !isList(body.messages)) return "invalid request: messages must be at least 1";
    return body.messages.every(({ role }) => ["system", "user", "assistant", "tool"].includes(String(role)))
      ? undefined
      : "invalid role";
  },
  whole: (say) => ({
    id: "c14c80c3",
    finish_reason: cohereEnd(say),
    message: {
      role: "assistant",
      ...(say.calls === undefined ? {} : { tool_plan: say.text ?? "", tool_calls: openAiCalls(say) }),
      ...(say.calls === undefined
        ? {
            content: [
              ...(say.thought === undefined ? [] : [{ type: "thinking", thinking: say.thought }]),
              { type: "text", text: say.text ?? "" },
            ],
          }
        : {}),
    },
    usage: cohereUsage(say),
  }),
  stream(say) {
    const events: (readonly [string, Json])[] = [];
    const push = (data: Json): void => void events.push([String(data.type), data]);
    push({
      type: "message-start",
      id: "c14c80c3",
      delta: { message: { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] } },
    });
    if (say.calls === undefined) {
      for (const [index, kind] of (["thinking", "text"] as const).entries()) {
        const said = kind === "text" ? say.text : say.thought;
        if (said === undefined) continue;
        push({ type: "content-start", index, delta: { message: { content: { type: kind, [kind]: "" } } } });
        for (const piece of pieces(said))
          push({ type: "content-delta", index, delta: { message: { content: { [kind]: piece } } } });
        push({ type: "content-end", index });
      }
    } else {
      for (const piece of pieces(say.text ?? ""))
        push({ type: "tool-plan-delta", delta: { message: { tool_plan: piece } } });
      for (const [index, { id, name, args }] of say.calls.entries()) {
        push({
          type: "tool-call-start",
          index,
          delta: { message: { tool_calls: { id, type: "function", function: { name, arguments: "" } } } },
        });
        for (const piece of pieces(JSON.stringify(args))) {
          push({
            type: "tool-call-delta",
            index,
            delta: { message: { tool_calls: { function: { arguments: piece } } } },
          });
        }
        push({ type: "tool-call-end", index });
      }
    }
    push({ type: "message-end", delta: { finish_reason: cohereEnd(say), usage: cohereUsage(say) } });
    return sse(events);
  },
  error(kind) {
    const errors = {
      rate: [429, "You are using a Trial key, which is limited to 20 API calls / minute."],
      overloaded: [503, "service unavailable"],
      auth: [401, "invalid api token"],
      context: [400, "too many tokens: total number of tokens in the prompt cannot exceed 128000"],
      filter: [498, "blocked output"],
      bad: [400, "invalid request: temperature must be between 0 and 2"],
    } as const;
    const [status, message] = errors[kind];
    return { status, body: { id: "e1", message } };
  },
};

// --- Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, …ConverseStream.html ---

const converseUsage = (say: Say): Json => {
  const { input, cached, output } = usageOf(say);
  return {
    inputTokens: input - cached,
    outputTokens: output,
    totalTokens: input + output,
    cacheReadInputTokens: cached,
    cacheWriteInputTokens: 0,
  };
};
const converseStop = (say: Say): string =>
  say.calls === undefined ? (say.finish === "length" ? "max_tokens" : "end_turn") : "tool_use";

/** One frame of `application/vnd.amazon.eventstream`. */
function awsFrame(headers: Readonly<Record<string, string>>, payload: Json): Uint8Array {
  const body = bytes(JSON.stringify(payload));
  const head: number[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const [n, v] = [bytes(name), bytes(value)];
    head.push(n.length, ...n, 7, v.length >> 8, v.length & 255, ...v);
  }
  const frame = new Uint8Array(12 + head.length + body.length + 4);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length);
  view.setUint32(4, head.length);
  view.setUint32(8, crc32(frame.subarray(0, 8)));
  frame.set(head, 12);
  frame.set(body, 12 + head.length);
  view.setUint32(frame.length - 4, crc32(frame.subarray(0, -4)));
  return frame;
}

const awsEvent = (name: string, payload: Json): Uint8Array =>
  awsFrame({ ":event-type": name, ":content-type": "application/json", ":message-type": "event" }, payload);

const converse: Fake = {
  problem(body) {
    const unknown = unknownField(
      body,
      "messages system inferenceConfig toolConfig additionalModelRequestFields guardrailConfig requestMetadata performanceConfig",
    );
    if (unknown !== undefined) return unknown;
    if (!isList(body.messages) || body.messages[0]?.role !== "user")
      return "A conversation must start with a user message.";
    for (const [at, { role, content }] of body.messages.entries()) {
      if (!isList(content) || content.length === 0) return "The content field in the Message object is empty.";
      if (body.messages[at - 1]?.role === role)
        return "A conversation must alternate between user and assistant roles.";
      if (content.some(({ text }) => typeof text === "string" && text.trim() === "")) return "The text field is blank.";
    }
    return undefined;
  },
  whole: (say) => ({
    output: {
      message: {
        role: "assistant",
        content: [
          ...(say.thought === undefined
            ? []
            : [{ reasoningContent: { reasoningText: { text: say.thought, signature: say.seal } } }]),
          ...(say.text === undefined ? [] : [{ text: say.text }]),
          ...(say.calls ?? []).map(({ id, name, args }) => ({ toolUse: { toolUseId: id, name, input: args } })),
        ],
      },
    },
    stopReason: converseStop(say),
    usage: converseUsage(say),
    metrics: { latencyMs: 12 },
  }),
  stream(say) {
    const frames = [awsEvent("messageStart", { role: "assistant" })];
    let contentBlockIndex = 0;
    const block = (deltas: readonly Json[], start?: Json): void => {
      if (start !== undefined) frames.push(awsEvent("contentBlockStart", { contentBlockIndex, start }));
      for (const delta of deltas) frames.push(awsEvent("contentBlockDelta", { contentBlockIndex, delta }));
      frames.push(awsEvent("contentBlockStop", { contentBlockIndex: contentBlockIndex++ }));
    };
    if (say.thought !== undefined) {
      block([
        ...pieces(say.thought).map((text) => ({ reasoningContent: { text } })),
        { reasoningContent: { signature: say.seal } },
      ]);
    }
    if (say.text !== undefined) block(pieces(say.text).map((text) => ({ text })));
    for (const { id, name, args } of say.calls ?? []) {
      block(
        pieces(JSON.stringify(args)).map((input) => ({ toolUse: { input } })),
        { toolUse: { toolUseId: id, name } },
      );
    }
    frames.push(awsEvent("messageStop", { stopReason: converseStop(say) }));
    frames.push(awsEvent("metadata", { usage: converseUsage(say), metrics: { latencyMs: 12 } }));
    return new Uint8Array(Buffer.concat(frames));
  },
  error(kind) {
    const errors = {
      rate: [429, "ThrottlingException", "Too many requests, please wait before trying again."],
      overloaded: [503, "ServiceUnavailableException", "The service is unavailable."],
      auth: [403, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/secret is not authorized"],
      context: [400, "ValidationException", "Input is too long for requested model."],
      filter: [400, "ValidationException", "The request was blocked by content filtering policy."],
      bad: [400, "ValidationException", "Malformed input request: temperature"],
    } as const;
    const [status, type, message] = errors[kind];
    return { status, body: { __type: type, message } };
  },
};

/** The fake that stands in for each adapter. */
export const FAKES: Readonly<Record<string, Fake>> = {
  openai: openAi,
  azure: openAi,
  groq: openAi,
  together: openAi,
  deepseek: openAi,
  mistral: openAi,
  openrouter: openAi,
  xai: openAi,
  ollama: openAi,
  vllm: openAi,
  "workers-ai": openAi,
  custom: openAi,
  anthropic,
  gemini,
  cohere,
  bedrock: converse,
};
