// What is kept warm, how much that may cost, and whether it pays (SEEDS A5, A6). A key asked for more than five times in five
// minutes is hot: it is fetched again shortly before it expires. What probably comes next is fetched ahead. Both spend one
// budget: at most three at once, and a share of real traffic. What was fetched ahead and not used in time counts against it:
// when too little is used, fetching ahead rests, longer each time, and then has to prove itself anew.

export interface WarmOptions {
  readonly hotOver: number;
  readonly hotWindowSeconds: number;
  readonly maxConcurrent: number;
  readonly trafficShare: number;
  readonly minimumPrecision: number;
  readonly history: number;
}

/** Requests per key over a sliding window, in slices, for a bounded number of keys. */
export class Hotness {
  readonly #counts = new Map<string, Uint16Array>();
  #slice = 0;

  /** Counts one request; true when the key is hot with it. */
  saw(key: string, now: number, { hotOver, hotWindowSeconds, history }: WarmOptions): boolean {
    this.#turn(now, hotWindowSeconds);
    const counts = this.#counts.get(key) ?? new Uint16Array(SLICES);
    counts[this.#slice % SLICES]!++;
    this.#counts.delete(key);
    this.#counts.set(key, counts);
    if (this.#counts.size > history) this.#counts.delete(this.#counts.keys().next().value!);
    return sum(counts) > hotOver;
  }

  count(key: string): number {
    const counts = this.#counts.get(key);
    return counts === undefined ? 0 : sum(counts);
  }

  /** The hottest first. */
  hot(now: number, { hotOver, hotWindowSeconds }: WarmOptions): [key: string, requests: number][] {
    this.#turn(now, hotWindowSeconds);
    return [...this.#counts]
      .map(([key, counts]): [string, number] => [key, sum(counts)])
      .filter(([, requests]) => requests > hotOver)
      .toSorted((a, b) => b[1] - a[1]);
  }

  /** Slices that have passed are emptied, in every key; keys without any are forgotten. */
  #turn(now: number, windowSeconds: number): void {
    const slice = Math.floor((now * SLICES) / (windowSeconds * 1000));
    if (slice <= this.#slice) return;
    const passed = Math.min(SLICES, slice - this.#slice);
    for (const [key, counts] of this.#counts) {
      for (let at = 0; at < passed; at++) counts[(slice - at) % SLICES] = 0;
      if (sum(counts) === 0) this.#counts.delete(key);
    }
    this.#slice = slice;
  }
}

const SLICES = 6;

function sum(counts: Uint16Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

/** How near to its end a hot entry is fetched again: a tenth of its lifetime, between one and thirty seconds. */
export const refreshAheadMs = (lifetimeMs: number): number => Math.min(30_000, Math.max(1_000, lifetimeMs / 10));

/** Plain data: what was spent, what came of it. */
export interface WarmLedger {
  running: number;
  /** Prefetches that traffic has paid for, at most a burst of them. */
  credit: number;
  fetched: number;
  used: number;
  unused: number;
  refused: number;
  /** Of what was fetched ahead of late, faded. */
  recentUsed: number;
  recentUnused: number;
  /** Epoch ms until which nothing is fetched ahead; 0 when it may. */
  offUntil: number;
  /** Rests in a row. */
  rests: number;
}

/** By key, until when a prefetched entry may prove useful. */
export type Awaited = Map<string, number>;

const BURST = 10;
/** With less evidence nobody is judged. */
const EVIDENCE = 20;
const FADE = 0.98;
const FIRST_REST_MS = 600_000;
const LONGEST_REST_MS = 6 * 3_600_000;

export const warmLedger = (): WarmLedger => ({
  running: 0,
  credit: 3,
  fetched: 0,
  used: 0,
  unused: 0,
  refused: 0,
  recentUsed: 0,
  recentUnused: 0,
  offUntil: 0,
  rests: 0,
});

/** A real request came: it pays its share. */
export function earn(ledger: WarmLedger, { trafficShare }: WarmOptions): void {
  ledger.credit = Math.min(BURST, ledger.credit + trafficShare);
}

/** Whether one more may be fetched now; taken at once. `isAhead`: of a guess, which has to pay, not of a hot key. */
export function spend(ledger: WarmLedger, isAhead: boolean, now: number, { maxConcurrent }: WarmOptions): boolean {
  const mayRun = ledger.running < maxConcurrent && ledger.credit >= 1 && (!isAhead || now >= ledger.offUntil);
  if (!mayRun) {
    ledger.refused++;
    return false;
  }
  ledger.running++;
  ledger.credit--;
  ledger.fetched++;
  return true;
}

export function finished(ledger: WarmLedger): void {
  ledger.running = Math.max(0, ledger.running - 1);
}

/** Something that was fetched ahead was asked for, or was not in time. */
export function judge(ledger: WarmLedger, wasUsed: boolean, now: number, { minimumPrecision }: WarmOptions): void {
  ledger.recentUsed = ledger.recentUsed * FADE + (wasUsed ? 1 : 0);
  ledger.recentUnused = ledger.recentUnused * FADE + (wasUsed ? 0 : 1);
  if (wasUsed) ledger.used++;
  else ledger.unused++;
  const evidence = ledger.recentUsed + ledger.recentUnused;
  if (evidence < EVIDENCE * 0.8) return;
  if (precision(ledger) >= minimumPrecision) {
    ledger.rests = 0;
    return;
  }
  ledger.offUntil = now + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** ledger.rests);
  ledger.rests++;
  // After the rest it starts without a past, neither good nor bad.
  ledger.recentUsed = 0;
  ledger.recentUnused = 0;
}

/** Of late; 1 while nothing is known. */
export function precision({ recentUsed, recentUnused }: WarmLedger): number {
  const evidence = recentUsed + recentUnused;
  return evidence === 0 ? 1 : recentUsed / evidence;
}
