// JSON from outside, bounded before anything is built of it: size, depth, members, and the keys that could reach a
// prototype. Names that stand twice in one object are refused, for two readers may believe two different ones.
// Nothing of the text comes back in a message but keys, shortened: a value may be a secret.
import { ok, refuse } from "../result/result.ts";
import type { Result } from "../result/result.ts";

export interface JsonProblem {
  /** Where, as `services.users.instances[1].url`; "" for the document itself. */
  readonly path: string;
  readonly message: string;
}

export interface JsonLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  /** Entries of one object or array. */
  readonly maxMembers: number;
}

/** What the admin API takes, and so a policy too. */
export const DOCUMENT_LIMITS: JsonLimits = { maxBytes: 1_048_576, maxDepth: 100, maxMembers: 10_000 };

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Parses `text`, or says what is wrong with it. Linear, and a text that is too large or too deep is never parsed. */
export function readJson(text: string, limits: JsonLimits): Result<unknown, JsonProblem> {
  // A UTF-16 unit is at least one byte of UTF-8, so a long text needs no counting.
  if (text.length > limits.maxBytes || utf8Length(text) > limits.maxBytes) {
    return refuse({ path: "", message: `must be at most ${limits.maxBytes} bytes` });
  }
  if (isDeeperThan(text, limits.maxDepth)) {
    return refuse({ path: "", message: `must not be nested more than ${limits.maxDepth} deep` });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse({ path: "", message: `is not JSON: ${placeInWords(text, mistakeAt(text))}` });
  }
  const problem = keyProblem(text, limits.maxMembers);
  return problem === undefined ? ok(value) : refuse(problem);
}

/** `path` and the next key or index, in the form that `JsonProblem.path` has. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (/^[A-Za-z_$][\w$-]{0,63}$/.test(key)) return path === "" ? key : `${path}.${key}`;
  const shown = key.length > 64 ? `${key.slice(0, 64)}…` : key;
  return `${path}[${JSON.stringify(shown)}]`;
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // Two units of a surrogate pair make four bytes, a half that stands alone becomes U+FFFD: three.
    length += code < 0x800 ? 1 : code >= 0xd800 && code < 0xe000 && isPair(text, at) ? 1 : 2;
  }
  return length;
}

function isPair(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const other = text.charCodeAt(code < 0xdc00 ? at + 1 : at - 1);
  return code < 0xdc00 ? other >= 0xdc00 && other < 0xe000 : other >= 0xd800 && other < 0xdc00;
}

/** Position just behind the string that begins at `at`; the end of the text when it does not end. */
function afterString(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

/** Works on any text, JSON or not. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = afterString(text, at) - 1;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return false;
}

interface Frame {
  /** Names seen; undefined in a list. */
  readonly names: Set<string> | undefined;
  readonly path: string;
  name: string;
  members: number;
  expectsName: boolean;
}

const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** `text` is known to be JSON. */
function keyProblem(text: string, maxMembers: number): JsonProblem | undefined {
  const frames: Frame[] = [];
  let frame: Frame | undefined;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const path = frame === undefined ? "" : pathIn(frame);
      const names = code === OPEN_OBJECT ? new Set<string>() : undefined;
      frame = { names, path, name: "", members: 0, expectsName: names !== undefined };
      frames.push(frame);
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      frames.pop();
      frame = frames.at(-1);
    } else if (code === COMMA && frame !== undefined) {
      if (++frame.members >= maxMembers)
        return { path: frame.path, message: `must have at most ${maxMembers} entries` };
      frame.expectsName = frame.names !== undefined;
    } else if (code === QUOTE) {
      const end = afterString(text, at);
      if (frame?.names !== undefined && frame.expectsName) {
        frame.name = nameAt(text, at, end);
        frame.expectsName = false;
        if (FORBIDDEN.has(frame.name)) return { path: pathIn(frame), message: "is not a name that may be used" };
        if (frame.names.has(frame.name)) return { path: pathIn(frame), message: "stands twice in the same object" };
        frame.names.add(frame.name);
      }
      at = end - 1;
    }
  }
  return undefined;
}

function pathIn(frame: Frame): string {
  return joinPath(frame.path, frame.names === undefined ? frame.members : frame.name);
}

function nameAt(text: string, from: number, end: number): string {
  const written = text.slice(from, end);
  return written.includes("\\") ? String(JSON.parse(written)) : written.slice(1, -1);
}

function placeInWords(text: string, at: number): string {
  if (at >= text.length) return "it ends too early";
  const before = text.slice(0, at);
  return `line ${before.split("\n").length}, column ${at - before.lastIndexOf("\n")}`;
}

// --- where a text stops being JSON (RFC 8259), for the message only: the engine's own quotes the text ---

type Expects = "value" | "value or end" | "name or end" | "name" | "colon" | "comma or end" | "nothing";

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

/** Index of the first character that cannot stand where it does; the length of the text when it ends too early. */
function mistakeAt(text: string): number {
  const open: string[] = [];
  let expects: Expects = "value";
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    at += found?.[0].length ?? 0;
    return found !== null;
  };
  const afterValue = (): Expects => (open.length > 0 ? "comma or end" : "nothing");
  for (;;) {
    skip(SPACE);
    const char = text[at];
    if (char === undefined || expects === "nothing") return at;
    const mayEnd = expects === "value or end" || expects === "name or end" || expects === "comma or end";
    if ((char === "]" || char === "}") && mayEnd) {
      if (open.pop() !== (char === "]" ? "[" : "{")) return at;
      at++;
      expects = afterValue();
    } else if (expects === "comma or end" || expects === "colon") {
      if (char !== (expects === "colon" ? ":" : ",")) return at;
      at++;
      expects = expects === "colon" || open.at(-1) === "[" ? "value" : "name";
    } else if (char === '"') {
      const isName: boolean = expects === "name" || expects === "name or end";
      at++;
      while (text.charCodeAt(at) !== QUOTE) {
        if (text.charCodeAt(at) >= 32 && text.charCodeAt(at) !== BACKSLASH) at++;
        else if (!skip(ESCAPE)) return at;
      }
      at++;
      expects = isName ? "colon" : afterValue();
    } else if (expects === "name" || expects === "name or end") {
      return at;
    } else if (char === "{" || char === "[") {
      open.push(char);
      at++;
      expects = char === "{" ? "name or end" : "value or end";
    } else {
      if (!skip(SCALAR)) return at;
      expects = afterValue();
    }
  }
}
