// Retry-After (RFC 9110 §10.2.3), read from upstreams and written to clients. Read: seconds or a date, and the
// `retry-after-ms` that AI providers send beside it, which is finer and wins. Written: never sooner than we could
// answer, never 0, and spread out where many are turned away together, so that they do not come back together.
import type { Chance } from "../stats/chance.ts";
import { parseHttpDate } from "./date.ts";

/** Breakers believe an upstream up to this: nobody must be able to put itself to sleep for a day. */
export const MAX_RETRY_AFTER_MS = 60_000;

const LONGEST_MS = 31_536_000_000;

/** Milliseconds from now; 0 for a date that has passed; -1 when the fields say nothing that can be understood. */
export function parseRetryAfter(retryAfter: string | null, retryAfterMs: string | null, nowMs: number): number {
  const fine = retryAfterMs ? decimal(retryAfterMs.trim()) : undefined;
  if (fine !== undefined) return Math.min(fine, LONGEST_MS);
  if (!retryAfter) return -1;
  const text = retryAfter.trim();
  const seconds = decimal(text);
  if (seconds !== undefined) return Math.min(seconds * 1000, LONGEST_MS);
  const date = parseHttpDate(text, nowMs);
  return date === undefined ? -1 : Math.min(Math.max(date - nowMs, 0), LONGEST_MS);
}

/** A wait as Retry-After says it: whole seconds, rounded up, and never 0, which would ask for a stampede. */
export function retryAfterSeconds(waitMs: number): number {
  return Math.max(1, Math.ceil(Math.min(waitMs, LONGEST_MS) / 1000));
}

/** What one of many refused clients is told: whole seconds in ms, the wait or up to half as long again. */
export function spreadOut(waitMs: number, chance: Chance): number {
  const soonest = retryAfterSeconds(waitMs);
  const spread = Math.max(1, Math.ceil(soonest / 2));
  return (soonest + Math.floor(chance() * (spread + 1))) * 1000;
}

/** Digits, with a fraction where one is sent (not RFC 9110, but seen). Too many digits are a very long wait. */
function decimal(text: string): number | undefined {
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46) dots++;
    else if (code < 48 || code > 57) return undefined;
  }
  if (dots > 1 || text.length === 0 || text.startsWith(".") || text.endsWith(".")) return undefined;
  return Number(text);
}
