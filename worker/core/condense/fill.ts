// Fills the room there is with the worthiest parts, and puts what was chosen back into the conversation's order.
// Estimates of parts do not quite add up to the estimate of their whole: the sum is checked, and the least part goes.
import { tokensOf, type Item, type Unit } from "./units.ts";

/** What is left of one message: `from` is its index, -1 for a summary; without `text` it is as it was. */
export interface Kept {
  readonly from: number;
  readonly text?: string;
}

/** Something that may be kept; the higher its worth, the sooner. */
export interface Part {
  readonly kind: "unit" | "piece" | "summary";
  /** Of which it is (the first) part. */
  readonly unit: Unit;
  /** Of a piece within its unit. */
  readonly index?: number;
  readonly text?: string;
  readonly worth: number;
  readonly tokens: number;
}

const FRAME_TOKENS = 4;

export function fill(
  items: readonly Item[],
  units: readonly Unit[],
  parts: readonly Part[],
  room: number,
): { kept: Kept[]; tokens: number } {
  const chosen = choose(parts, room);
  const left = byUnit(chosen);
  const costs = new Map<Unit, number>();
  for (const [unit, its] of left) costs.set(unit, tokensOfUnit(its));
  let tokens = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  const cut = (unit: Unit, rest: readonly Part[]): void => {
    const cost = tokensOfUnit(rest);
    tokens += cost - costs.get(unit)!;
    costs.set(unit, cost);
    if (rest.length > 0) left.set(unit, rest);
    else left.delete(unit);
  };
  // From the end of what was chosen: the least worth first.
  for (const { unit } of chosen.toReversed()) {
    if (tokens <= room) break;
    cut(unit, left.get(unit)!.slice(0, -1));
  }
  for (const unit of leading(items, units, left)) cut(unit, []);
  return { kept: units.flatMap((unit) => keptOf(unit, left.get(unit))), tokens };
}

/** By worth, the older first among equals; what does not fit is passed over. */
function choose(parts: readonly Part[], room: number): Part[] {
  const begun = new Set<Unit>();
  let left = room;
  return [...parts]
    .sort((a, b) => b.worth - a.worth)
    .filter((part) => {
      const cost = part.tokens + (part.kind === "piece" && !begun.has(part.unit) ? FRAME_TOKENS : 0);
      if (cost > left) return false;
      left -= cost;
      begun.add(part.unit);
      return true;
    });
}

/** Parts of each unit, the worthiest first. */
type Chosen = Map<Unit, readonly Part[]>;

function byUnit(parts: readonly Part[]): Chosen {
  const chosen = new Map<Unit, Part[]>();
  for (const part of parts) {
    const beside = chosen.get(part.unit);
    if (beside === undefined) chosen.set(part.unit, [part]);
    else beside.push(part);
  }
  return chosen;
}

function tokensOfUnit(parts: readonly Part[]): number {
  const [first] = parts;
  if (first === undefined) return 0;
  if (first.kind === "unit") return first.unit.tokens;
  const text = textOf(parts);
  return isWhole(first, text) ? first.unit.tokens : tokensOf(text) + FRAME_TOKENS;
}

/** Nothing was left out but white space. */
const isWhole = ({ kind, unit }: Part, text: string): boolean =>
  kind === "piece" && text.trimStart() === unit.text.trim();

/** Code on lines of its own, also where what stood before it is left out. */
function textOf(parts: readonly Part[]): string {
  let joined = "";
  for (const { text = "" } of parts.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))) {
    if (joined !== "" && !joined.endsWith("\n") && FENCE.test(text)) joined += "\n";
    joined += text;
  }
  return joined.trimEnd();
}

const FENCE = /^ {0,3}(?:```|~~~)/;

function keptOf(unit: Unit, parts: readonly Part[] | undefined): Kept[] {
  const whole = (): Kept[] => Array.from({ length: unit.count }, (_, index) => ({ from: unit.from + index }));
  if (unit.isPinned) return whole();
  const [first] = parts ?? [];
  if (first === undefined) return [];
  if (first.kind === "unit") return whole();
  const text = textOf(parts!);
  if (first.kind === "summary") return [{ from: -1, text }];
  return isWhole(first, text) ? whole() : [{ from: unit.from, text }];
}

/** Answers whose question is gone, before anything else: no model takes a conversation that begins with its own words. */
function leading(items: readonly Item[], units: readonly Unit[], left: Chosen): Unit[] {
  const orphans: Unit[] = [];
  for (const unit of units) {
    const { role } = items[unit.from]!;
    if (role === "system") continue;
    const parts = left.get(unit);
    if (!unit.isPinned && parts === undefined) continue;
    if (unit.isPinned || role === "user" || parts?.[0]?.kind === "summary") break;
    orphans.push(unit);
  }
  return orphans;
}
