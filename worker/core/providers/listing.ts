// Lists of models, as providers write them, and as the two kinds of clients read them.
// https://platform.openai.com/docs/api-reference/models, https://platform.claude.com/docs/en/api/models-list,
// https://ai.google.dev/api/models, https://docs.cohere.com/reference/list-models, https://openrouter.ai/docs/api-reference
import { isObject, objectOf, objects, stringOf, type JsonObject } from "./chat.ts";
import { finiteOf } from "./fields.ts";
import type { Price } from "./prices.ts";

export interface ListedModel {
  readonly id: string;
  /** 0 when it does not say. */
  readonly contextWindow: number;
  readonly price: Price | undefined;
}

const MOST_MODELS = 2_000;

/** `data` (OpenAI, Anthropic), `models` (Gemini, Cohere), `result` (Workers AI), or a bare list (Together). */
export function readListing(body: unknown): ListedModel[] {
  const found = isObject(body) ? (body.data ?? body.models ?? body.result) : body;
  return objects(found)
    .slice(0, MOST_MODELS)
    .flatMap((model) => {
      const id = (
        stringOf(model.id) && !isUuid(stringOf(model.id)) ? stringOf(model.id) : stringOf(model.name)
      ).replace(/^models\//, "");
      if (id === "") return [];
      const contextWindow =
        finiteOf(model.context_length) ??
        finiteOf(model.context_window) ??
        finiteOf(model.inputTokenLimit) ??
        finiteOf(model.max_input_tokens) ??
        finiteOf(model.max_model_len) ??
        0;
      return [{ id, contextWindow, price: priceOf(objectOf(model.pricing)) }];
    });
}

/** Workers AI gives each model a UUID as id, and a name. */
const isUuid = (id: string): boolean => /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(id);

const MILLION = 1_000_000;

/** OpenRouter: dollars a token, written as text. */
function priceOf(pricing: JsonObject): Price | undefined {
  const input = perMillion(pricing.prompt);
  const output = perMillion(pricing.completion);
  if (input === undefined || output === undefined) return undefined;
  return {
    input,
    output,
    cacheRead: perMillion(pricing.input_cache_read) ?? input,
    cacheWrite: perMillion(pricing.input_cache_write) ?? input,
  };
}

function perMillion(written: unknown): number | undefined {
  const dollars = typeof written === "string" && written !== "" ? Number(written) : Number.NaN;
  return Number.isFinite(dollars) && dollars >= 0 ? dollars * MILLION : undefined;
}

/** What a client may ask for. */
export interface OfferedModel {
  readonly id: string;
  readonly owner: string;
}

const openAiModel = ({ id, owner }: OfferedModel): JsonObject => ({ id, object: "model", created: 0, owned_by: owner });

const anthropicModel = ({ id }: OfferedModel): JsonObject => ({
  type: "model",
  id,
  display_name: id,
  created_at: "1970-01-01T00:00:00Z",
});

export const writeModel = (model: OfferedModel, anthropic: boolean): JsonObject =>
  anthropic ? anthropicModel(model) : openAiModel(model);

export function writeListing(models: readonly OfferedModel[], anthropic: boolean): JsonObject {
  if (!anthropic) return { object: "list", data: models.map(openAiModel) };
  const data = models.map(anthropicModel);
  return { data, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null };
}
