// Who asks. Identity is not built yet, and the one thing that must never happen is a guarded route that lets through:
// a route that requires identity is refused, one that would merely like to know it goes on as anonymous.
import type { Refusal } from "../core/http/problem.ts";
import type { Walk } from "./walk.ts";

const RETRY_MS = 30_000;

export function authenticate(walk: Walk): Refusal | undefined {
  if (walk.route!.auth !== "required") return undefined;
  return { code: "identity_unavailable", retryAfterMs: RETRY_MS };
}
