// One AI request on its way: what the steps have found out so far, in one object of one shape. Lives as long as the request.
import { correlationId } from "../core/http/correlation.ts";
import { continueTrace, isTraceparent, startTrace } from "../core/http/trace.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import type { ChatRequest, JsonObject, Usage } from "../core/providers/chat.ts";
import type { Failure } from "../core/providers/failures.ts";
import type { Surface } from "../core/providers/surface.ts";
import type { Gateway } from "../platform/gateway.ts";
import type { AiPolicy, Model, Target } from "./compiled.ts";

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

  // Set by the surface.
  surface: Surface;
  body: JsonObject = {};
  chat: ChatRequest | undefined = undefined;

  // Set by select.
  model: Model | undefined = undefined;
  /** In the order they are to be asked. */
  targets: readonly Target[] = [];

  // Set by ask and stream.
  attempts = 0;
  target: Target | undefined = undefined;
  /** Position of `target` in `targets`. */
  fallbackIndex = 0;
  upstreamMs = 0;
  usage: Usage | undefined = undefined;
  failure: Failure | undefined = undefined;

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
  }
}
