// Whether an answer is at hand already. No level of the cache is built yet: every request goes on, and `Cache-Status`
// says that the cache was passed by.
import type { Refusal } from "../core/http/problem.ts";
import type { Walk } from "./walk.ts";

export function cache(_walk: Walk): Refusal | undefined {
  return undefined;
}
