// Linear globs: `*` is the only special character, and nothing is ever tried twice: what lies between two `*` is right where it is
// found first, what lies behind the last one stands at the end or nowhere. Two dialects, each one law:
//   path globs  (routes, cache rules): an inner `*` stays within its segment, a final `*` takes the rest, slashes
//               included, and `/a/*` takes `/a` too;
//   text globs  (purge patterns, header values): every `*` takes any run of characters, also none.

const STAR = 42;
const SLASH = 47;

/**
 * Path dialect, from given positions on: does `path` from `t` match `pattern` from `p`?
 * Slashes of pattern and path pair up one to one, so a `*` only ever looks at its own segment.
 */
export function matchPathFrom(pattern: string, p: number, path: string, t: number): boolean {
  const pEnd = pattern.length;
  const tEnd = path.length;
  for (;;) {
    if (p === pEnd) return t === tEnd;
    const c = pattern.charCodeAt(p);
    if (c !== STAR) {
      // `/a/*` takes `/a` too.
      if (t === tEnd) return c === SLASH && p === pEnd - 2 && pattern.charCodeAt(p + 1) === STAR;
      if (c !== path.charCodeAt(t)) return false;
      p++;
      t++;
      continue;
    }
    if (p === pEnd - 1) return true;
    const slash = path.indexOf("/", t);
    const segmentEnd = slash < 0 ? tEnd : slash;
    // A `*` that is a whole segment stands for a segment, and an empty one is none.
    const whole = pattern.charCodeAt(p - 1) === SLASH && pattern.charCodeAt(p + 1) === SLASH;
    if (whole && t === segmentEnd) return false;
    const pieceEnd = endOfPiece(pattern, p + 1);
    const piece = pattern.slice(p + 1, pieceEnd);
    if (pieceEnd < pEnd && pattern.charCodeAt(pieceEnd) === STAR) {
      const at = path.indexOf(piece, t);
      if (at < 0 || at + piece.length > segmentEnd) return false;
      t = at + piece.length;
    } else {
      const at = segmentEnd - piece.length;
      if (at < t || !path.startsWith(piece, at)) return false;
      t = segmentEnd;
    }
    p = pieceEnd;
  }
}

/** Where the literal that begins at `from` ends: at a `*`, a slash or the end. */
function endOfPiece(pattern: string, from: number): number {
  let at = from;
  while (at < pattern.length && pattern.charCodeAt(at) !== STAR && pattern.charCodeAt(at) !== SLASH) at++;
  return at;
}

/** Path dialect: literal, prefix and general patterns each get the cheapest test that decides them. */
export function compilePathGlob(pattern: string): (path: string) => boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return (path) => path === pattern;
  if (star === pattern.length - 1 && pattern.charCodeAt(star - 1) === SLASH) {
    const prefix = pattern.slice(0, -2);
    const end = prefix.length;
    return (path) => path.startsWith(prefix) && (path.length === end || path.charCodeAt(end) === SLASH);
  }
  return (path) => matchPathFrom(pattern, 0, path, 0);
}

/** Text dialect: does the whole of `text` match `pattern`? */
export function matchGlob(pattern: string, text: string): boolean {
  let star = pattern.indexOf("*");
  if (star < 0) return text === pattern;
  if (!text.startsWith(pattern.slice(0, star))) return false;
  let t = star;
  for (;;) {
    const next = pattern.indexOf("*", star + 1);
    const piece = pattern.slice(star + 1, next < 0 ? pattern.length : next);
    if (next < 0) return t + piece.length <= text.length && text.endsWith(piece);
    const at = text.indexOf(piece, t);
    if (at < 0) return false;
    t = at + piece.length;
    star = next;
  }
}

/** Text dialect, compiled: equality or a prefix test where that is all the pattern says. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return (text) => text === pattern;
  if (star === pattern.length - 1) {
    const prefix = pattern.slice(0, -1);
    return (text) => text.startsWith(prefix);
  }
  return (text) => matchGlob(pattern, text);
}
