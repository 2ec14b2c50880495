// One path for route, auth and cache: two spellings of a path that servers read alike have one canonical form
// (RFC 3986 §6.2.2, and repeated slashes as one). What no honest client sends is refused. Where upstreams are known to
// disagree about the reading (`%2F`, `;params`, decoding twice), `otherReadings` lists what they might see, and the
// pipeline refuses a path whose route depends on it. The upstream still receives the path as the client sent it, unless
// that holds dot segments or backslashes: `fetch` resolves those itself, against whatever prefix stands before them.
import { ok, refuse } from "../result/result.ts";
import type { Result } from "../result/result.ts";

/** `%00`; another control character; `%` without two hex digits; overlong UTF-8; half a surrogate pair. */
export type PathProblem = "nul" | "control" | "percent" | "overlong" | "surrogate";

const SLASH = 47;
const DOT = 46;
const PERCENT = 37;
const SEMICOLON = 59;
const BACKSLASH = 92;

const PLAIN = 0;
/** Means something to a path: `/ . % ;`. */
const SPECIAL = 1;
/** Visible, but no `pchar` (RFC 3986 §3.3): its canonical form is percent-encoded. */
const ENCODE = 2;
const CONTROL = 3;

const UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/** What each ASCII character is to a path. */
const KIND = new Uint8Array(128).fill(ENCODE);
/** 1 where a percent-encoding is undone (RFC 3986 §2.3). */
const IS_UNRESERVED = new Uint8Array(128);
for (const char of UNRESERVED) IS_UNRESERVED[char.charCodeAt(0)] = 1;
for (const char of `${UNRESERVED}!$&'()*+,=:@`) KIND[char.charCodeAt(0)] = PLAIN;
for (const char of "/.%;") KIND[char.charCodeAt(0)] = SPECIAL;
for (let code = 0; code < 32; code++) KIND[code] = CONTROL;
KIND[127] = CONTROL;

/**
 * Where the path that starts at `from` ends in a URL: at `?`, `#` or the end. Negative (`~end`) when the path is not
 * plain: plain ones are canonical, and every upstream reads them alike, so they need no further look.
 */
export function scanPath(url: string, from: number): number {
  const end = url.length;
  let plain = true;
  let at = from;
  for (; at < end; at++) {
    const code = url.charCodeAt(at);
    const kind = code < 128 ? KIND[code] : ENCODE;
    if (kind === PLAIN) continue;
    if (code === SLASH) {
      // Only `/.` can begin a dot segment; `/.well-known` is none, so look at what follows.
      const next = url.charCodeAt(at + 1);
      if (next === SLASH || (next === DOT && isDotSegment(url, at + 1))) plain = false;
    } else if (code === 63 || code === 35) {
      break;
    } else if (code !== DOT) {
      plain = false;
    }
  }
  return plain ? at : ~at;
}

/** True for a path that is canonical and that every upstream reads alike: most paths. */
export function isPlainPath(path: string): boolean {
  return path.charCodeAt(0) === SLASH && scanPath(path, 0) === path.length;
}

/** `.` or `..` at `at`, up to `/`, `?`, `#` or the end. */
function isDotSegment(text: string, at: number): boolean {
  let next = at + 1;
  if (text.charCodeAt(next) === DOT) next++;
  if (next >= text.length) return true;
  const code = text.charCodeAt(next);
  return code === SLASH || code === 63 || code === 35;
}

/**
 * The canonical form: encodings of unreserved characters undone and others in upper case, what a path may not hold
 * encoded (RFC 3986 §6.2.2.1, §6.2.2.2), a backslash as the slash that `fetch` makes of it, dot segments removed
 * (§5.2.4), clamped at the root, then repeated slashes collapsed. Bytes that are not UTF-8 stay as they are (old file
 * names), but overlong forms are refused: they hide a `/` or a `.` from whoever does not decode them. `path` starts
 * with `/`; a plain path comes back untouched.
 */
export function canonicalPath(path: string): Result<string, PathProblem> {
  if (isPlainPath(path)) return ok(path);
  const spelled = canonicalSpelling(path);
  return spelled.ok ? ok(withoutDots(spelled.value, DOTS_FIRST)) : spelled;
}

function canonicalSpelling(path: string): Result<string, PathProblem> {
  let out = "";
  let copied = 0;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    const kind = code < 128 ? KIND[code] : ENCODE;
    if (kind === PLAIN || (kind === SPECIAL && code !== PERCENT)) continue;
    if (kind === CONTROL) return refuse(code === 0 ? "nul" : "control");
    if (code === BACKSLASH) {
      out += `${path.slice(copied, at)}/`;
      copied = at + 1;
      continue;
    }
    if (kind === ENCODE) {
      const point = path.codePointAt(at)!;
      if (point >= 0xd800 && point <= 0xdfff) return refuse("surrogate");
      const size = point > 0xffff ? 2 : 1;
      out += path.slice(copied, at) + encodeURIComponent(path.slice(at, at + size));
      copied = at + size;
      at += size - 1;
      continue;
    }
    const byte = encodedByte(path, at);
    if (byte < 0) return refuse("percent");
    if (byte < 32 || byte === 127) return refuse(byte === 0 ? "nul" : "control");
    if (byte >= 0xc0 && isOverlong(byte, encodedByte(path, at + 3))) return refuse("overlong");
    if (byte < 128 && IS_UNRESERVED[byte] === 1) {
      out += path.slice(copied, at) + String.fromCharCode(byte);
      copied = at + 3;
    } else if (path.charCodeAt(at + 1) > 96 || path.charCodeAt(at + 2) > 96) {
      out += path.slice(copied, at) + path.slice(at, at + 3).toUpperCase();
      copied = at + 3;
    }
    at += 2;
  }
  return ok(copied === 0 ? path : out + path.slice(copied));
}

/** The byte that `%XX` at `at` stands for, or -1 when no such encoding is there. */
function encodedByte(path: string, at: number): number {
  if (path.charCodeAt(at) !== PERCENT) return -1;
  const high = hexDigit(path.charCodeAt(at + 1));
  const low = hexDigit(path.charCodeAt(at + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** Past the end `charCodeAt` is NaN, which fits none of the ranges. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** More bytes than the character needs (RFC 3629 §3), five- and six-byte forms of old decoders included. */
function isOverlong(lead: number, next: number): boolean {
  if (next < 0x80) return false;
  if (lead <= 0xc1) return next <= 0xbf;
  return (
    (lead === 0xe0 && next <= 0x9f) ||
    (lead === 0xf0 && next <= 0x8f) ||
    (lead === 0xf8 && next <= 0x87) ||
    (lead === 0xfc && next <= 0x83)
  );
}

/** Whether `..` takes back an empty segment (`/a//../b` is `/a/b`: RFC 3986, `fetch`) or the one before it (`/b`). */
type DotOrder = 0 | 1;
const COLLAPSE_FIRST: DotOrder = 0;
const DOTS_FIRST: DotOrder = 1;

/** Dot segments and repeated slashes removed, read from the end so that `..` is a count and nothing is taken back. */
function withoutDots(path: string, order: DotOrder): string {
  let out = "";
  let skip = 0;
  let end = path.length;
  let last = true;
  while (end > 0) {
    const slash = path.lastIndexOf("/", end - 1);
    const size = end - slash - 1;
    const dots = size === 1 || size === 2 ? dotsAt(path, slash + 1, size) : 0;
    if (last && (size === 0 || dots > 0)) out = "/";
    if (dots === 2) skip++;
    else if (size === 0) skip -= skip > 0 && order === DOTS_FIRST && !last ? 1 : 0;
    else if (dots === 0) {
      if (skip > 0) skip--;
      else out = path.slice(slash, end) + out;
    }
    last = false;
    end = slash;
  }
  return out === "" ? "/" : out;
}

/** 1 for `.`, 2 for `..`, else 0. */
function dotsAt(path: string, at: number, size: number): 0 | 1 | 2 {
  if (path.charCodeAt(at) !== DOT) return 0;
  if (size === 1) return 1;
  return path.charCodeAt(at + 1) === DOT ? 2 : 0;
}

/**
 * Whether upstreams may read this path differently: `;`, or an encoded `/ \ ; %`. Ordinary encodings (a space, an
 * umlaut) have one reading. Repeated slashes need no look: every reading collapses them.
 */
export function needsSecondLook(path: string): boolean {
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code === SEMICOLON) return true;
    if (code === PERCENT && isDelimiter(encodedByte(path, at))) return true;
  }
  return false;
}

const isDelimiter = (byte: number): boolean =>
  byte === SLASH || byte === BACKSLASH || byte === SEMICOLON || byte === PERCENT;

type Decoding = "none" | "once" | "twice";
type Params = "kept" | "dropped first" | "dropped last";
const DECODINGS: readonly Decoding[] = ["none", "once", "twice"];
const PARAMS: readonly Params[] = ["kept", "dropped first", "dropped last"];
const ORDERS: readonly DotOrder[] = [COLLAPSE_FIRST, DOTS_FIRST];

/**
 * Every other way an upstream might read a path, each in canonical form and each once: encoded slashes and backslashes
 * as slashes, `;params` dropped before or after decoding (RFC 3986 §3.3), all of it decoded once more, dot segments
 * that this lays bare removed. All combinations, for one reading may hide what a half-way one shows. `path` is as
 * received, and `canonical` its canonical form, which is what `forwardPath` sends where `path` holds dot segments.
 * Not for the hot path: ask `needsSecondLook` first.
 */
export function otherReadings(path: string, canonical: string): readonly string[] {
  const spelled = canonicalSpelling(isResolvedByFetch(path) ? canonical : path);
  if (!spelled.ok) return [];
  const readings: string[] = [];
  for (const decoding of DECODINGS) {
    for (const params of PARAMS) {
      const first = params === "dropped first" ? withoutParams(spelled.value) : spelled.value;
      const decoded = decode(first, decoding);
      const bare = params === "dropped last" ? withoutParams(decoded) : decoded;
      for (const order of ORDERS) {
        const reading = withoutDots(bare, order);
        if (reading !== canonical && !readings.includes(reading)) readings.push(reading);
      }
    }
  }
  return readings;
}

function decode(path: string, decoding: Decoding): string {
  if (decoding === "none") return path;
  const once = withDelimiters(path);
  if (decoding === "once") return once;
  const again = canonicalSpelling(once.replace(/%25(?=[0-9A-Fa-f]{2})/g, "%"));
  // `%2500` decoded twice is a NUL: whoever does that refuses it, or stops there; it opens no other route.
  return again.ok ? withDelimiters(again.value) : once;
}

/** Encoded slashes, backslashes and semicolons decoded; a backslash is a slash. */
function withDelimiters(path: string): string {
  return path.replace(/%2f|%5c/gi, "/").replace(/%3b/gi, ";");
}

function withoutParams(path: string): string {
  return path.replace(/;[^/]*/g, "");
}

/**
 * The path that goes upstream: the received one without `strip`, behind `add`. Where the client spelled the prefix in
 * another way (`/%61pi`), or where `fetch` would resolve dot segments against what we put before them, the canonical
 * path goes instead. Always starts with `/`: nothing in it can reach into the authority that it is appended to.
 */
export function forwardPath(received: string, canonical: string, strip: string, add: string): string {
  let rest = received === canonical || !isResolvedByFetch(received) ? received : canonical;
  if (strip !== "") {
    if (startsWithSegments(rest, strip)) rest = rest.slice(strip.length);
    else if (startsWithSegments(canonical, strip)) rest = canonical.slice(strip.length);
  }
  const path = add === "" ? rest : add + rest;
  return path.charCodeAt(0) === SLASH ? path : `/${path}`;
}

/** Whether the path holds a backslash or a dot segment, in any spelling (WHATWG URL, "single-dot URL path segment"). */
function isResolvedByFetch(path: string): boolean {
  let at = 0;
  while (at < path.length) {
    const code = path.charCodeAt(at++);
    if (code === BACKSLASH) return true;
    if (code !== SLASH) continue;
    let dots = 0;
    let next = at;
    for (; dots < 3; dots++) {
      if (path.charCodeAt(next) === DOT) next++;
      else if (encodedByte(path, next) === DOT) next += 3;
      else break;
    }
    const ends = next === path.length || path.charCodeAt(next) === SLASH || path.charCodeAt(next) === BACKSLASH;
    if (ends && (dots === 1 || dots === 2)) return true;
  }
  return false;
}

/** Whether `prefix` (without a trailing slash) is `path`, or ends where one of its segments does. */
export function startsWithSegments(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || path.charCodeAt(prefix.length) === SLASH;
}
