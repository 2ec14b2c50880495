// What every answer carries, whoever made it: the ids of the exchange, where the time went, what the cache did. The
// upstream's fields are cleaned first; what it names by its own address is named by the gateway's.
import { rewriteCookies } from "../core/http/cookies.ts";
import { GATEWAY } from "../core/http/forwarding.ts";
import { mayLocate, rewriteLocations, type PublicView } from "../core/http/location.ts";
import { problem, type Refusal } from "../core/http/problem.ts";
import { dropAnswerFields } from "../core/http/response-fields.ts";
import { serverTiming } from "../core/http/server-timing.ts";
import { cacheStatusMember } from "../core/http/cache-status.ts";
import { writeCors } from "../core/security/cors.ts";
import { applyEdits } from "./forwarding.ts";
import type { Walk } from "./walk.ts";

const VIA = `1.1 ${GATEWAY}`;
/** RFC 9211 §2.2: the cache was configured not to handle this request. */
const BYPASS = cacheStatusMember({ kind: "fwd", reason: "bypass" });

/** Takes an upstream's answer out of its hop, in place: what is left is the client's, and what may be stored. */
export function clean(walk: Walk, answer: Response): Response {
  const { headers, status } = answer;
  dropAnswerFields(headers, status);
  if (mayLocate(headers, status)) rewriteLocations(headers, status, viewOf(walk));
  if (headers.has("set-cookie")) rewriteCookies(headers, viewOf(walk));
  const { loadReport } = walk.service!.compiled.options;
  if (loadReport !== false && loadReport.strip) headers.delete(loadReport.header);
  return answer;
}

/** The exchange, seen from both sides. */
function viewOf({ instance, route, scheme, authority }: Walk): PublicView {
  const { compiled } = instance!;
  return {
    upstreamAuthority: compiled.authority,
    upstreamPrefix: compiled.basePath + route!.addPrefix,
    publicScheme: scheme,
    publicAuthority: authority,
    publicPrefix: route!.stripPrefix,
  };
}

/** Dresses it for the client, in place. */
export function dress(walk: Walk, answer: Response): Response {
  const { headers } = answer;
  if (walk.affinityCookie !== "") headers.append("set-cookie", walk.affinityCookie);
  return complete(walk, answer);
}

/** Also an answer that a step had at hand; its fields can be changed. */
export function complete(walk: Walk, answer: Response): Response {
  const { headers } = answer;
  addFields(walk, headers);
  const edits = walk.route!.responseHeaders;
  // A stored answer has been edited; what was written since has not.
  if (edits !== undefined) applyEdits(headers, walk.isFromCache ? { ...edits, add: [] } : edits);
  return answer;
}

/** The gateway's own answer (RFC 9457). */
export function refuse(walk: Walk, refusal: Refusal): Response {
  walk.refusal = refusal;
  const { status, headers, body } = problem(refusal, walk.correlationId);
  const answer = new Response(body, { status, headers });
  addFields(walk, answer.headers);
  return answer;
}

/** What is the same on every answer of a route and generation: a stored answer carries it already. */
export function addLasting({ policy, gateway }: Walk, headers: Headers): void {
  headers.append("via", VIA);
  if (policy.policy.expose ?? gateway.isLocal) headers.set("x-sluice-generation", String(policy.generation));
}

/** Appended where the upstream may have written the field as well. */
function addFields(walk: Walk, headers: Headers): void {
  if (!walk.isFromCache) addLasting(walk, headers);
  headers.set("x-correlation-id", walk.correlationId);
  headers.set("traceparent", walk.traceparent);
  if (!walk.hasCacheStatus) headers.append("cache-status", walk.cacheStatus === "" ? BYPASS : walk.cacheStatus);
  walk.answeredAt = performance.now();
  const own = serverTiming(GATEWAY, walk.answeredAt - walk.startedAt - walk.upstreamMs);
  headers.append("server-timing", walk.attempts === 0 ? own : `${own}, ${serverTiming("upstream", walk.upstreamMs)}`);
  const { policy, service, instance, answerFields } = walk;
  const cors = walk.rules?.cors;
  if (cors !== undefined) writeCors(cors, walk.headers.get("origin"), headers);
  if (answerFields !== undefined) for (const [name, value] of answerFields) headers.set(name, value);
  if (service === undefined || !(policy.policy.expose ?? walk.gateway.isLocal)) return;
  headers.set("x-sluice-service", service.compiled.name);
  if (instance !== undefined) headers.set("x-sluice-instance", instance.compiled.id);
  if (walk.attempts > 0) headers.set("x-sluice-attempts", String(walk.attempts));
}
