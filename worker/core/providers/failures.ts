// Why a provider did not answer, in classes that decide what comes next; one exhaustive table says for each class what to do
// and what the client is told. Messages come from the provider only where they speak of the client's own request: what they
// say of accounts, keys and addresses is the operator's.

export type FailureKind =
  // The client's own.
  | "bad_request"
  | "content_filter"
  | "context_length"
  | "model_not_found"
  | "too_large"
  | "unsupported"
  // The provider's.
  | "rate_limited"
  | "overloaded"
  | "server_error"
  | "authentication"
  | "quota"
  | "unreachable"
  | "timeout"
  | "invalid_answer"
  // A stream's: ended without an end; no more came; no progress.
  | "cut"
  | "stalled"
  // The gateway's.
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "client_limit"
  | "budget"
  | "unavailable"
  | "internal";

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Milliseconds from now that were asked for; absent when nothing was. */
  readonly retryAfterMs?: number | undefined;
  /** The request field that is wrong, where the provider says. */
  readonly param?: string | undefined;
  /** The provider's own answer, for a client that speaks as it does. */
  readonly native?: { readonly status: number; readonly text: string } | undefined;
}

/**
 * `give`: to the client as it is. `elsewhere`: another target, this one is not asked again. `larger`: a target with a
 * larger window, or a shorter conversation. `again`: another target, or this one after a wait.
 */
export type Remedy = "give" | "elsewhere" | "larger" | "again";

interface Facts {
  readonly remedy: Remedy;
  /** What the client sees. */
  readonly status: number;
  /** Whether the target itself is ill: what breakers count. */
  readonly ill: boolean;
}

const FACTS: { readonly [Kind in FailureKind]: Facts } = {
  bad_request: { remedy: "give", status: 400, ill: false },
  content_filter: { remedy: "give", status: 400, ill: false },
  context_length: { remedy: "larger", status: 400, ill: false },
  model_not_found: { remedy: "elsewhere", status: 404, ill: false },
  too_large: { remedy: "give", status: 413, ill: false },
  unsupported: { remedy: "give", status: 400, ill: false },
  rate_limited: { remedy: "again", status: 429, ill: false },
  overloaded: { remedy: "again", status: 503, ill: true },
  server_error: { remedy: "again", status: 502, ill: true },
  authentication: { remedy: "elsewhere", status: 502, ill: false },
  quota: { remedy: "elsewhere", status: 502, ill: false },
  unreachable: { remedy: "again", status: 502, ill: true },
  timeout: { remedy: "elsewhere", status: 504, ill: true },
  invalid_answer: { remedy: "again", status: 502, ill: true },
  cut: { remedy: "again", status: 502, ill: true },
  stalled: { remedy: "elsewhere", status: 504, ill: true },
  unauthenticated: { remedy: "give", status: 401, ill: false },
  forbidden: { remedy: "give", status: 403, ill: false },
  not_found: { remedy: "give", status: 404, ill: false },
  method_not_allowed: { remedy: "give", status: 405, ill: false },
  client_limit: { remedy: "give", status: 429, ill: false },
  budget: { remedy: "give", status: 429, ill: false },
  unavailable: { remedy: "give", status: 503, ill: false },
  internal: { remedy: "give", status: 500, ill: false },
};

export const remedyOf = (kind: FailureKind): Remedy => FACTS[kind].remedy;
export const statusOf = (kind: FailureKind): number => FACTS[kind].status;
export const isIll = (kind: FailureKind): boolean => FACTS[kind].ill;
