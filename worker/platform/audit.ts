// The audit log in `ControlObject`: who changed what, the last 5,000 changes. Every write goes through here in its own transaction, so
// that nothing is stored that nobody is named for. Where the policy was changed, it says from which generation to which.
import type { AuditEntry, AuditFilter, GenerationStep } from "../core/protocol/writes.ts";
import { redact } from "../core/security/redact.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL
  );`;

/** Columns that came later: a log that was begun without them goes on. */
const LATER = ["generation_before", "generation_after"];

const KEPT = 5_000;
const LONGEST_DETAIL = 1_000;

export class AuditLog {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    const columns = sql.exec<{ name: string }>("PRAGMA table_info(audit)").toArray();
    for (const column of LATER) {
      if (!columns.some(({ name }) => name === column)) sql.exec(`ALTER TABLE audit ADD COLUMN ${column} INTEGER`);
    }
  }

  record(at: number, actor: string, action: string, detail: string, step?: GenerationStep): void {
    this.#sql.exec(
      "INSERT INTO audit (at, actor, action, detail, generation_before, generation_after) VALUES (?, ?, ?, ?, ?, ?)",
      ...[at, actor, action, redact(detail.slice(0, LONGEST_DETAIL)), step?.before ?? null, step?.after ?? null],
    );
    this.#sql.exec("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", KEPT);
  }

  /** Newest first, below `below`. An action is meant with all that stand under it: `policy` with `policy.put`. */
  list(below: number, limit: number, { actor, action, from, to }: AuditFilter): AuditEntry[] {
    return this.#sql
      .exec<
        Record<"id" | "at", number> &
          Record<"actor" | "action" | "detail", string> &
          Record<"generationBefore" | "generationAfter", number | null>
      >(
        `SELECT id, at, actor, action, detail, generation_before AS generationBefore, generation_after AS generationAfter
         FROM audit WHERE id < ?1 AND (?3 IS NULL OR actor = ?3)
           AND (?4 IS NULL OR action = ?4 OR substr(action, 1, length(?4) + 1) = ?4 || '.')
           AND at >= ?5 AND at < ?6 ORDER BY id DESC LIMIT ?2`,
        ...[below, limit, actor ?? null, action ?? null, from ?? 0, to ?? Number.MAX_SAFE_INTEGER],
      )
      .toArray();
  }
}
