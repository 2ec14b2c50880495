// White space where two texts are joined: neither a space too many nor one too few. A chat model begins an answer without
// white space; one that was given the text as its own beginning writes whatever comes next.
export interface SpliceOptions {
  /** `prefill`: the model was given the text as its own beginning and goes on in the middle of it. */
  readonly mode: "prefill" | "instruction";
  /** Of the pieces sent so far, the share that began inside a word: 0 for models that write words, more for characters. */
  readonly splitShare: number;
}

/** Over this share of pieces that began inside a word, the break was inside one as well. */
const IN_WORDS = 0.4;

/** Scripts that put no spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const WORD = /[\p{L}\p{N}\p{M}]/u;
/** What stands before the first word of a sentence as a rule, and never inside a word. */
const CLOSING = /[.,;:!?)\]}"”’»…]/u;

/**
 * `rest` as it is to be sent after `sent`. The model has not seen the white space that `sent` ends in. `appended`: how it
 * was asked, when no common words show where the two meet.
 */
export function spaceAt(sent: string, rest: string, appended: SpliceOptions | undefined): string {
  const trailing = sent.slice(sent.trimEnd().length);
  const trimmed = rest.trimStart();
  const leading = rest.slice(0, rest.length - trimmed.length);
  if (trailing !== "") return leading.startsWith(trailing) ? leading.slice(trailing.length) + trimmed : trimmed;
  if (leading !== "" || appended === undefined || appended.mode === "prefill" || sent === "" || rest === "")
    return rest;
  return needsSpace(lastCharacter(sent), firstCharacter(rest), appended.splitShare) ? ` ${rest}` : rest;
}

function needsSpace(before: string, after: string, splitShare: number): boolean {
  if (!WORD.test(after) || UNSPACED.test(after) || UNSPACED.test(before)) return false;
  if (CLOSING.test(before)) return true;
  return WORD.test(before) && splitShare <= IN_WORDS;
}

/** Whole characters, not halves of a surrogate pair. */
const firstCharacter = (text: string): string => String.fromCodePoint(text.codePointAt(0) ?? 32);
function lastCharacter(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xdc00 && last <= 0xdfff ? text.slice(-2) : text.slice(-1);
}

/** Whether a piece that follows this one began inside a word: what `splitShare` is made of. */
export const splitsWord = (before: string, after: string): boolean =>
  before !== "" && after !== "" && WORD.test(lastCharacter(before)) && WORD.test(firstCharacter(after));
