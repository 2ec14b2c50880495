// The record of one AI call (core/insight/record), made when it is over and only where somebody wants it.
import { isTraceparent } from "../core/http/trace.ts";
import type { RequestRecord } from "../core/insight/record.ts";
import { promptTokens } from "../core/providers/chat.ts";
import type { AiWalk } from "./walk.ts";

/** `firstTokenMs`: 0 where nothing was streamed. */
export function recordOf(walk: AiWalk, status: number, firstTokenMs: number): RequestRecord {
  const { request, gateway, policy, target, usage, failure, security } = walk;
  const received = request.headers.get("traceparent");
  const { host, pathname } = new URL(request.url);
  const isKnown = Object.hasOwn(PATHS, pathname);
  return {
    at: walk.arrivedAt,
    correlationId: walk.correlationId,
    traceparent: walk.traceparent,
    parentSpan: received !== null && isTraceparent(received) ? received.slice(36, 52) : "",
    region: gateway.isolate.region.name,
    generation: policy.generation,
    method: request.method,
    host,
    path: isKnown ? pathname : "/v1/",
    route: "ai",
    service: target?.provider.service.name ?? "",
    instance: target === undefined ? "" : "api",
    status,
    tookMs: performance.now() - walk.startedAt,
    upstreamMs: walk.upstreamMs,
    attempts: walk.attempts,
    cache: "",
    refusal: failure === undefined ? "" : `ai_${failure.kind}`,
    trials: "",
    fault: walk.fault,
    tenant: security.tenant,
    keyId: security.keyId,
    ...(target === undefined
      ? {}
      : {
          ai: {
            provider: target.provider.name,
            model: target.model,
            operation: walk.surface.operation,
            inputTokens: usage === undefined ? 0 : promptTokens(usage),
            outputTokens: usage?.output ?? 0,
            dollars: walk.cost ?? 0,
            firstTokenMs,
          },
        }),
  };
}

/** What may stand in a record: a path that is none of these may hold anything. */
const PATHS: Readonly<Record<string, true>> = {
  "/v1/chat/completions": true,
  "/v1/completions": true,
  "/v1/responses": true,
  "/v1/messages": true,
  "/v1/messages/count_tokens": true,
  "/v1/embeddings": true,
  "/v1/models": true,
};
