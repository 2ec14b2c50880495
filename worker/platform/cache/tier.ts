// One level of the cache behind one contract, for all of them and for several put together. A level is opaque storage: it
// knows keys, bytes and how long to keep them, and nothing of HTTP; what may be used is decided by core/cache.
//
// The contract: nothing here ever rejects or throws. A level that is slow, broken, full, or that answers with something
// else than it was given (another key's entry, HTML, a wrong shape) behaves as if it held nothing, and counts it. Bodies
// are the bytes as stored, never decoded. An entry becomes visible when its body is whole, and not before.
import type { EntryMeta } from "../../core/cache/entry.ts";
import type { TierName } from "../../core/cache/influence.ts";
import type { Background } from "../news.ts";

/** Bytes at hand, or somewhere else: then `open` may be called once, and brings undefined when they are gone. */
export type StoredBody =
  | Uint8Array<ArrayBuffer>
  | { readonly bytes: number; open(): Promise<ReadableStream<Uint8Array> | undefined> };

export interface StoredEntry {
  readonly meta: EntryMeta;
  readonly body: StoredBody;
  /** Where it was found. */
  readonly level: TierName;
}

export interface CacheTier {
  readonly name: string;
  /**
   * Everything held under `key`, all variants (at most 16), in no order; [] for nothing. Takes at most the level's timeout.
   * `tiers`: look only there (several levels put together).
   */
  variants(key: string, tiers?: readonly TierName[]): Promise<readonly StoredEntry[]>;
  /**
   * Keeps an entry beside the other variants of its key, replacing the one of its own name. Runs behind the answer's back.
   * A body that is to be opened fails where the origin's was cut: then nothing is kept. False when it was not kept.
   */
  put(meta: EntryMeta, body: StoredBody, background: Background): Promise<boolean>;
  /** New metadata for a variant it holds, its body as it is (RFC 9111 §4.3.4). False when it holds none. */
  update(meta: EntryMeta, background: Background): Promise<boolean>;
  /** Forgets all variants of a key. */
  delete(key: string): Promise<void>;
}

/**
 * Whether purges let an entry stand. Read at every hit: `epoch` moves when there is a new one, and only then is the entry
 * asked about again.
 *
 * @public
 */
export interface Purges {
  readonly epoch: number;
  verdict(meta: EntryMeta): "stands" | "stale" | "gone";
}
