// What requests say of their own handling, and what providers say of failures: tables, and nothing that throws.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adapterFor } from "../../../worker/core/providers/adapters.ts";
import { cacheWish } from "../../../worker/core/providers/cache-control.ts";
import { classify } from "../../../worker/core/providers/classify.ts";
import { withoutOpaque } from "../../../worker/core/providers/chat.ts";
import { readChat } from "../../../worker/core/providers/dialects/chat-request.ts";
import { readMessages } from "../../../worker/core/providers/dialects/messages-request.ts";
import { readResponses } from "../../../worker/core/providers/dialects/responses-request.ts";
import { readCompletions } from "../../../worker/core/providers/dialects/completions.ts";
import { readEmbeddings, readVectors } from "../../../worker/core/providers/embeddings.ts";
import { readListing } from "../../../worker/core/providers/listing.ts";
import { readFallbacks, readPortkey } from "../../../worker/core/providers/portkey.ts";

describe("cacheWish", () => {
  it.each<[Record<string, string>, boolean, boolean, number | undefined]>([
    [{}, true, true, undefined],
    [{ "cache-control": "no-cache" }, false, true, undefined],
    [{ "cache-control": "max-age=0" }, false, true, undefined],
    [{ "cache-control": "private, no-store" }, false, false, undefined],
    [{ "cf-aig-skip-cache": "true" }, false, false, undefined],
    [{ "cf-aig-cache-ttl": "120" }, true, true, 120],
    [{ "cf-aig-cache-ttl": "soon" }, true, true, undefined],
    [{ "helicone-cache-enabled": "false" }, false, false, undefined],
    [{ "x-portkey-cache-force-refresh": "true" }, false, true, undefined],
  ])("%j", (fields, reads, writes, ttlSeconds) => {
    expect(cacheWish({ get: (name) => fields[name] ?? null })).toEqual({ reads, writes, ttlSeconds });
  });
});

describe("readPortkey", () => {
  it("reads a strategy with its targets, bounded", () => {
    const config = {
      strategy: { mode: "loadbalance" },
      targets: [
        { provider: "@a", weight: 0.7, override_params: { model: "m" } },
        { virtual_key: "b", weight: 0.3 },
      ],
      retry: { attempts: 5 },
      request_timeout: 99_999_999,
      cache: { mode: "simple", max_age: 60 },
    };
    expect(readPortkey(JSON.stringify(config))).toEqual({
      ok: true,
      value: {
        strategy: "weighted_random",
        targets: [
          { target: "a/m", weight: 0.7 },
          { target: "b/", weight: 0.3 },
        ],
        attempts: 3,
        timeoutMs: 600_000,
        cache: { ttlSeconds: 60 },
      },
    });
  });

  it.each([
    "pc-saved-config",
    "[]",
    '{"strategy":{"mode":"conditional"}}',
    '{"targets":[{"targets":[]}]}',
    '{"targets":[{}]}',
    `{"targets":[${"{},".repeat(8)}{}]}`,
    `{"x":"${"x".repeat(20_000)}"}`,
  ])("refuses %.40s", (written) => {
    expect(readPortkey(written).ok).toBe(false);
  });
});

it("reads fallbacks as other gateways' clients write them, and nothing else", () => {
  expect(readFallbacks({ fallbacks: ["a/b", { model: "c" }] })).toEqual({ field: "fallbacks", names: ["a/b", "c"] });
  expect(readFallbacks({ models: ["a"] })).toEqual({ field: "models", names: ["a"] });
  for (const body of [{}, { models: [] }, { fallbacks: "a" }, { fallbacks: [1] }])
    expect(readFallbacks(body)).toBeUndefined();
});

describe("classify", () => {
  const kind = (status: number, message: string, word = ""): string =>
    classify({ status, words: [word], message, retryAfterMs: -1 }).kind;

  it.each<[number, string, string, string]>([
    [400, "Your credit balance is too low to access the Anthropic API.", "invalid_request_error", "quota"],
    [429, "You exceeded your current quota, please check your plan", "insufficient_quota", "quota"],
    [402, "Insufficient Balance", "", "quota"],
    [429, "Too many tokens, please wait before trying again.", "ThrottlingException", "rate_limited"],
    [413, "Request too large for gpt-x", "request_too_large", "too_large"],
    [529, "Overloaded", "overloaded_error", "overloaded"],
    [404, "model: claude-9", "not_found_error", "model_not_found"],
    [500, "maximum context length", "", "server_error"],
    [422, "unprocessable", "", "bad_request"],
    [503, "down", "server_error", "overloaded"],
    [200, "Overloaded", "overloaded_error", "overloaded"],
  ])("%i %s", (status, message, word, expected) => {
    expect(kind(status, message, word)).toBe(expected);
  });

  it("believes a declared provider's own words first", () => {
    const said = { status: 400, words: ["E17"], message: "nope", retryAfterMs: -1 };
    expect(classify(said, { contextLength: ["e17"] }).kind).toBe("context_length");
  });
});

it("takes off what only another provider could read, and leaves what everybody can", () => {
  const read = readMessages({
    model: "m",
    max_tokens: 1,
    messages: [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "s" },
          { type: "redacted_thinking", data: "d" },
          { type: "text", text: "Hello" },
        ],
      },
      { role: "user", content: "Go on" },
    ],
  });
  expect(read.ok).toBe(true);
  const chat = read.ok ? read.value : undefined;
  const anthropic = adapterFor({ adapter: "anthropic", capabilities: {} })!;
  const openai = adapterFor({ adapter: "openai", capabilities: {} })!;
  expect(JSON.stringify(anthropic.write(chat!, "m"))).toContain('"signature":"s"');
  for (const body of [anthropic.write(withoutOpaque(chat!), "m"), openai.write(chat!, "m")]) {
    const text = JSON.stringify(body);
    expect(text).toContain("Hello");
    expect(text).not.toContain("signature");
    expect(text).not.toContain('"d"');
  }
});

it("reads anything that clients and providers may send without throwing", () => {
  const anything = fc.dictionary(
    fc.constantFrom(
      "model",
      "messages",
      "input",
      "prompt",
      "tools",
      "tool_choice",
      "content",
      "data",
      "embeddings",
      "max_tokens",
      "n",
      "stop",
      "system",
    ),
    fc.anything({ maxDepth: 3 }),
  );
  fc.assert(
    fc.property(anything, (body) => {
      for (const read of [readChat, readMessages, readResponses, readCompletions, readEmbeddings]) read(body);
      for (const dialect of ["chat", "gemini", "cohere"] as const) readVectors(dialect, body);
      readListing(body);
    }),
  );
});

it("decodes anything that a provider may stream without throwing", () => {
  const names = ["openai", "anthropic", "gemini", "cohere", "bedrock"];
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.json(), fc.string()), { maxLength: 5 }),
      fc.constantFrom(...names),
      (events, name) => {
        const reader = adapterFor({ adapter: name, capabilities: {} })!.reader("chat");
        for (const event of events) reader.push(new TextEncoder().encode(`data: ${event}\n\n`));
        reader.end();
      },
    ),
  );
});
