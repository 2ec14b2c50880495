// Which answers repeat themselves, though no cache may keep them yet (SEEDS P17, P19). A share of them is looked at: the hash of the
// body under the key a cache would use, when, and for whom. From that a cache is played through: what it would have answered for
// each lifetime, and how often with something else than the origin gave. What users bring along (a credential, a cookie) is always
// part of the key: answers are never shared between identities, whether or not they were alike.
import type { RepeatRow } from "../protocol/suggestions.ts";
import { wilsonLow } from "../stats/shares.ts";

/** Lifetimes that are tried, seconds; the longest that holds is taken. */
const LIFETIMES = [5, 10, 30, 60, 300, 900, 3600] as const;
const MOST_TARGETS = 64;
const MOST_ROWS = 400;
/** Comparisons without which nothing is said. */
const LEAST_COMPARED = 20;
/** Share of comparisons that may differ. */
const TOLERATED = 0.01;
const LEAST_HITS = 0.1;

/** What was looked at of one route and pattern, in order of time. */
export interface Repeats {
  readonly route: string;
  readonly pattern: string;
  rows: RepeatRow[];
}

/** Adds rows to their targets, in place; of too many targets the longest silent one is forgotten. */
export function takeRepeats(targets: Map<string, Repeats>, rows: readonly RepeatRow[]): void {
  for (const row of rows) {
    const name = targetName(row.route, row.pattern);
    const target = targets.get(name) ?? { route: row.route, pattern: row.pattern, rows: [] };
    target.rows.push(row);
    if (target.rows.length > MOST_ROWS) target.rows = target.rows.slice(-MOST_ROWS / 2);
    targets.delete(name);
    targets.set(name, target);
    if (targets.size > MOST_TARGETS) targets.delete(targets.keys().next().value!);
  }
}

export const targetName = (route: string, pattern: string): string => `${route}\n${pattern}`;

/** What a cache with this lifetime would have done with the rows. */
export interface Played {
  /** It would have answered from an entry … */
  readonly hits: number;
  /** … and with something else than the origin gave. */
  readonly differed: number;
}

export function play(rows: readonly RepeatRow[], keyed: Keyed, ttlSeconds: number): Played {
  const entries = new Map<string, RepeatRow>();
  let hits = 0;
  let differed = 0;
  for (const row of rows.toSorted((a, b) => a.at - b.at)) {
    const key = keyOf(row, keyed);
    const entry = entries.get(key);
    if (entry === undefined || row.at - entry.at > ttlSeconds * 1_000) entries.set(key, row);
    else {
      hits++;
      if (entry.value !== row.value) differed++;
    }
  }
  return { hits, differed };
}

/** What must be in the key besides the URL. */
export interface Keyed {
  readonly credential: boolean;
  readonly cookie: boolean;
}

const keyOf = ({ key, who }: RepeatRow, { credential, cookie }: Keyed): string =>
  credential || cookie ? `${key}\n${who}` : key;

/** Whoever came with a proof makes it part of the key, for all. */
export function keyedBy(rows: readonly RepeatRow[]): Keyed {
  return {
    credential: rows.some(({ who }) => who.startsWith("c:") || who.startsWith("b:")),
    cookie: rows.some(({ who }) => who.startsWith("k:") || who.startsWith("b:")),
  };
}

export interface RepeatFinding {
  readonly route: string;
  readonly pattern: string;
  readonly ttlSeconds: number;
  readonly keyed: Keyed;
  /** Share of the requests that a cache would answer. */
  readonly hitRatio: number;
  readonly played: Played;
  readonly confidence: number;
  readonly meanMs: number;
  /** As if all traffic were like what was looked at. */
  readonly perHour: { readonly requests: number; readonly spared: number; readonly bytes: number; readonly ms: number };
  /** How many callers were seen, and whether answers to different ones were ever different. */
  readonly callers: number;
  readonly differsByCaller: boolean;
}

/**
 * What a rule for this target would do; undefined where nothing speaks for one. `share`: of the answers that are looked at;
 * `longestSeconds`: what a trial could not judge in its time is not suggested.
 */
export function findRepeats(target: Repeats, share: number, longestSeconds = Infinity): RepeatFinding | undefined {
  const { rows, route, pattern } = target;
  const first = rows[0];
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const seconds = (last.at - first.at) / 1_000;
  const keyed = keyedBy(rows);
  let best: { ttlSeconds: number; played: Played } | undefined;
  for (const ttlSeconds of LIFETIMES) {
    // Nobody has seen for longer than it was looked at.
    if (ttlSeconds > Math.min(seconds, longestSeconds)) break;
    const played = play(rows, keyed, ttlSeconds);
    if (played.hits >= LEAST_COMPARED && played.differed <= played.hits * TOLERATED) best = { ttlSeconds, played };
  }
  if (best === undefined) return undefined;
  const hitRatio = expectedHits(rows, keyed, best.ttlSeconds, seconds, share);
  if (hitRatio < LEAST_HITS) return undefined;
  const meanMs = rows.reduce((sum, row) => sum + row.upstreamMs, 0) / rows.length;
  const meanBytes = rows.reduce((sum, row) => sum + row.bytes, 0) / rows.length;
  const requests = (rows.length / share / seconds) * 3_600;
  const spared = requests * hitRatio;
  return {
    ...{ route, pattern, keyed, hitRatio, meanMs, ...best },
    confidence: wilsonLow(best.played.hits - best.played.differed, best.played.hits),
    perHour: { requests, spared, bytes: spared * meanBytes, ms: spared * meanMs },
    callers: new Set(rows.map(({ who }) => who)).size,
    differsByCaller: differsByCaller(rows, best.ttlSeconds),
  };
}

/**
 * Requests of one key that come at random (Poisson) with rate r find an entry of lifetime T with probability rT / (1 + rT): one
 * of them fetches, and rT come before the end. Only a share was looked at, so the true rate is higher than the seen one.
 */
function expectedHits(
  rows: readonly RepeatRow[],
  keyed: Keyed,
  ttlSeconds: number,
  seconds: number,
  share: number,
): number {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(keyOf(row, keyed), (counts.get(keyOf(row, keyed)) ?? 0) + 1);
  let hits = 0;
  for (const count of counts.values()) {
    const expected = (count / share / seconds) * ttlSeconds;
    hits += count * (expected / (1 + expected));
  }
  return hits / rows.length;
}

/** Two callers were given different things under one key within a lifetime. */
function differsByCaller(rows: readonly RepeatRow[], ttlSeconds: number): boolean {
  const last = new Map<string, RepeatRow>();
  for (const row of rows.toSorted((a, b) => a.at - b.at)) {
    const before = last.get(row.key);
    const isOther = before !== undefined && before.who !== row.who;
    if (isOther && before.value !== row.value && row.at - before.at <= ttlSeconds * 1_000) return true;
    last.set(row.key, row);
  }
  return false;
}
