// The record of one walk (core/insight/record): made only where somebody wants it, out of what the steps have found out.
import { markOf } from "../core/chaos/strike.ts";
import { isTraceparent } from "../core/http/trace.ts";
import type { RequestRecord } from "../core/insight/record.ts";
import { redact } from "../core/security/redact.ts";
import type { Walk } from "./walk.ts";

const LONGEST_PATH = 512;

export function recordOf(walk: Walk, status: number): RequestRecord {
  const { fields, gateway, policy, route, service, instance, security, refusal, strikes, overlay } = walk;
  const { traceparent: received } = fields;
  const continues = received !== undefined && isTraceparent(received);
  return {
    at: walk.arrivedAt,
    correlationId: walk.correlationId,
    traceparent: walk.traceparent,
    parentSpan: continues ? received.slice(36, 52) : "",
    region: gateway.isolate.region.name,
    generation: policy.generation,
    method: walk.method,
    host: walk.host,
    path: redact(walk.canonicalPath.slice(0, LONGEST_PATH)),
    route: route === undefined ? "" : route.id,
    service: service === undefined ? "" : service.compiled.name,
    instance: instance === undefined ? "" : instance.compiled.id,
    status,
    tookMs: walk.answeredAt - walk.startedAt,
    upstreamMs: walk.upstreamMs,
    attempts: walk.attempts,
    cache: walk.cacheStatus.slice("sluice; ".length).replace(/;.*/, ""),
    refusal: refusal === undefined ? "" : refusal.code,
    fault: walk.struck && strikes !== undefined ? markOf(strikes) : "",
    trials: overlay === undefined ? "" : overlay.arms.map(({ id, arm }) => `${id}=${arm}`).join(","),
    tenant: security.tenant,
    keyId: security.keyId,
  };
}
