// The object where calls meet hangs, or dies: then every call goes alone, and none of them is lost or late.
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig } from "../support/rig.ts";
import type { Rig } from "../support/rig.ts";
import { startUpstream } from "../support/upstream.ts";
import type { Upstream } from "../support/upstream.ts";

let upstream: Upstream;
const rigs: Rig[] = [];

beforeAll(async () => {
  upstream = await startUpstream(async ({ request, upstream: self }) => {
    await self.whole(request.number);
    const { input } = JSON.parse(request.body.toString()) as { input: string[] };
    const data = input.map((text, index) => ({ object: "embedding", index, embedding: [text.length] }));
    return {
      delayMs: 50,
      body: JSON.stringify({ object: "list", data, model: "e", usage: { prompt_tokens: input.length } }),
    };
  });
  const policy = {
    ai: { auth: "none" },
    providers: { one: { adapter: "openai", baseUrl: upstream.origin } },
    models: {},
  };
  for (const fault of ["hang", "throw"] as const) rigs.push(await startRig({ policy, faulty: { BATCH: fault } }));
});
afterAll(async () => {
  for (const rig of rigs) await rig.close();
  await upstream?.close();
});

it.each([0, 1])("goes one by one (%i)", async (index) => {
  upstream.clear();
  const client = new OpenAI({ apiKey: "any", baseURL: `${rigs[index]!.g1}/v1`, maxRetries: 0, timeout: 10_000 });
  const texts = ["a", "bb", "ccc", "dddd"];
  const answers = await Promise.all(
    texts.map((input) => client.embeddings.create({ model: "one/e", input, encoding_format: "float" })),
  );
  expect(answers.map(({ data }) => data[0]?.embedding)).toEqual(texts.map(({ length }) => [length]));
  expect(upstream.count).toBe(texts.length);
});
