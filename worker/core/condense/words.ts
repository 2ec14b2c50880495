// What a text is about: its words without those that every text has, stemmed where a stemmer knows how, counted. Words of
// scripts without spaces come from `Intl.Segmenter`; all others by their letters, which is many times faster.
import { stemmer } from "stemmer";
import { deu, eng, fra, ita, jpn, nld, por, rus, spa, zho } from "stopword";

/** How often each stem occurs. */
export type Bag = ReadonlyMap<string, number>;

const STOPWORDS = new Set([eng, deu, fra, spa, ita, por, nld, rus, jpn, zho].flat().map((word) => word.toLowerCase()));

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const WORD = /[\p{L}\p{N}\p{M}_]+/gu;
const LATIN = /^[a-z]+$/;
/** Of one text: what stands further back adds little. */
const MOST_WORDS = 4_000;
const LONGEST_WORD = 40;

let segmenter: Intl.Segmenter | undefined;

export function bagOf(text: string): Bag {
  const bag = new Map<string, number>();
  let count = 0;
  for (const word of wordsOf(text)) {
    if (++count > MOST_WORDS) break;
    if (word.length < 2 && !UNSPACED.test(word)) continue;
    const stem = stemOf(word);
    if (stem !== "") bag.set(stem, (bag.get(stem) ?? 0) + 1);
  }
  return bag;
}

/** Words seen before: nearly all of them are. Emptied when it has grown large. */
const STEMS = new Map<string, string>();
const MOST_STEMS = 5_000;

/** "" for a word that says nothing. */
function stemOf(word: string): string {
  const known = STEMS.get(word);
  if (known !== undefined) return known;
  const lower = word.toLowerCase();
  const says = lower.length <= LONGEST_WORD && !STOPWORDS.has(lower);
  const stem = !says ? "" : LATIN.test(lower) ? stemmer(lower) : lower;
  if (STEMS.size >= MOST_STEMS) STEMS.clear();
  if (word.length <= LONGEST_WORD) STEMS.set(word, stem);
  return stem;
}

function* wordsOf(text: string): Generator<string> {
  if (!UNSPACED.test(text)) {
    for (const [word] of text.matchAll(WORD)) yield word;
    return;
  }
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "word" });
  for (const { segment, isWordLike } of segmenter.segment(text)) if (isWordLike) yield segment;
}

/** Cosine of the angle between two counts, 0 to 1; 0 when one is empty. `squares` of the second, where it is known. */
export function likeness(one: Bag, other: Bag, otherSquares: number = squares(other)): number {
  if (one.size === 0 || other.size === 0) return 0;
  const [small, large] = one.size < other.size ? [one, other] : [other, one];
  let dot = 0;
  for (const [stem, count] of small) dot += count * (large.get(stem) ?? 0);
  return dot === 0 ? 0 : dot / Math.sqrt(squares(one) * otherSquares);
}

/** The square of its length as a vector. */
export function squares(bag: Bag): number {
  let sum = 0;
  for (const count of bag.values()) sum += count * count;
  return sum;
}

export function addTo(sum: Map<string, number>, bag: Bag): void {
  for (const [stem, count] of bag) sum.set(stem, (sum.get(stem) ?? 0) + count);
}
