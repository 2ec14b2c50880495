// Linear globs: `*` is the only special character, and no pattern can make a match explode (worst case: length of the
// text times length of the piece behind the last `*`). Two dialects, each one law:
//   path globs  (routes, cache rules): an inner `*` stays within its segment, a final `*` takes the rest, slashes
//               included, and `/a/*` takes `/a` too;
//   text globs  (purge patterns, header values): every `*` takes any run of characters, also none.

const STAR = 42;
const SLASH = 47;

/**
 * Path dialect, from given positions on: does `path` from `t` match `pattern` from `p`?
 * Slashes of pattern and path pair up one to one, so a mismatch only ever reconsiders the last `*` of its own segment.
 */
export function matchPathFrom(pattern: string, p: number, path: string, t: number): boolean {
  const pEnd = pattern.length;
  const tEnd = path.length;
  let star = -1; // the last `*` of this segment, -1 for none
  let eaten = 0; // where that `*` stops eating
  for (;;) {
    if (p < pEnd) {
      const c = pattern.charCodeAt(p);
      if (c === STAR) {
        if (p === pEnd - 1) return true;
        // A `*` that is a whole segment stands for a segment, and an empty one is none.
        const whole = pattern.charCodeAt(p - 1) === SLASH && pattern.charCodeAt(p + 1) === SLASH;
        if (whole && (t === tEnd || path.charCodeAt(t) === SLASH)) return false;
        star = p++;
        eaten = t;
        continue;
      }
      if (t < tEnd) {
        if (c === path.charCodeAt(t)) {
          if (c === SLASH) star = -1;
          p++;
          t++;
          continue;
        }
      } else if (c === SLASH && p === pEnd - 2 && pattern.charCodeAt(p + 1) === STAR) {
        return true; // `/a/*` takes `/a` too
      }
    } else if (t === tEnd) {
      return true;
    }
    if (star < 0 || eaten >= tEnd || path.charCodeAt(eaten) === SLASH) return false;
    p = star + 1;
    t = ++eaten;
  }
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
  const pEnd = pattern.length;
  const tEnd = text.length;
  let p = 0;
  let t = 0;
  let star = -1;
  let eaten = 0;
  while (t < tEnd) {
    const c = p < pEnd ? pattern.charCodeAt(p) : -1;
    if (c === STAR) {
      if (p === pEnd - 1) return true;
      star = p++;
      eaten = t;
    } else if (c === text.charCodeAt(t)) {
      p++;
      t++;
    } else {
      // Leftmost is always right for what lies before the last `*`: only that one eats one more.
      if (star < 0) return false;
      p = star + 1;
      t = ++eaten;
    }
  }
  while (p < pEnd && pattern.charCodeAt(p) === STAR) p++;
  return p === pEnd;
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
