import { describe, expect, it } from "vitest";
import {
  readEmbeddings,
  readVectors,
  writeEmbeddings,
  writeVectors,
} from "../../../worker/core/providers/embeddings.ts";
import type { EmbeddingRequest } from "../../../worker/core/providers/embeddings.ts";

const read = (body: Record<string, unknown>): EmbeddingRequest => {
  const result = readEmbeddings(body);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
};

describe("what is asked", () => {
  it.each([
    ["a text", "Hi", ["Hi"]],
    ["texts", ["a", "b"], ["a", "b"]],
    ["tokens of one text", [1, 2, 3], [[1, 2, 3]]],
    ["tokens of several", [[1], [2, 3]], [[1], [2, 3]]],
  ])("takes %s", (_what, input, inputs) => {
    expect(read({ model: "m", input }).inputs).toEqual(inputs);
  });

  it.each([[[]], [{}], [null], [["a", 1]], [Array.from({ length: 2_049 }, () => "a")]])("refuses %j", (input) => {
    expect(readEmbeddings({ model: "m", input }).ok).toBe(false);
  });

  it("is written as each provider reads it", () => {
    const asked = read({ model: "m", input: ["a", "b"], dimensions: 256, encoding_format: "base64", extra_field: 1 });
    expect(writeEmbeddings("chat", asked, "e")).toEqual({
      model: "e",
      input: ["a", "b"],
      dimensions: 256,
      encoding_format: "base64",
      extra_field: 1,
    });
    // https://ai.google.dev/api/embeddings#v1beta.models.batchEmbedContents
    expect(writeEmbeddings("gemini", asked, "e")).toEqual({
      requests: ["a", "b"].map((text) => ({
        model: "models/e",
        content: { parts: [{ text }] },
        outputDimensionality: 256,
      })),
    });
    // https://docs.cohere.com/reference/embed
    expect(writeEmbeddings("cohere", asked, "e")).toEqual({
      model: "e",
      texts: ["a", "b"],
      input_type: "search_document",
      embedding_types: ["float"],
      output_dimension: 256,
    });
    expect(writeEmbeddings("cohere", read({ model: "m", input: [1, 2] }), "e")).toBeUndefined();
  });
});

describe("what comes back", () => {
  it.each<["chat" | "gemini" | "cohere", Record<string, unknown>, number]>([
    [
      "chat",
      {
        data: [
          { index: 1, embedding: [3] },
          { index: 0, embedding: [1, 2] },
        ],
        usage: { prompt_tokens: 4 },
      },
      4,
    ],
    ["gemini", { embeddings: [{ values: [1, 2] }, { values: [3] }] }, 0],
    ["cohere", { embeddings: { float: [[1, 2], [3]] }, meta: { billed_units: { input_tokens: 5 } } }, 5],
  ])("is read from %s, in the order of what was asked", (dialect, body, promptTokens) => {
    expect(readVectors(dialect, body)).toEqual({ vectors: [[1, 2], [3]], promptTokens });
  });

  it("is written in base64 where the client asked for it, as OpenAI's clients decode it", () => {
    const asked = read({ model: "m", input: "a", encoding_format: "base64" });
    const { data } = writeVectors({ vectors: [[0.5, -2]], promptTokens: 1 }, asked, "m") as {
      data: { embedding: string }[];
    };
    const bytes = Buffer.from(data[0]!.embedding, "base64");
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 2)]).toEqual([0.5, -2]);
  });
});
