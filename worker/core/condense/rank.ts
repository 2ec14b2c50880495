// TextRank (Mihalcea, Tarau, EMNLP 2004): a sentence counts by how much it shares with others that count. Bounded: of more
// sentences than MOST those are ranked that are most like all of them together.
import { addTo, likeness, squares, type Bag } from "./words.ts";

const MOST = 120;
const DAMPING = 0.85;
const ROUNDS = 20;

/** A share of 1 for the best, in the order of the bags; 0 for those not ranked. */
export function textRank(bags: readonly Bag[]): number[] {
  const chosen = mostCentral(bags);
  const links = chosen.map(() => new Map<number, number>());
  for (let one = 0; one < chosen.length; one++) {
    for (let other = one + 1; other < chosen.length; other++) {
      const weight = similarity(bags[chosen[one]!]!, bags[chosen[other]!]!);
      if (weight === 0) continue;
      links[one]!.set(other, weight);
      links[other]!.set(one, weight);
    }
  }
  const scores = iterate(links);
  const best = Math.max(...scores, Number.MIN_VALUE);
  const all = bags.map(() => 0);
  for (const [index, sentence] of chosen.entries()) all[sentence] = scores[index]! / best;
  return all;
}

function iterate(links: readonly ReadonlyMap<number, number>[]): number[] {
  const sums = links.map((linked) => [...linked.values()].reduce((sum, weight) => sum + weight, 0));
  let scores = links.map(() => 1);
  for (let round = 0; round < ROUNDS; round++) {
    scores = links.map((linked) => {
      let sum = 0;
      for (const [other, weight] of linked) sum += (weight / sums[other]!) * scores[other]!;
      return 1 - DAMPING + DAMPING * sum;
    });
  }
  return scores;
}

/** Words in common over the logarithms of both lengths, as in the paper. */
function similarity(one: Bag, other: Bag): number {
  if (one.size < 2 || other.size < 2) return 0;
  const [small, large] = one.size < other.size ? [one, other] : [other, one];
  let common = 0;
  for (const stem of small.keys()) if (large.has(stem)) common++;
  return common / (Math.log(one.size) + Math.log(other.size));
}

function mostCentral(bags: readonly Bag[]): number[] {
  const all = bags.map((_, index) => index);
  if (all.length <= MOST) return all;
  const sum = new Map<string, number>();
  for (const bag of bags) addTo(sum, bag);
  const length = squares(sum);
  const closeness = bags.map((bag) => likeness(bag, sum, length));
  return all
    .sort((a, b) => closeness[b]! - closeness[a]!)
    .slice(0, MOST)
    .sort((a, b) => a - b);
}
