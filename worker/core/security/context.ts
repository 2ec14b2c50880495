// Who asks, as every later step reads it: limits, caches, routes, upstreams, records. Made once per credential, frozen, and
// shared by all requests that bring it; what differs from request to request (the address) stands on the walk.

export interface SecurityContext {
  /** How the caller has shown who it is. */
  readonly scheme: "anonymous" | "jwt" | "access" | "api_key";
  /** One text for one caller, whoever vouches for it: two issuers' `alice` are two. "" for nobody. */
  readonly identity: string;
  /** As the credential says; "" where it does not. */
  readonly user: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  /** Granted by the credential itself and by its roles. */
  readonly permissions: readonly string[];
  /** Public part of an API key; "" for other credentials. */
  readonly keyId: string;
  /** Limit of `security.rateLimits` that goes with the credential; undefined: the route's. */
  readonly rateLimit: string | undefined;
}

export const ANONYMOUS: SecurityContext = Object.freeze({
  scheme: "anonymous",
  identity: "",
  user: "",
  tenant: "",
  roles: Object.freeze([]),
  permissions: Object.freeze([]),
  keyId: "",
  rateLimit: undefined,
});

/** What the policy's `security.roles` makes of these roles: their permissions, beside those given one by one. */
export function permissionsOf(
  roles: readonly string[],
  own: readonly string[],
  table: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const all = new Set(own);
  for (const role of roles) if (Object.hasOwn(table, role)) for (const each of table[role]!) all.add(each);
  return Object.freeze([...all]);
}

/** `*` is everything, `models:*` everything below `models:`; any other permission only itself. */
export function grants(held: readonly string[], needed: string): boolean {
  for (let at = 0; at < held.length; at++) {
    const each = held[at]!;
    if (each === needed || each === "*") return true;
    if (each.endsWith(":*") && needed.startsWith(each.slice(0, -1))) return true;
  }
  return false;
}

export function grantsAll(held: readonly string[], needed: readonly string[]): boolean {
  for (let at = 0; at < needed.length; at++) if (!grants(held, needed[at]!)) return false;
  return true;
}

/**
 * RFC 6750 §3.1: somebody, but one who may not. What is needed is told (it is told to nobody but a caller whose credential is
 * good) where it can stand in a scope.
 */
export function insufficientScope(needed: readonly string[]): string {
  const scope = needed.filter((each) => SCOPE_TOKEN.test(each)).join(" ");
  return `Bearer error="insufficient_scope"${scope === "" ? "" : `, scope="${scope}"`}`;
}

/** RFC 6749 §3.3 */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Both are shown with one request: whether they speak of the same caller. */
export const agree = (one: SecurityContext, other: SecurityContext): boolean =>
  one.user === other.user && one.tenant === other.tenant;
