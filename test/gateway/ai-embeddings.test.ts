// Embeddings in OpenAI's form from providers that have another, seen by the official client: what the provider is sent, and that each
// text gets its own vector. The fakes follow https://ai.google.dev/api/embeddings and https://docs.cohere.com/reference/embed.
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig, type Rig } from "../support/rig.ts";
import { startUpstream, type Behaviour, type Upstream } from "../support/upstream.ts";

let gemini: Upstream;
let cohere: Upstream;
let rig: Rig;

const json = (value: unknown) => ({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

/** Vectors that tell whose they are: the text's length and a half. */
const vector = (text: string): number[] => [text.length, 0.5];

const asGemini: Behaviour = async ({ request, upstream }) => {
  await upstream.whole(request.number);
  const { requests } = JSON.parse(request.body.toString()) as {
    requests: { content: { parts: { text: string }[] } }[];
  };
  return json({ embeddings: requests.map(({ content }) => ({ values: vector(content.parts[0]!.text) })) });
};

const asCohere: Behaviour = async ({ request, upstream }) => {
  await upstream.whole(request.number);
  const { texts } = JSON.parse(request.body.toString()) as { texts: string[] };
  const meta = { billed_units: { input_tokens: 3 * texts.length } };
  return json({ id: "e1", texts, embeddings: { float: texts.map(vector) }, meta });
};

beforeAll(async () => {
  [gemini, cohere] = await Promise.all([startUpstream(asGemini), startUpstream(asCohere)]);
  rig = await startRig({
    policy: {
      expose: true,
      ai: { auth: "none" },
      providers: {
        gemini: { adapter: "gemini", baseUrl: gemini.origin, key: { secret: "KEY" }, models: ["text-embedding-004"] },
        cohere: { adapter: "cohere", baseUrl: cohere.origin, key: { secret: "KEY" }, models: ["embed-v4.0"] },
      },
    },
    vars: { KEY: "provider-key" },
  });
});
afterAll(async () => {
  await rig?.close();
  await Promise.all([gemini?.close(), cohere?.close()]);
});

const client = (): OpenAI => new OpenAI({ apiKey: "any", baseURL: `${rig.g1}/v1`, maxRetries: 0 });

it.each([
  ["gemini/text-embedding-004", () => gemini, "/models/text-embedding-004:batchEmbedContents"],
  ["cohere/embed-v4.0", () => cohere, "/v2/embed"],
] as const)("%s gives each text its vector, as floats and as base64", async (model, provider, path) => {
  const texts = ["a", "bb", "ccc"];
  const plain = await client().embeddings.create({ model, input: texts, encoding_format: "float" });
  expect(plain.object).toBe("list");
  expect(plain.data.map(({ index, embedding }) => [index, embedding])).toEqual(
    texts.map((text, index) => [index, vector(text)]),
  );
  expect(plain.usage.prompt_tokens).toBeGreaterThan(0);
  expect(provider().last.path).toBe(path);
  expect(provider().last.head).not.toContain("Bearer any");
  // The official client asks for base64 when it is told nothing, and decodes it.
  const coded = await client().embeddings.create({ model, input: "four" });
  expect(coded.data[0]?.embedding).toEqual(vector("four"));
});
