// How things change, learned by all isolates together: each tells the visits that its own fetches were, `InsightObject` keeps the last of
// them by key and estimates, and what it finds goes back to the regions that asked. An isolate that has fetched something twice
// then keeps it as if it had fetched it as often as the whole fleet. Keys are hashes; names are for people.
import type { VisitNews } from "../protocol/cache-news.ts";
import type { LearnedPage, LearnedRate } from "../protocol/ledgers.ts";
import { changeRate, noHistory, visited, type ChangeHistory, type Visit } from "./change-rate.ts";

const MOST_KEYS = 500;
const MOST_TOLD = 50;
const MOST_VISITS_TOLD = 8;

export const visitOf = ([elapsedMs, changed, ageMs]: VisitNews["visits"][number]): Visit => ({
  elapsedMs,
  changed: changed === 1,
  ...(ageMs < 0 ? {} : { ageMs }),
});

/** An isolate's visits since its last report. */
export class UntoldVisits {
  #byKey = new Map<string, { readonly label: string; readonly rule: string; readonly visits: VisitNews["visits"] }>();

  note(key: string, label: string, rule: string, { elapsedMs, changed, ageMs }: Visit): void {
    let news = this.#byKey.get(key);
    if (news === undefined) {
      if (this.#byKey.size >= MOST_TOLD) return;
      this.#byKey.set(key, (news = { label, rule, visits: [] }));
    }
    if (news.visits.length < MOST_VISITS_TOLD) news.visits.push([elapsedMs, changed ? 1 : 0, ageMs ?? -1]);
  }

  drain(): Record<string, VisitNews> | undefined {
    if (this.#byKey.size === 0) return undefined;
    const news = Object.fromEntries(this.#byKey);
    this.#byKey = new Map();
    return news;
  }
}

/** What is known of one key. */
export interface FleetChange {
  readonly label: string;
  readonly rule: string;
  readonly history: ChangeHistory;
}

/** Of the fleet, the longest silent key forgotten first. */
export type FleetChanges = Map<string, FleetChange>;

/** Counts visits in, in place; what is known now of the keys they were of. */
export function hearVisits(changes: FleetChanges, news: Readonly<Record<string, VisitNews>>): LearnedRate[] {
  const learned: LearnedRate[] = [];
  for (const [key, { label, rule, visits }] of Object.entries(news)) {
    let history = changes.get(key)?.history ?? noHistory;
    for (const visit of visits) history = visited(history, visitOf(visit));
    changes.delete(key);
    changes.set(key, { label, rule, history });
    if (changes.size > MOST_KEYS) changes.delete(changes.keys().next().value!);
    const rate = changeRate(history);
    if (rate !== undefined) learned.push({ key, rate, visits: history.visits.length });
  }
  return learned;
}

/** What is passed on: the newest word on each key, numbered as it came. */
export class LearnedRates {
  newest = 0;
  #byKey = new Map<string, { readonly number: number; readonly rate: number; readonly visits: number }>();

  get count(): number {
    return this.#byKey.size;
  }

  /** `now`: numbers are the clock's, as ledgers' are, and only rise. */
  take(rates: readonly LearnedRate[], now: number): void {
    if (rates.length === 0) return;
    const number = Math.max(now, this.newest + 1);
    this.newest = number;
    for (const { key, rate, visits } of rates) {
      this.#byKey.delete(key);
      this.#byKey.set(key, { number, rate, visits });
    }
    for (const key of this.#byKey.keys()) {
      if (this.#byKey.size <= MOST_KEYS) break;
      this.#byKey.delete(key);
    }
  }

  since(known: number): LearnedPage | undefined {
    if (known >= this.newest) return undefined;
    const rates: LearnedRate[] = [];
    for (const [key, { number, rate, visits }] of this.#byKey) if (number > known) rates.push({ key, rate, visits });
    return { newest: this.newest, rates };
  }

  /** From who numbers them. */
  hear({ newest, rates }: LearnedPage): void {
    if (newest > this.newest) this.take(rates, newest);
  }

  of(key: string): { readonly rate: number; readonly visits: number } | undefined {
    return this.#byKey.get(key);
  }
}
