// Stores for levels under test: one in memory that can be told to misbehave, and one that keeps the names of several tests apart.
import type { Blobs } from "../../worker/platform/cache/blobs.ts";

export class MemoryBlobs implements Blobs {
  readonly held = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly kept: { name: string; keepSeconds: number }[] = [];
  reads = 0;
  /** What a read does instead. */
  instead: (() => Promise<Uint8Array<ArrayBuffer> | undefined>) | undefined = undefined;

  get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.reads++;
    return this.instead === undefined ? Promise.resolve(this.held.get(name)) : this.instead();
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const bytes = await this.get(name);
    return bytes === undefined ? undefined : (new Blob([bytes]).stream() as ReadableStream<Uint8Array>);
  }

  async put(
    name: string,
    bytes: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    keepSeconds: number,
  ): Promise<void> {
    const whole = bytes instanceof Uint8Array ? bytes : new Uint8Array(await new Response(bytes).arrayBuffer());
    this.held.set(name, whole);
    this.kept.push({ name, keepSeconds });
  }

  delete(name: string): Promise<void> {
    this.held.delete(name);
    return Promise.resolve();
  }
}

/** The same store, in a room of its own. */
export function apart(blobs: Blobs, room: string): Blobs {
  return {
    get: (name) => blobs.get(`${room}-${name}`),
    open: (name) => blobs.open(`${room}-${name}`),
    put: (name, bytes, keepSeconds) => blobs.put(`${room}-${name}`, bytes, keepSeconds),
    delete: (name) => blobs.delete(`${room}-${name}`),
  };
}
