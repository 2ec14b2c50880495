// Where in a JSON text the value of a path stands, so that a problem the gateway names by path can be pointed at while one types.
// The text may be broken behind that place: it is only read as far as the path leads, and never thrown on.

export interface Place {
  /** Offsets: of the member's name, or of the value where it has none, and of the end of the value. */
  readonly from: number;
  readonly to: number;
  /** False: the path leads on to something that is not there, and this is what should hold it. */
  readonly exact: boolean;
}

type Key = string | number;

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /[^,\]}\s]*/y;
const STEP = /^(?:\.?([A-Za-z_$][\w$-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\])/;

/** The keys of a path as `joinPath` of core/protocol/json.ts writes it. */
export function keysOf(path: string): Key[] {
  const keys: Key[] = [];
  for (let rest = path; rest !== "";) {
    const step = STEP.exec(rest);
    if (step === null) break;
    const [whole, name, index, quoted] = step;
    keys.push(name ?? (index === undefined ? (JSON.parse(quoted ?? '""') as string) : Number(index)));
    rest = rest.slice(whole.length);
  }
  return keys;
}

/** Of the value at `path`, or of the innermost value on the way there. */
export function placeOf(text: string, path: string): Place {
  let at = afterSpace(text, 0);
  let from = at;
  for (const key of keysOf(path)) {
    const found = typeof key === "number" ? entryOf(text, at, key) : memberOf(text, at, key);
    if (found === undefined) return { from, to: afterValue(text, at), exact: false };
    ({ from, at } = found);
  }
  return { from, to: afterValue(text, at), exact: true };
}

interface Found {
  readonly from: number;
  /** Where the value begins. */
  readonly at: number;
}

function memberOf(text: string, object: number, key: string): Found | undefined {
  if (text[object] !== "{") return undefined;
  // A long name is shortened in a path.
  const isIt = (name: string): boolean => name === key || (key.endsWith("…") && name.startsWith(key.slice(0, -1)));
  for (let from = afterSpace(text, object + 1); text[from] === '"';) {
    const end = afterString(text, from);
    const colon = afterSpace(text, end);
    if (text[colon] !== ":") return undefined;
    const at = afterSpace(text, colon + 1);
    if (isIt(nameIn(text.slice(from, end)))) return { from, at };
    const next = afterSpace(text, afterValue(text, at));
    if (text[next] !== ",") return undefined;
    from = afterSpace(text, next + 1);
  }
  return undefined;
}

function entryOf(text: string, list: number, index: number): Found | undefined {
  if (text[list] !== "[") return undefined;
  let at = afterSpace(text, list + 1);
  for (let count = 0; count < index; count++) {
    const next = afterSpace(text, afterValue(text, at));
    if (text[next] !== ",") return undefined;
    at = afterSpace(text, next + 1);
  }
  return at < text.length && text[at] !== "]" ? { from: at, at } : undefined;
}

function nameIn(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    // An escape that is none: the name is not one a path can hold.
    return quoted;
  }
}

const afterSpace = (text: string, at: number): number => afterMatch(SPACE, text, at);

function afterMatch(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  pattern.exec(text);
  return Math.max(at, pattern.lastIndex);
}

function afterString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === '"') return end + 1;
  }
  return text.length;
}

function afterValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return afterString(text, at);
  if (first !== "{" && first !== "[") return afterMatch(SCALAR, text, at);
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    const letter = text[end];
    if (letter === '"') end = afterString(text, end) - 1;
    else if (letter === "{" || letter === "[") depth++;
    else if ((letter === "}" || letter === "]") && --depth === 0) return end + 1;
  }
  return text.length;
}

/** 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Offset of the first letter of a 1-based line. */
export function offsetOfLine(text: string, line: number): number {
  let offset = 0;
  for (let count = 1; count < line; count++) {
    const end = text.indexOf("\n", offset);
    if (end === -1) return offset;
    offset = end + 1;
  }
  return offset;
}
