// The request's target, cut out of the URL that the runtime hands over, without parsing it a second time (`new URL`
// costs 1-3 µs). The runtime puts Host and the request line together unchecked: upper case, dot segments, and a Host
// that smuggles a user, a path or a space all arrive here, so the authority is checked, and the path is not yet
// canonical (core/http/path).
import { scanPath } from "./path.ts";

/** A request's target. Substrings of the URL, but for case in the host. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Host and port as the client wrote them. */
  readonly authority: string;
  /** Lower-case, without port and trailing dot. */
  readonly host: string;
  /** As received; starts with `/`. */
  readonly path: string;
  /** With its `?`, or "". */
  readonly query: string;
  /** The path is canonical already, and every upstream reads it alike. */
  readonly plain: boolean;
}

const COLON = 58;
const QUESTION = 63;

/** 1 for what a host may hold (RFC 3986 §3.2.2, without percent-encodings and sub-delims), `:` and brackets. */
const HOST_CHARACTER = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:[]") {
  HOST_CHARACTER[char.charCodeAt(0)] = 1;
}

// A gateway serves few authorities: the last one is remembered, so that a request costs a comparison and the host's
// hash is known to the route table. Nothing but the speed depends on it.
let lastAuthority = "";
let lastHost = "";

/** `undefined` when the URL is none that a request may have: 400. */
export function readTarget(url: string): Target | undefined {
  // `http://` or `https://`: the runtime writes the scheme, in lower case.
  const secure = url.charCodeAt(4) !== COLON;
  const start = secure ? 8 : 7;
  let slash = url.indexOf("/", start);
  // `OPTIONS *` arrives as `http://host*`, which fails as an authority; an empty path ends the URL or meets the query.
  if (slash < 0) slash = url.length;
  const authority = url.slice(start, slash);
  if (authority !== lastAuthority) {
    const host = hostOf(authority);
    if (host === undefined) return undefined;
    lastAuthority = authority;
    lastHost = host;
  }
  const scanned = slash === url.length ? slash : scanPath(url, slash);
  const end = scanned < 0 ? ~scanned : scanned;
  return {
    scheme: secure ? "https" : "http",
    authority,
    host: lastHost,
    path: end === slash ? "/" : url.slice(slash, end),
    query: queryOf(url, end),
    plain: scanned >= 0,
  };
}

/** From the `?` at `at`, up to a fragment, which is no part of a request. */
function queryOf(url: string, at: number): string {
  if (url.charCodeAt(at) !== QUESTION) return "";
  const hash = url.indexOf("#", at);
  return hash < 0 ? url.slice(at) : url.slice(at, hash);
}

/** Lower-case host without port and trailing dot; undefined for what is no host and port (RFC 3986 §3.2). */
export function hostOf(authority: string): string | undefined {
  let colons = 0;
  let colon = -1;
  let bracket = -1;
  for (let at = 0; at < authority.length; at++) {
    const code = authority.charCodeAt(at);
    if (code >= 128 || HOST_CHARACTER[code] !== 1) return undefined;
    if (code === COLON) {
      colons++;
      colon = at;
    } else if (code === 93) {
      if (bracket >= 0) return undefined;
      bracket = at;
    } else if (code === 91 && at !== 0) {
      return undefined;
    }
  }
  const literal = authority.charCodeAt(0) === 91;
  if (literal !== bracket > 0) return undefined;
  if (literal ? bracket < 3 : colons > 1) return undefined;
  let end = authority.length;
  if (literal) {
    if (bracket !== end - 1 && (colon !== bracket + 1 || !isPort(authority, colon + 1))) return undefined;
    end = bracket + 1;
  } else if (colon >= 0) {
    if (!isPort(authority, colon + 1)) return undefined;
    end = colon;
  }
  // `example.com.` is the same host, written as a full name (RFC 1034 §3.1).
  if (!literal && authority.charCodeAt(end - 1) === 46) end--;
  return end === 0 ? undefined : authority.slice(0, end).toLowerCase();
}

/** Digits up to 65535 from `at` to the end; an empty port is allowed (RFC 3986 §3.2.3). */
function isPort(authority: string, at: number): boolean {
  let port = 0;
  for (; at < authority.length; at++) {
    const digit = authority.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
    if (port > 65535) return false;
  }
  return true;
}
