// What is looked at before anybody is asked who he is: addresses that are kept out, methods that nobody may use, media types of
// bodies, and preflights, which the gateway answers itself. A request under a policy that says nothing of these pays a few
// comparisons.
import { letsIn, takesType } from "../core/security/guard.ts";
import { preflightAnswer, preflightMethod } from "../platform/preflight.ts";
import { rulesOf, type Rules } from "../platform/rules.ts";
import type { Verdict, Walk } from "./walk.ts";

export function guard(walk: Walk): Verdict {
  const { policy, method } = walk;
  const rules = rulesOf(policy);
  if (rules.addresses !== undefined && !letsIn(rules.addresses, walk.address)) {
    // Refused before the route had a say, whatever its lane has laid out: incident.ts knows it by that.
    walk.rules = undefined;
    return { code: "forbidden" };
  }
  if (rules.forbidden.has(method)) return { code: "method_not_allowed", allow: rules.allow };
  if (method === "OPTIONS") {
    const answer = preflight(walk, rules);
    if (answer !== undefined) return answer;
  }
  if (walk.route === undefined) return { code: "no_route" };
  const route = rules.of(walk.route);
  walk.rules = route;
  const { contentTypes } = route;
  if (contentTypes === undefined || walk.request.body === null) return undefined;
  return takesType(contentTypes, walk.headers.get("content-type"))
    ? undefined
    : { code: "media_type_unsupported", accept: contentTypes.join(", ") };
}

/** Of the route that would take the request it asks for. It shows no credentials, so it is answered before any are asked for. */
function preflight(walk: Walk, rules: Rules): Response | undefined {
  const { headers, host, canonicalPath } = walk;
  const method = preflightMethod(walk.method, headers);
  if (method === undefined) return undefined;
  const route = walk.policy.route(host, canonicalPath, method, headers);
  const cors = route === undefined ? undefined : rules.of(route).cors;
  if (cors === undefined) return undefined;
  walk.route = route;
  return preflightAnswer(cors, headers);
}
