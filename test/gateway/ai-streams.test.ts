// What a stream is on its way through the gateway: the provider's bytes where both sides speak alike, counts told to those
// who asked for them, and an end for both sides when the client leaves.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { open, type Conversation } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Behaviour, Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({
    policy: {
      ai: { auth: "none" },
      providers: { one: { adapter: "openai", baseUrl: `${upstream.origin}/v1`, breaker: false } },
      models: { smart: { targets: ["one/fake"], stream: { firstTokenMs: 5_000, idleMs: 5_000 } } },
    },
  });
}, 60_000);
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

const ask = (more: object = {}): Conversation =>
  open(rig.g1, {
    withinMs: 30_000,
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "smart", stream: true, messages: [{ role: "user", content: "Tell me." }], ...more }),
  });

const chunk = (choice: object | undefined, more: object = {}): string =>
  JSON.stringify({
    id: "c",
    object: "chat.completion.chunk",
    created: 1,
    model: "fake",
    choices: choice === undefined ? [] : [{ index: 0, ...choice }],
    ...more,
  });
const text = (content: string): string => chunk({ delta: { content }, finish_reason: null });
const stop = chunk({ delta: {}, finish_reason: "stop" });
const usage = chunk(undefined, { usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } });

/** These bytes, cut after every `size`, so that events and letters are split anywhere. */
const inPieces =
  (body: string, size: number): Behaviour =>
  async (exchange) => {
    await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
    const bytes = Buffer.from(body);
    for (let at = 0; at < bytes.length; at += size) await exchange.chunk(bytes.subarray(at, at + size));
    await exchange.lastChunk();
  };

const lines = (end: string, ...data: string[]): string => data.map((each) => `data: ${each}${end}${end}`).join("");

describe("bytes", () => {
  it.each<[name: string, body: string]>([
    ["LF", lines("\n", text("Hello"), text(" wörld 🚀"), stop, "[DONE]")],
    ["CRLF", lines("\r\n", text("Hello"), text(" wörld 🚀"), stop, "[DONE]")],
    ["CR", lines("\r", text("Hello"), text(" wörld 🚀"), stop, "[DONE]")],
    [
      "comments, ids and retries",
      `: hello\n\nid: 1\nretry: 5\ndata: ${text("Hello")}\n\n: ping\n\n${lines("\n", stop, "[DONE]")}`,
    ],
    [
      "several lines of data",
      `data: {"id":"c","choices":\ndata: [{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
    ],
    ["no space after the colon", `data:${text("Hello")}\n\ndata:${stop}\n\ndata:[DONE]\n\n`],
    [
      "fields that nobody knows",
      lines(
        "\n",
        chunk({ delta: { content: "Hello", audio: { x: 1 } }, logprobs: { content: [] } }, { system_fingerprint: "f" }),
        stop,
        "[DONE]",
      ),
    ],
    ["a BOM", `\uFEFF${lines("\n", text("Hello"), stop, "[DONE]")}`],
  ])("pass as they came: %s", async (_, body) => {
    for (const size of [1, 7, 10_000]) {
      upstream.play(inPieces(body, size));
      const answer = await ask().answer();
      expect(answer).toMatchObject({ status: 200, whole: true, text: body });
    }
    expect(upstream.count).toBe(3);
  });

  it("are sent on when they come, not when there are enough of them", async () => {
    let goOn = (): void => undefined;
    upstream.play(async (exchange) => {
      await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
      await exchange.chunk(lines("\n", text("Hello")));
      await new Promise<void>((resolve) => (goOn = resolve));
      await exchange.chunk(lines("\n", text(" world"), stop, "[DONE]"));
      await exchange.lastChunk();
    });
    const conversation = ask();
    await conversation.until((body) => body.includes("Hello"), "the first word");
    goOn();
    expect((await conversation.answer()).text).toContain(" world");
  });

  it("are not held back by a client that reads slowly", async () => {
    upstream.play(
      inPieces(
        lines("\n", ...Array.from({ length: 3_000 }, (_, n) => text(`word${n} `.repeat(20))), stop, "[DONE]"),
        65_536,
      ),
    );
    const conversation = ask();
    await conversation.head;
    conversation.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    conversation.socket.resume();
    const answer = await conversation.answer();
    expect(answer.whole).toBe(true);
    expect(answer.text).toContain("word2999 ");
    expect(answer.text.endsWith("data: [DONE]\n\n")).toBe(true);
  });
});

describe("usage", () => {
  const told = lines("\n", text("Hello"), stop, usage, "[DONE]");
  const untold = lines("\n", text("Hello"), stop, "[DONE]");

  it("is asked for always, and told only to those who asked", async () => {
    upstream.play(inPieces(told, 50));
    expect((await ask().answer()).text).toBe(untold);
    expect(JSON.parse(upstream.last.body.toString())).toMatchObject({ stream_options: { include_usage: true } });
    expect((await ask({ stream_options: { include_usage: true } }).answer()).text).toBe(told);
  });

  it("is estimated for those who asked, when the provider does not tell", async () => {
    upstream.play(inPieces(untold, 50));
    const answer = await ask({ stream_options: { include_usage: true } }).answer();
    const [, , event, done] = answer.text.split("\n\n");
    expect(JSON.parse(event!.slice(6))).toMatchObject({
      choices: [],
      usage: { completion_tokens: expect.any(Number) as unknown, prompt_tokens: expect.any(Number) as unknown },
    });
    expect(done).toBe("data: [DONE]");
  });
});

describe("a client that leaves", () => {
  it.each<[when: string, behaviour: Behaviour, seen: string | undefined]>([
    ["before the provider answers", (exchange) => exchange.hold(), undefined],
    [
      "before the first word",
      async (exchange) => {
        await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
        await exchange.hold();
      },
      undefined,
    ],
    [
      "in the middle, while nothing comes",
      async (exchange) => {
        await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
        await exchange.chunk(lines("\n", text("Hello")));
        await exchange.hold();
      },
      "Hello",
    ],
    [
      "in the middle of a flood",
      async (exchange) => {
        await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
        while (!exchange.gone) {
          await exchange.chunk(lines("\n", text("Hello")));
          await exchange.wait(5);
        }
      },
      "Hello",
    ],
  ])("%s ends the provider's stream within a second", async (_, behaviour, seen) => {
    upstream.play(behaviour);
    const conversation = ask();
    await upstream.received(1);
    if (seen !== undefined) await conversation.until((body) => body.includes(seen), seen);
    conversation.leave();
    const leftMs = performance.now();
    expect((await upstream.closed(1)) - leftMs).toBeLessThanOrEqual(1_000);
    expect(upstream.count).toBe(1);
  });
});

it("a hundred streams of two hundred words at once are all whole, each its own", async () => {
  upstream.play(async (exchange) => {
    await exchange.whole();
    const { messages } = JSON.parse(exchange.request.body.toString()) as { messages: { content: string }[] };
    await exchange.head(200, { "Content-Type": "text/event-stream", "Transfer-Encoding": "chunked" });
    for (let n = 0; n < 200; n += 4) {
      const words = [n, n + 1, n + 2, n + 3].map((each) => text(`${messages[0]!.content}-${each} `));
      await exchange.chunk(lines("\n", ...words));
    }
    await exchange.chunk(lines("\n", stop, "[DONE]"));
    await exchange.lastChunk();
  });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, who) => ask({ messages: [{ role: "user", content: `s${who}` }] }).answer()),
  );
  for (const [who, answer] of answers.entries()) {
    const said = [...answer.text.matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word).join("");
    expect(said).toBe(Array.from({ length: 200 }, (_, n) => `s${who}-${n} `).join(""));
    expect(answer.text.endsWith("data: [DONE]\n\n")).toBe(true);
  }
}, 60_000);
