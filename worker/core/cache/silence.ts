// Whether an origin says nothing of caching: then, and only then, a rule could give its answer a lifetime without a word against it.
import { parseDirectives } from "./directives.ts";
import type { AnswerFields } from "./storing.ts";
import { targetedDirectives } from "./targeted.ts";

export function isSilent(headers: AnswerFields): boolean {
  if (headers.has("set-cookie") || headers.has("expires") || headers.has("pragma")) return false;
  const said = targetedDirectives(headers) ?? parseDirectives(headers.get("cache-control"));
  if (said.noStore || said.isPrivate || said.noCache || said.mustUnderstand) return false;
  return said.maxAge < 0 && said.sharedMaxAge < 0;
}
