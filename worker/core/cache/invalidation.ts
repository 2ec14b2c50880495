// What an unsafe request makes worthless (RFC 9111 §4.4): its own target, and what its answer names in Location and
// Content-Location, as long as that is the same origin's; another origin's entries are never anybody's to throw away.

/** RFC 9110 §9.2.1; whatever is not known to be safe is not. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

export const isSafe = (method: string): boolean => SAFE.has(method);

/** Only an answer that is no error says that something has changed. */
export const invalidates = (method: string, status: number): boolean =>
  !isSafe(method) && status >= 200 && status < 400;

/** Absolute URLs to forget: the target first. */
export function invalidated(target: string, location: string | null, contentLocation: string | null): string[] {
  const urls = [target];
  const { origin } = new URL(target);
  for (const reference of [location, contentLocation]) {
    const url = reference === null ? null : URL.parse(reference, target);
    if (url === null || url.origin !== origin) continue;
    url.hash = "";
    if (!urls.includes(url.href)) urls.push(url.href);
  }
  return urls;
}
