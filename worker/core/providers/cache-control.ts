// What a request to the AI door says of stored answers: HTTP's own Cache-Control (RFC 9111 §5.2.1), and the fields that users of
// other gateways send already: Cloudflare's (cf-aig-skip-cache, cf-aig-cache-ttl), Helicone's (Helicone-Cache-Enabled) and
// Portkey's (x-portkey-cache-force-refresh). None of them opens a cache that the policy keeps shut.

export interface CacheWish {
  /** May be answered from what is stored. */
  readonly reads: boolean;
  /** Its answer may be stored. */
  readonly writes: boolean;
  /** How long at most, where it says; at most what the policy says. */
  readonly ttlSeconds: number | undefined;
}

export function cacheWish(headers: { get(name: string): string | null }): CacheWish {
  const control = (headers.get("cache-control") ?? "").toLowerCase();
  const directives = control.split(",").map((each) => each.trim());
  const isOff =
    directives.includes("no-store") ||
    isTrue(headers.get("cf-aig-skip-cache")) ||
    isFalse(headers.get("helicone-cache-enabled"));
  const isFresh =
    directives.includes("no-cache") ||
    directives.includes("max-age=0") ||
    isTrue(headers.get("x-portkey-cache-force-refresh"));
  const ttl = Number(headers.get("cf-aig-cache-ttl") ?? Number.NaN);
  return {
    reads: !isOff && !isFresh,
    writes: !isOff,
    ttlSeconds: Number.isFinite(ttl) && ttl > 0 ? ttl : undefined,
  };
}

const isTrue = (value: string | null): boolean => value?.trim().toLowerCase() === "true";
const isFalse = (value: string | null): boolean => value?.trim().toLowerCase() === "false";
