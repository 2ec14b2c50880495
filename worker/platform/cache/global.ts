// KV as a level, the same for all colos. A value may take a minute to spread and a second to be written again, and every read
// and write costs money: what comes here has been used before (layered.ts), and is asked for only where it may be. KV refuses
// lifetimes under a minute and values over 25 MiB; the limits of the level say so before it does.
import { cacheBlobKey } from "../../core/protocol/names.ts";
import type { Blobs } from "./blobs.ts";

/** KV's own copy in the colo; purges are obeyed by number all the same. */
const COLO_SECONDS = 60;
export const KV_FEWEST_SECONDS = 60;
/** Under 25 MiB, so that metadata of sixteen variants fits beside bodies that come along. */
export const KV_LARGEST_BYTES = 24 * 1024 * 1024;

export class KvBlobs implements Blobs {
  #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = kv;
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = await this.#kv.get(cacheBlobKey(name), { type: "arrayBuffer", cacheTtl: COLO_SECONDS });
    return bytes === null ? undefined : new Uint8Array(bytes);
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    return (await this.#kv.get(cacheBlobKey(name), { type: "stream", cacheTtl: COLO_SECONDS })) ?? undefined;
  }

  async put(
    name: string,
    bytes: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    keepSeconds: number,
  ): Promise<void> {
    await this.#kv.put(cacheBlobKey(name), bytes, { expirationTtl: Math.max(KV_FEWEST_SECONDS, keepSeconds) });
  }

  async delete(name: string): Promise<void> {
    await this.#kv.delete(cacheBlobKey(name));
  }
}
