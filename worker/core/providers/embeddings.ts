// Embeddings: one surface (OpenAI's), three ways to ask for them. Vectors pass as the provider wrote them where it speaks as
// the client does; else they are written as numbers, or as base64 of 32-bit floats where the client asked for that.
// https://platform.openai.com/docs/api-reference/embeddings, https://ai.google.dev/api/embeddings,
// https://docs.cohere.com/reference/embed
import { compact, isObject, objectOf, objects, type Dialect, type JsonObject } from "./chat.ts";
import type { Failure } from "./failures.ts";
import { badField, finiteOf, knownFields, wordOf } from "./fields.ts";
import { ok, type Result } from "../result/result.ts";

/** A text, or the tokens of one. */
export type EmbeddingInput = string | readonly number[];

export interface EmbeddingRequest {
  readonly model: string;
  readonly inputs: readonly EmbeddingInput[];
  readonly dimensions?: number | undefined;
  readonly base64: boolean;
  readonly user?: string | undefined;
  readonly extra: JsonObject;
}

export interface EmbeddingAnswer {
  readonly vectors: readonly (readonly number[] | string)[];
  readonly promptTokens: number;
}

const KNOWN = knownFields("model input dimensions encoding_format user");
const MOST_INPUTS = 2_048;

export function readEmbeddings(body: JsonObject): Result<EmbeddingRequest, Failure> {
  if (typeof body.model !== "string" || body.model === "") return badField("model", "must be a model's name");
  const inputs = inputsOf(body.input);
  if (inputs === undefined) return badField("input", `must be a text, or a list of at most ${MOST_INPUTS} texts`);
  return ok({
    model: body.model,
    inputs,
    dimensions: finiteOf(body.dimensions),
    base64: body.encoding_format === "base64",
    user: wordOf(body.user),
    extra: KNOWN.others(body),
  });
}

function inputsOf(input: unknown): EmbeddingInput[] | undefined {
  if (typeof input === "string") return [input];
  if (!Array.isArray(input) || input.length === 0) return undefined;
  if (isTokens(input)) return [input];
  if (input.length > MOST_INPUTS) return undefined;
  return input.every((each) => typeof each === "string" || isTokens(each)) ? input : undefined;
}

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => Number.isInteger(each));

/** Undefined where this dialect cannot ask it: tokens are of one provider's vocabulary. */
export function writeEmbeddings(dialect: Dialect, asked: EmbeddingRequest, model: string): JsonObject | undefined {
  const { inputs, dimensions } = asked;
  if (dialect === "chat") {
    return compact({
      ...asked.extra,
      model,
      input: inputs,
      dimensions,
      encoding_format: asked.base64 ? "base64" : undefined,
      user: asked.user,
    });
  }
  const texts = inputs.filter((each) => typeof each === "string");
  if (texts.length < inputs.length) return undefined;
  if (dialect === "gemini") {
    return {
      requests: texts.map((text) =>
        compact({ model: `models/${model}`, content: { parts: [{ text }] }, outputDimensionality: dimensions }),
      ),
    };
  }
  if (dialect !== "cohere") return undefined;
  return compact({
    model,
    texts,
    input_type: wordOf(asked.extra.input_type) ?? "search_document",
    embedding_types: ["float"],
    output_dimension: dimensions,
  });
}

export function readVectors(dialect: Dialect, body: JsonObject): EmbeddingAnswer | undefined {
  if (dialect === "chat") {
    if (!Array.isArray(body.data)) return undefined;
    const data = [...objects(body.data)].sort((a, b) => (finiteOf(a.index) ?? 0) - (finiteOf(b.index) ?? 0));
    const vectors = data.map(({ embedding }) => embedding);
    return vectors.every(isVector)
      ? { vectors, promptTokens: finiteOf(objectOf(body.usage).prompt_tokens) ?? 0 }
      : undefined;
  }
  if (dialect === "gemini") {
    const vectors = objects(body.embeddings).map(({ values }) => values);
    return vectors.length > 0 && vectors.every(isVector) ? { vectors, promptTokens: 0 } : undefined;
  }
  const said = isObject(body.embeddings) ? body.embeddings.float : body.embeddings;
  if (!Array.isArray(said) || !said.every(isVector)) return undefined;
  return { vectors: said, promptTokens: finiteOf(objectOf(objectOf(body.meta).billed_units).input_tokens) ?? 0 };
}

const isVector = (value: unknown): value is readonly number[] | string =>
  typeof value === "string" || (Array.isArray(value) && value.every((each) => typeof each === "number"));

export function writeVectors(
  { vectors, promptTokens }: EmbeddingAnswer,
  asked: EmbeddingRequest,
  model: string,
): JsonObject {
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: asked.base64 && typeof vector !== "string" ? floats(vector) : vector,
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

/** Little-endian 32-bit floats in base64, as OpenAI writes them. */
function floats(vector: readonly number[]): string {
  const bytes = new Uint8Array(vector.length * 4);
  const view = new DataView(bytes.buffer);
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
