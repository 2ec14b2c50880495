// What was purged, as this isolate has heard: the ledger's lines, compiled, asked about entries wherever they are read. A new line
// costs nothing until an entry is read that is older; what the ledger no longer holds counts as everything before it.
import {
  compilePurges,
  judgePurged,
  NO_PURGES,
  parsePurge,
  type CompiledPurges,
  type NumberedPurge,
} from "../../core/cache/purge.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { QueryKey } from "../../core/cache/query.ts";
import type { Orders } from "../orders.ts";
import type { Purges } from "./tier.ts";

/** As many as the ledger holds. */
const MOST_LINES = 1_000;

export class HeardPurges implements Purges {
  epoch = 0;
  #lines = new Map<string, NumberedPurge>();
  #floor = 0;
  #compiled: CompiledPurges = NO_PURGES;
  #queryOf: (rule: string) => QueryKey | undefined;

  /** `queryOf`: how the rule of that name keys queries, in the policy that is in force. */
  constructor(orders: Orders, queryOf: (rule: string) => QueryKey | undefined) {
    this.#queryOf = queryOf;
    orders.subscribe("purge", (entries, lostBelow) => {
      this.#floor = Math.max(this.#floor, lostBelow);
      for (const { key, number, text } of entries) {
        const purge = parsePurge(text);
        // A line of another version says something: what it means is not known, so everything before it goes.
        if (purge === undefined) this.#floor = Math.max(this.#floor, number);
        else {
          this.#lines.delete(key);
          this.#lines.set(key, { number, purge });
        }
      }
      this.#forget();
      this.#compiled = compilePurges([...this.#lines.values()], this.#floor);
      this.epoch = this.#compiled.newest;
    });
  }

  /** Lines in force. */
  get count(): number {
    return this.#lines.size;
  }

  verdict(meta: EntryMeta): "stands" | "stale" | "gone" {
    return judgePurged(this.#compiled, meta, this.#queryOf);
  }

  /** The oldest, when there are more than the ledger itself would hold: the floor stands for them. */
  #forget(): void {
    for (const [key, { number }] of this.#lines) {
      if (this.#lines.size <= MOST_LINES) return;
      this.#lines.delete(key);
      this.#floor = Math.max(this.#floor, number);
    }
  }
}
