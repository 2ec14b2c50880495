// Comma-separated lists (RFC 9110 §5.6.1), the shape of Connection, Via, CDN-Loop, Cache-Status and Server-Timing.
// Read character by character: an element ends at a comma outside a quoted string, empty elements count for nothing.

const COMMA = 44;
const SEMICOLON = 59;
const QUOTE = 34;
const BACKSLASH = 92;
const SPACE = 32;
const TAB = 9;

/** `member` behind what other hops have written, or alone. */
export function appendMember(list: string | null | undefined, member: string): string {
  return list === null || list === undefined || list === "" ? member : `${list}, ${member}`;
}

/**
 * Whether an element of `list` is `name`, whatever parameters it has (`name; a=b`). Case does not matter; `name` is
 * lower-case. Names inside quoted strings are no elements.
 */
export function hasMember(list: string, name: string): boolean {
  const end = list.length;
  let at = 0;
  while (at < end) {
    at = skipSeparators(list, at);
    const start = at;
    while (at < end && !endsName(list.charCodeAt(at))) at++;
    if (at - start === name.length && equalsIgnoringCase(list, start, name)) return true;
    at = endOfElement(list, at);
  }
  return false;
}

/** Past commas and white space. */
function skipSeparators(list: string, at: number): number {
  for (; at < list.length; at++) {
    const code = list.charCodeAt(at);
    if (code !== COMMA && code !== SPACE && code !== TAB) break;
  }
  return at;
}

const endsName = (code: number): boolean => code === COMMA || code === SEMICOLON || code === SPACE || code === TAB;

/** The comma that ends the element at `at`, or the end; commas in quoted strings (RFC 9110 §5.6.4) end nothing. */
function endOfElement(list: string, at: number): number {
  let quoted = false;
  for (; at < list.length; at++) {
    const code = list.charCodeAt(at);
    if (code === QUOTE) quoted = !quoted;
    else if (quoted && code === BACKSLASH) at++;
    else if (code === COMMA && !quoted) break;
  }
  return at;
}

/** Whether `lower` stands in `text` at `at`, but for ASCII case. */
export function equalsIgnoringCase(text: string, at: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = text.charCodeAt(at + i);
    const folded = code >= 65 && code <= 90 ? code + 32 : code;
    if (folded !== lower.charCodeAt(i)) return false;
  }
  return true;
}
