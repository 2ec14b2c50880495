// Rollups as tables of `InsightObject`: one row a second, a minute and an hour, each with the slices of all series as JSON. A batch is
// stored in the turn that brings it, and its number with it, so that nothing is counted twice, also over a crash; what a crash
// can lose are seconds that no region had told yet.
import {
  GRAINS,
  HOUR,
  merge,
  MINUTE,
  MOST_SERIES,
  rowOf,
  SECOND,
  type Grain,
  type Row,
} from "../core/insight/rollup.ts";
import { addSlices, type RollupBatch, type Slices } from "../core/protocol/rollups.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rollups (grain TEXT NOT NULL, at INTEGER NOT NULL, slices TEXT NOT NULL, PRIMARY KEY (grain, at)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS rollup_regions (region TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;`;

const MOST_REGIONS = 256;
/** Seconds held in memory: what conditions look at. */
const WINDOW_ROWS = 120;
const MOST_ROWS_READ = 2_000;

export class Rollups {
  /** Series that had no room. */
  leftOut = 0;
  #storage: DurableObjectStorage;
  /** The newest seconds, oldest first. */
  #seconds = new Map<number, Slices>();
  /** By region, number of the last batch that was taken. */
  #numbers = new Map<string, number>();
  /** The minute that is not merged yet. */
  #minute: number;

  constructor(storage: DurableObjectStorage, now: number) {
    this.#storage = storage;
    storage.sql.exec(SCHEMA);
    for (const { region, number } of storage.sql.exec<{ region: string; number: number }>(
      "SELECT * FROM rollup_regions",
    ))
      this.#numbers.set(region, number);
    for (const { at, slices } of this.read(SECOND, now - WINDOW_ROWS * SECOND.ms, now)) this.#seconds.set(at, slices);
    const newest = storage.sql
      .exec<{ at: number }>("SELECT at FROM rollups WHERE grain = ? ORDER BY at DESC LIMIT 1", SECOND.name)
      .toArray()[0];
    // Stored seconds may lie ahead of this machine's clock; a minute in the future would never be merged.
    this.#minute = rowOf(Math.min(newest?.at ?? now, now), MINUTE);
  }

  /** Counts a batch in, once; whether it was new. */
  take({ region, number, slices }: RollupBatch, now: number): boolean {
    const known = this.#numbers.get(region);
    if (known !== undefined ? number <= known : this.#numbers.size >= MOST_REGIONS) return false;
    const at = rowOf(now, SECOND);
    const second = this.#seconds.get(at) ?? {};
    this.#storage.transactionSync(() => {
      this.leftOut += addSlices(second, slices, MOST_SERIES);
      this.#store(SECOND, at, second);
      this.#storage.sql.exec("INSERT OR REPLACE INTO rollup_regions (region, number) VALUES (?, ?)", region, number);
      this.#roll(now);
    });
    this.#numbers.set(region, number);
    this.#seconds.set(at, second);
    if (this.#seconds.size > WINDOW_ROWS) this.#seconds.delete(this.#seconds.keys().next().value!);
    return true;
  }

  /** Merges what is over: minutes out of seconds, hours out of minutes. */
  #roll(now: number): void {
    const minute = rowOf(now, MINUTE);
    if (minute <= this.#minute) return;
    const over = this.#minute;
    this.#minute = minute;
    this.#store(MINUTE, over, merge(this.read(SECOND, over, over + MINUTE.ms)));
    const hour = rowOf(over, HOUR);
    if (hour < rowOf(minute, HOUR)) this.#store(HOUR, hour, merge(this.read(MINUTE, hour, hour + HOUR.ms)));
    for (const { name, keptMs } of GRAINS)
      this.#storage.sql.exec("DELETE FROM rollups WHERE grain = ? AND at < ?", name, now - keptMs);
  }

  /** The newest `ms`, all series. */
  window(now: number, ms: number): Slices {
    const from = now - ms;
    return merge([...this.#seconds].filter(([at]) => at >= from && at <= now).map(([at, slices]) => ({ at, slices })));
  }

  /** Rows from `from` up to, but not at, `to`, oldest first. */
  read(grain: Grain, from: number, to: number): Row[] {
    return this.#storage.sql
      .exec<{ at: number; slices: string }>(
        "SELECT at, slices FROM rollups WHERE grain = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?",
        ...[grain.name, from, to, MOST_ROWS_READ],
      )
      .toArray()
      .map(({ at, slices }) => ({ at, slices: JSON.parse(slices) as Slices }));
  }

  #store({ name }: Grain, at: number, slices: Slices): void {
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO rollups (grain, at, slices) VALUES (?, ?, ?)",
      ...[name, at, JSON.stringify(slices)],
    );
  }
}
