// The table of policy generations in `ControlObject`: numbered, immutable, the last 200 kept, and which of them KV
// holds. The newest one stands in memory, for it is asked for every second. Callers put several steps into one
// transaction; nothing here waits, so nothing comes between them.
import type { Change, GenerationEntry, PolicyDocument } from "../core/protocol/objects.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS generations (
    generation INTEGER PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL,
    actor TEXT NOT NULL, note TEXT NOT NULL, rollback_of INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS published (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, at INTEGER NOT NULL);`;

const GENERATIONS_KEPT = 200;

export class Generations {
  newest: PolicyDocument | undefined;
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    this.newest = this.#read("ORDER BY generation DESC LIMIT 1");
  }

  get(generation: number): PolicyDocument | undefined {
    return this.#read("WHERE generation = ?", generation);
  }

  /** Stores `document` as the newest; the caller has numbered it. */
  append(document: PolicyDocument, { actor, note }: Change, rollbackOf: number): void {
    const { generation, text, at } = document;
    this.#sql.exec(
      "INSERT INTO generations (generation, text, at, actor, note, rollback_of) VALUES (?, ?, ?, ?, ?, ?)",
      ...[generation, text, at, actor, note, rollbackOf],
    );
    this.#sql.exec("DELETE FROM generations WHERE generation <= ?", generation - GENERATIONS_KEPT);
    this.newest = document;
  }

  /** Newest first, below `before`. */
  history(before: number, limit: number): GenerationEntry[] {
    return this.#sql
      .exec<Record<"generation" | "at" | "bytes" | "rollbackOf", number> & Record<"actor" | "note", string>>(
        `SELECT generation, at, length(CAST(text AS BLOB)) AS bytes, actor, note, rollback_of AS rollbackOf
         FROM generations WHERE generation < ? ORDER BY generation DESC LIMIT ?`,
        before,
        limit,
      )
      .toArray();
  }

  /** What KV was last made to hold, and when; zeros for nothing yet. */
  get published(): { generation: number; at: number } {
    const rows = this.#sql.exec<{ generation: number; at: number }>("SELECT generation, at FROM published").toArray();
    return rows[0] ?? { generation: 0, at: 0 };
  }

  setPublished(generation: number, at: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO published (id, generation, at) VALUES (1, ?, ?)", generation, at);
  }

  #read(clause: string, ...bindings: number[]): PolicyDocument | undefined {
    const sql = `SELECT generation, text, at FROM generations ${clause}`;
    return this.#sql.exec<{ generation: number; text: string; at: number }>(sql, ...bindings).toArray()[0];
  }
}
