// One request to the targets that were selected, through the attempt machine that HTTP uses too: it says what next, the
// fleet's services (one a provider) say whether, and this file what goes out and what came back.
import type { ChatAnswer, ChatRequest } from "../core/providers/chat.ts";
import { withoutOpaque } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";
import { isIll, remedyOf } from "../core/providers/failures.ts";
import { parseObject } from "../core/providers/fields.ts";
import { parseRetryAfter } from "../core/http/retry-after.ts";
import type { Refusal } from "../core/http/problem.ts";
import { Attempts } from "../platform/attempts.ts";
import { secretOf } from "../platform/call-headers.ts";
import type { Answer, Exchange } from "../platform/exchange.ts";
import type { Attempt, InstanceState } from "../platform/instances.ts";
import type { Background } from "../platform/news.ts";
import type { ServiceState } from "../platform/services.ts";
import { send } from "../platform/upstream.ts";
import type { Target } from "./compiled.ts";
import { openStream, type OpenStream } from "./stream.ts";
import type { AiWalk } from "./walk.ts";

/** What a target gave: an answer in whole or begun, or why there is none. */
export interface Given extends Answer {
  readonly target: Target;
  /** Client and provider speak alike, and nothing but the model's name was changed: bytes may pass. */
  readonly native: boolean;
  readonly failure: Failure | undefined;
  readonly stream: OpenStream | undefined;
  /** Of a whole answer, as it came. */
  readonly text: string;
  readonly answer: ChatAnswer | undefined;
}

export interface Asked {
  readonly given: Given | undefined;
  readonly failure: Failure | undefined;
  readonly attempt: Attempt | undefined;
}

const MOST_ATTEMPTS = 3;

/** Asks `targets` in this order, for `chat`; `changed`: it is no longer what the client sent. */
export async function ask(
  walk: AiWalk,
  chat: ChatRequest,
  targets: readonly Target[],
  changed: boolean,
): Promise<Asked> {
  const { fleet } = walk.gateway;
  const services = targets.map(({ provider }) => fleet.service(walk.policy, provider.service));
  const [first, ...others] = services;
  if (first === undefined) return { given: undefined, failure: failureOf("unavailable"), attempt: undefined };
  const asking = new Asking(walk, chat, targets, changed);
  const options = { ...first.attempts, max: Math.min(MOST_ATTEMPTS, first.attempts.max) };
  const attempts = new Attempts<Given>(fleet, first, asking, others, options);
  const given = await attempts.answer();
  walk.attempts += attempts.sent;
  walk.upstreamMs = attempts.upstreamMs;
  const { attempt } = attempts;
  if ("code" in given) return { given: undefined, failure: ofRefusal(given), attempt };
  return { given, failure: given.failure, attempt };
}

function ofRefusal(refusal: Refusal): Failure {
  switch (refusal.code) {
    case "upstream_timeout":
      return failureOf("timeout");
    case "upstream_unreachable":
      return failureOf("unreachable");
    case "upstream_invalid":
      return failureOf("invalid_answer");
    default:
      return failureOf("unavailable", "retryAfterMs" in refusal ? refusal.retryAfterMs : undefined);
  }
}

class Asking implements Exchange<Given> {
  readonly repeatable = true;
  readonly streams = false;
  readonly priority = 1;
  readonly deadlineAt: number;
  readonly headersMs = Infinity;
  readonly background: Background;
  #walk: AiWalk;
  #chat: ChatRequest;
  #targets: readonly Target[];
  #changed: boolean;
  #at = 0;

  constructor(walk: AiWalk, chat: ChatRequest, targets: readonly Target[], changed: boolean) {
    this.#walk = walk;
    this.#chat = chat;
    this.#targets = targets;
    this.#changed = changed;
    this.background = walk.ctx;
    this.deadlineAt = walk.arrivedAt + (walk.model?.options?.stream.totalMs ?? 600_000);
  }

  get client(): AbortSignal {
    return this.#walk.request.signal;
  }

  turn(to: number): boolean {
    this.#at = to + 1;
    return true;
  }

  remedy({ failure }: Given): "give" | "elsewhere" | "again" {
    if (failure === undefined) return "give";
    const remedy = remedyOf(failure.kind);
    return remedy === "larger" ? "elsewhere" : remedy;
  }

  describe(service: ServiceState): number {
    service.input.like = -1;
    service.input.affinityHash = -1;
    return -1;
  }

  async send(to: InstanceState, deadlineMs: number, abort: AbortController | undefined): Promise<Given> {
    const target = this.#targets[this.#at]!;
    const walk = this.#walk;
    const { adapter, options } = target.provider;
    const chat = this.#at === 0 ? this.#chat : withoutOpaque(this.#chat);
    const operation = adapter.operation(walk.surface.operation);
    const native = operation === walk.surface.operation && !this.#changed && chat === this.#chat;
    const body = native ? adapter.adopt(walk.body, target.model) : adapter.write(chat, target.model);
    const path = adapter.path(operation, target.model, chat.stream);
    if (path === undefined) return refused(target, failureOf("unsupported"));
    const headers = new Headers({ "content-type": "application/json", ...adapter.headers });
    const key = options.key === undefined ? undefined : secretOf(options.key, walk.gateway.env);
    if (key !== undefined && adapter.auth.kind === "header") {
      headers.set(adapter.auth.name, adapter.auth.prefix + key);
    }
    const { origin, basePath } = to.compiled;
    const answer = await send(
      origin + basePath + path,
      {
        method: "POST",
        headers,
        body: new TextEncoder().encode(JSON.stringify(body)) as Uint8Array<ArrayBuffer>,
        carrier: undefined,
        signal: abort?.signal ?? this.client,
        onEdge: walk.gateway.onEdge,
      },
      deadlineMs,
    );
    if (typeof answer === "string") {
      return refused(target, failureOf(answer === "invalid" ? "invalid_answer" : answer));
    }
    if (!answer.ok) {
      const { headers: said } = answer;
      const retryAfterMs = parseRetryAfter(said.get("retry-after"), said.get("retry-after-ms"), Date.now());
      const text = (await answer.text()).slice(0, 65_536);
      const failure = adapter.failure(answer.status, text, retryAfterMs);
      return refused(target, native ? { ...failure, native: { status: answer.status, text } } : failure, said);
    }
    const whole = { target, native, status: 200, headers: answer.headers, body: answer.body };
    if (chat.stream) {
      const stream = await openStream(answer.body!, adapter, operation);
      if ("kind" in stream) return refused(target, stream);
      return { ...whole, failure: undefined, stream, text: "", answer: undefined };
    }
    const text = await answer.text();
    const json = parseObject(text);
    const read = json === undefined ? undefined : adapter.read(operation, json);
    if (read === undefined) return refused(target, failureOf("invalid_answer"));
    return { ...whole, body: null, failure: undefined, stream: undefined, text, answer: read };
  }
}

/** A failure with the status that breakers and the attempt machine understand. */
function refused(target: Target, failure: Failure, headers = new Headers()): Given {
  const status = failure.kind === "rate_limited" ? 429 : isIll(failure.kind) ? 503 : 400;
  return {
    target,
    native: false,
    status,
    headers,
    body: null,
    failure,
    stream: undefined,
    text: "",
    answer: undefined,
  };
}
