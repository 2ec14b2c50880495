// What changed between two JSON documents, by path. Lists are aligned before they are compared: by `id` or `name` where
// all entries have one, else by what stayed the same, so that a route put on top does not change all others.
import { joinPath } from "../protocol/json.ts";

export type Change =
  | { readonly kind: "added"; readonly path: string; readonly after: unknown }
  | { readonly kind: "removed"; readonly path: string; readonly before: unknown }
  | { readonly kind: "changed"; readonly path: string; readonly before: unknown; readonly after: unknown };

export function differences(before: unknown, after: unknown, path = ""): Change[] {
  if (isSame(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return listDifferences(before, after, path);
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name): Change[] => {
      const at = joinPath(path, name);
      if (!Object.hasOwn(before, name)) return [{ kind: "added", path: at, after: after[name] }];
      if (!Object.hasOwn(after, name)) return [{ kind: "removed", path: at, before: before[name] }];
      return differences(before[name], after[name], at);
    });
  }
  return [{ kind: "changed", path, before, after }];
}

/** Of two values of JSON; the order of an object's members tells nothing. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => isSame(each, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listDifferences(before: readonly unknown[], after: readonly unknown[], path: string): Change[] {
  const changes: Change[] = [];
  for (const [from, to] of alignment(before, after)) {
    if (from === undefined) changes.push({ kind: "added", path: joinPath(path, to!), after: after[to!] });
    else if (to === undefined) changes.push({ kind: "removed", path: joinPath(path, from), before: before[from] });
    else changes.push(...differences(before[from], after[to], joinPath(path, to)));
  }
  const order = reordered(before, after);
  if (changes.length === 0 && order) changes.push({ kind: "changed", path, before, after });
  return changes;
}

type Pair = readonly [from: number | undefined, to: number | undefined];

function alignment(before: readonly unknown[], after: readonly unknown[]): Pair[] {
  return byName(before, after) ?? bySameness(before, after);
}

function nameOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return undefined;
  const name = entry["id"] ?? entry["name"];
  return typeof name === "string" ? name : undefined;
}

function byName(before: readonly unknown[], after: readonly unknown[]): Pair[] | undefined {
  const places = (list: readonly unknown[]): Map<string, number> | undefined => {
    const found = new Map<string, number>();
    for (const [index, entry] of list.entries()) {
      const name = nameOf(entry);
      if (name === undefined || found.has(name)) return undefined;
      found.set(name, index);
    }
    return found;
  };
  const old = places(before);
  const now = places(after);
  if (old === undefined || now === undefined) return undefined;
  const pairs: Pair[] = [...now].map(([name, to]) => [old.get(name), to]);
  for (const [name, from] of old) if (!now.has(name)) pairs.push([from, undefined]);
  return pairs;
}

function reordered(before: readonly unknown[], after: readonly unknown[]): boolean {
  return before.length === after.length && before.some((entry, index) => nameOf(entry) !== nameOf(after[index]));
}

/** Longest common subsequence up to this many cells, position by position beyond it. */
const MAX_CELLS = 4_000_000;

function bySameness(before: readonly unknown[], after: readonly unknown[]): Pair[] {
  const old = before.map((entry) => JSON.stringify(entry));
  const now = after.map((entry) => JSON.stringify(entry));
  const width = now.length + 1;
  if ((old.length + 1) * width > MAX_CELLS) return gap(0, old.length, 0, now.length);
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const cell = i * width + j;
      common[cell] =
        old[i] === now[j] ? common[cell + width + 1]! + 1 : Math.max(common[cell + width]!, common[cell + 1]!);
    }
  }
  const pairs: Pair[] = [];
  let [i, j, gapI, gapJ] = [0, 0, 0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      pairs.push(...gap(gapI, i, gapJ, j), [i, j]);
      gapI = ++i;
      gapJ = ++j;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) i++;
    else j++;
  }
  return [...pairs, ...gap(gapI, old.length, gapJ, now.length)];
}

/** Between two entries that stayed: what is left on both sides was changed, the rest came or went. */
function gap(from: number, fromEnd: number, to: number, toEnd: number): Pair[] {
  const pairs: Pair[] = [];
  while (from < fromEnd || to < toEnd) pairs.push([from < fromEnd ? from++ : undefined, to < toEnd ? to++ : undefined]);
  return pairs;
}
