// Ledgers: short orders of `ControlObject` that every isolate must obey within seconds: purges, changes of API keys, chaos
// experiments, trials of suggestions. Entries are numbered by the clock (epoch ms, rising strictly), and a newer entry of the same key stands in the
// place of the older. They travel with control news. A ledger forgets its oldest entries when it grows too long; its floor then says
// up to which number entries may be missing: whoever knew less must take everything older as affected.

export const LEDGERS = ["purge", "keys", "chaos", "trials"] as const;

export type Ledger = (typeof LEDGERS)[number];

export interface LedgerEntry {
  /** Epoch ms of the order, rising by at least one from entry to entry of a ledger. */
  readonly number: number;
  readonly key: string;
  /** JSON; its shape is the matter of those who write and read this ledger. */
  readonly text: string;
}

/** What stands in a ledger above a number, in its order. */
export interface LedgerPage {
  readonly floor: number;
  readonly entries: readonly LedgerEntry[];
}

/** What the `keys` ledger says of a key whose record is another now. */
export const KEY_CHANGED = '{"changed":true}';

/** URLs that unsafe requests made outdated, by their hash: `hash, at, hash, at, …`; `at` is epoch ms. */
export type OutdatedPairs = readonly number[];

/** What somebody has not heard yet, and the number he then knows. */
export interface OutdatedPage {
  readonly newest: number;
  readonly pairs: OutdatedPairs;
}

/** How often a key changes, as the whole fleet has seen it. */
export interface LearnedRate {
  /** A hash. */
  readonly key: string;
  /** Changes a millisecond. */
  readonly rate: number;
  /** What it was learned from. */
  readonly visits: number;
}

export interface LearnedPage {
  readonly newest: number;
  readonly rates: readonly LearnedRate[];
}

/** By ledger; only those that have something new. Beside them goes what is news and no order: nobody stores it. */
export type LedgerPages = Partial<Record<Ledger, LedgerPage>> & {
  outdated?: OutdatedPage;
  learned?: LearnedPage;
};

/** By ledger, the newest number somebody has; 0 for nothing yet. */
export type LedgerNumbers = Record<Ledger, number> & { outdated?: number; learned?: number };

export const NO_NUMBERS: LedgerNumbers = { purge: 0, keys: 0, chaos: 0, trials: 0 };
