// Redis by Upstash's REST interface as a level. Values travel as base64 in JSON, so bodies are kept small. Each call has a
// deadline of its own and none is tried again: the client's five retries would hold a request for seconds when Redis is down. What
// is no base64 of ours (HTML, a number, an error page) comes back as an empty blob, which the level takes for a lie.
import { Redis } from "@upstash/redis/cloudflare";
import { CALL_TIMEOUT_MS } from "../offpath.ts";
import type { Blobs } from "./blobs.ts";

/** Base64 of it stays below the megabyte that the smallest plan takes. */
export const REDIS_LARGEST_BYTES = 512 * 1024;

export interface RedisSettings {
  readonly url: string;
  readonly token: string;
  readonly prefix: string;
  readonly timeoutMs: number;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export class RedisBlobs implements Blobs {
  #reader: Redis;
  #writer: Redis;
  #prefix: string;

  constructor(settings: RedisSettings) {
    this.#prefix = settings.prefix;
    this.#reader = clientOf(settings, settings.timeoutMs);
    this.#writer = clientOf(settings, CALL_TIMEOUT_MS);
  }

  async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const value: unknown = await this.#reader.get(this.#key(name));
    if (value === null || value === undefined) return undefined;
    return typeof value === "string" && BASE64.test(value) ? Uint8Array.from(atob(value), codeOf) : new Uint8Array(0);
  }

  async open(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const bytes = await this.get(name);
    return bytes === undefined ? undefined : new Blob([bytes]).stream();
  }

  async put(
    name: string,
    bytes: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    keepSeconds: number,
  ): Promise<void> {
    const whole = bytes instanceof Uint8Array ? bytes : new Uint8Array(await new Response(bytes).arrayBuffer());
    await this.#writer.set(this.#key(name), base64(whole), { ex: Math.max(1, keepSeconds) });
  }

  async delete(name: string): Promise<void> {
    await this.#writer.del(this.#key(name));
  }

  #key(name: string): string {
    return `${this.#prefix}:cache:${name}`;
  }
}

const clientOf = ({ url, token }: RedisSettings, timeoutMs: number): Redis =>
  new Redis({
    url,
    token,
    retry: false,
    enableTelemetry: false,
    enableAutoPipelining: false,
    automaticDeserialization: false,
    responseEncoding: false,
    signal: () => AbortSignal.timeout(timeoutMs),
  });

const codeOf = (char: string): number => char.charCodeAt(0);

/** In pieces: a call takes only so many arguments. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.byteLength; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
