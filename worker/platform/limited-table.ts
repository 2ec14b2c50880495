// Who was refused of late, as a table of `LimiterObject`, for the security report. Names only, as limits count them: a caller,
// a key's public id, an address, or the hash of a header's value.
import type { LimitedReading } from "../core/protocol/limiter.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS limited (
    limit_name TEXT NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, times INTEGER NOT NULL,
    at INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (limit_name, who)
  );
  CREATE INDEX IF NOT EXISTS limited_at ON limited (at);`;

const KEPT = 500;
const SHOWN = 100;
const KEPT_MS = 86_400_000;

export class LimitedTable {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  add(limit: string, who: string, kind: LimitedReading["kind"], times: number, at: number, until: number): void {
    this.#sql.exec(
      `INSERT INTO limited (limit_name, who, kind, times, at, until) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (limit_name, who) DO UPDATE SET kind = excluded.kind, times = times + excluded.times,
         at = excluded.at, until = max(until, excluded.until)`,
      ...[limit, who, kind, times, at, until],
    );
  }

  /** Newest first. */
  get newest(): LimitedReading[] {
    return this.#sql
      .exec<
        Record<"limit" | "who", string> & Record<"times" | "at" | "until", number> & { kind: LimitedReading["kind"] }
      >('SELECT limit_name AS "limit", who, kind, times, at, until FROM limited ORDER BY at DESC LIMIT ?', SHOWN)
      .toArray();
  }

  clean(now: number): void {
    this.#sql.exec("DELETE FROM limited WHERE at <= ?", now - KEPT_MS);
    const newest = "SELECT rowid FROM limited ORDER BY at DESC LIMIT ?";
    this.#sql.exec(`DELETE FROM limited WHERE rowid NOT IN (${newest})`, KEPT);
  }
}
