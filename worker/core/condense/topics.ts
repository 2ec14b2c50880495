// Where a conversation turns to something else: at a user's message that shares few words with what was spoken of
// (after Hearst, "TextTiling", 1997, with turns for blocks). Topics are neighbours, so their order is the conversation's.
import { addTo, bagOf, likeness } from "./words.ts";
import type { Unit } from "./units.ts";

/** Under this likeness to the topic and to the last message it is another topic. */
const ALIKE = 0.08;
/** A message of fewer words ("yes, do that") belongs to what was spoken of. */
const FEWEST_WORDS = 3;

/** Units by topic; pinned ones are in none. `startsTurn`: whether a user's message begins it. */
export function topicsOf(units: readonly Unit[], startsTurn: (unit: Unit) => boolean): Unit[][] {
  const topics: Unit[][] = [];
  let topic: Unit[] = [];
  let sum = new Map<string, number>();
  let last: ReadonlyMap<string, number> = new Map();
  for (const unit of units) {
    if (unit.isPinned) {
      if (topic.length > 0) topics.push(topic);
      topic = [];
      sum = new Map();
      last = sum;
      continue;
    }
    const bag = bagOf(unit.text);
    const isOther = likeness(bag, sum) < ALIKE && likeness(bag, last) < ALIKE;
    if (topic.length > 0 && startsTurn(unit) && bag.size >= FEWEST_WORDS && isOther) {
      topics.push(topic);
      topic = [];
      sum = new Map();
    }
    topic.push(unit);
    addTo(sum, bag);
    last = bag;
  }
  if (topic.length > 0) topics.push(topic);
  return topics;
}
