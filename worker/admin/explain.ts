// Why a request would go where it goes, answered from the policy in force in this isolate; nothing is sent anywhere.
import * as v from "valibot";
import { explainRoute } from "../core/policy/explain.ts";
import type { Asked } from "./context.ts";
import { readShape } from "./body.ts";
import { refusal } from "./refuse.ts";

const question = v.strictObject({
  method: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z-]{1,32}$/)), "GET"),
  /** Absolute, or a path on the host that is asked. */
  url: v.pipe(v.string(), v.minLength(1), v.maxLength(16_384)),
  headers: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~\w-]{1,256}$/)), v.pipe(v.string(), v.maxLength(8_192))),
    {},
  ),
});

export async function explain(c: Asked): Promise<Response> {
  const body = await readShape(c, question);
  if (!body.ok) return body.error;
  const isolate = c.get("isolate");
  const policy = await isolate.refresh(c.executionCtx, c.req.raw.cf as IncomingRequestCfProperties | undefined);
  if (policy === undefined) return refusal(c, { code: "policy_missing", retryAfterMs: 1_000 });
  const { method, url, headers } = body.value;
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const absolute = url.startsWith("/") ? new URL(c.req.url).origin + url : url;
  const answer = explainRoute(policy, {
    method: method.toUpperCase(),
    url: absolute,
    headers: { get: (name) => fields.get(name.toLowerCase()) ?? null },
  });
  const service = answer.route === undefined ? undefined : policy.services.get(answer.route.service);
  return c.json({
    ...answer,
    candidates:
      service?.instances.map(({ id, origin, basePath, region, weight }) => ({
        id,
        url: origin + basePath,
        region,
        weight,
      })) ?? [],
    algorithm: service?.options.routing.algorithm ?? null,
  });
}
