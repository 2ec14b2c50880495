// Retry-After (RFC 9110 §10.2.3), read from upstreams and written to clients. Read: seconds or a date, and the
// `retry-after-ms` that AI providers send beside it, which is finer and wins. Clamped, for an upstream must not be able
// to put itself or a client to sleep for a day.
import { parseHttpDate } from "./date.ts";

/** The longest wait that is obeyed. */
export const MAX_RETRY_AFTER_MS = 60_000;

/** How long an upstream asks to wait, 0 to 60,000 ms, or undefined when it does not say so in a form that is one. */
export function parseRetryAfter(
  retryAfter: string | null | undefined,
  retryAfterMs: string | null | undefined,
  nowMs: number,
): number | undefined {
  const fine = retryAfterMs ? decimal(retryAfterMs.trim()) : undefined;
  if (fine !== undefined) return Math.min(fine, MAX_RETRY_AFTER_MS);
  if (!retryAfter) return undefined;
  const text = retryAfter.trim();
  const seconds = decimal(text);
  if (seconds !== undefined) return Math.min(seconds * 1000, MAX_RETRY_AFTER_MS);
  const date = parseHttpDate(text, nowMs);
  return date === undefined ? undefined : Math.min(Math.max(date - nowMs, 0), MAX_RETRY_AFTER_MS);
}

/** A wait as Retry-After says it: whole seconds, rounded up, and never 0, which would ask for a stampede. */
export function retryAfterSeconds(waitMs: number): number {
  return Math.max(1, Math.ceil(waitMs / 1000));
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
