// Cache-Control (RFC 9111 §5.2), read by hand: names without regard to case, values as tokens or quoted strings, what stands
// inside another directive's quotes never found. Of duplicates the most restrictive counts. A lifetime that is no number of
// seconds is a lifetime of 0 (§4.2.1): whoever wrote it meant to limit something.
import { deltaSeconds } from "./delta.ts";

/** Of an answer. -1: not said. */
export interface Directives {
  noStore: boolean;
  /** Unqualified or with field names: a shared cache stores neither (§5.2.2.7). */
  isPrivate: boolean;
  isPublic: boolean;
  /** Unqualified; with field names those alone are left out (§5.2.2.4). */
  noCache: boolean;
  noCacheFields: readonly string[];
  mustRevalidate: boolean;
  proxyRevalidate: boolean;
  mustUnderstand: boolean;
  maxAge: number;
  sharedMaxAge: number;
  staleWhileRevalidate: number;
  staleIfError: number;
}

/** Of a request (§5.2.1). -1: not said; `maxStale` Infinity: however stale. */
export interface RequestDirectives {
  noCache: boolean;
  noStore: boolean;
  onlyIfCached: boolean;
  maxAge: number;
  minFresh: number;
  maxStale: number;
  staleIfError: number;
}

export const NO_DIRECTIVES: Readonly<Directives> = emptyDirectives();
const NO_REQUEST_DIRECTIVES: Readonly<RequestDirectives> = emptyRequestDirectives();

export function emptyDirectives(): Directives {
  return {
    noStore: false,
    isPrivate: false,
    isPublic: false,
    noCache: false,
    noCacheFields: [],
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    maxAge: -1,
    sharedMaxAge: -1,
    staleWhileRevalidate: -1,
    staleIfError: -1,
  };
}

function emptyRequestDirectives(): RequestDirectives {
  return {
    noCache: false,
    noStore: false,
    onlyIfCached: false,
    maxAge: -1,
    minFresh: -1,
    maxStale: -1,
    staleIfError: -1,
  };
}

export function parseDirectives(field: string | null): Readonly<Directives> {
  if (field === null || field === "") return NO_DIRECTIVES;
  const known = read.get(field);
  if (known !== undefined) return known;
  const directives = emptyDirectives();
  eachDirective(field, (name, value) => applyDirective(directives, name, value));
  if (field.length <= LONGEST_REMEMBERED) {
    if (read.size >= MOST_REMEMBERED) read.clear();
    read.set(field, directives);
  }
  return directives;
}

// Origins write few different fields: what was made of one is remembered. Nothing but the speed depends on it.
const MOST_REMEMBERED = 256;
const LONGEST_REMEMBERED = 200;
const read = new Map<string, Readonly<Directives>>();

/** `value`: undefined without one, null for one that is none (`max-age =1`). */
function applyDirective(directives: Directives, name: string, value: string | null | undefined): void {
  switch (name) {
    case "no-store":
      directives.noStore = true;
      return;
    case "private":
      directives.isPrivate = true;
      return;
    case "public":
      directives.isPublic = true;
      return;
    case "no-cache": {
      const fields = value === undefined || value === null ? [] : fieldNames(value);
      if (fields.length === 0) directives.noCache = true;
      else directives.noCacheFields = [...directives.noCacheFields, ...fields];
      return;
    }
    case "must-revalidate":
      directives.mustRevalidate = true;
      return;
    case "proxy-revalidate":
      directives.proxyRevalidate = true;
      return;
    case "must-understand":
      directives.mustUnderstand = true;
      return;
    case "max-age":
      directives.maxAge = stricter(directives.maxAge, value);
      return;
    case "s-maxage":
      directives.sharedMaxAge = stricter(directives.sharedMaxAge, value);
      return;
    case "stale-while-revalidate":
      directives.staleWhileRevalidate = stricter(directives.staleWhileRevalidate, value);
      return;
    case "stale-if-error":
      directives.staleIfError = stricter(directives.staleIfError, value);
      return;
    default:
    // §5.2.3: what is unknown is ignored.
  }
}

/** The lesser of what was said before and what is said now; nonsense is 0. */
function stricter(before: number, value: string | null | undefined): number {
  const now = value === undefined || value === null ? 0 : Math.max(0, deltaSeconds(value));
  return before < 0 ? now : Math.min(before, now);
}

const fieldNames = (list: string): string[] =>
  list
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");

/**
 * A request's directives; `pragma` counts where there is no Cache-Control (§5.4). What is malformed counts for nothing:
 * the client asks, and the answer is right without.
 */
export function parseRequestDirectives(
  field: string | undefined,
  pragma: string | undefined,
): Readonly<RequestDirectives> {
  if (field === undefined) {
    if (pragma === undefined) return NO_REQUEST_DIRECTIVES;
    const directives = emptyRequestDirectives();
    eachDirective(pragma, (name) => {
      if (name === "no-cache") directives.noCache = true;
    });
    return directives;
  }
  const directives = emptyRequestDirectives();
  eachDirective(field, (name, value) => {
    const seconds = typeof value === "string" ? deltaSeconds(value) : -1;
    switch (name) {
      case "no-cache":
        directives.noCache = true;
        return;
      case "no-store":
        directives.noStore = true;
        return;
      case "only-if-cached":
        directives.onlyIfCached = true;
        return;
      case "max-age":
        if (seconds >= 0) directives.maxAge = directives.maxAge < 0 ? seconds : Math.min(directives.maxAge, seconds);
        return;
      case "min-fresh":
        directives.minFresh = Math.max(directives.minFresh, seconds);
        return;
      case "max-stale":
        // §5.2.1.2: without a value any staleness will do.
        if (value === undefined) directives.maxStale = directives.maxStale < 0 ? Infinity : directives.maxStale;
        else if (seconds >= 0) {
          directives.maxStale = directives.maxStale < 0 ? seconds : Math.min(directives.maxStale, seconds);
        }
        return;
      case "stale-if-error":
        directives.staleIfError = Math.max(directives.staleIfError, seconds);
        return;
      default:
    }
  });
  return directives;
}

const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** Calls `found` with each directive: its name in lower case and its value. */
function eachDirective(field: string, found: (name: string, value: string | null | undefined) => void): void {
  const length = field.length;
  let at = 0;
  while (at < length) {
    while (at < length && (isBlank(field.charCodeAt(at)) || field.charCodeAt(at) === COMMA)) at++;
    const start = at;
    while (at < length && !endsName(field.charCodeAt(at))) at++;
    const name = field.slice(start, at).toLowerCase();
    let value: string | null | undefined;
    if (field.charCodeAt(at) === EQUALS) {
      at++;
      if (field.charCodeAt(at) === QUOTE) {
        const end = endOfQuoted(field, at);
        value = unquote(field, at + 1, end);
        at = end + 1;
      } else {
        const from = at;
        while (at < length && field.charCodeAt(at) !== COMMA && !isBlank(field.charCodeAt(at))) at++;
        value = field.slice(from, at);
      }
    }
    // Whatever else stands before the next comma makes the value none: `max-age= 60`, `max-age =60`, `max-age="60"x`.
    const rest = at;
    at = endOfElement(field, at);
    if (field.slice(rest, at).trim() !== "") value = null;
    if (name !== "") found(name, value);
  }
}

const endsName = (code: number): boolean => code === COMMA || code === EQUALS || code === QUOTE || isBlank(code);

/** The quote that ends the string that begins at `at`, or the end. */
function endOfQuoted(field: string, at: number): number {
  for (at++; at < field.length; at++) {
    const code = field.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return field.length;
}

function unquote(field: string, from: number, to: number): string {
  const inside = field.slice(from, to);
  return inside.includes("\\") ? inside.replace(/\\(.)/g, "$1") : inside;
}

function endOfElement(field: string, at: number): number {
  while (at < field.length && field.charCodeAt(at) !== COMMA) {
    at = field.charCodeAt(at) === QUOTE ? endOfQuoted(field, at) + 1 : at + 1;
  }
  return Math.min(at, field.length);
}
