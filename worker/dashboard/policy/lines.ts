// What two texts differ in, line by line, with a few lines around each change: the picture everyone knows from version control.

export interface Line {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
  /** 1-based, in the text before and after; undefined where it does not stand. */
  readonly before?: number;
  readonly after?: number;
}

/** Longest common subsequence up to this many cells; beyond it, all between the first and last change is one change. */
const MOST_CELLS = 4_000_000;

/** All lines of both texts, in order. */
export function compareLines(before: string, after: string): Line[] {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  ) {
    tail++;
  }
  const same = (count: number, from: number, to: number): Line[] =>
    Array.from({ length: count }, (_, index) => ({
      ...{ kind: "same", text: old[from + index]!, before: from + index + 1, after: to + index + 1 },
    }));
  return [
    ...same(head, 0, 0),
    ...middle(old, now, head, old.length - tail, now.length - tail),
    ...same(tail, old.length - tail, now.length - tail),
  ];
}

function middle(old: readonly string[], now: readonly string[], start: number, oldEnd: number, nowEnd: number): Line[] {
  const height = oldEnd - start;
  const width = nowEnd - start + 1;
  const lines: Line[] = [];
  let [i, j] = [start, start];
  if ((height + 1) * width <= MOST_CELLS) {
    const common = new Uint32Array((height + 1) * width);
    for (let row = height - 1; row >= 0; row--) {
      for (let column = width - 2; column >= 0; column--) {
        const cell = row * width + column;
        common[cell] =
          old[start + row] === now[start + column]
            ? common[cell + width + 1]! + 1
            : Math.max(common[cell + width]!, common[cell + 1]!);
      }
    }
    while (i < oldEnd && j < nowEnd) {
      const cell = (i - start) * width + (j - start);
      if (old[i] === now[j]) lines.push({ kind: "same", text: old[i]!, before: ++i, after: ++j });
      else if (common[cell + width]! >= common[cell + 1]!) lines.push({ kind: "removed", text: old[i]!, before: ++i });
      else lines.push({ kind: "added", text: now[j]!, after: ++j });
    }
  }
  for (const text of old.slice(i, oldEnd)) lines.push({ kind: "removed", text, before: ++i });
  for (const text of now.slice(j, nowEnd)) lines.push({ kind: "added", text, after: ++j });
  return lines;
}

/** The changes with `around` lines before and behind; those that touch are one. None when the texts are the same. */
export function hunksOf(lines: readonly Line[], around = 3): Line[][] {
  const hunks: Line[][] = [];
  let end = -1;
  for (const [index, { kind }] of lines.entries()) {
    if (kind === "same") continue;
    const from = Math.max(0, index - around);
    if (from > end || hunks.length === 0) hunks.push([]);
    const start = Math.max(from, end);
    end = Math.min(lines.length, index + around + 1);
    hunks.at(-1)!.push(...lines.slice(start, end));
  }
  return hunks;
}
