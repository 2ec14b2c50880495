// What AI requests may cost: counted as all requests are, and by tokens, reserved before and settled after, over a crash too.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { parseList } from "structured-headers";
import { open, type Answer } from "../support/client.ts";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Exchange, type Upstream } from "../support/upstream.ts";

const WHOLE = JSON.stringify({
  ...{ id: "c1", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 500, completion_tokens: 40, total_tokens: 540 },
});
const CHUNK = { id: "c1", object: "chat.completion.chunk", created: 1, model: "m" };
const piece = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ ...CHUNK, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

let upstream: Upstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({
    gateways: 2,
    policy: {
      expose: true,
      security: {
        rateLimits: {
          door: { requestsPerMinute: 100, by: "address" },
          single: { concurrent: 1, requestsPerMinute: 50, by: "address" },
        },
      },
      ai: { auth: "none", rateLimit: "door", maxBodyBytes: 65_536 },
      providers: { one: { adapter: "openai", baseUrl: upstream.origin, key: { secret: "ONE" } } },
      models: {
        plain: { targets: ["one/m"] },
        single: { targets: ["one/m"], rateLimit: "single" },
        budgeted: { targets: ["one/m"], budget: { tokensPerDay: 1_200, by: "address" } },
      },
    },
    vars: { ONE: "sk-one" },
  });
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => {
  upstream.clear();
  upstream.play({ headers: { "Content-Type": "application/json" }, body: WHOLE });
});

const start = (model: string, address: string, more: object = {}, gateway = 1) =>
  open(rig.origin(gateway), {
    ...{ method: "POST", target: "/v1/chat/completions" },
    headers: { "Content-Type": "application/json", "CF-Connecting-IP": address },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }], ...more }),
  });
const ask = (model: string, address: string, more: object = {}, gateway = 1): Promise<Answer> =>
  start(model, address, more, gateway).answer();

it("says what is left in both languages, of the door and of the model", async () => {
  const answer = await ask("single", "203.0.113.1");
  expect(answer.status).toBe(200);
  expect(parseList(answer.header("ratelimit") ?? "").map(([name]) => name)).toEqual(["door-minute", "single-minute"]);
  expect(answer.header("x-ratelimit-limit-requests")).toBe("50");
  expect(answer.header("x-ratelimit-remaining-requests")).toBe("49");
  expect(answer.header("x-ratelimit-reset-requests")).toMatch(/^(\d+m)?\d+s$/);
});

it("reserves tokens before a call and charges what it used, over a crash and by whichever gateway", async () => {
  const budgeted = (maxTokens: number, gateway = 1) =>
    ask("budgeted", "203.0.113.2", { max_tokens: maxTokens }, gateway);
  const first = await budgeted(1_000);
  expect(first.status).toBe(200);
  expect(first.header("x-ratelimit-limit-tokens")).toBe("1200");
  expect(Number(first.header("x-ratelimit-remaining-tokens"))).toBeLessThan(200);
  // It used 540: another thousand is too much, a hundred is not.
  const refused = await budgeted(1_000, 2);
  expect(refused.status).toBe(429);
  expect(refused.json()).toMatchObject({ error: {} });
  expect(Number(refused.header("retry-after"))).toBeGreaterThan(0);
  expect((await budgeted(100, 2)).status).toBe(200);
  await rig.kill();
  await rig.restart();
  expect((await budgeted(150)).status).toBe(429);
  expect((await ask("budgeted", "203.0.113.3", { max_tokens: 150 })).status).toBe(200);
});

it("lets one stream at a time, until it is over", async () => {
  const streams: Exchange[] = [];
  upstream.play(async (exchange) => {
    streams.push(exchange);
    exchange.socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
    exchange.socket.write(piece({ role: "assistant" }) + piece({ content: "Hel" }));
    await new Promise<void>((resolve) => exchange.socket.once("close", () => resolve()));
  });
  const streaming = start("single", "203.0.113.4", { stream: true });
  await streaming.until((body) => body.includes("Hel"), "the first word");
  expect((await ask("single", "203.0.113.4", {}, 2)).status).toBe(429);
  streams[0]!.socket.end(`${piece({ content: "lo" }, "stop")}data: [DONE]\n\n`);
  expect((await streaming.answer()).text).toContain("[DONE]");
  upstream.play({ headers: { "Content-Type": "application/json" }, body: WHOLE });
  // The second gateway hears that the place is free when it next asks, four times a second at most. Whoever asks more often
  // only spends the minute's fifty requests.
  const end = Date.now() + 10_000;
  for (;;) {
    const answer = await ask("single", "203.0.113.4", {}, 2);
    if (answer.status === 200 || Date.now() > end) {
      expect(answer.status, answer.text).toBe(200);
      break;
    }
    await sleep(300);
  }
});

it("tells of what it refused as a security event, as every route does", async () => {
  const counts = async (): Promise<Record<string, number>> => {
    const answer = await rig.admin("security?limit=100");
    const { events } = (await answer.json()) as {
      events: { kind: string; detail: string; route: string; count: number }[];
    };
    const own = events.filter(({ route }) => route === "ai");
    return Object.fromEntries(own.map(({ kind, detail, count }) => [`${kind} ${detail}`, count]));
  };
  // The scenarios above were refused for their number at once, for tokens, and here is one that is too large.
  const big = await ask("plain", "203.0.113.5", { padding: "x".repeat(65_536) });
  expect(big.status).toBe(413);
  await expect.poll(counts, { timeout: 10_000, interval: 250 }).toMatchObject({
    "rate_limited rate_limited": expect.any(Number),
    "rate_limited budget": expect.any(Number),
    "body_refused body_too_large": 1,
  });
});
