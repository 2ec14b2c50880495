// The ledgers as a table of an object: `ControlObject` writes them, each region's object keeps a copy, so that isolates hear of
// orders also while `ControlObject` is away. Bounded in entries and bytes; what is dropped raises the floor.
import { OutdatedLog } from "../core/cache/outdated.ts";
import {
  LEDGERS,
  type Ledger,
  type LedgerEntry,
  type LedgerNumbers,
  type LedgerPages,
  type OutdatedPairs,
} from "../core/protocol/ledgers.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ledger (
    ledger TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (ledger, key)
  );
  CREATE TABLE IF NOT EXISTS ledger_floors (ledger TEXT PRIMARY KEY, floor INTEGER NOT NULL);`;

const MOST_ENTRIES = 1_000;
const MOST_CHARACTERS = 1_048_576;
const LONGEST_ENTRY = 65_536;

export class Ledgers {
  /** In memory: what a crash loses of it is a few seconds of news. */
  readonly outdated = new OutdatedLog();
  /** The newest entry of each. */
  readonly numbers: LedgerNumbers = { purge: 0, keys: 0, chaos: 0, trials: 0 };
  readonly #floors: LedgerNumbers = { purge: 0, keys: 0, chaos: 0, trials: 0 };
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    for (const { ledger, newest } of sql.exec<{ ledger: Ledger; newest: number }>(
      "SELECT ledger, max(number) AS newest FROM ledger GROUP BY ledger",
    ))
      this.numbers[ledger] = newest;
    for (const { ledger, floor } of sql.exec<{ ledger: Ledger; floor: number }>(
      "SELECT ledger, floor FROM ledger_floors",
    )) {
      this.#floors[ledger] = floor;
      this.numbers[ledger] = Math.max(this.numbers[ledger], floor);
    }
  }

  /** Stores an order and says its number: the clock's, so that after a lost store it still lies above all given out before. */
  append(ledger: Ledger, key: string, text: string, now: number): LedgerEntry {
    if (text.length > LONGEST_ENTRY)
      throw new RangeError(`an entry of ${ledger} is longer than ${LONGEST_ENTRY} characters`);
    const entry = { number: Math.max(now, this.numbers[ledger] + 1), key, text };
    this.#put(ledger, entry);
    this.#trim(ledger);
    return entry;
  }

  /** From whoever saw unsafe requests answered; known pairs change nothing. */
  outdate(pairs: OutdatedPairs, now: number): void {
    this.outdated.append(pairs, now);
    this.numbers.outdated = this.outdated.newest;
  }

  /** Takes over what another copy says; known entries change nothing. */
  take(pages: LedgerPages): void {
    for (const ledger of LEDGERS) {
      const page = pages[ledger];
      if (page === undefined) continue;
      for (const entry of page.entries) if (entry.number > this.numbers[ledger]) this.#put(ledger, entry);
      if (page.floor > this.#floors[ledger]) this.#raise(ledger, page.floor);
      this.#trim(ledger);
    }
    if (pages.outdated === undefined) return;
    this.outdated.take(pages.outdated);
    this.numbers.outdated = this.outdated.newest;
  }

  /** What lies above these numbers; undefined when nothing does. */
  since(known: Readonly<LedgerNumbers>): LedgerPages | undefined {
    let pages: LedgerPages | undefined;
    for (const ledger of LEDGERS) {
      if (known[ledger] >= this.numbers[ledger]) continue;
      pages ??= {};
      pages[ledger] = { floor: this.#floors[ledger], entries: this.entries(ledger, known[ledger]) };
    }
    const outdated = this.outdated.since(known.outdated ?? 0);
    return outdated === undefined ? pages : { ...pages, outdated };
  }

  /** In their order, above `after`. */
  entries(ledger: Ledger, after = 0): LedgerEntry[] {
    return this.#sql
      .exec<{ number: number; key: string; text: string }>(
        "SELECT number, key, text FROM ledger WHERE ledger = ? AND number > ? ORDER BY number",
        ...[ledger, after],
      )
      .toArray();
  }

  #put(ledger: Ledger, { number, key, text }: LedgerEntry): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO ledger (ledger, key, number, text) VALUES (?, ?, ?, ?)",
      ...[ledger, key, number, text],
    );
    this.numbers[ledger] = Math.max(this.numbers[ledger], number);
  }

  #trim(ledger: Ledger): void {
    const last = this.#sql
      .exec<{ number: number }>(
        `SELECT number FROM (
           SELECT number, row_number() OVER newest AS place, sum(length(text)) OVER newest AS characters
           FROM ledger WHERE ledger = ? WINDOW newest AS (ORDER BY number DESC)
         ) WHERE place > ? OR characters > ? ORDER BY number DESC LIMIT 1`,
        ...[ledger, MOST_ENTRIES, MOST_CHARACTERS],
      )
      .toArray()[0];
    if (last !== undefined) this.#raise(ledger, last.number);
  }

  #raise(ledger: Ledger, floor: number): void {
    this.#floors[ledger] = floor;
    this.numbers[ledger] = Math.max(this.numbers[ledger], floor);
    this.#sql.exec("DELETE FROM ledger WHERE ledger = ? AND number <= ?", ledger, floor);
    this.#sql.exec("INSERT OR REPLACE INTO ledger_floors (ledger, floor) VALUES (?, ?)", ledger, floor);
  }
}
