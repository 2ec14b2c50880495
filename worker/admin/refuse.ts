// Refusals of the admin paths, as Hono sends them; what they say is the house's own (core/http/problem).
import { problem, type Refusal } from "../core/http/problem.ts";
import type { Asked } from "./context.ts";

export function refusal(c: Asked, why: Refusal, headers: Readonly<Record<string, string>> = {}): Response {
  const answer = problem(why, c.get("correlationId"));
  return new Response(answer.body, { status: answer.status, headers: { ...answer.headers, ...headers } });
}

/** The object that stores did not answer in time, or failed. */
export const unavailable = (c: Asked): Response => refusal(c, { code: "store_unavailable", retryAfterMs: 2_000 });
