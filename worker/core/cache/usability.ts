// Whether a stored answer may be used for a request, and if not, why the request goes forward (RFC 9111 §4). The numbers were
// worked out when the answer came in; here they are compared with the clock and with what the request asks for.
import type { RequestDirectives } from "./directives.ts";
import type { EntryMeta } from "./entry.ts";

export type Usability =
  /** As it is. */
  | "fresh"
  /** Stale, and its origin allows that while someone asks for a newer one (RFC 5861 §3). */
  | "while-revalidating"
  /** Stale, and this client says that it does not mind (§5.2.1.2). */
  | "max-stale"
  /** Only once the origin says that it still holds: by its age, or because this request wants it so. */
  | "validate-stale"
  | "validate-request";

/** Without `stale-if-error` an answer serves for this long past its lifetime when its origin cannot be reached (§4.2.4). */
export const UNREACHABLE_MS = 86_400_000;

/** §4.2.3. Never negative, whatever the clocks. */
export const ageMs = (meta: EntryMeta, now: number): number => Math.max(0, now - meta.bornAt);

/** Remaining freshness: 0 and less is stale (§4.2: fresh while its lifetime is *greater* than its age). */
export const freshMs = (meta: EntryMeta, now: number): number => meta.lifetimeMs - ageMs(meta, now);

/** `purged`: marked as stale by a purge, whatever its age. */
export function usability(meta: EntryMeta, request: RequestDirectives, now: number, purged: boolean): Usability {
  const age = ageMs(meta, now);
  if (request.noCache) return "validate-request";
  // §5.2.1.1. What is asked for with max-age=0 is a validation, also in the same second.
  if (request.maxAge >= 0 && (request.maxAge === 0 || Math.floor(age / 1000) > request.maxAge)) {
    return "validate-request";
  }
  if (meta.mustValidate) return "validate-stale";
  const left = purged ? Math.min(0, meta.lifetimeMs - age) : meta.lifetimeMs - age;
  if (left > 0) return request.minFresh >= 0 && left < request.minFresh * 1000 ? "validate-request" : "fresh";
  if (meta.neverStale) return "validate-stale";
  if (request.maxStale >= 0 && !purged && -left <= request.maxStale * 1000) return "max-stale";
  return -left < meta.revalidateMs && request.minFresh < 0 ? "while-revalidating" : "validate-stale";
}

/**
 * Whether a stored answer may stand in for one that could not be had: nobody answered, or with a 5xx. Where neither side
 * has said `stale-if-error` (RFC 5861 §4), only for want of any answer (RFC 9111 §4.2.4).
 */
export function mayStandIn(meta: EntryMeta, request: RequestDirectives, now: number, answered: boolean): boolean {
  if (meta.mustValidate || meta.neverStale) return false;
  const staleMs = -freshMs(meta, now);
  const said = Math.max(meta.errorMs, request.staleIfError < 0 ? -1 : request.staleIfError * 1000);
  const window = said >= 0 ? said : answered ? -1 : UNREACHABLE_MS;
  // What is fresh was passed by at the client's own wish, which is a preference (§5.2.1.4).
  return staleMs <= 0 ? !answered || said >= 0 : staleMs < window;
}
