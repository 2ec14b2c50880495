// How each kind of request went at each instance, summed over isolates: the evidence for suggestions about routes. A row is a route, a
// method and the instance that answered, as seen from one region. What is old counts for less: rows that have said enough are halved
// at each analysis, so that what is read is about now. Bounded in rows; a newcomer beyond them is left out until room is made.
import type { KindRow } from "../protocol/suggestions.ts";
import { mergeTimes } from "../stats/sketch.ts";

const MOST_ROWS = 1_000;

/** `busyMs` counts since the last analysis. */
export interface Kind extends KindRow {
  /** Of the isolates that saw it. */
  region: string;
}

const kindName = (region: string, { route, method, service, instance }: KindRow): string =>
  [region, route, method, service, instance].join("\n");

/** Adds rows, in place; how many found no room. */
export function takeKinds(kinds: Map<string, Kind>, rows: readonly KindRow[], region: string): number {
  let left = 0;
  for (const row of rows) {
    const name = kindName(region, row);
    const own = kinds.get(name);
    const busyMs = Math.max(0, row.busyMs);
    if (own !== undefined) {
      addKind(own, row);
      own.busyMs += busyMs;
    } else if (kinds.size < MOST_ROWS) kinds.set(name, { ...row, region, busyMs });
    else left++;
  }
  return left;
}

/** Counts of `from` into `into`, in place. */
function addKind(into: KindRow, from: KindRow): void {
  for (const count of COUNTS) into[count] += from[count];
  into.times = mergeTimes(into.times, from.times);
}

const COUNTS = ["requests", "failed", "refused", "retried", "saved", "hung"] as const;

/** After an analysis: a row that has said enough counts half from now on, and one without any requests is forgotten. */
export function ageKinds(kinds: Map<string, Kind>, enough: number): void {
  for (const [name, kind] of kinds) {
    kind.busyMs = 0;
    if (kind.requests < enough) continue;
    for (const count of COUNTS) kind[count] = Math.floor(kind[count] / 2);
    kind.times = halved(kind.times);
    if (kind.requests === 0) kinds.delete(name);
  }
}

function halved(times: readonly number[]): number[] {
  const half: number[] = [];
  for (let at = 0; at + 1 < times.length; at += 2) {
    const held = times[at + 1]! >> 1;
    if (held > 0) half.push(times[at]!, held);
  }
  return half;
}
