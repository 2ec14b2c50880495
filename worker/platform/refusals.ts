// What a client is told when nobody has answered it: why, and honestly when to come back, each a little differently, so
// that all who were turned away together do not come back together.
import type { Refusal } from "../core/http/problem.ts";
import { spreadOut } from "../core/http/retry-after.ts";
import type { Unavailable } from "../core/resilience/attempts.ts";
import type { Chance } from "../core/stats/chance.ts";
import { NO_PLACE_FREE, NO_SHARE_LEFT, type ServiceState } from "./services.ts";
import type { NoAnswer } from "./upstream.ts";

/** When a refused client may come again, where nothing better is known. */
const COME_AGAIN_MS = 1_000;

/** Of an attempt that brought no answer, when it was the last one. */
export const CODES = {
  timeout: "upstream_timeout",
  unreachable: "upstream_unreachable",
  invalid: "upstream_invalid",
} as const satisfies Record<NoAnswer, Refusal["code"]>;

/** What `ServiceState.take` says below 0, in the attempt machine's words. */
export const whyOf = (index: number): Unavailable =>
  index === NO_PLACE_FREE ? "full" : index === NO_SHARE_LEFT ? "panic" : "open";

/** Nothing was ever sent. */
export function refusalOf(why: Unavailable | "deadline", service: ServiceState, now: number, chance: Chance): Refusal {
  switch (why) {
    case "deadline":
      return { code: "upstream_timeout" };
    case "full":
    case "panic":
      return { code: "overloaded", retryAfterMs: spreadOut(COME_AGAIN_MS, chance) };
    case "open": {
      // None listed, or none that takes such a request: not a matter of breakers.
      const others = service.candidates.length === 0 || service.candidates.some(({ available }) => available);
      if (others) return { code: "no_instance", retryAfterMs: spreadOut(COME_AGAIN_MS, chance) };
      return { code: "breaker_open", retryAfterMs: spreadOut(service.soonestMs(now), chance) };
    }
  }
}
