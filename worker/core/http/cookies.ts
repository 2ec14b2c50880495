// Cookies that an upstream sets for its own name and paths, as the client's browser has to see them: a Domain that
// names the upstream would make the browser refuse the cookie (RFC 6265 §5.3), a Path without the public prefix would
// keep it from ever coming back (§5.1.4). Names, values and all other attributes stay as they are, and so does the
// number of Set-Cookie fields.
import { parseAddress } from "../match/address.ts";
import { equalsIgnoringCase } from "./list.ts";
import type { PublicView } from "./location.ts";
import { startsWithSegments } from "./path.ts";
import type { MutableFields } from "./response-fields.ts";
import { hostOf } from "./target.ts";

/** Rewrites an answer's cookies in place. */
export function rewriteCookies(headers: MutableFields, view: PublicView): void {
  if (!headers.has("set-cookie")) return;
  const cookies = headers.getSetCookie();
  const rewritten = cookies.map((cookie) => publicCookie(cookie, view));
  if (rewritten.every((cookie, n) => cookie === cookies[n])) return;
  headers.delete("set-cookie");
  for (const cookie of rewritten) headers.append("set-cookie", cookie);
}

/** One Set-Cookie value as the client has to see it. */
export function publicCookie(cookie: string, view: PublicView): string {
  // `__Host-` promises Path=/ and no Domain (RFC 6265bis §4.1.3.2): another path would make the browser refuse it.
  const fixed = equalsIgnoringCase(cookie, 0, "__host-");
  let out = "";
  let copied = 0;
  let at = cookie.indexOf(";");
  while (at >= 0) {
    const next = cookie.indexOf(";", at + 1);
    const end = next < 0 ? cookie.length : next;
    const equals = cookie.indexOf("=", at + 1);
    if (equals > 0 && equals < end) {
      const name = cookie
        .slice(at + 1, equals)
        .trim()
        .toLowerCase();
      const value = cookie.slice(equals + 1, end).trim();
      if (name === "domain" && isForeignDomain(value, view)) {
        out += cookie.slice(copied, at) + publicDomain(view);
        copied = end;
      } else if (name === "path" && !fixed) {
        const path = publicCookiePath(value, view);
        if (path !== value) {
          out += `${cookie.slice(copied, equals + 1)}${path}`;
          copied = end;
        }
      }
    }
    at = next;
  }
  return copied === 0 ? cookie : out + cookie.slice(copied);
}

/**
 * The attribute for the public host, or none where a browser would refuse it: an address, or a name without a dot. The
 * cookie is that host's alone then.
 */
function publicDomain(view: PublicView): string {
  const host = hostOf(view.publicAuthority) ?? "";
  return host.includes(".") && parseAddress(host) === undefined ? `; Domain=${host}` : "";
}

/** Whether a Domain covers the upstream but not the public host (RFC 6265 §5.1.3). Any other is the upstream's word. */
function isForeignDomain(value: string, view: PublicView): boolean {
  const domain = (value.startsWith(".") ? value.slice(1) : value).toLowerCase();
  if (domain === "") return false;
  if (covers(domain, hostOf(view.publicAuthority) ?? "")) return false;
  return covers(domain, hostOf(view.upstreamAuthority) ?? "");
}

const covers = (domain: string, host: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** A cookie path that holds all of what the route forwards, as `/` does, is all of the route's public paths. */
function publicCookiePath(path: string, view: PublicView): string {
  const { upstreamPrefix, publicPrefix } = view;
  if (!path.startsWith("/") || (upstreamPrefix === "" && publicPrefix === "")) return path;
  const whole = publicPrefix === "" ? "/" : publicPrefix;
  if (path === "/") return whole;
  if (upstreamPrefix === "") return startsWithSegments(path, publicPrefix) ? path : publicPrefix + path;
  if (startsWithSegments(path, upstreamPrefix)) {
    const rest = publicPrefix + path.slice(upstreamPrefix.length);
    return rest === "" ? "/" : rest;
  }
  const parent = path.endsWith("/") ? path.slice(0, -1) : path;
  return startsWithSegments(upstreamPrefix, parent) ? whole : path;
}
