// What asking came to: an answer in whole or begun, or why there is none, in the form that the attempt machine understands.
import type { Operation } from "../core/providers/adapter.ts";
import type { ChatAnswer } from "../core/providers/chat.ts";
import { isIll, type Failure } from "../core/providers/failures.ts";
import type { Answer } from "../platform/exchange.ts";
import type { Attempt } from "../platform/instances.ts";
import type { Target } from "./compiled.ts";
import type { Incoming } from "./incoming.ts";

/** What a target gave: an answer in whole or begun, or why there is none. */
export interface Given extends Answer {
  readonly target: Target;
  /** Client and provider speak alike, and nothing but the model's name was changed: bytes may pass. */
  readonly native: boolean;
  readonly operation: Operation;
  readonly failure: Failure | undefined;
  readonly stream: Incoming | undefined;
  /** Of a whole answer, as it came. */
  readonly text: string;
  readonly answer: ChatAnswer | undefined;
  /** From sending to the whole answer, or to the first delta of a stream that commits. */
  readonly firstMs: number;
}

/** `attempt` stands open until whoever reads the answer ends it. */
export type Asked =
  | { readonly given: Given; readonly attempt: Attempt | undefined; readonly failure: undefined }
  | { readonly given: undefined; readonly attempt: undefined; readonly failure: Failure };

export const nothing = (failure: Failure): Asked => ({ given: undefined, attempt: undefined, failure });

export type Base = Pick<Given, "target" | "native" | "operation" | "firstMs">;

export const good = (base: Base, { headers, body }: Response): Given => ({
  ...base,
  status: 200,
  headers,
  body,
  failure: undefined,
  stream: undefined,
  text: "",
  answer: undefined,
});

/** A failure with the status that breakers and the attempt machine understand. */
export function refused(base: Base, failure: Failure): Given {
  const status = failure.kind === "rate_limited" ? 429 : isIll(failure.kind) ? 503 : 400;
  const { retryAfterMs } = failure;
  const headers = new Headers(retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) });
  return { ...base, status, headers, body: null, failure, stream: undefined, text: "", answer: undefined };
}
