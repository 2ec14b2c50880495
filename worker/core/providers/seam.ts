// Where in a continuation the new begins. Compared are letters without white space and case, so a model that lays its
// text out anew is understood; where it paraphrased what it repeats, whole words decide.
//
// Trade-off: a text that repeats itself (a list, a refrain) looks like an overlap. There the smaller harm is chosen by how
// the model was asked: one that goes on in its own text repeats nothing without being told to, one that was instructed
// to begin with the last words does.
import { alignWords } from "./seam-words.ts";

export type Seam =
  /** The new begins at this index of the continuation. */
  | { readonly kind: "appended" | "overlap" | "restart"; readonly at: number }
  /** More of the continuation is needed. */
  | { readonly kind: "unclear" }
  /** It started over and went another way. */
  | { readonly kind: "diverged" };

const UNCLEAR: Seam = { kind: "unclear" };
const DIVERGED: Seam = { kind: "diverged" };

/** Of the end of what was sent; an overlap is not longer. */
const TAIL = 600;
/** Letters in common from the start on that no two answers share by chance. */
const RESTARTS = 24;
/** A model that continues its own text repeats so much only when it was not given that text. */
const PREFILL_LETTERS = 16;
const UNSPACED_LETTERS = 3;

export function findSeam(sent: string, held: string, mode: "prefill" | "instruction", ended: boolean): Seam {
  const old = lettersOf(sent, 0);
  const from = mode === "prefill" ? 0 : afterOpening(held, sent, old);
  const young = lettersOf(held, from);
  if (young.text === "") return ended ? { kind: "appended", at: held.length } : UNCLEAR;
  const common = commonStart(old.text, young.text);
  if (old.text !== "" && common === old.text.length && !mayGoOnAlike(old.text, mode))
    return seamAfter("restart", young, common);
  const isAllAlike = common === young.text.length;
  if (isAllAlike && !ended) return UNCLEAR;
  const overlap = overlapOf(sent, old, held, young, mode);
  if (overlap === "all") return ended ? { kind: "overlap", at: held.length } : UNCLEAR;
  if (overlap === "within") return ended ? DIVERGED : UNCLEAR;
  if (overlap > 0) return seamAfter("overlap", young, overlap);
  // It started over and stopped before it came to where the first one broke off.
  if (isAllAlike && common >= Math.min(RESTARTS, old.text.length)) return DIVERGED;
  const hasRestarted = common >= Math.min(RESTARTS, Math.ceil(old.text.length / 2));
  const words =
    mode === "instruction" || hasRestarted ? alignWords(sent, held.slice(from), hasRestarted, ended) : "none";
  if (typeof words === "number") return { kind: hasRestarted ? "restart" : "overlap", at: from + words };
  if (words === "more") return UNCLEAR;
  if (hasRestarted && common >= RESTARTS) return ended ? DIVERGED : UNCLEAR;
  return { kind: "appended", at: mode === "prefill" ? 0 : from };
}

const seamAfter = (kind: "overlap" | "restart", letters: Letters, count: number): Seam => ({
  kind,
  at: letters.at[count - 1]! + 1,
});

/** A single sign that is begun with again ("0" and "0.5") proves nothing to a model that continues its own text. */
const mayGoOnAlike = (letters: string, mode: "prefill" | "instruction"): boolean =>
  mode === "prefill" && (letters.length < 3 || !/\p{L}{2}/u.test(letters));

// --- letters ---

interface Letters {
  readonly text: string;
  /** Where in the original each of them stands. */
  readonly at: readonly number[];
}

/** Without white space, in lower case, with plain quotes. */
function lettersOf(text: string, from: number): Letters {
  const kept: string[] = [];
  const at: number[] = [];
  for (let index = from; index < text.length; index++) {
    const unit = text[index]!;
    if (unit.trim() === "") continue;
    const lower = unit.toLowerCase();
    kept.push(lower.length === 1 ? plain(lower) : unit);
    at.push(index);
  }
  return { text: kept.join(""), at };
}

const plain = (unit: string): string =>
  unit === "“" || unit === "”" ? '"' : unit === "’" || unit === "‘" ? "'" : unit;

function commonStart(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let count = 0;
  while (count < most && one.charCodeAt(count) === other.charCodeAt(count)) count++;
  return count;
}

/** Letters at the continuation's start that are the end of what was sent; "all": it may be inside an overlap still. */
function overlapOf(
  sent: string,
  old: Letters,
  held: string,
  young: Letters,
  mode: "prefill" | "instruction",
): number | "all" | "within" {
  const tail = old.text.slice(-TAIL);
  const first = old.text.length - tail.length;
  const lengths = bordersOf(young.text.slice(0, TAIL), tail);
  for (const [index, length] of lengths.entries()) {
    const starts = old.at[first + tail.length - length]!;
    // The next shorter one tells its period: "ha ha" goes on repeating without being repeated.
    const isPeriodic = 2 * (lengths[index + 1] ?? 0) >= length;
    if (mode === "prefill" ? isPeriodic || length < PREFILL_LETTERS : !counts(sent, starts, held, young, length))
      continue;
    if (length === young.text.length) return "all";
    return length;
  }
  // Everything that came lies within the tail: it may go on to its end.
  const within = tail.indexOf(young.text);
  return mode === "instruction" && young.text.length >= 8 && within !== -1 ? "within" : 0;
}

/** All lengths, longest first, of a start of `young` that is an end of `tail` (Knuth, Morris, Pratt 1977). */
function bordersOf(young: string, tail: string): number[] {
  const joined = `${young}\u0000${tail}`;
  const borders = new Int32Array(joined.length);
  for (let at = 1, length = 0; at < joined.length; at++) {
    while (length > 0 && joined.charCodeAt(at) !== joined.charCodeAt(length)) length = borders[length - 1]!;
    if (joined.charCodeAt(at) === joined.charCodeAt(length)) length++;
    borders[at] = length;
  }
  const lengths: number[] = [];
  for (let length = borders[joined.length - 1]!; length > 0; length = borders[length - 1]!) lengths.push(length);
  return lengths;
}

const WORD = /[\p{L}\p{N}\p{M}_]/u;
const SPACED = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}\p{N}]/u;

/** Whether letters that are common are repeated, as the model was told to, and not so by chance. */
function counts(sent: string, starts: number, held: string, young: Letters, length: number): boolean {
  const repeated = sent.slice(starts);
  const before = starts > 0 ? sent[starts - 1]! : " ";
  const isSpaced = SPACED.test(repeated);
  if (isSpaced && WORD.test(before) && WORD.test(repeated[0]!)) return false;
  if (!WORD.test(repeated)) return false;
  if (!isSpaced) return length >= UNSPACED_LETTERS;
  const words = repeated.trim().split(/\s+/).length;
  if (words > 1) return true;
  // One word: the same one again, or one that was broken off and is now written whole. A short one may begin another.
  const next = held[young.at[length - 1]! + 1];
  const isWhole = next === undefined || !WORD.test(next);
  return isWhole ? length > 1 : length > 2;
}

// --- openings ---

const ANNOUNCES =
  /^\s*(?:(?:sure|certainly|of course|okay|ok|absolutely|understood|apologies|sorry|here|continuing|continued|the (?:rest|continuation))\b[^\n]{0,160}:\s*\n+)/i;
const DOTS = /^\s*(?:…|\.\.\.)\s?/u;

/** Where the continuation itself begins: after "Sure, here is the rest:", after dots, after a code fence opened anew. */
function afterOpening(held: string, sent: string, old: Letters): number {
  const announcement = ANNOUNCES.exec(held)?.[0] ?? "";
  const letters = lettersOf(announcement, 0).text;
  // The answer itself may have begun like that, and now begins again.
  let from = commonStart(letters, old.text) === Math.min(letters.length, old.text.length) ? 0 : announcement.length;
  if (!/(?:…|\.\.\.)\s*$/u.test(sent)) from += DOTS.exec(held.slice(from))?.[0].length ?? 0;
  if (isInFence(sent)) from += /^\s*```[\w+-]+\n/.exec(held.slice(from))?.[0].length ?? 0;
  return from;
}

/** A block of code is open at the end of this text. */
function isInFence(text: string): boolean {
  let open = false;
  for (let at = text.indexOf("```"); at !== -1; at = text.indexOf("```", at + 3)) open = !open;
  return open;
}
