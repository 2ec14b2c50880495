// What the AI door looks at before anything else: addresses that are kept out, and browsers of other origins, which ask before
// they send anything. Cross-origin fields are the policy's word, on every answer of the door.
import { writeCors } from "../core/security/cors.ts";
import { letsIn } from "../core/security/guard.ts";
import { failureOf } from "../core/providers/classify.ts";
import { preflightAnswer, preflightMethod } from "../platform/preflight.ts";
import { rulesOf } from "../platform/rules.ts";
import { dress, refuse } from "./answer.ts";
import { noteIncident } from "./incident.ts";
import type { AiWalk } from "./walk.ts";

/** The answer to what goes no further. */
export function guard(walk: AiWalk): Response | undefined {
  const { addresses, ai } = rulesOf(walk.policy);
  const { method, headers } = walk.request;
  if (addresses !== undefined && !letsIn(addresses, walk.address)) {
    noteIncident(walk, "address_denied", "forbidden");
    return refuse(walk, failureOf("forbidden"));
  }
  if (ai.cors === undefined || preflightMethod(method, headers) === undefined) return undefined;
  return dress(walk, preflightAnswer(ai.cors, headers));
}

/** The policy's cross-origin fields, in the answer's place. */
export function writeOrigins(walk: AiWalk, answer: Response): void {
  const { cors } = rulesOf(walk.policy).ai;
  const { method, headers } = walk.request;
  if (cors === undefined || preflightMethod(method, headers) !== undefined) return;
  writeCors(cors, headers.get("origin"), answer.headers);
}
