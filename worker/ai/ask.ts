// One request to the targets that were selected, through the attempt machine that HTTP uses too: it says what next, the
// fleet's services (one a provider) say whether, and this file what goes out and what came back.
import type { ChatAnswer, ChatRequest, JsonObject } from "../core/providers/chat.ts";
import { objectOf, withoutOpaque } from "../core/providers/chat.ts";
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
import { Incoming } from "./incoming.ts";
import { patienceFor, tokenCame, tokenLate } from "./patiences.ts";
import type { AiWalk } from "./walk.ts";
import { readText } from "./whole.ts";

/** What a target gave: an answer in whole or begun, or why there is none. */
export interface Given extends Answer {
  readonly target: Target;
  /** Client and provider speak alike, and nothing but the model's name was changed: bytes may pass. */
  readonly native: boolean;
  readonly failure: Failure | undefined;
  readonly stream: Incoming | undefined;
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
/**
 * Further tries a second that no budget limits: a fallback goes to another provider, whom it does not hurt that this one
 * is ill, and three tries are the limit anyway.
 */
const FLOOR = 1_000;

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
  const { max, retryFloor } = first.attempts;
  const options = { ...first.attempts, max: Math.min(MOST_ATTEMPTS, max), retryFloor: Math.max(retryFloor, FLOOR) };
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
    const { request, surface, gateway } = this.#walk;
    const { adapter } = target.provider;
    const chat = this.#at === 0 ? this.#chat : withoutOpaque(this.#chat);
    const own = adapter.operation(surface.operation);
    const native = own === surface.operation && !this.#changed && chat === this.#chat;
    const operation = native ? own : "chat";
    const path = adapter.path(operation, target.model, chat.stream);
    if (path === undefined) return refused(target, failureOf("unsupported"));
    // A provider that is given up on is left at once, whatever becomes of the request.
    const stop = abort ?? new AbortController();
    request.signal.addEventListener("abort", () => stop.abort(), { once: true });
    const startedAt = Date.now();
    const ms = Math.min(deadlineMs, this.#patienceMs(target, chat.stream));
    const { origin, basePath } = to.compiled;
    const answer = await send(
      origin + basePath + path,
      {
        method: "POST",
        headers: this.#headers(target),
        body: new TextEncoder().encode(JSON.stringify(this.#body(target, chat, native))) as Uint8Array<ArrayBuffer>,
        carrier: undefined,
        signal: stop.signal,
        onEdge: gateway.onEdge,
      },
      ms,
    );
    if (typeof answer === "string") {
      stop.abort();
      if (answer === "timeout" && chat.stream) tokenLate(target.key, ms);
      return refused(target, failureOf(answer === "invalid" ? "invalid_answer" : answer));
    }
    const given = answer.ok
      ? await (chat.stream
          ? this.#stream(target, answer, native, startedAt, ms, stop)
          : this.#whole(target, answer, native, stop))
      : await this.#refusal(target, answer, native, stop);
    if (given.failure !== undefined) stop.abort();
    return given;
  }

  /** How long until its first token, or the head of a whole answer. The last one that can be asked is given all there is. */
  #patienceMs(target: Target, streams: boolean): number {
    const { timeouts } = target.provider.options;
    if (!streams) return timeouts === false ? Infinity : timeouts.headersMs;
    const { firstTokenMs } = this.#terms;
    return this.#at === this.#targets.length - 1 ? firstTokenMs : patienceFor(target.key, firstTokenMs);
  }

  get #terms(): StreamTerms {
    return this.#walk.model?.options?.stream ?? USUAL;
  }

  #headers({ provider: { adapter, options } }: Target): Headers {
    // Bytes that are read here must not come encoded.
    const headers = new Headers({
      "content-type": "application/json",
      "accept-encoding": "identity",
      ...adapter.headers,
    });
    const key = options.key === undefined ? undefined : secretOf(options.key, this.#walk.gateway.env);
    if (key !== undefined && adapter.auth.kind === "header") {
      headers.set(adapter.auth.name, adapter.auth.prefix + key);
    }
    return headers;
  }

  #body({ provider: { adapter }, model }: Target, chat: ChatRequest, native: boolean): JsonObject {
    if (!native) return adapter.write(chat, model);
    const body = adapter.adopt(this.#walk.body, model);
    const mustAsk = chat.stream && !chat.wantsUsage && adapter.capabilities.streamOptions && tellsWhenAsked(chat);
    return mustAsk ? { ...body, stream_options: { ...objectOf(body.stream_options), include_usage: true } } : body;
  }

  async #stream(
    target: Target,
    answer: Response,
    native: boolean,
    startedAt: number,
    firstTokenMs: number,
    stop: AbortController,
  ): Promise<Given> {
    const { adapter } = target.provider;
    if (answer.body === null) return refused(target, failureOf("invalid_answer"));
    const reader = adapter.reader(native ? adapter.operation(this.#walk.surface.operation) : "chat");
    const { idleMs, totalMs } = this.#terms;
    const gate = {
      startedAt,
      firstTokenMs,
      idleMs,
      endsAt: Math.min(this.deadlineAt, startedAt + totalMs),
      choices: this.#chat.choices,
      tellsUsage: adapter.capabilities.streamOptions,
    };
    const stream = new Incoming(answer.body, reader, gate, () => stop.abort());
    const failure = await stream.begin();
    if (failure?.kind === "timeout") tokenLate(target.key, firstTokenMs);
    if (failure !== undefined) return refused(target, failure);
    tokenCame(target.key, Date.now() - startedAt);
    return { ...given(target, native, answer), stream };
  }

  async #whole(target: Target, answer: Response, native: boolean, stop: AbortController): Promise<Given> {
    const { adapter } = target.provider;
    const text = await this.#text(target, answer, stop);
    if (text === undefined) return refused(target, failureOf(stop.signal.aborted ? "timeout" : "cut"));
    const json = parseObject(text);
    if (json === undefined) return refused(target, failureOf("invalid_answer"));
    const read = adapter.read(native ? adapter.operation(this.#walk.surface.operation) : "chat", json);
    if (read !== undefined) return { ...given(target, native, answer), text, answer: read };
    // An error in an answer that calls itself good.
    return refused(target, "error" in json ? adapter.failure(500, text, -1) : failureOf("invalid_answer"));
  }

  async #refusal(target: Target, answer: Response, native: boolean, stop: AbortController): Promise<Given> {
    const { headers, status } = answer;
    const retryAfterMs = parseRetryAfter(headers.get("retry-after"), headers.get("retry-after-ms"), Date.now());
    const text = ((await this.#text(target, answer, stop)) ?? "").slice(0, 65_536);
    const failure = target.provider.adapter.failure(status, text, retryAfterMs);
    return refused(target, native ? { ...failure, native: { status, text } } : failure, headers);
  }

  /** All of a body; undefined for one that was cut, or that stalled, which aborts it. */
  async #text({ provider: { options } }: Target, answer: Response, stop: AbortController): Promise<string | undefined> {
    const idleMs = Math.min(this.#terms.idleMs, options.timeouts === false ? Infinity : options.timeouts.idleMs);
    return readText(answer, Math.min(idleMs, Math.max(0, this.deadlineAt - Date.now())), stop);
  }
}

interface StreamTerms {
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** For a model that no policy names; as the schema's defaults. */
const USUAL: StreamTerms = { firstTokenMs: 10_000, idleMs: 10_000, totalMs: 600_000 };

const tellsWhenAsked = ({ dialect }: ChatRequest): boolean => dialect === "chat" || dialect === "completions";

const given = (target: Target, native: boolean, { headers, body }: Response): Given => ({
  target,
  native,
  status: 200,
  headers,
  body,
  failure: undefined,
  stream: undefined,
  text: "",
  answer: undefined,
});

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
