// Why the attempt machine sent nothing, or nothing came, in the AI door's words.
import type { Refusal } from "../core/http/problem.ts";
import { failureOf } from "../core/providers/classify.ts";
import type { Failure } from "../core/providers/failures.ts";

export function ofRefusal(refusal: Refusal): Failure {
  switch (refusal.code) {
    case "upstream_timeout":
      return failureOf("timeout");
    case "upstream_unreachable":
      return failureOf("unreachable");
    case "upstream_invalid":
      return failureOf("invalid_answer");
    default:
      return failureOf("unavailable", "retryAfterMs" in refusal ? refusal.retryAfterMs : undefined);
  }
}
