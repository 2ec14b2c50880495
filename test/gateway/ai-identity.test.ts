// Who may use the AI door, and that tenants never meet there: keys shown as either kind of client shows them, refusals in the
// envelope of the path, and the same prompt of two tenants, which is stored twice.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let rig: Rig;
const keys: Record<string, string> = {};

const WHOLE = JSON.stringify({
  id: "c1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

beforeAll(async () => {
  upstream = await startUpstream({ headers: { "Content-Type": "application/json" }, body: WHOLE });
  rig = await startRig({
    policy: {
      expose: true,
      security: { apiKeys: { store: "kv" } },
      ai: { auth: "required" },
      providers: { one: { adapter: "openai", baseUrl: upstream.origin, key: { secret: "ONE" } } },
      models: { kept: { targets: ["one/m"], cache: { ttlSeconds: 60 } } },
    },
    vars: { ONE: "sk-provider" },
  });
  for (const tenant of ["red", "blue"]) {
    const answer = await rig.admin("keys", { method: "POST", body: JSON.stringify({ name: tenant, tenant }) });
    keys[tenant] = ((await answer.json()) as { key: string }).key;
  }
});
afterAll(async () => {
  await rig?.close();
  await upstream?.close();
});
beforeEach(() => upstream.clear());

const openai = (apiKey: string): OpenAI => new OpenAI({ apiKey, baseURL: `${rig.g1}/v1`, maxRetries: 0 });
const anthropic = (apiKey: string): Anthropic => new Anthropic({ apiKey, baseURL: rig.g1, maxRetries: 0 });
const messages = [{ role: "user" as const, content: "Hi" }];

it("lets in a key of the gateway's, which the provider never sees", async () => {
  const answer = await openai(keys["red"]!).chat.completions.create({ model: "one/m", messages });
  expect(answer.choices[0]?.message.content).toBe("Hello");
  await anthropic(keys["red"]!).messages.create({ model: "one/m", max_tokens: 10, messages });
  for (const request of upstream.requests) {
    expect(request.header("authorization")).toBe("Bearer sk-provider");
    expect(request.head).not.toContain(keys["red"]);
  }
});

it("refuses anybody else in the form of the surface that was asked", async () => {
  await expect(openai("sk-wrong").chat.completions.create({ model: "one/m", messages })).rejects.toMatchObject({
    status: 401,
    code: "invalid_api_key",
  });
  await expect(
    anthropic("sk-wrong").messages.create({ model: "one/m", max_tokens: 10, messages }),
  ).rejects.toMatchObject({
    status: 401,
    error: { type: "error", error: { type: "authentication_error" } },
  });
  expect(upstream.count).toBe(0);
});

it("never answers one tenant with what another one asked", async () => {
  for (const tenant of ["red", "blue", "red", "blue"]) {
    await openai(keys[tenant]!).chat.completions.create({ model: "kept", messages, temperature: 0 });
  }
  expect(upstream.count).toBe(2);
});
