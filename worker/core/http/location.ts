// An upstream speaks of itself under the name and the paths that the gateway gave it; clients know neither. Location,
// Content-Location and Refresh that point back at the upstream are turned into what the client would have to ask for:
// the public scheme and authority, and the route's prefixes undone. Everything else stays as it is, byte for byte.
import { equalsIgnoringCase } from "./list.ts";
import { startsWithSegments } from "./path.ts";
import type { MutableFields } from "./response-fields.ts";

/** One exchange, seen from both sides. */
export interface PublicView {
  /** Lower-case host and port of the instance that answered; no port where it is the scheme's own. */
  readonly upstreamAuthority: string;
  /** What stands before the forwarded path upstream: the instance's base path, then the route's `addPrefix`. */
  readonly upstreamPrefix: string;
  readonly publicScheme: string;
  readonly publicAuthority: string;
  /** What the route took off the client's path (`stripPrefix`), without a trailing slash; "" for none. */
  readonly publicPrefix: string;
}

/** Location means something with 201 and 3xx alone; asking for it costs, and most answers are 200. */
const locates = (status: number): boolean => status === 201 || (status >= 300 && status < 400);

/** Whether an answer may hold a field that `rewriteLocations` is for. */
export const mayLocate = (headers: MutableFields, status: number): boolean =>
  locates(status) || headers.has("content-location") || headers.has("refresh");

/** Rewrites, in place, the fields of an answer that hold one URL (RFC 9110 §8.7, §10.2.2; Refresh: HTML §7.4.2). */
export function rewriteLocations(headers: MutableFields, status: number, view: PublicView): void {
  if (locates(status)) rewrite(headers, "location", view);
  if (headers.has("content-location")) rewrite(headers, "content-location", view);
  if (headers.has("refresh")) {
    const refresh = headers.get("refresh")!;
    const rewritten = publicRefresh(refresh, view);
    if (rewritten !== refresh) headers.set("refresh", rewritten);
  }
}

function rewrite(headers: MutableFields, name: string, view: PublicView): void {
  const value = headers.get(name);
  if (value === null) return;
  const rewritten = publicLocation(value, view);
  if (rewritten !== value) headers.set(name, rewritten);
}

/** A URI reference from an upstream, as the client has to see it (RFC 3986 §4.2 tells the four kinds apart). */
export function publicLocation(value: string, view: PublicView): string {
  if (value.startsWith("//")) {
    const end = authorityEnd(value, 2);
    if (!isUpstream(value.slice(2, end), "", view)) return value;
    return `//${view.publicAuthority}${publicPath(value.slice(end), view)}`;
  }
  if (value.startsWith("/")) return publicPath(value, view);
  const start = equalsIgnoringCase(value, 0, "http://") ? 7 : equalsIgnoringCase(value, 0, "https://") ? 8 : 0;
  // Relative to the request's path, or another scheme: the client resolves it as the upstream meant.
  if (start === 0) return value;
  const end = authorityEnd(value, start);
  if (!isUpstream(value.slice(start, end), start === 7 ? ":80" : ":443", view)) return value;
  return `${view.publicScheme}://${view.publicAuthority}${publicPath(value.slice(end), view)}`;
}

/** `5; url=…` with its URL rewritten. */
function publicRefresh(value: string, view: PublicView): string {
  const name = value.toLowerCase().indexOf("url=");
  if (name < 0) return value;
  const start = name + 4;
  const quote = value[start] === '"' || value[start] === "'" ? value[start] : "";
  const close = quote === "" ? -1 : value.indexOf(quote, start + 1);
  const end = close < 0 ? value.length : close;
  const from = start + quote.length;
  return value.slice(0, from) + publicLocation(value.slice(from, end), view) + value.slice(end);
}

/**
 * An upstream's path (with query and fragment) under the prefixes of the client. A path that already carries the
 * public prefix comes from an upstream that knows where it stands; one outside the upstream's prefix has no public
 * name, and stays.
 */
export function publicPath(path: string, view: PublicView): string {
  const { upstreamPrefix, publicPrefix } = view;
  if (upstreamPrefix === "" && publicPrefix === "") return path;
  const end = pathEnd(path);
  const bare = end === path.length ? path : path.slice(0, end);
  if (upstreamPrefix !== "") {
    if (!startsWithSegments(bare, upstreamPrefix)) return path;
    const rest = publicPrefix + path.slice(upstreamPrefix.length);
    return rest.startsWith("/") ? rest : `/${rest}`;
  }
  return startsWithSegments(bare, publicPrefix) ? path : publicPrefix + path;
}

/** Whether an authority is the instance's own, but for case, credentials and the scheme's default port. */
function isUpstream(authority: string, defaultPort: string, view: PublicView): boolean {
  const at = authority.lastIndexOf("@");
  let name = (at < 0 ? authority : authority.slice(at + 1)).toLowerCase();
  if (defaultPort !== "" && name.endsWith(defaultPort)) name = name.slice(0, -defaultPort.length);
  return name === view.upstreamAuthority;
}

function authorityEnd(value: string, at: number): number {
  for (; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code === 47 || code === 63 || code === 35 || code === 92) break; // / ? # \
  }
  return at;
}

function pathEnd(value: string): number {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code === 63 || code === 35) return at;
  }
  return value.length;
}
