// API keys as `ControlObject` keeps them: the original of every record, of which KV holds a copy for isolates to read. Records
// hold no key, only its hash. A revoked one stays as a record for a while, so that its revocation reaches KV and the list.
import type { ListedKey } from "../core/protocol/security.ts";
import { readKeyRecord, type KeyRecord } from "../core/security/api-keys.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS api_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL, live INTEGER NOT NULL, published INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS api_keys_to_publish ON api_keys (published) WHERE published = 0;`;

const MOST_KEYS = 100_000;
/** Revoked ones that are still shown. */
const MOST_REVOKED = 10_000;

/** One whose copy in KV is not what stands here. */
interface Unpublished {
  readonly id: string;
  readonly record: string;
  readonly live: boolean;
}

export class KeyRecords {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  /** Keys that were not revoked. */
  get count(): number {
    return this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM api_keys WHERE live = 1").one().count;
  }

  get isFull(): boolean {
    return this.count >= MOST_KEYS;
  }

  insert(id: string, record: string): void {
    this.#sql.exec("INSERT INTO api_keys (id, record, live, published) VALUES (?, ?, 1, 0)", id, record);
  }

  get(id: string): string | undefined {
    return this.#sql.exec<{ record: string }>("SELECT record FROM api_keys WHERE id = ?", id).toArray()[0]?.record;
  }

  /** Newest first, below `before`. */
  list(before: number, limit: number): ListedKey[] {
    const rows = this.#sql.exec<{ number: number; record: string }>(
      "SELECT number, record FROM api_keys WHERE number < ? ORDER BY number DESC LIMIT ?",
      ...[before, limit],
    );
    return rows.toArray().flatMap(({ number, record }) => {
      const read = readKeyRecord(record);
      if (read === undefined) return [];
      const { hash: _, ...shown } = read;
      return [{ number, ...shown }];
    });
  }

  /** Puts a record in the place of the one that was read. A revoked key is history: nothing of it is changed any more. */
  change(id: string, expected: string, record: string): "stored" | "conflict" | "unknown" {
    const present = this.get(id);
    if (present === undefined || (readKeyRecord(present)?.revokedAt ?? 0) > 0) return "unknown";
    if (present !== expected) return "conflict";
    this.#sql.exec("UPDATE api_keys SET record = ?, published = 0 WHERE id = ?", record, id);
    return "stored";
  }

  revoke(id: string, now: number): "revoked" | "already" | "unknown" {
    const record = readKeyRecord(this.get(id) ?? "");
    if (record === undefined) return "unknown";
    if (record.revokedAt > 0) return "already";
    const revoked: KeyRecord = { ...record, revokedAt: now };
    const row = [JSON.stringify(revoked), id];
    this.#sql.exec("UPDATE api_keys SET record = ?, live = 0, published = 0 WHERE id = ?", ...row);
    this.#sql.exec(
      `DELETE FROM api_keys WHERE live = 0 AND published = 1 AND number <=
         (SELECT number FROM api_keys WHERE live = 0 ORDER BY number DESC LIMIT 1 OFFSET ?)`,
      MOST_REVOKED,
    );
    return "revoked";
  }

  unpublished(limit: number): Unpublished[] {
    const select = "SELECT id, record, live FROM api_keys WHERE published = 0 ORDER BY number LIMIT ?";
    return this.#sql
      .exec<{ id: string; record: string; live: number }>(select, limit)
      .toArray()
      .map(({ id, record, live }) => ({ id, record, live: live === 1 }));
  }

  /** Unless it has changed meanwhile. */
  setPublished({ id, record }: Unpublished): void {
    this.#sql.exec("UPDATE api_keys SET published = 1 WHERE id = ? AND record = ?", id, record);
  }
}
