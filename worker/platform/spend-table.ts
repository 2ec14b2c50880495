// Budgets as tables of `LimiterObject`: what was spent of each, and every reservation that is not settled yet. Written in the turn
// of each question: no call that was let go ahead is forgotten by a crash, and one that is never settled counts as spent as
// it was estimated when its time is over. A settlement that comes later still corrects it, for a day.
import type {
  Amount,
  ReserveAnswer,
  ReserveAsk,
  SettleAsk,
  SpendingReading,
  SpendRule,
} from "../core/protocol/limiter.ts";
import { reserve, settle, spendForgottenAt, spendingOf, type SpendState } from "../core/security/spend.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS spends (name TEXT PRIMARY KEY, state TEXT NOT NULL, forgotten_at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS spends_forgotten ON spends (forgotten_at);
  CREATE TABLE IF NOT EXISTS reservations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, tokens REAL NOT NULL, dollars REAL NOT NULL,
    at INTEGER NOT NULL, ends_at INTEGER NOT NULL, charged INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS reservations_open ON reservations (name, charged, ends_at);`;

const SHOWN = 200;
const KEPT_MS = 86_400_000;
const MOST_ROWS = 100_000;

interface Reservation {
  readonly id: string;
  readonly tokens: number;
  readonly dollars: number;
  readonly at: number;
  readonly charged: number;
}
type Row<T> = T & Record<string, SqlStorageValue>;

export class SpendTable {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  get size(): { budgets: number; reservations: number } {
    return this.#sql
      .exec<{ budgets: number; reservations: number }>(
        `SELECT (SELECT count(*) FROM spends) AS budgets,
          (SELECT count(*) FROM reservations WHERE charged = 0) AS reservations`,
      )
      .one();
  }

  /** Those who spent last; a budget's name has no `|`, whoever spends may. */
  newest(now: number): SpendingReading[] {
    const rows = this.#sql
      .exec<{ name: string; state: string }>("SELECT name, state FROM spends ORDER BY rowid DESC LIMIT ?", SHOWN)
      .toArray();
    return rows.flatMap(({ name, state }) => {
      const periods = spendingOf(JSON.parse(state) as SpendState, now);
      const bar = name.indexOf("|");
      return periods.length === 0 ? [] : [{ budget: name.slice(0, bar), who: name.slice(bar + 1), periods }];
    });
  }

  reserve({ id, budget, who, rule, estimate, lifeMs }: ReserveAsk, now: number): ReserveAnswer {
    const name = `${budget}|${who}`;
    const state = this.#expire(name, this.#read(name), rule, now);
    const [after, answer] = reserve(state, estimate, now, rule);
    this.#put(name, after);
    if (answer.granted) {
      const row = [id, name, estimate.tokens, estimate.dollars, now, now + lifeMs];
      this.#sql.exec(
        "INSERT OR IGNORE INTO reservations (id, name, tokens, dollars, at, ends_at, charged) VALUES (?, ?, ?, ?, ?, ?, 0)",
        ...row,
      );
    }
    return answer;
  }

  settle({ id, budget, who, rule, actual }: SettleAsk, now: number): void {
    const name = `${budget}|${who}`;
    const [row] = this.#sql
      .exec<Row<Reservation>>("SELECT id, tokens, dollars, at, charged FROM reservations WHERE id = ?", id)
      .toArray();
    const state = this.#read(name);
    this.#put(name, settled(state, row, actual, now, rule));
    this.#sql.exec("DELETE FROM reservations WHERE id = ?", id);
  }

  #expire(name: string, before: SpendState, rule: SpendRule, now: number): SpendState {
    const over = this.#sql
      .exec<Row<Reservation>>(
        "SELECT id, tokens, dollars, at, charged FROM reservations WHERE name = ? AND charged = 0 AND ends_at <= ?",
        name,
        now,
      )
      .toArray();
    let state = before;
    for (const row of over) {
      state = settled(state, row, row, now, rule);
      this.#sql.exec("UPDATE reservations SET charged = 1 WHERE id = ?", row.id);
    }
    return state;
  }

  #read(name: string): SpendState {
    const [kept] = this.#sql.exec<{ state: string }>("SELECT state FROM spends WHERE name = ?", name).toArray();
    return kept === undefined ? {} : (JSON.parse(kept.state) as SpendState);
  }

  #put(name: string, state: SpendState): void {
    const row = [name, JSON.stringify(state), spendForgottenAt(state)];
    this.#sql.exec("INSERT OR REPLACE INTO spends (name, state, forgotten_at) VALUES (?, ?, ?)", ...row);
  }

  /** Deletes what says nothing any more; when the next row will, undefined for none. */
  clean(now: number): number | undefined {
    this.#sql.exec("DELETE FROM spends WHERE forgotten_at <= ?", now);
    this.#sql.exec("DELETE FROM reservations WHERE ends_at <= ?", now - KEPT_MS);
    for (const table of ["spends", "reservations"]) {
      const rowid = `SELECT max(rowid) FROM ${table}`;
      this.#sql.exec(`DELETE FROM ${table} WHERE rowid <= (${rowid}) - ?`, MOST_ROWS);
    }
    const [first] = this.#sql.exec<{ at: number | null }>("SELECT min(forgotten_at) AS at FROM spends").toArray();
    return first?.at ?? undefined;
  }
}

/** One that is not known was never granted, or granted while nobody heard of it: its cost is simply spent. */
function settled(
  state: SpendState,
  row: Reservation | undefined,
  actual: Amount,
  now: number,
  rule: SpendRule,
): SpendState {
  if (row === undefined) return settle(state, NOTHING, actual, now, now, rule);
  if (row.charged === 0) return settle(state, row, actual, row.at, now, rule);
  const more = { tokens: actual.tokens - row.tokens, dollars: actual.dollars - row.dollars };
  return settle(state, NOTHING, more, row.at, now, rule);
}

const NOTHING: Amount = { tokens: 0, dollars: 0 };
