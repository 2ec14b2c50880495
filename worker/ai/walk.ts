// One AI request on its way: what the steps have found out so far, in one object of one shape. Lives as long as the request.
import { correlationId } from "../core/http/correlation.ts";
import { clientAddress } from "../core/http/forwarding.ts";
import { continueTrace, isTraceparent, startTrace } from "../core/http/trace.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import type { ChatRequest, JsonObject, Usage } from "../core/providers/chat.ts";
import { chatTokens } from "../core/providers/estimate.ts";
import type { Failure } from "../core/providers/failures.ts";
import type { RequestConfig } from "../core/providers/portkey.ts";
import type { AiStrategy, Scored } from "../core/providers/select.ts";
import type { Surface } from "../core/providers/surface.ts";
import type { Place } from "../core/routing/regions.ts";
import { ANONYMOUS, type SecurityContext } from "../core/security/context.ts";
import type { Reservation } from "../platform/budgets.ts";
import type { HeldPlace } from "../platform/places-held.ts";
import type { Gateway } from "../platform/gateway.ts";
import type { AiPolicy, Model, Target } from "./compiled.ts";

/** What may be stored for this call, once it is known to be whole. */
export interface Keeping {
  readonly key: string;
  readonly ttlSeconds: number;
  readonly writes: boolean;
}

/** A target as it was looked at. */
export interface Considered {
  readonly target: Target;
  readonly scored: Scored | undefined;
  /** Why it was not to be asked; "" when it was. */
  readonly unfit: string;
}

export class AiWalk {
  readonly request: Request;
  readonly ctx: ExecutionContext;
  readonly gateway: Gateway;
  readonly policy: CompiledPolicy;
  readonly ai: AiPolicy;
  /** Epoch ms, and as `performance.now()`. */
  readonly arrivedAt = Date.now();
  readonly startedAt = performance.now();
  readonly correlationId: string;
  readonly traceparent: string;
  /** As the edge vouches for it. */
  readonly address: string;

  readonly query: string;

  // Set by admit.
  security: SecurityContext = ANONYMOUS;
  /** Of a credential that is missing or wrong. */
  challenge = "";
  /** Fields of the answer, beside those that every answer has. */
  readonly told: [name: string, value: string][] = [];
  /** How its answer may be kept; undefined: not at all. */
  keeping: Keeping | undefined = undefined;
  reservation: Reservation | undefined = undefined;
  /** Left when the answer is over: with its stream, where it streams. */
  readonly held: HeldPlace[] = [];

  // Set by the surface.
  surface: Surface;
  body: JsonObject = {};
  #chat: ChatRequest | undefined = undefined;
  #promptTokens: number | undefined = undefined;

  // What the request says of its own handling, where the policy lets it.
  config: RequestConfig | undefined = undefined;
  fallbacks: readonly string[] = [];
  strategy: AiStrategy | undefined = undefined;
  mostAttempts = 3;
  /** Of the whole call; Infinity where the model's own deadline holds. */
  timeoutMs = Infinity;

  // Set by select.
  model: Model | undefined = undefined;
  /** In the order they are to be asked. */
  targets: readonly Target[] = [];
  considered: readonly Considered[] = [];
  chosenBy = "";
  /** The conversation seems too long for every target. */
  overflows = false;
  /** Hash of how it began; 0 where nothing is bound. */
  conversation = 0;

  // Set by ask, stream and settle.
  /** Requests sent to providers, other credentials included. */
  attempts = 0;
  target: Target | undefined = undefined;
  /** An attempt that lost against its deadline ends with this request, which must not be held open. */
  abandoned = false;
  upstreamMs = 0;
  usage: Usage | undefined = undefined;
  /** Dollars; undefined where no price is known. */
  cost: number | undefined = undefined;
  failure: Failure | undefined = undefined;
  /** Its answer goes on after its head: it is recorded when that is over. */
  streams = false;
  /** Mark of the experiments that struck. */
  fault = "";

  constructor(
    request: Request,
    ctx: ExecutionContext,
    gateway: Gateway,
    policy: CompiledPolicy,
    ai: AiPolicy,
    surface: Surface,
  ) {
    this.request = request;
    this.ctx = ctx;
    this.gateway = gateway;
    this.policy = policy;
    this.ai = ai;
    this.surface = surface;
    const { headers } = request;
    this.correlationId = correlationId(headers.get("x-correlation-id") ?? undefined, this.arrivedAt, Math.random);
    const trace = headers.get("traceparent");
    this.traceparent =
      trace !== null && isTraceparent(trace) ? continueTrace(trace, Math.random) : startTrace(Math.random, true);
    const question = request.url.indexOf("?");
    this.query = question < 0 ? "" : request.url.slice(question);
    this.address = clientAddress(headers.get("cf-connecting-ip") ?? undefined) || gateway.near(request);
  }

  get chat(): ChatRequest | undefined {
    return this.#chat;
  }

  /** What is asked; another one has another length. */
  set chat(chat: ChatRequest | undefined) {
    this.#chat = chat;
    this.#promptTokens = undefined;
  }

  /** Estimated, before any target's own way of counting; for a conversation when it is first asked for. */
  get promptTokens(): number {
    return (this.#promptTokens ??= this.#chat === undefined ? 0 : chatTokens(this.#chat));
  }

  set promptTokens(tokens: number) {
    this.#promptTokens = tokens;
  }

  /** They are known already. */
  get hasPromptTokens(): boolean {
    return this.#promptTokens !== undefined;
  }

  get headers(): Headers {
    return this.request.headers;
  }

  get fields(): { readonly authorization: string | undefined } {
    return { authorization: this.request.headers.get("authorization") ?? undefined };
  }

  get tenant(): string {
    return this.security.tenant;
  }

  /** Where the edge says the client is. */
  get place(): Place | undefined {
    const { latitude, longitude } = (this.request.cf ?? {}) as IncomingRequestCfProperties;
    const place = { latitude: Number(latitude ?? Number.NaN), longitude: Number(longitude ?? Number.NaN) };
    return Number.isFinite(place.latitude) && Number.isFinite(place.longitude) ? place : undefined;
  }

  /** Position of who answered among those that were to be asked. */
  get fallbackIndex(): number {
    return this.target === undefined ? 0 : Math.max(0, this.targets.indexOf(this.target));
  }
}
