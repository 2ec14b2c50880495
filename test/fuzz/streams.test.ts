// What AI providers and clients send: event streams in chunks cut anywhere, and request bodies.
import fc from "fast-check";
import { SseReader } from "../../worker/core/providers/frames.ts";
import { parseObject } from "../../worker/core/providers/fields.ts";
import { chatSurface } from "../../worker/core/providers/surfaces/chat.ts";
import { fuzz, textOf } from "../support/fuzz.ts";

const events = textOf([
  "data:",
  "data: {",
  "event: x",
  "id: 1",
  "retry: 10",
  ":",
  "\n",
  "\r\n",
  "\r",
  "\n\n",
  "[DONE]",
  '{"choices":[{"delta":{"content":"a"}}]}',
  "}",
  "\ufeff",
  "\u0000",
]);
fuzz(
  "server-sent events",
  5_000,
  fc.tuple(events, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 })),
  ([text, cuts]) => {
    const reader = new SseReader(() => []);
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      reader.push(bytes.subarray(at, at + cut));
      at += cut;
    }
    reader.end();
  },
);

const body = fc.oneof(
  fc.json({ maxDepth: 6 }),
  fc
    .record({
      model: fc.anything(),
      messages: fc.array(fc.record({ role: fc.anything(), content: fc.anything() }), { maxLength: 4 }),
      tools: fc.anything(),
      stream: fc.anything(),
    })
    .map((value) => safely(value)),
);
fuzz("a chat request", 3_000, body, (text) => {
  const parsed = parseObject(text);
  if (parsed === undefined) return undefined;
  const read = chatSurface.read(parsed);
  return read.ok ? undefined : chatSurface.envelope(read.error);
});

function safely(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return "{}";
  }
}
