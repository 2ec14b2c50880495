// The ledgers in this isolate: what it has heard, and who in it obeys. Each entry is told once, in order; who subscribes late is told what
// stands. Bounded as the ledgers are.
import {
  LEDGERS,
  type LearnedPage,
  type Ledger,
  type LedgerEntry,
  type LedgerNumbers,
  type LedgerPages,
  type OutdatedPairs,
} from "../core/protocol/ledgers.ts";

/**
 * `entries` are new and in their order. `lostBelow` is 0, or the number up to which entries went by unheard: everything
 * older must be taken as affected.
 */
export type Hear = (entries: readonly LedgerEntry[], lostBelow: number) => void;

export class Orders {
  /** The newest number heard of each ledger: what a report tells, so that the reply brings only what is newer. */
  readonly numbers: LedgerNumbers = { purge: 0, keys: 0, chaos: 0, trials: 0 };
  readonly #standing: Record<Ledger, Map<string, LedgerEntry>> = {
    purge: new Map(),
    keys: new Map(),
    chaos: new Map(),
    trials: new Map(),
  };
  readonly #floors: LedgerNumbers = { purge: 0, keys: 0, chaos: 0, trials: 0 };
  readonly #subscribers: Record<Ledger, Hear[]> = { purge: [], keys: [], chaos: [], trials: [] };

  subscribe(ledger: Ledger, hear: Hear): void {
    this.#subscribers[ledger].push(hear);
    if (this.numbers[ledger] > 0) hear([...this.#standing[ledger].values()], this.#floors[ledger]);
  }

  /** Who holds entries against unsafe requests that other isolates saw. */
  hearOutdated: ((pairs: OutdatedPairs) => void) | undefined = undefined;

  /** Who keeps answers as long as their changes allow. */
  hearLearned: ((page: LearnedPage) => void) | undefined = undefined;

  take(pages: LedgerPages): void {
    const { outdated, learned } = pages;
    if (learned !== undefined) {
      this.numbers.learned = learned.newest;
      this.hearLearned?.(learned);
    }
    if (outdated !== undefined && outdated.newest > (this.numbers.outdated ?? 0)) {
      this.numbers.outdated = outdated.newest;
      this.hearOutdated?.(outdated.pairs);
    }
    for (const ledger of LEDGERS) {
      const page = pages[ledger];
      if (page === undefined) continue;
      const known = this.numbers[ledger];
      const entries = page.entries.filter(({ number }) => number > known);
      const lostBelow = page.floor > known ? page.floor : 0;
      if (entries.length === 0 && lostBelow === 0) continue;
      this.numbers[ledger] = Math.max(lostBelow, entries.at(-1)?.number ?? 0);
      this.#keep(ledger, entries, page.floor);
      for (const hear of this.#subscribers[ledger]) hear(entries, lostBelow);
    }
  }

  #keep(ledger: Ledger, entries: readonly LedgerEntry[], floor: number): void {
    const standing = this.#standing[ledger];
    this.#floors[ledger] = Math.max(this.#floors[ledger], floor);
    for (const entry of entries) {
      // Deleting first moves it to the end: the map is in the order of numbers.
      standing.delete(entry.key);
      standing.set(entry.key, entry);
    }
    for (const [key, { number }] of standing) {
      if (number > this.#floors[ledger]) break;
      standing.delete(key);
    }
  }
}
