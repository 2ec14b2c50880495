// What an error answer of a provider means, by its status and by the few words that all of them use for the same thing.
// Sources: the error pages of OpenAI, Anthropic, Google, Cohere, AWS, Azure and Mistral. Words decide over the status, for
// a spent account may come as 400 (Anthropic), 402 (DeepSeek) or 429 (OpenAI), an overload as 429, 503 or 529.
import type { Failure, FailureKind } from "./failures.ts";

export interface Said {
  readonly status: number;
  /** Codes and types, as written. */
  readonly words: readonly string[];
  readonly message: string;
  /** -1 when nothing was asked for. */
  readonly retryAfterMs: number;
  readonly param?: string | undefined;
}

/** Words of a declared provider. */
export type ErrorWords = Readonly<
  Partial<
    Record<
      "contextLength" | "contentFilter" | "rateLimited" | "overloaded" | "authentication" | "quota",
      readonly string[]
    >
  >
>;

const MOST_MESSAGE = 1_000;

const DECLARED = [
  ["contextLength", "context_length"],
  ["contentFilter", "content_filter"],
  ["quota", "quota"],
  ["authentication", "authentication"],
  ["rateLimited", "rate_limited"],
  ["overloaded", "overloaded"],
] as const satisfies readonly (readonly [keyof ErrorWords, FailureKind])[];

/** In the order they are looked for; all are lower case and sought in the codes. */
const CODES: readonly (readonly [FailureKind, readonly string[]])[] = [
  [
    "context_length",
    [
      "context_length_exceeded",
      "context_length",
      "context_window_exceeded",
      "model_max_prompt_tokens_exceeded",
      "string_above_max_length",
    ],
  ],
  [
    "content_filter",
    [
      "content_filter",
      "content_policy_violation",
      "responsibleaipolicyviolation",
      "moderation_blocked",
      "safety",
      "prohibited_content",
    ],
  ],
  [
    "quota",
    [
      "insufficient_quota",
      "billing_hard_limit_reached",
      "billing_not_active",
      "billing_error",
      "insufficient_credits",
      "payment_required",
      "servicequotaexceededexception",
    ],
  ],
  [
    "authentication",
    [
      "authentication_error",
      "invalid_api_key",
      "permission_error",
      "unauthenticated",
      "permission_denied",
      "accessdeniedexception",
      "unrecognizedclientexception",
      "expiredtokenexception",
      "invalidsignatureexception",
    ],
  ],
  [
    "overloaded",
    [
      "overloaded_error",
      "overloaded",
      "engine_overloaded",
      "server_is_overloaded",
      "modelnotreadyexception",
      "serviceunavailableexception",
      "unavailable",
    ],
  ],
  [
    "rate_limited",
    ["rate_limit_exceeded", "rate_limit_error", "throttlingexception", "resource_exhausted", "tokens", "requests"],
  ],
  [
    "model_not_found",
    ["model_not_found", "not_found_error", "not_found", "deploymentnotfound", "resourcenotfoundexception"],
  ],
  ["too_large", ["request_too_large"]],
  ["timeout", ["modeltimeoutexception", "deadline_exceeded", "timeout_error"]],
  [
    "server_error",
    [
      "api_error",
      "internal_server_error",
      "server_error",
      "internal",
      "modelerrorexception",
      "modelstreamerrorexception",
      "internalserverexception",
    ],
  ],
  ["bad_request", ["invalid_request_error", "validationexception", "invalid_argument", "failed_precondition"]],
];

/** Sentences that say more than the code beside them; each is found by a plain search. */
const SENTENCES: readonly (readonly [FailureKind, readonly string[]])[] = [
  [
    "context_length",
    [
      "maximum context length",
      "context length",
      "context window",
      "prompt is too long",
      "input is too long",
      "too many input tokens",
      "exceeds the maximum number of tokens",
      "input token count",
      "reduce the length of the messages",
      "longer than the maximum",
      "too many tokens",
    ],
  ],
  ["quota", ["credit balance is too low", "insufficient balance", "exceeded your current quota", "insufficient funds"]],
  [
    "content_filter",
    ["content management policy", "content filtering policy", "content policy", "flagged by", "blocked by content"],
  ],
];

export function classify(said: Said, declared: ErrorWords = {}): Failure {
  const kind = kindOf(said, declared);
  const failure: { -readonly [Field in keyof Failure]: Failure[Field] } = {
    kind,
    message: tellsTheClient(kind) && said.message !== "" ? said.message.slice(0, MOST_MESSAGE) : GENERIC[kind],
  };
  if (said.retryAfterMs >= 0) failure.retryAfterMs = said.retryAfterMs;
  if (said.param !== undefined) failure.param = said.param;
  return failure;
}

function kindOf({ status, words, message }: Said, declared: ErrorWords): FailureKind {
  const codes = words.map((word) => word.toLowerCase());
  const text = message.toLowerCase();
  for (const [name, kind] of DECLARED) {
    const sought = declared[name] ?? [];
    if (sought.some((word) => codes.includes(word.toLowerCase()) || text.includes(word.toLowerCase()))) return kind;
  }
  // A sentence about tokens in a 429 is a rate, not a window.
  const mayBeSentence = status !== 429 && status < 500;
  const sentence = SENTENCES.find(
    ([kind, sought]) => (mayBeSentence || kind === "quota") && sought.some((one) => text.includes(one)),
  );
  if (sentence !== undefined) return sentence[0];
  const coded = CODES.find(([, sought]) => codes.some((code) => sought.includes(code)))?.[0];
  return coded !== undefined && saysMore(coded, status) ? coded : ofStatus(status);
}

/** Whether a code says more than the status beside it. Within a stream there is no other status than 200. */
function saysMore(kind: FailureKind, status: number): boolean {
  if (kind === "bad_request") return status === 200 || status === 400;
  if (kind === "server_error") return status < 500;
  return kind !== "model_not_found" || status !== 400;
}

function ofStatus(status: number): FailureKind {
  switch (status) {
    case 401:
    case 403:
      return "authentication";
    case 402:
      return "quota";
    case 404:
      return "model_not_found";
    case 408:
      return "timeout";
    case 413:
      return "too_large";
    case 429:
      return "rate_limited";
    case 503:
    case 529:
      return "overloaded";
    case 504:
      return "timeout";
  }
  if (status >= 500) return "server_error";
  // Within a stream that began well, an error that says nothing is the provider's.
  return status >= 400 ? "bad_request" : "server_error";
}

/** Kinds whose message speaks of the client's own request. */
function tellsTheClient(kind: FailureKind): boolean {
  switch (kind) {
    case "bad_request":
    case "content_filter":
    case "context_length":
    case "model_not_found":
    case "too_large":
    case "unsupported":
      return true;
    default:
      return false;
  }
}

/** What is said where the provider's words are not for the client, or there are none. */
const GENERIC: { readonly [Kind in FailureKind]: string } = {
  bad_request: "The request is not valid.",
  content_filter: "The request was refused by the provider's content filter.",
  context_length: "The conversation does not fit the model's context window.",
  model_not_found: "The model does not exist, or is not offered here.",
  too_large: "The request is too large.",
  unsupported: "No model that is configured for this name can do what the request asks for.",
  rate_limited: "The provider asks for fewer requests.",
  overloaded: "The provider is overloaded.",
  server_error: "The provider failed.",
  authentication: "The provider refused the gateway's credentials.",
  quota: "The gateway's account with the provider is spent.",
  unreachable: "The provider could not be reached.",
  timeout: "The provider did not answer in time.",
  invalid_answer: "The provider's answer could not be read.",
  cut: "The provider's answer broke off before its end.",
  stalled: "The provider stopped sending before its answer's end.",
  unauthenticated: "A valid credential is required.",
  forbidden: "The credential does not allow this.",
  not_found: "There is no such path.",
  method_not_allowed: "The method is not allowed here.",
  client_limit: "Too many requests.",
  budget: "The budget is spent.",
  unavailable: "No provider of this model can be asked at present.",
  internal: "The gateway failed.",
};

export const failureOf = (kind: FailureKind, retryAfterMs?: number): Failure =>
  retryAfterMs === undefined ? { kind, message: GENERIC[kind] } : { kind, message: GENERIC[kind], retryAfterMs };
