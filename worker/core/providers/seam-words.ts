// Where a continuation that says the same in other words has come to the end of what was sent. Words are aligned: those of
// the end of what was sent against those of the continuation (Needleman, Wunsch 1970, over a bounded window).
//
// Law: careful rather than clever. Both ends of what is repeated must match word for word, for a list whose lines differ in
// one word must not lose a line.
interface Word {
  readonly text: string;
  /** Where it starts in its text. */
  readonly at: number;
}

/** Where a word ends that is `old`, or that `old`, the last one sent, is the beginning of; -1 when it is another. */
function endAfter(old: Word, young: Word, isLast: boolean): number {
  const same = isLast ? young.text.startsWith(old.text) : young.text === old.text;
  return same ? young.at + old.text.length : -1;
}

const WINDOW = 60;
/** Of the words repeated, the share that must be the same. */
const ALIKE = 0.7;
/** Words in a row that mark the place when an answer started over. */
const MARK = 4;

/**
 * The index after what is repeated; "more" when that cannot be said yet; "none" when nothing is. `restarted`: it began as
 * the first answer did.
 */
export function alignWords(
  sent: string,
  continued: string,
  restarted: boolean,
  ended: boolean,
): number | "more" | "none" {
  const old = wordsOf(sent);
  const young = wordsOf(continued);
  if (!ended) young.pop();
  if (restarted) return markOf(old, young) ?? (ended ? "none" : "more");
  const tail = old.slice(-WINDOW);
  if (young.length < 2 || /^\s*\n/.test(continued)) return "none";
  for (let start = 0; start + MARK <= tail.length; start++) {
    if (tail[start]!.text !== young[0]!.text || tail[start + 1]?.text !== young[1]!.text) continue;
    const repeated = tail.slice(start);
    if (!ended && young.length < repeated.length * 1.5 + 2) return "more";
    const end = paraphraseEnd(repeated, young.slice(0, repeated.length * 2));
    if (end !== undefined) return end;
  }
  return "none";
}

/** After the last words of what was sent, where they stand once only in it. */
function markOf(old: readonly Word[], young: readonly Word[]): number | undefined {
  for (let length = Math.min(8, old.length); length >= Math.min(MARK, old.length) && length > 0; length--) {
    const mark = old.slice(-length);
    const places = placesOf(mark, young);
    if (places.length !== 1 || placesOf(mark, old).length !== 1) continue;
    return endAfter(mark.at(-1)!, young[places[0]! + length - 1]!, true);
  }
  return undefined;
}

function placesOf(mark: readonly Word[], words: readonly Word[]): number[] {
  const places: number[] = [];
  for (let at = 0; at + mark.length <= words.length; at++) {
    if (mark.every((word, index) => endAfter(word, words[at + index]!, index === mark.length - 1) !== -1))
      places.push(at);
  }
  return places;
}

/** The best end in `young` of a paraphrase of all of `repeated`; its last two words must be the same. */
function paraphraseEnd(repeated: readonly Word[], young: readonly Word[]): number | undefined {
  const width = young.length + 1;
  let row = new Int32Array(width);
  for (const { text } of repeated) {
    const next = new Int32Array(width);
    for (let at = 1; at < width; at++) {
      next[at] = Math.max(row[at]!, next[at - 1]!, row[at - 1]! + (young[at - 1]!.text === text ? 1 : 0));
    }
    row = next;
  }
  const [last, before] = [repeated.at(-1)!, repeated.at(-2)!];
  for (let at = 2; at < width; at++) {
    const end = endAfter(last, young[at - 1]!, true);
    if (end === -1 || young[at - 2]!.text !== before.text) continue;
    if (row[at]! >= MARK - 1 && row[at]! >= ALIKE * (Math.max(repeated.length, at) - 1)) return end;
  }
  return undefined;
}

function wordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu))
    words.push({ text: match[0].toLowerCase(), at: match.index });
  return words;
}
