// What operators last said of each instance, in `ControlObject`: the one order in which all regions obey. Numbers come from
// the clock, so that after a lost store they still lie above every one given out. `open` and `drain` stand until something
// else is said of the instance; `close` and `reset` are kept as well, for a region may have been away when they were said.
import type { Operation } from "../core/protocol/objects.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS operations (
    service TEXT NOT NULL, instance TEXT NOT NULL, number INTEGER NOT NULL, command TEXT NOT NULL, PRIMARY KEY (service, instance)
  );`;

const MOST_SETTLED = 1_000;

export class Operations {
  newest: number;
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    this.newest = sql.exec<{ newest: number }>("SELECT ifnull(max(number), 0) AS newest FROM operations").one().newest;
  }

  /** Those numbered above `number`, in their order. */
  after(number: number): Operation[] {
    if (number >= this.newest) return [];
    const columns = "number, service, instance, command";
    return this.#sql
      .exec<Operation & Record<string, SqlStorageValue>>(
        `SELECT ${columns} FROM operations WHERE number > ? ORDER BY number`,
        number,
      )
      .toArray();
  }

  append({ service, instance, command }: Omit<Operation, "number">, now: number): Operation {
    const number = Math.max(now, this.newest + 1);
    const row = [service, instance, number, command];
    this.#sql.exec(
      "INSERT OR REPLACE INTO operations (service, instance, number, command) VALUES (?, ?, ?, ?)",
      ...row,
    );
    this.#sql.exec(
      `DELETE FROM operations WHERE command IN ('close', 'reset') AND number NOT IN
         (SELECT number FROM operations WHERE command IN ('close', 'reset') ORDER BY number DESC LIMIT ?)`,
      MOST_SETTLED,
    );
    this.newest = number;
    return { number, service, instance, command };
  }
}
