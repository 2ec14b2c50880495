// A browser's question whether it may ask (Fetch standard, CORS-preflight request), answered by the gateway for all its doors.
import { PREFLIGHT_VARY, preflightFields, type Cors } from "../core/security/cors.ts";

/** The method that is asked for; undefined when the request is no preflight. */
export function preflightMethod(method: string, headers: Headers): string | undefined {
  if (method !== "OPTIONS" || !headers.has("origin")) return undefined;
  return headers.get("access-control-request-method") ?? undefined;
}

export function preflightAnswer(cors: Cors, headers: Headers): Response {
  const answer = new Headers({ vary: PREFLIGHT_VARY });
  const asked = headers.get("access-control-request-headers");
  for (const [name, value] of preflightFields(cors, headers.get("origin") ?? "", asked)) answer.set(name, value);
  return new Response(null, { status: 204, headers: answer });
}
