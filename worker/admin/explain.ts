// Why a request would go where it goes, answered from the policy in force in this isolate and from what this isolate knows
// of the instances; nothing is sent anywhere, and nothing is moved by asking.
import { profileRequest } from "../core/http/profile.ts";
import { explainRoute } from "../core/policy/explain.ts";
import type { CompiledService } from "../core/policy/compiled.ts";
import { affinityOf } from "../core/routing/affinity.ts";
import { COMPLEXITY, SECURITY } from "../core/routing/demands.ts";
import type { Place } from "../core/routing/regions.ts";
import { likeClass, methodBit } from "../core/routing/strategy.ts";
import { explainChoice, type Described } from "../platform/explain-choice.ts";
import type { Asked } from "./context.ts";
import { readShape } from "./body.ts";
import { explainQuestion } from "./questions.ts";
import { refusal } from "./refuse.ts";

export async function explain(c: Asked): Promise<Response> {
  const body = await readShape(c, explainQuestion);
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
  if (service === undefined) return c.json({ ...answer, candidates: [], algorithm: null });
  const fleet = c.get("fleet");
  const headersOf = new Headers(headers);
  const described = describe(service, method.toUpperCase(), answer.path, headersOf);
  const chosen = explainChoice(fleet.service(policy, service), fleet.news, described, placeOf(c), isolate.now());
  return c.json({ ...answer, isolate: isolate.id, ...chosen });
}

/** As the pipeline would see such a request. A body is known by its declared length alone. */
function describe({ options }: CompiledService, method: string, path: string, headers: Headers): Described {
  const profile = profileRequest(method, path, headers, headers.has("content-length"));
  const { affinity } = options.routing;
  return {
    like: likeClass(methodBit(method), COMPLEXITY[profile.complexity]),
    affinityHash: affinity === false ? -1 : affinityOf(affinity, headers, headers.get("cf-connecting-ip") ?? ""),
    method: methodBit(method),
    payloadBytes: Math.max(0, profile.payloadBytes),
    security: SECURITY[profile.securityLevel],
    complexity: COMPLEXITY[profile.complexity],
  };
}

/** Where whoever asks is. */
function placeOf(c: Asked): Place | undefined {
  const cf = c.req.raw.cf as IncomingRequestCfProperties | undefined;
  const place = { latitude: Number(cf?.latitude ?? Number.NaN), longitude: Number(cf?.longitude ?? Number.NaN) };
  return Number.isFinite(place.latitude) && Number.isFinite(place.longitude) ? place : undefined;
}
