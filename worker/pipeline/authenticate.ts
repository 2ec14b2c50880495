// Who asks, and whether that one may: decided by platform/identity for all doors, written down here for the steps that follow.
// Waits only at the first sight of a credential in this isolate.
import type { Refusal } from "../core/http/problem.ts";
import type { Admission } from "../platform/identity.ts";
import type { Verdict, Walk } from "./walk.ts";

export function authenticate(walk: Walk): Verdict | Promise<Verdict> {
  const said = walk.gateway.identity.admit(walk.policy, walk, walk.route!);
  return said instanceof Promise ? said.then((late) => obey(walk, late)) : obey(walk, said);
}

function obey(walk: Walk, said: Admission | Refusal): Verdict {
  if ("code" in said) return said;
  walk.security = said.context;
  walk.query = said.query;
  if (said.told.length > 0) walk.requestEdits = [...(walk.requestEdits ?? []), ...said.told];
  for (let at = 0; at < said.drop.length; at++) (walk.fields.drop ??= []).push(said.drop[at]!);
  return undefined;
}
