// This colo's cache as a level: the Cache API as an opaque store of one blob a name. It refuses 206, `Vary: *` and POST, drops
// Set-Cookie and answers without Cache-Control, and ignores Vary and Authorization; so what goes in is a plain 200 with a lifetime of
// ours, and everything that matters stands inside the blob. It is inert behind Cloudflare Access: then it holds nothing.
import type { Blobs } from "./blobs.ts";

/** Beside `caches.default`, where answers of `fetch` may lie. */
const CACHE_NAME = "sluice";
/** A host that is nobody's (RFC 6761 §6.4). */
const BASE = "https://cache.invalid/";

export class EdgeBlobs implements Blobs {
  #caches: Pick<CacheStorage, "open">;

  constructor(caches: Pick<CacheStorage, "open">) {
    this.#caches = caches;
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const answer = await this.#match(name);
    return answer === undefined ? undefined : new Uint8Array(await answer.arrayBuffer());
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    return (await this.#match(name))?.body ?? undefined;
  }

  async put(
    name: string,
    bytes: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    keepSeconds: number,
  ): Promise<void> {
    const headers = { "cache-control": `public, max-age=${keepSeconds}`, "content-type": "application/octet-stream" };
    const cache = await this.#caches.open(CACHE_NAME);
    await cache.put(BASE + name, new Response(bytes, { headers }));
  }

  async delete(name: string): Promise<void> {
    const cache = await this.#caches.open(CACHE_NAME);
    await cache.delete(BASE + name);
  }

  async #match(name: string): Promise<Response | undefined> {
    const cache = await this.#caches.open(CACHE_NAME);
    return cache.match(BASE + name);
  }
}
