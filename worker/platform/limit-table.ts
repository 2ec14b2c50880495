// Rate limits as a table of `LimiterObject`: one row a limit and caller, read and written in the turn of each question, so that
// what was let pass, promised or blocked outlives a crash. A row that says nothing any more is deleted; when there are too
// many, those go first that would have gone the soonest.
import type { LeaseAnswer, LeaseAsk, LimitRule } from "../core/protocol/limiter.ts";
import { freshLimit, lease, limitForgottenAt, type LimitState } from "../core/security/lease.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS limits (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, leases INTEGER NOT NULL, forgotten_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS limits_forgotten ON limits (forgotten_at);`;

const MOST_ROWS = 100_000;

export class LimitTable {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  get size(): { limits: number; leases: number } {
    const row = this.#sql.exec<{ limits: number; leases: number }>(
      "SELECT count(*) AS limits, coalesce(sum(leases), 0) AS leases FROM limits",
    );
    return row.one();
  }

  lease(ask: LeaseAsk, now: number): LeaseAnswer {
    const name = `${ask.limit}|${ask.who}`;
    const [kept] = this.#sql.exec<{ state: string }>("SELECT state FROM limits WHERE name = ?", name).toArray();
    const before = kept === undefined ? freshLimit() : (JSON.parse(kept.state) as LimitState);
    const [after, answer] = lease(before, ask, now, ask.rule);
    this.#put(name, after, ask.rule);
    return answer;
  }

  #put(name: string, state: LimitState, rule: LimitRule): void {
    const row = [name, JSON.stringify(state), state.leases.length, Math.ceil(limitForgottenAt(state, rule))];
    this.#sql.exec("INSERT OR REPLACE INTO limits (name, state, leases, forgotten_at) VALUES (?, ?, ?, ?)", ...row);
  }

  /** Deletes what says nothing any more; when the next row will, undefined for none. */
  clean(now: number): number | undefined {
    this.#sql.exec("DELETE FROM limits WHERE forgotten_at <= ?", now);
    const { limits } = this.size;
    if (limits > MOST_ROWS) {
      const over = limits - MOST_ROWS;
      const soonest = "SELECT name FROM limits ORDER BY forgotten_at LIMIT ?";
      this.#sql.exec(`DELETE FROM limits WHERE name IN (${soonest})`, over);
    }
    return this.#sql.exec<{ at: number | null }>("SELECT min(forgotten_at) AS at FROM limits").one().at ?? undefined;
  }
}
