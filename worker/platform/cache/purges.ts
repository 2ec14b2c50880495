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
import { OutdatedUrls } from "../../core/cache/outdated.ts";
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { QueryKey } from "../../core/cache/query.ts";
import type { Orders } from "../orders.ts";
import type { Purges } from "./tier.ts";

/** As many as the ledger holds. */
const MOST_LINES = 1_000;

export class HeardPurges implements Purges {
  /** Moves with everything heard. */
  epoch = 0;
  readonly outdated = new OutdatedUrls();
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
      this.epoch++;
    });
    orders.hearOutdated = (pairs) => {
      if (this.outdated.take(pairs).length > 0) this.epoch++;
    };
  }

  /** Lines in force. */
  get count(): number {
    return this.#lines.size;
  }

  /** Number of the newest line. */
  get newest(): number {
    return this.#compiled.newest;
  }

  verdict(meta: EntryMeta): "stands" | "stale" | "gone" {
    if (this.outdated.isOutdated(meta.url, meta.requestedAt)) return "gone";
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
