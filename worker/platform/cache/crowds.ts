// This isolate's way to the others that miss the same key at the same time (`cache.collapse.acrossIsolates`): a `BatchObject` a shard of the
// region's keys. Asked only where a rule wants it, nothing is stored and another request of this isolate does not fetch already. The
// object has a quarter of a second (`objectTimeoutMs`) to say who leads; away, slow or resting, the request goes on alone. What comes back is read
// as another level's line is: a wrong key or shape is nothing.
import { MOST_LINE_BYTES } from "../../core/cache/crowd.ts";
import type { CacheOptions } from "../../core/cache/options.ts";
import { encodeLine, parseLine } from "../../core/cache/line.ts";
import type { BatchRpc } from "../../core/protocol/batch.ts";
import { CROWD_SHARDS, crowdObjectName, crowdShard } from "../../core/protocol/names.ts";
import type { Result } from "../../core/result/result.ts";
import type { Env } from "../env.ts";
import type { Background } from "../news.ts";
import { OffPath, type CallFailure } from "../offpath.ts";
import type { RegionLink } from "../region.ts";
import { blobName } from "./blobs.ts";
import type { MemoryEntry } from "./memory.ts";
import type { StoredBody, StoredEntry } from "./tier.ts";

/** Behind an answer's back. */
const CALL_MS = 1_000;
const TICKS = 5;

type Collapse = Pick<Exclude<CacheOptions["collapse"], false>, "waitMs" | "objectTimeoutMs">;

type Held = Pick<StoredEntry, "meta"> & { readonly body: Extract<StoredBody, Uint8Array> };

export interface Met {
  /** What another isolate has fetched; [] for nothing. */
  readonly entries: readonly Held[];
  /** This isolate fetches for the others. */
  readonly lease: number | undefined;
}

const ALONE: Met = { entries: [], lease: undefined };

export class Crowds {
  /** Misses by what came of meeting the others. */
  readonly counts = { led: 0, shared: 0, alone: 0, away: 0 };
  /** Answers that were no line of the key. */
  lies = 0;
  #env: Pick<Env, "BATCH">;
  #region: RegionLink;
  #now: () => number;
  #shards = new Map<number, OffPath>();

  constructor(env: Pick<Env, "BATCH">, region: RegionLink, now: () => number = Date.now) {
    this.#env = env;
    this.#region = region;
    this.#now = now;
  }

  /** Waits for another isolate's fetch no longer than the policy says. Never rejects. */
  async meet(key: string, { waitMs, objectTimeoutMs }: Collapse): Promise<Met> {
    const name = blobName(key);
    const asked = await this.#call(key, objectTimeoutMs, (object) => object.lead(name, waitMs));
    if (!asked.ok) return this.#none("away");
    switch (asked.value.role) {
      case "leads":
        this.counts.led++;
        return { entries: [], lease: asked.value.lease };
      case "has":
        return this.#read(key, asked.value.line);
      case "alone":
        return this.#none("alone");
      case "follows": {
        const line = await this.#call(key, waitMs + objectTimeoutMs, (object) => object.follow(name, waitMs));
        if (!line.ok) return this.#none("away");
        return line.value === undefined ? this.#none("alone") : this.#read(key, line.value);
      }
    }
  }

  /** What came of a fetch that this isolate led: undefined where it may not be shared. Behind the answer's back. */
  bring(key: string, lease: number, entry: MemoryEntry | undefined, background: Background): void {
    const small = entry !== undefined && entry.body.byteLength < MOST_LINE_BYTES ? entry : undefined;
    const line = small === undefined ? undefined : encodeLine([{ meta: small.meta, body: small.body }]);
    background.waitUntil(this.#call(key, CALL_MS, (object) => object.bring(blobName(key), lease, line)));
  }

  #read(key: string, line: Uint8Array<ArrayBuffer>): Met {
    const entries: Held[] = [];
    for (const { meta, body } of parseLine(line, key) ?? []) if (body !== undefined) entries.push({ meta, body });
    if (entries.length > 0) {
      this.counts.shared++;
      return { entries, lease: undefined };
    }
    this.lies++;
    return this.#none("alone");
  }

  #none(why: "alone" | "away"): Met {
    this.counts[why]++;
    return ALONE;
  }

  #call<T>(key: string, timeoutMs: number, work: (object: BatchRpc) => Promise<T>): Promise<Result<T, CallFailure>> {
    const { name, location } = this.#region;
    const shard = crowdShard(key);
    // As RPC it answers what the interface says; its type says so in more words.
    const object = () => this.#env.BATCH.getByName(crowdObjectName(name, shard), location) as unknown as BatchRpc;
    return this.#shard(shard).call(() => work(object()), timeoutMs, TICKS);
  }

  #shard(shard: number): OffPath {
    if (shard < 0 || shard >= CROWD_SHARDS) throw new RangeError(`there is no shard ${shard}`);
    let offPath = this.#shards.get(shard);
    if (offPath === undefined) this.#shards.set(shard, (offPath = new OffPath("BatchObject (cold keys)", this.#now)));
    return offPath;
  }
}
