// Retry-After, both ways (RFC 9110 §10.2.3). Read: seconds, any of the three forms of an HTTP-date, or `retry-after-ms`
// as AI providers send it. Written: never sooner than we could answer, never 0, and spread out, so that the clients
// turned away together do not come back together.
import type { Chance } from "../stats/chance.ts";

/** Breakers believe an upstream up to this. Attempts compare the whole wish with their deadline instead. */
export const MAX_RETRY_AFTER_MS = 60_000;

const LONGEST_MS = 31_536_000_000;
const DECIMAL = /^\d+(\.\d*)?$/;
/** IMF-fixdate and RFC 850 end in GMT, asctime has no zone and means GMT (RFC 9110 §5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2,8},? [0-9A-Za-z: -]{15,25}$/;

/** Milliseconds from now; 0 for a date that has passed; -1 when the fields say nothing that can be understood. */
export function parseRetryAfter(retryAfter: string | null, retryAfterMs: string | null, now: number): number {
  if (retryAfterMs !== null && DECIMAL.test(retryAfterMs)) return Math.min(Number(retryAfterMs), LONGEST_MS);
  if (retryAfter === null) return -1;
  if (DECIMAL.test(retryAfter)) return Math.min(Number(retryAfter) * 1000, LONGEST_MS);
  if (!HTTP_DATE.test(retryAfter)) return -1;
  const at = Date.parse(retryAfter.endsWith(" GMT") ? retryAfter : `${retryAfter} GMT`);
  return Number.isNaN(at) ? -1 : Math.min(Math.max(0, at - now), LONGEST_MS);
}

/** Whole seconds for a refusal of our own that could end in `readyInMs`: that long, or up to half as long again. */
export function retryAfterSeconds(readyInMs: number, chance: Chance): number {
  const soonest = Math.max(1, Math.ceil(Math.min(readyInMs, LONGEST_MS) / 1000));
  const spread = Math.max(1, Math.ceil(soonest / 2));
  return soonest + Math.floor(chance() * (spread + 1));
}
