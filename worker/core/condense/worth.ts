// What a unit or a sentence is worth keeping, 0 to 1: how new it is, how much it says, where it stands (SEEDS A7).
import type { Unit } from "./units.ts";

export interface WorthWeights {
  readonly recency: number;
  readonly importance: number;
  readonly position: number;
}

/** Words that mark what was decided, demanded or broken, in the languages of most conversations. */
const MARKS = new RegExp(
  "(?<![\\p{L}])(?:important|critical|must|never|always|required?|key|summary|conclusion|results?|outcome|decided|decision|" +
    "error|bug|fix(?:ed)?|issue|urgent|deadline|todo|note|remember|" +
    "wichtig|kritisch|muss|müssen|niemals|immer|ergebnis|fazit|entschieden|fehler|dringend|frist|" +
    "important|critique|doit|jamais|toujours|résultat|décidé|erreur|urgente?|" +
    "importante|crítico|debe|nunca|siempre|resultado|decidido|error|урок|важно|ошибка|нужно|решено|результат" +
    ")(?![\\p{L}])|重要|必須|注意|結論|結果|エラー|错误|必须|结论|结果|중요|오류|결론",
  "giu",
);
const FACTS = /\d|https?:\/\/|`[^`\n]{1,80}`|[?？]/gu;
const FULL_MARKS = 3;
const FULL_FACTS = 6;
const LONG = 1_000;
/** Looked at of a text. */
const MOST = 4_000;

/** Marks, facts and questions, and a little for length, as in the seed. */
export function importanceOf(text: string): number {
  const start = text.slice(0, MOST);
  const marks = Math.min(1, countOf(start, MARKS) / FULL_MARKS);
  const facts = Math.min(1, countOf(start, FACTS) / FULL_FACTS);
  return 0.5 * marks + 0.3 * facts + 0.2 * Math.min(1, text.length / LONG);
}

function countOf(text: string, pattern: RegExp): number {
  let count = 0;
  for (const _ of text.matchAll(pattern)) count++;
  return count;
}

/** Halves every `halfLifeSeconds`; without times a step back in the conversation counts as a minute. */
function recencyOf(unit: Unit, index: number, units: number, halfLifeSeconds: number, now: number): number {
  const ageSeconds = unit.at === undefined ? (units - 1 - index) * 60 : Math.max(0, now - unit.at) / 1000;
  return 0.5 ** (ageSeconds / halfLifeSeconds);
}

export function worthOf(
  unit: Unit,
  index: number,
  units: number,
  { recency, importance, position }: WorthWeights,
  halfLifeSeconds: number,
  now: number,
): number {
  return (
    recency * recencyOf(unit, index, units, halfLifeSeconds, now) +
    importance * importanceOf(unit.text) +
    position * (index / units)
  );
}
