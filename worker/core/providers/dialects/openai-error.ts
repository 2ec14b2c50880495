// OpenAI's error envelope: how all surfaces of its family are told of failures, and what providers that borrowed it say.
// https://platform.openai.com/docs/guides/error-codes; compatible providers put the same fields elsewhere or leave some out.
import { isObject, objects, objectOf, stringOf, type JsonObject } from "../chat.ts";
import type { Said } from "../classify.ts";
import type { Failure, FailureKind } from "../failures.ts";
import { wordOf } from "../fields.ts";

/** What an error body of this family says. `status`: of the answer, 200 within a stream. */
export function openAiError(status: number, body: JsonObject, retryAfterMs: number): Said {
  // Workers AI lists its errors, Mistral writes them at the top, FastAPI servers (vLLM) call them `detail`.
  const first = objects(body.errors)[0] ?? objects(body.error)[0];
  const error = isObject(body.error) ? body.error : (first ?? body);
  const message =
    stringOf(error.message) ||
    stringOf(body.error) ||
    stringOf(body.message) ||
    stringOf(body.detail) ||
    stringOf(error.msg);
  const code = typeof error.code === "number" ? String(error.code) : stringOf(error.code);
  const inner = stringOf(objectOf(error.innererror).code) || stringOf(objectOf(error.metadata).error_type);
  return {
    status: status === 200 && /^[45]\d\d$/.test(code) ? Number(code) : status,
    words: [code, stringOf(error.type) || stringOf(body.type), inner],
    message,
    retryAfterMs,
    param: wordOf(error.param),
  };
}

const TYPES: { readonly [Kind in FailureKind]: readonly [type: string, code: string | null] } = {
  bad_request: ["invalid_request_error", null],
  content_filter: ["invalid_request_error", "content_filter"],
  context_length: ["invalid_request_error", "context_length_exceeded"],
  model_not_found: ["invalid_request_error", "model_not_found"],
  too_large: ["invalid_request_error", "request_too_large"],
  unsupported: ["invalid_request_error", "unsupported_parameter"],
  rate_limited: ["rate_limit_error", "rate_limit_exceeded"],
  overloaded: ["server_error", "overloaded"],
  server_error: ["server_error", "upstream_error"],
  authentication: ["server_error", "upstream_authentication"],
  quota: ["server_error", "upstream_quota"],
  unreachable: ["server_error", "upstream_unreachable"],
  timeout: ["server_error", "upstream_timeout"],
  invalid_answer: ["server_error", "upstream_invalid"],
  cut: ["server_error", "stream_cut"],
  stalled: ["server_error", "stream_stalled"],
  unauthenticated: ["invalid_request_error", "invalid_api_key"],
  forbidden: ["permission_error", "forbidden"],
  not_found: ["invalid_request_error", "not_found"],
  method_not_allowed: ["invalid_request_error", "method_not_allowed"],
  client_limit: ["rate_limit_error", "rate_limit_exceeded"],
  budget: ["insufficient_quota", "budget_exceeded"],
  unavailable: ["server_error", "unavailable"],
  internal: ["server_error", "internal_error"],
};

/** As clients of OpenAI's surfaces read it. `code` of a number would break them: it is a word or null. */
export function writeError(failure: Failure): JsonObject {
  const [type, code] = TYPES[failure.kind];
  return { error: { message: failure.message, type, param: failure.param ?? null, code } };
}
