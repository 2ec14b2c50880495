// Answers to writes that carried an Idempotency-Key, in `ControlObject`, so that a write that is sent again is not done again. Kept for a
// day, the last 1,000; what is kept is what the admin API sealed, which this room cannot read. A write whose answer never came (its isolate
// died) holds its key for a minute, and may then be done anew.
import type { OnceAnswer } from "../core/protocol/writes.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS answers_once (
    name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, answer TEXT
  );
  CREATE INDEX IF NOT EXISTS answers_once_by_age ON answers_once (at);`;

const KEPT_MS = 86_400_000;
const MOST = 1_000;
const UNANSWERED_MS = 60_000;
const LONGEST_ANSWER = 262_144;

export class AnswersOnce {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  /** `begun`: do it, and say `end`. */
  begin(name: string, fingerprint: string, now: number): OnceAnswer {
    this.#sql.exec("DELETE FROM answers_once WHERE at < ?", now - KEPT_MS);
    const known = this.#sql
      .exec<{ fingerprint: string; at: number; answer: string | null }>(
        "SELECT fingerprint, at, answer FROM answers_once WHERE name = ?",
        name,
      )
      .toArray()[0];
    if (known !== undefined && known.fingerprint !== fingerprint) return { outcome: "other", answer: "" };
    if (known?.answer != null) return { outcome: "answered", answer: known.answer };
    if (known !== undefined && now < known.at + UNANSWERED_MS) return { outcome: "in_flight", answer: "" };
    const row = [name, fingerprint, now];
    this.#sql.exec(
      "INSERT OR REPLACE INTO answers_once (name, fingerprint, at, answer) VALUES (?, ?, ?, NULL)",
      ...row,
    );
    this.#sql.exec(
      "DELETE FROM answers_once WHERE name IN (SELECT name FROM answers_once ORDER BY at DESC LIMIT -1 OFFSET ?)",
      MOST,
    );
    return { outcome: "begun", answer: "" };
  }

  /** Undefined: it was not done, and may be tried again. */
  end(name: string, answer: string | undefined): void {
    if (answer === undefined || answer.length > LONGEST_ANSWER)
      this.#sql.exec("DELETE FROM answers_once WHERE name = ?", name);
    else this.#sql.exec("UPDATE answers_once SET answer = ? WHERE name = ?", answer, name);
  }
}
