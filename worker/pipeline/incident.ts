// Refusals that an operator should see as security events. What identity refuses it notes itself, with its reasons; here stands
// what is refused beside that: too much, from the wrong place, in the wrong way. Costs nothing where nothing is refused.
import type { RefusalCode } from "../core/http/problem.ts";
import type { SecurityEventKind } from "../core/security/events.ts";
import type { Walk } from "./walk.ts";

const KINDS: Partial<Record<RefusalCode, SecurityEventKind>> = {
  rate_limited: "rate_limited",
  // The guard's: a method that the policy forbids.
  method_not_allowed: "method_forbidden",
  body_too_large: "body_refused",
  media_type_unsupported: "body_refused",
};

export function noteIncident(walk: Walk, code: RefusalCode): void {
  const { address, security, route, rules, arrivedAt } = walk;
  // The guard refuses addresses before it looks at the route's rules.
  const kind = code === "forbidden" && rules === undefined ? "address_denied" : KINDS[code];
  if (kind === undefined) return;
  const who = security.keyId || security.user;
  walk.gateway.isolate.security.note({ kind, detail: code, route: route?.id ?? "", address, who }, arrivedAt);
}
