// Makes a conversation shorter (SEEDS A7) in two steps, for a model may be asked in between: `plan` says what summaries
// it would like, and its `finish` takes those that came and gives what is left.
//
// Laws: what the system says and the newest turns stay; the order stays; a tool's call and its results stay together or go
// together; code is whole or not there; the result is within `maxTokens`, unless what must stay is not (`fits`).
import type { InferOutput } from "valibot";
import type { condenseOptions } from "./options.ts";
import { fill, type Kept, type Part } from "./fill.ts";
import { textRank } from "./rank.ts";
import { piecesOf } from "./sentences.ts";
import { topicsOf } from "./topics.ts";
import { tokensOf, unitsOf, type Item, type Unit } from "./units.ts";
import { addTo, bagOf, likeness, squares } from "./words.ts";
import { importanceOf, worthOf } from "./worth.ts";

export type CondenseOptions = InferOutput<typeof condenseOptions>;

export interface Condensed {
  readonly kept: readonly Kept[];
  /** Estimated tokens. */
  readonly before: number;
  readonly after: number;
  readonly fits: boolean;
}

/** A topic whose summary would be welcome. */
export interface Wanted {
  readonly text: string;
  readonly maxTokens: number;
}

export interface Plan {
  readonly wanted: readonly Wanted[];
  /** Summaries in the order they were wanted; for one that is missing, sentences are ranked. */
  finish(summaries: readonly (string | undefined)[]): Condensed;
}

/** `condensed: 5120/1024`, tokens before and after, as the answer's header says it. */
export const condensedField = ({ before, after }: Condensed): string => `${before}/${after}`;

export function plan(items: readonly Item[], options: CondenseOptions, maxTokens: number, now: number): Plan {
  const units = unitsOf(items, options.keepTurns);
  const before = units.reduce((sum, { tokens }) => sum + tokens, 0);
  const pinned = units.reduce((sum, { isPinned, tokens }) => sum + (isPinned ? tokens : 0), 0);
  if (before <= maxTokens) {
    const kept = items.map((_, from) => ({ from }));
    return { wanted: [], finish: () => ({ kept, before, after: before, fits: true }) };
  }
  const room = Math.max(0, maxTokens - pinned);
  const given: Given = { items, units, options, room, now };
  const planned = PLANNERS[options.strategy](given);
  return {
    wanted: planned.wanted,
    finish(summaries) {
      const { kept, tokens } = fill(items, units, planned.parts(summaries), room);
      return { kept, before, after: pinned + tokens, fits: pinned + tokens <= maxTokens };
    },
  };
}

interface Given {
  readonly items: readonly Item[];
  readonly units: readonly Unit[];
  readonly options: CondenseOptions;
  /** Tokens for all that is not pinned. */
  readonly room: number;
  readonly now: number;
}

interface Planned {
  readonly wanted: readonly Wanted[];
  parts(summaries: readonly (string | undefined)[]): Part[];
}

const PLANNERS: { readonly [Strategy in CondenseOptions["strategy"]]: (given: Given) => Planned } = {
  temporal: (given) => ready(temporal(given)),
  structural: (given) => ready(structural(given.units)),
  hybrid: (given) => ready(hybrid(given)),
  semantic,
};

const ready = (parts: Part[]): Planned => ({ wanted: [], parts: () => parts });

// --- temporal: the worthiest messages, whole ---

function temporal(given: Given): Part[] {
  return given.units.flatMap((unit, index) =>
    unit.isPinned ? [] : [{ kind: "unit", unit, worth: worthAt(given, unit, index), tokens: unit.tokens }],
  );
}

const worthAt = ({ units, options, now }: Given, unit: Unit, index: number): number =>
  worthOf(unit, index, units.length, options.weights, options.halfLifeSeconds, now);

// --- structural: key statements and code of all messages ---

const CODE_WORTH = 0.8;

function structural(units: readonly Unit[]): Part[] {
  const about = new Map<string, number>();
  const cut = units
    .filter(({ isPinned }) => !isPinned)
    .map((unit) => {
      if (!unit.isText) return { unit, pieces: [] };
      const said = piecesOf(unit.text).filter(({ text }) => text.trim() !== "");
      const pieces = said.map((piece) => ({ ...piece, bag: piece.isCode ? NONE : bagOf(piece.text) }));
      for (const { bag } of pieces) addTo(about, bag);
      return { unit, pieces };
    });
  const length = squares(about);
  return cut.flatMap(({ unit, pieces }): Part[] => {
    if (!unit.isText) return [{ kind: "unit", unit, worth: importanceOf(unit.text), tokens: unit.tokens }];
    return pieces.map(({ text, isCode, bag }, index) => ({
      kind: "piece",
      unit,
      index,
      text,
      worth: isCode ? CODE_WORTH : 0.6 * importanceOf(text) + 0.4 * likeness(bag, about, length),
      tokens: tokensOf(text),
    }));
  });
}

const NONE: ReadonlyMap<string, number> = new Map();

// --- hybrid: half of the room for the worthiest messages whole, the other half for key statements of the rest ---

function hybrid(given: Given): Part[] {
  const byWorth = temporal(given).sort((a, b) => b.worth - a.worth);
  const whole = new Set<Unit>();
  let left = given.room / 2;
  for (const { unit, tokens } of byWorth) {
    if (tokens > left) continue;
    left -= tokens;
    whole.add(unit);
  }
  const rest = given.units.filter((unit) => !whole.has(unit));
  // What was chosen whole stands before every statement.
  const chosen = byWorth.filter(({ unit }) => whole.has(unit)).map((part) => ({ ...part, worth: part.worth + 2 }));
  return [...chosen, ...structural(rest)];
}

// --- semantic: topics, the large ones summarised ---

function semantic(given: Given): Planned {
  const { items, units, options, room } = given;
  const startsTurn = ({ from }: Unit): boolean => items[from]!.role === "user";
  const topics = topicsOf(units, startsTurn);
  let excess = topics.flat().reduce((sum, { tokens }) => sum + tokens, 0) - room;
  const wanted: Wanted[] = [];
  const large = new Map<readonly Unit[], number>();
  // The oldest first, and no more than is needed.
  for (const topic of topics) {
    const count = topic.reduce((sum, unit) => sum + unit.count, 0);
    if (excess <= 0 || count <= options.wholeTopic) continue;
    const tokens = topic.reduce((sum, unit) => sum + unit.tokens, 0);
    const maxTokens = Math.min(options.summaryTokens, Math.max(24, Math.floor(tokens / 4)));
    if (maxTokens >= tokens) continue;
    large.set(topic, wanted.length);
    wanted.push({ text: topic.map(({ text }) => text).join("\n\n"), maxTokens });
    excess -= tokens - maxTokens;
  }
  const worthOfTopic = (topic: readonly Unit[]): number =>
    Math.max(...topic.map((unit) => worthAt(given, unit, units.indexOf(unit))));
  return {
    wanted,
    parts: (summaries) =>
      topics.flatMap((topic): Part[] => {
        const worth = worthOfTopic(topic);
        const asked = large.get(topic);
        if (asked === undefined) return topic.map((unit) => ({ kind: "unit", unit, worth, tokens: unit.tokens }));
        const text = titled(topic, summaries[asked] ?? extract(wanted[asked]!));
        return [{ kind: "summary", unit: topic[0]!, text, worth, tokens: tokensOf(text) + 4 }];
      }),
  };
}

const titled = (topic: readonly Unit[], summary: string): string =>
  `[Summary of ${topic.reduce((sum, { count }) => sum + count, 0)} earlier messages]\n${summary.trim()}`;

/** The sentences that count most, in their order; code only whole, and only where there is room. */
export function extract({ text, maxTokens }: Wanted): string {
  const pieces = piecesOf(text);
  const ranks = textRank(pieces.map((piece) => (piece.isCode ? NONE : bagOf(piece.text))));
  const worth = pieces.map((piece, index) =>
    piece.isCode ? CODE_WORTH : 0.7 * ranks[index]! + 0.3 * importanceOf(piece.text),
  );
  const chosen = new Set<number>();
  let left = maxTokens;
  for (const index of pieces.map((_, each) => each).sort((a, b) => worth[b]! - worth[a]!)) {
    const tokens = tokensOf(pieces[index]!.text);
    if (tokens > left) continue;
    left -= tokens;
    chosen.add(index);
  }
  return pieces
    .filter((_, index) => chosen.has(index))
    .map((piece) => piece.text)
    .join("")
    .trim();
}
