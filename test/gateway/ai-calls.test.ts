// What the AI door decides about a call: whom it asks and in which order, with whose credential, what it does when that fails,
// what it costs, what is stored, and what is asked together. Looked at from both sides.
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { open } from "../support/client.ts";
import type { Answer } from "../support/client.ts";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { byPath, inTurn, startUpstream } from "../support/upstream.ts";
import type { Behaviour, Reply, Script, Upstream } from "../support/upstream.ts";

let one: Upstream;
let two: Upstream;
let rig: Rig;

const said = (content: string, finish = "stop"): Reply => ({
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finish }],
    usage: { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 },
  }),
});
const wrong = (status: number, code: string, message = "no", headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify({ error: { message, type: "error", code } }),
});

/** Vectors that tell whose they are: the text's length. A text of "bad" spoils the whole call. */
const embeds: Behaviour = async ({ request, upstream }) => {
  await upstream.whole(request.number);
  const { input } = JSON.parse(request.body.toString()) as { input: string[] };
  if (input.includes("bad")) return wrong(400, "invalid_input", "bad input");
  const data = input.map((text, index) => ({ object: "embedding", index, embedding: [text.length] }));
  return {
    delayMs: 150,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ object: "list", data, model: "e", usage: { prompt_tokens: 10 * input.length } }),
  };
};

beforeAll(async () => {
  one = await startUpstream();
  two = await startUpstream();
  const models = (contextWindow: number) => [
    { id: "m", contextWindow, price: { input: 2, output: 10 } },
    { id: "cheap", price: { input: 1, output: 1 } },
    { id: "blind", capabilities: { vision: false } },
  ];
  rig = await startRig({
    policy: {
      expose: true,
      ai: { auth: "none" },
      chaos: { enabled: true },
      security: { rateLimits: { few: { requestsPerMinute: 2, by: "model" } } },
      providers: {
        one: {
          adapter: "openai",
          baseUrl: one.origin,
          keys: [{ secret: "KEY_A" }, { secret: "KEY_B" }],
          models: models(2_000),
        },
        two: { adapter: "openai", baseUrl: two.origin, key: { secret: "KEY_C" }, models: models(200_000) },
      },
      models: {
        both: { targets: ["one/m", "two/m"], strategy: "priority" },
        turns: { targets: ["one/m", "two/m"], strategy: "round_robin", affinitySeconds: 0 },
        cheapest: { targets: ["one/m", "two/cheap"], strategy: "cost" },
        smart: { targets: ["one/m", "two/cheap"], exploreShare: 0 },
        seeing: { targets: ["one/blind", "two/m"], strategy: "priority" },
        kept: { targets: ["one/m"], cache: { ttlSeconds: 60 } },
        limited: { targets: ["one/m"], rateLimit: "few" },
        poor: { targets: ["one/m"], budget: { tokensPerDay: 2_000, by: "model" } },
        alone: { targets: ["one/m"] },
      },
    },
    vars: { KEY_A: "sk-a", KEY_B: "sk-b", KEY_C: "sk-c" },
  });
});
afterAll(async () => {
  await rig?.close();
  await one?.close();
  await two?.close();
});
const play = (first: Script, second: Script): void => {
  one.play(first);
  two.play(second);
};
beforeEach(() => {
  one.clear();
  two.clear();
  play(said("one"), said("two"));
});

const ask = (model: string, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  open(rig.g1, {
    method: "POST",
    target: "/v1/chat/completions",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }], ...more }),
  }).answer();
const contentOf = (answer: Answer): string =>
  (answer.json() as { choices: { message: { content: string } }[] }).choices[0]!.message.content;

describe("who is asked", () => {
  it("takes turns, the cheapest, and by intelligence the one that is worth most, and says why", async () => {
    const turns = [await ask("turns"), await ask("turns"), await ask("turns")].map(contentOf);
    expect(new Set(turns)).toEqual(new Set(["one", "two"]));
    const cheapest = await ask("cheapest");
    expect(contentOf(cheapest)).toBe("two");
    expect(cheapest.header("x-sluice-provider")).toBe("two");
    expect(cheapest.header("x-sluice-choice")).toMatch(/^cost; two\/cheap=[\d.]+ \(p\d+ c100 r\d+ l\d+\), one\/m=/);
    expect((await ask("smart")).header("x-sluice-choice")).toMatch(/^intelligent; .*two\/cheap=/);
  });

  it("leaves out who cannot do what is asked, and refuses when nobody can", async () => {
    const content = [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }];
    const seen = await ask("seeing", { messages: [{ role: "user", content }] });
    expect(contentOf(seen)).toBe("two");
    expect(one.count).toBe(0);
    const nobody = await ask("one/blind", { messages: [{ role: "user", content }] });
    expect(nobody.status).toBe(400);
    expect(nobody.json()).toMatchObject({ error: { code: "unsupported_parameter" } });
  });

  it("passes a conversation that is too long for one to one with a larger window", async () => {
    const long = await ask("both", { messages: [{ role: "user", content: "word ".repeat(4_000) }] });
    expect(contentOf(long)).toBe("two");
    expect(one.count).toBe(0);
    expect(long.header("x-sluice-choice")).toContain("one/m: contextWindow");
  });

  it("tells the cost of who answered", async () => {
    const answer = await ask("alone");
    expect(answer.header("x-sluice-model")).toBe("m");
    // 1,000 x 2 + 500 x 10, a million each.
    expect(answer.header("x-sluice-cost")).toBe("0.007");
  });
});

describe("what goes wrong", () => {
  it("asks with another credential when one is refused, and lets that one rest", async () => {
    one.play(({ request }) =>
      request.header("authorization") === "Bearer sk-a" ? wrong(401, "invalid_api_key") : said("with b"),
    );
    for (let sent = 0; sent < 3; sent++) expect(contentOf(await ask("alone"))).toBe("with b");
    expect(
      one.requests.filter((request) => request.header("authorization") === "Bearer sk-a").length,
    ).toBeLessThanOrEqual(1);
  });

  it("sends at most three requests, over credentials, retries and fallbacks", async () => {
    play(wrong(500, "server_error"), wrong(500, "server_error"));
    const answer = await ask("both");
    expect(answer.status).toBe(502);
    expect(one.count + two.count).toBe(3);
    expect(answer.header("x-sluice-attempts")).toBe("3");
  });

  it("goes to a larger window when the provider says so, never to the same one again", async () => {
    play(wrong(400, "context_length_exceeded", "maximum context length is 2000"), said("two"));
    const answer = await ask("both");
    expect([contentOf(answer), one.count, two.count]).toEqual(["two", 1, 1]);
    expect(answer.header("x-sluice-fallback-index")).toBe("1");
    one.clear();
    const alone = await ask("alone");
    expect([alone.status, one.count]).toEqual([400, 1]);
    expect(alone.json()).toMatchObject({ error: { code: "context_length_exceeded" } });
  });

  it("hands a client's mistake back, and asks nobody else", async () => {
    play(wrong(400, "bad_value", "temperature is out of range"), said("two"));
    const answer = await ask("both");
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.text).toContain("temperature is out of range");
    expect([one.count, two.count]).toEqual([1, 0]);
  });

  it("says honestly when to come back when all ask for fewer requests", async () => {
    const limited = (seconds: string) =>
      wrong(429, "rate_limit_exceeded", "org-secret is over its limit", { "Retry-After": seconds });
    play(limited("3600"), limited("1800"));
    const answer = await ask("both", {}, { "x-portkey-config": '{"retry":{"attempts":1}}' });
    expect(answer.status).toBe(429);
    expect(Number(answer.header("retry-after"))).toBe(1800);
    expect(answer.text).not.toContain("org-secret");
  });
});

describe("what a request says of its own handling", () => {
  it("takes its fallbacks, which go no further", async () => {
    play(wrong(503, "overloaded"), said("two"));
    const answer = await ask("one/m", { fallbacks: ["two/m"] });
    expect(contentOf(answer)).toBe("two");
    expect(two.last.body.toString()).not.toContain("fallbacks");
  });

  it("takes Portkey's config, bounded, and refuses one that leads elsewhere", async () => {
    const config = {
      strategy: { mode: "fallback" },
      targets: [{ provider: "two", override_params: { model: "m" } }, { provider: "@one" }],
    };
    const answer = await ask("m", {}, { "x-portkey-config": JSON.stringify(config) });
    expect(contentOf(answer)).toBe("two");
    for (const odd of ["{", "{}", '{"targets":[{"provider":"nobody"}]}', '{"strategy":{"mode":"magic"}}']) {
      const refused = await ask("m-unknown", {}, { "x-portkey-config": odd });
      expect(refused.status).toBe(odd === "{}" ? 404 : 400);
    }
  });
});

describe("what is stored", () => {
  const question = (text: string, more: object = {}) => ({ messages: [{ role: "user", content: text }], ...more });

  it("is opt-in, and answers the same question only", async () => {
    const first = await ask("kept", question("a", { temperature: 0 }));
    expect(first.header("cache-status")).toContain("fwd=");
    const again = await ask("kept", { temperature: 0, ...question("a") });
    expect(again).toMatchObject({ status: 200, text: first.text });
    expect(again.header("cache-status")).toContain("hit");
    expect(again.header("x-sluice-cost")).toBe("0");
    expect(one.count).toBe(1);
    await ask("kept", question("a", { temperature: 1 }));
    await ask("kept", question("a", { temperature: 0, tools: [{ type: "function", function: { name: "f" } }] }));
    await ask("kept", question("b", { temperature: 0 }));
    expect(one.count).toBe(4);
    await ask("alone", question("a"));
    await ask("alone", question("a"));
    expect(one.count).toBe(6);
  });

  it("obeys what clients of other gateways say", async () => {
    await ask("kept", question("c"));
    for (const headers of [
      { "cf-aig-skip-cache": "true" },
      { "Helicone-Cache-Enabled": "false" },
      { "Cache-Control": "no-cache" },
    ]) {
      await ask("kept", question("c"), headers);
    }
    expect(one.count).toBe(4);
  });

  it("replays a stream as a stream", async () => {
    const chunk = (delta: object, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const stream =
      chunk({ role: "assistant", content: "" }) + chunk({ content: "Hi" }) + chunk({}, "stop") + "data: [DONE]\n\n";
    one.play({ headers: { "Content-Type": "text/event-stream" }, body: stream });
    const first = await ask("kept", question("d", { stream: true }));
    expect(first.text).toBe(stream);
    const again = await ask("kept", question("d", { stream: true }));
    expect(again).toMatchObject({ status: 200, text: stream });
    expect(again.header("content-type")).toContain("text/event-stream");
    expect(again.header("cache-status")).toContain("hit");
    expect(one.count).toBe(1);
  });
});

describe("what may be asked", () => {
  it("keeps a model's limit and its budget", async () => {
    const statuses = [await ask("limited"), await ask("limited"), await ask("limited")].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 429]);
    const spent = [await ask("poor"), await ask("poor"), await ask("poor")];
    expect(spent.map(({ status }) => status)).toEqual([200, 429, 429]);
    expect(spent[2]!.json()).toMatchObject({ error: { code: "budget_exceeded" } });
  });

  it("takes bodies up to its limits", async () => {
    const large = open(rig.g1, {
      method: "POST",
      target: "/v1/chat/completions",
      headers: { "Content-Type": "application/json", "Content-Length": String(17 * 1024 * 1024) },
      body: "{",
    });
    expect((await large.head).status).toBe(413);
    large.leave();
    const deep = `{"model":"alone","messages":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
    const answer = await open(rig.g1, { method: "POST", target: "/v1/chat/completions", body: deep }).answer();
    expect(answer.status).toBe(400);
    expect((await ask("alone")).status).toBe(200);
  });
});

describe("models and embeddings", () => {
  it("lists what may be asked for, to both kinds of clients", async () => {
    const client = new OpenAI({ apiKey: "any", baseURL: `${rig.g1}/v1`, maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain("both");
    expect(ids).toContain("two/cheap");
    expect(await client.models.retrieve("both")).toMatchObject({ id: "both", object: "model" });
    await expect(client.models.retrieve("nobody")).rejects.toThrow("404");
    const listed = await fetch(`${rig.g1}/v1/models`, { headers: { "anthropic-version": "2023-06-01" } });
    expect(await listed.json()).toMatchObject({
      has_more: false,
      data: expect.arrayContaining([expect.objectContaining({ type: "model", id: "both" })]) as unknown,
    });
  });

  it("asks together for what is asked at once, and gives each its own", async () => {
    one.play(byPath({ "/embeddings": embeds }));
    const client = new OpenAI({ apiKey: "any", baseURL: `${rig.g1}/v1`, maxRetries: 0 });
    const texts = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"];
    const answers = await Promise.all(
      texts.map((input) => client.embeddings.create({ model: "one/e", input, encoding_format: "float" })),
    );
    expect(answers.map(({ data }) => data[0]?.embedding)).toEqual(texts.map(({ length }) => [length]));
    expect(answers.reduce((sum, { usage }) => sum + usage.prompt_tokens, 0)).toBe(60);
    expect(one.count).toBeLessThan(texts.length);
    one.clear();
    const mixed = await Promise.allSettled(
      ["a", "bad", "ccc"].map((input) => client.embeddings.create({ model: "one/e", input, encoding_format: "float" })),
    );
    expect(mixed.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  it("counts tokens for a model that cannot", async () => {
    const counted = await fetch(`${rig.g1}/v1/messages/count_tokens`, {
      method: "POST",
      body: JSON.stringify({ model: "both", messages: [{ role: "user", content: "one two three four five" }] }),
    });
    const { input_tokens: tokens } = (await counted.json()) as { input_tokens: number };
    expect(tokens).toBeGreaterThan(4);
    expect(tokens).toBeLessThan(30);
  });
});

it("tells metrics what calls used and cost, by the policy's names", async () => {
  await ask("alone");
  const text = await (await fetch(`${rig.g1}/_sluice/metrics`)).text();
  expect(text).toMatch(/sluice_ai_tokens_total\{isolate="[^"]+",provider="one",model="m",kind="output"\} \d+/);
  expect(text).toMatch(/sluice_ai_cost_dollars_total\{isolate="[^"]+",provider="one",model="m"\} [\d.]+/);
});

it("lets experiments strike a provider, and another one answer", async () => {
  const started = await rig.admin("chaos/experiments", {
    method: "POST",
    body: JSON.stringify({
      name: "one is down",
      durationSeconds: 10,
      // Nobody is spared to compare with.
      controlShare: 0,
      faults: [{ kind: "error", status: 503, probability: 1, target: { provider: "one" } }],
    }),
  });
  expect(started.status, await started.clone().text()).toBeLessThan(300);
  const { id } = (await started.json()) as { id: string };
  await expect.poll(async () => (await ask("both")).header("x-sluice-fault"), { timeout: 6_000 }).toContain("error");
  one.clear();
  const answer = await ask("both");
  expect([contentOf(answer), one.count]).toEqual(["two", 0]);
  await rig.admin(`chaos/experiments/${id}:stop`, { method: "POST" });
  await expect.poll(async () => (await ask("both")).header("x-sluice-fault"), { timeout: 6_000 }).toBeUndefined();
});

it("asks nobody else for a client that has left, and holds it against nobody", async () => {
  play(async (exchange) => {
    await exchange.wait(20_000);
  }, said("two"));
  for (let left = 1; left <= 6; left++) {
    const leaving = open(rig.g1, {
      method: "POST",
      target: "/v1/chat/completions",
      body: JSON.stringify({ model: "both", messages: [{ role: "user", content: "Hi" }] }),
    });
    await one.received(left);
    leaving.leave();
    leaving.head.catch(() => undefined);
    await one.closed(left);
  }
  play(said("one"), said("two"));
  expect(contentOf(await ask("both"))).toBe("one");
  expect(two.count).toBe(0);
});

it("opens no breaker for what clients do wrong", async () => {
  play(inTurn(wrong(400, "bad_value")), said("two"));
  for (let sent = 0; sent < 8; sent++) await ask("alone");
  play(said("one"), said("two"));
  expect(contentOf(await ask("alone"))).toBe("one");
});
