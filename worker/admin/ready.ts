// Whether this isolate lives, and whether it can serve. Health never depends on anything; ready is 200 exactly when a
// policy is in force. What is wrong beside that (a refused document, sections not acted on, a dependency that is away)
// is said in the body and does not take a working gateway out of service.
import { pendingSections } from "../core/policy/pending.ts";
import { unboundOf } from "../platform/carriers.ts";
import type { OffPath } from "../platform/offpath.ts";
import type { Asked } from "./context.ts";

/** A probe looks into KV this often at the most. */
const LOOK_AGAIN_MS = 5_000;

export function health(c: Asked): Response {
  const isolate = c.get("isolate");
  return c.json({ status: "ok", isolate: isolate.id, region: isolate.region.name });
}

export async function ready(c: Asked): Promise<Response> {
  const isolate = c.get("isolate");
  const { policies, news, region } = isolate;
  const policy = await isolate.refresh(c.executionCtx, c.req.raw.cf as IncomingRequestCfProperties | undefined);
  if (policies.due(isolate.now(), LOOK_AGAIN_MS)) await policies.load(c.executionCtx);
  const inForce = policies.current ?? policy;
  const unbound = inForce === undefined ? [] : unboundOf(inForce.policy, c.env);
  const body = {
    ready: inForce !== undefined,
    isolate: isolate.id,
    region: { name: region.name, known: inForce === undefined || Object.hasOwn(inForce.policy.regions, region.name) },
    policy: { generation: inForce?.generation ?? null, error: policies.error ?? null },
    news: { generation: news.epochs.policy, ageMs: news.asOf === 0 ? null : isolate.now() - news.asOf },
    pending: inForce === undefined ? [] : pendingSections(inForce.policy),
    dependencies: {
      ...{ region: state(region.offPath), kv: state(policies.kv) },
      // Wanted and not bound: records go nowhere, and nobody should have to find out by their absence.
      ...(inForce?.policy.telemetry.analyticsEngine === true && c.env.ANALYTICS === undefined
        ? { analyticsEngine: { state: "unbound" } }
        : {}),
      // Upstreams behind these cannot be reached.
      ...(unbound.length > 0 ? { bindings: { state: "unbound", names: unbound } } : {}),
    },
  };
  return c.json(body, inForce === undefined ? 503 : 200, inForce === undefined ? { "retry-after": "1" } : {});
}

/** Messages of failed calls stay inside: they may name objects and machines. */
function state(dependency: OffPath): { state: "unused" | "ok" | "failing" } {
  if (dependency.calls === 0) return { state: "unused" };
  return { state: dependency.lastFailure === "" ? "ok" : "failing" };
}
