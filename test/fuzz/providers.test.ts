// AI providers' answers and clients' requests in every dialect: an adapter is pure and throws on nothing that may be sent.
import fc from "fast-check";
import { adapterFor } from "../../worker/core/providers/adapters.ts";
import { chatSurface } from "../../worker/core/providers/surfaces/chat.ts";
import { completionsSurface } from "../../worker/core/providers/surfaces/completions.ts";
import { messagesSurface } from "../../worker/core/providers/surfaces/messages.ts";
import { responsesSurface } from "../../worker/core/providers/surfaces/responses.ts";
import type { JsonObject } from "../../worker/core/providers/chat.ts";
import { fuzz } from "../support/fuzz.ts";

const ADAPTERS = ["openai", "anthropic", "gemini", "cohere", "bedrock", "mistral"].flatMap(
  (adapter) => adapterFor({ adapter, capabilities: {} }) ?? [],
);
const SURFACES = [chatSurface, completionsSurface, messagesSurface, responsesSurface];

const NAMES =
  "model messages role content type text system input prompt tools tool_calls function name arguments input_schema parameters stream choices delta message finish_reason usage prompt_tokens completion_tokens candidates parts functionCall output index error code id content_block stop_reason contentBlock toolUse max_tokens".split(
    " ",
  );
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    "user",
    "assistant",
    "tool",
    "text",
    "message_start",
    "content_block_delta",
    "function",
    "stop",
    "",
    "{",
    "[DONE]",
    null,
    true,
    0,
    -1,
    1.5,
  ),
  fc.string({ maxLength: 6 }),
);
const { value } = fc.letrec<{ value: unknown; object: JsonObject }>((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: "small" }, leaf, tie("object"), fc.array(tie("value"), { maxLength: 3 })),
  object: fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 6 }),
}));
const object = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 8 }) as fc.Arbitrary<JsonObject>;

fuzz("a request in every dialect, written for every provider", 3_000, object, (body) => {
  for (const surface of SURFACES) {
    const read = surface.read(structuredClone(body));
    if (!read.ok) surface.envelope(read.error);
    else for (const adapter of ADAPTERS) adapter.write(read.value, "m");
  }
});

fuzz("an answer of every provider", 3_000, fc.tuple(object, fc.integer({ min: 100, max: 599 })), ([body, status]) => {
  for (const adapter of ADAPTERS) {
    adapter.read("chat", body);
    adapter.failure(status, JSON.stringify(body), 0);
  }
});

fuzz("a stream of every provider", 2_000, fc.array(object, { maxLength: 5 }), (events) => {
  const text = events.map((event) => `event: message\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const bytes = new TextEncoder().encode(text);
  for (const adapter of ADAPTERS) {
    const reader = adapter.reader("chat");
    reader.push(bytes.subarray(0, bytes.length >> 1));
    reader.push(bytes.subarray(bytes.length >> 1));
    reader.end();
  }
});
