// A conversation in units that stand or fall together: a message, or a call of tools with all its results. Some are pinned:
// what the system says, and the newest turns.
import { estimateTokenCount } from "tokenx";

/** One message as condensation sees it. */
export interface Item {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text: string;
  /** Ids of the tool calls it makes or answers. */
  readonly calls: readonly string[];
  /** Epoch ms, where it is known. */
  readonly at?: number | undefined;
  /** What else it costs: images, arguments of calls. */
  readonly otherTokens?: number | undefined;
}

export interface Unit {
  /** Index of its first item, and how many there are. */
  readonly from: number;
  readonly count: number;
  readonly text: string;
  readonly tokens: number;
  readonly isPinned: boolean;
  /** It is one message of text: it may be shortened, and not only kept or left out. */
  readonly isText: boolean;
  readonly at: number | undefined;
}

/** What a message costs beside its text. */
const FRAME_TOKENS = 4;

export const tokensOf = (text: string): number => estimateTokenCount(text);
export const tokensOfItem = ({ text, otherTokens }: Item): number => tokensOf(text) + (otherTokens ?? 0) + FRAME_TOKENS;

export function unitsOf(items: readonly Item[], keepTurns: number): Unit[] {
  const pinnedFrom = newestTurns(items, keepTurns);
  const units: Unit[] = [];
  for (let from = 0; from < items.length;) {
    const end = endOfUnit(items, from);
    const members = items.slice(from, end);
    units.push({
      from,
      count: members.length,
      text: members.map(({ text }) => text).join("\n"),
      tokens: members.reduce((sum, item) => sum + tokensOfItem(item), 0),
      isPinned: end > pinnedFrom || members.some(({ role }) => role === "system"),
      isText: members.length === 1 && members[0]!.calls.length === 0 && (members[0]!.otherTokens ?? 0) === 0,
      at: members[0]!.at,
    });
    from = end;
  }
  return units;
}

/** A call and its results, whatever stands between them. */
function endOfUnit(items: readonly Item[], from: number): number {
  let end = from + 1;
  const open = new Set(items[from]!.calls);
  if (open.size === 0) return end;
  for (let at = end; at < items.length; at++) {
    if (items[at]!.role === "user" && items[at]!.calls.length === 0) break;
    if (!items[at]!.calls.some((call) => open.has(call))) continue;
    for (let between = end; between <= at; between++) for (const call of items[between]!.calls) open.add(call);
    end = at + 1;
  }
  return end;
}

/** Index of the item that the newest turns begin with; a turn begins with what a user says. The last item counts always. */
function newestTurns(items: readonly Item[], turns: number): number {
  let left = turns;
  for (let at = items.length - 1; at >= 0 && left > 0; at--) {
    const { role, calls } = items[at]!;
    if (role === "user" && calls.length === 0 && --left === 0) return at;
  }
  return turns > 0 ? 0 : items.length - 1;
}
