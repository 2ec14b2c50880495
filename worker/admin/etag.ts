// Conditional requests on the policy (RFC 9110 §13.1), whose entity tag is its generation in quotes.

const TAG = /(W\/)?"([^"]*)"/g;

/** If-None-Match compares weakly (§13.1.2). */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return [...header.matchAll(TAG)].some(([, , tag]) => `"${tag}"` === etag);
}

/**
 * The generation a write expects to replace, undefined for any, `never` when no generation can fulfil the condition:
 * a weak tag never matches strongly (§13.1.1), and a tag that is not a number was never ours. Of several tags only
 * one can be in force, so a list is refused rather than guessed at. `If-None-Match: *` expects that there is none.
 */
export function expectedGeneration(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): number | undefined | "never" {
  if (ifMatch === undefined) return ifNoneMatch?.trim() === "*" ? 0 : undefined;
  if (ifMatch.trim() === "*") return undefined;
  const number = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  return number === undefined ? "never" : Number(number);
}
