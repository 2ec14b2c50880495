// Delta-seconds (RFC 9111 §1.2.2): digits and nothing else. A number too large to hold is the largest one there is.

/** 2^31: what anything larger counts as. */
export const MAX_DELTA_SECONDS = 2_147_483_648;

/** Seconds from `at` to `end`; -1 for what is none. */
export function deltaSeconds(text: string, at = 0, end = text.length): number {
  if (at >= end) return -1;
  let value = 0;
  for (; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    if (value < MAX_DELTA_SECONDS) value = value * 10 + digit;
  }
  return Math.min(value, MAX_DELTA_SECONDS);
}

/**
 * Age (RFC 9111 §5.1): the first member of what should be no list; one that is no number of seconds counts for nothing.
 */
export function ageSeconds(field: string | null): number {
  if (field === null) return 0;
  const comma = field.indexOf(",");
  const first = (comma < 0 ? field : field.slice(0, comma)).trim();
  return Math.max(0, deltaSeconds(first));
}
