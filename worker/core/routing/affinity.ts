// What binds a client to an instance under `consistent_hash`: a cookie of ours, a header of theirs, or the client itself.
// Affinity is a convenience, never a promise: an instance that is down or overloaded loses the client for as long.
import { hash32 } from "../stats/hash.ts";

export type AffinityOptions =
  | { readonly by: "cookie"; readonly name: string; readonly ttlSeconds: number }
  | { readonly by: "header"; readonly name: string }
  | { readonly by: "client" };

/** What a request binds to, as a hash for `ChoiceInput.affinityHash`; -1 when it carries nothing. */
export function affinityOf(
  options: AffinityOptions,
  headers: { get(name: string): string | null },
  clientAddress: string,
): number {
  switch (options.by) {
    case "cookie": {
      const value = cookieValue(headers.get("cookie"), options.name);
      return value === "" ? -1 : hash32(value);
    }
    case "header": {
      const value = headers.get(options.name);
      return value === null || value === "" ? -1 : hash32(value);
    }
    case "client":
      return clientAddress === "" ? -1 : hash32(clientAddress);
  }
}

/**
 * The Set-Cookie that binds a client that has none. The value is any unguessable token, not the instance's name: it says
 * nothing about what stands behind the gateway, and survives instances that come and go.
 */
export function affinityCookie(options: AffinityOptions & { by: "cookie" }, token: string, secure: boolean): string {
  return `${options.name}=${token}; Path=/; Max-Age=${options.ttlSeconds}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}

/** The first cookie of that name (RFC 6265 §4.2.1), or "". */
function cookieValue(cookies: string | null, name: string): string {
  if (cookies === null) return "";
  let at = 0;
  while (at < cookies.length) {
    let end = cookies.indexOf(";", at);
    if (end < 0) end = cookies.length;
    while (cookies.charCodeAt(at) === 0x20) at++;
    if (cookies.startsWith(name, at) && cookies.charCodeAt(at + name.length) === 0x3d) {
      return cookies.slice(at + name.length + 1, end).trim();
    }
    at = end + 1;
  }
  return "";
}
