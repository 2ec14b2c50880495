// Security events of one region, in its object: what its isolates have told, so that a report shows them all. Numbers are kept
// for good, the newest events as many as the policy says; both are written in the turn that takes the report, so that a
// crash forgets nothing an isolate has handed over.
import type { SecurityEventEntry, SecurityNews, SecurityReading } from "../core/protocol/security.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS security_counts (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS security_events (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);`;

export class RegionSecurity {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  take({ counts, events }: SecurityNews, kept: number): void {
    for (const [kind, count] of Object.entries(counts)) {
      this.#sql.exec(
        "INSERT INTO security_counts (kind, count) VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count",
        ...[kind, count],
      );
    }
    for (const event of events) {
      this.#sql.exec("INSERT INTO security_events (event) VALUES (?)", JSON.stringify(event));
    }
    this.#sql.exec(
      "DELETE FROM security_events WHERE number <= (SELECT ifnull(max(number), 0) FROM security_events) - ?",
      kept,
    );
  }

  reading(): SecurityReading {
    const counts = this.#sql.exec<{ kind: string; count: number }>("SELECT kind, count FROM security_counts").toArray();
    const events = this.#sql
      .exec<{ event: string }>("SELECT event FROM security_events ORDER BY number DESC")
      .toArray();
    return {
      counts: Object.fromEntries(counts.map(({ kind, count }) => [kind, count])),
      events: events.map(({ event }) => JSON.parse(event) as SecurityEventEntry),
    };
  }
}
