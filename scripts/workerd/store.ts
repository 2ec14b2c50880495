// KV on plain workerd: the binding speaks HTTP to this Worker (`GET /<key>`, `PUT`, `DELETE`, metadata in a field), and one
// object keeps everything in SQLite, values in pieces of a megabyte because a row takes no more than two. Read by several
// isolates, written seldom. `POLICY` stands under the policy's key for as long as nothing was stored there.
import type { DurableObjectNamespace, DurableObjectState } from "@cloudflare/workers-types";
import { POLICY_KEY } from "../../worker/core/protocol/names.ts";

interface Env {
  readonly STORE: DurableObjectNamespace;
  readonly POLICY: string;
}

const METADATA = "CF-KV-Metadata";
const EXPIRATION = "CF-Expiration";
const PIECE_BYTES = 1_048_576;
/** As on Cloudflare's network. */
const LARGEST_BYTES = 25 * 1_048_576;
const SWEEP_EVERY_MS = 3_600_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, metadata TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires_at) WHERE expires_at > 0;
  CREATE TABLE IF NOT EXISTS pieces (key TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (key, number));
`;

type Entry = { metadata: string; expires_at: number };

export class StoreObject {
  #ctx: DurableObjectState;
  #policy: string;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#policy = env.POLICY;
    ctx.storage.sql.exec(SCHEMA);
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname.slice(1));
    switch (request.method) {
      case "GET":
        return key === "" ? this.#list(url.searchParams) : this.#get(key);
      case "PUT":
        return this.#put(key, url.searchParams, request);
      case "DELETE":
        this.#delete(key);
        return new Response();
      default:
        return new Response("Method Not Allowed", { status: 405 });
    }
  }

  /** Forgets what is over, an hour after the last write that ends. */
  async alarm(): Promise<void> {
    const over = [
      ...this.#ctx.storage.sql.exec<{ key: string }>(
        "SELECT key FROM entries WHERE expires_at > 0 AND expires_at <= ?",
        Date.now(),
      ),
    ];
    for (const { key } of over) this.#delete(key);
    const [next] = this.#ctx.storage.sql.exec("SELECT 1 FROM entries WHERE expires_at > 0 LIMIT 1");
    if (next !== undefined) await this.#ctx.storage.setAlarm(Date.now() + SWEEP_EVERY_MS);
  }

  #get(key: string): Response {
    const [entry] = this.#ctx.storage.sql.exec<Entry>("SELECT metadata, expires_at FROM entries WHERE key = ?", key);
    const isThere = entry !== undefined && (entry.expires_at === 0 || entry.expires_at > Date.now());
    if (!isThere) {
      return key === POLICY_KEY && this.#policy !== ""
        ? new Response(this.#policy)
        : new Response("Not Found", { status: 404 });
    }
    const headers = new Headers();
    if (entry.metadata !== "") headers.set(METADATA, entry.metadata);
    if (entry.expires_at > 0) headers.set(EXPIRATION, String(Math.floor(entry.expires_at / 1_000)));
    const pieces = [
      ...this.#ctx.storage.sql.exec<{ bytes: ArrayBuffer }>(
        "SELECT bytes FROM pieces WHERE key = ? ORDER BY number",
        key,
      ),
    ];
    return new Response(new Blob(pieces.map(({ bytes }) => bytes)), { headers });
  }

  async #put(key: string, query: URLSearchParams, request: Request): Promise<Response> {
    const value = new Uint8Array(await request.arrayBuffer());
    if (value.byteLength > LARGEST_BYTES) return new Response("Value too large", { status: 413 });
    const ttl = Number(query.get("expiration_ttl") ?? 0);
    const end = Number(query.get("expiration") ?? 0);
    const expiresAt = ttl > 0 ? Date.now() + ttl * 1_000 : end * 1_000;
    const { sql } = this.#ctx.storage;
    this.#ctx.storage.transactionSync(() => {
      this.#delete(key);
      const metadata = request.headers.get(METADATA) ?? "";
      sql.exec("INSERT INTO entries (key, metadata, expires_at) VALUES (?, ?, ?)", key, metadata, expiresAt);
      for (let at = 0; at < value.byteLength; at += PIECE_BYTES) {
        const piece = value.slice(at, at + PIECE_BYTES);
        sql.exec("INSERT INTO pieces (key, number, bytes) VALUES (?, ?, ?)", key, at / PIECE_BYTES, piece.buffer);
      }
    });
    if (expiresAt > 0 && (await this.#ctx.storage.getAlarm()) === null) {
      await this.#ctx.storage.setAlarm(Date.now() + SWEEP_EVERY_MS);
    }
    return new Response();
  }

  #delete(key: string): void {
    this.#ctx.storage.sql.exec("DELETE FROM entries WHERE key = ?", key);
    this.#ctx.storage.sql.exec("DELETE FROM pieces WHERE key = ?", key);
  }

  #list(query: URLSearchParams): Response {
    const prefix = query.get("prefix") ?? "";
    const limit = Math.min(1_000, Number(query.get("key_count_limit") ?? 1_000));
    const after = query.get("cursor") ?? "";
    const rows = [
      ...this.#ctx.storage.sql.exec<Entry & { key: string }>(
        "SELECT key, metadata, expires_at FROM entries WHERE key > ? AND substr(key, 1, ?) = ? AND (expires_at = 0 OR expires_at > ?) ORDER BY key LIMIT ?",
        after,
        prefix.length,
        prefix,
        Date.now(),
        limit + 1,
      ),
    ];
    const keys = rows.slice(0, limit).map(({ key, metadata, expires_at }) => ({
      name: key,
      ...(expires_at > 0 ? { expiration: Math.floor(expires_at / 1_000) } : {}),
      ...(metadata === "" ? {} : { metadata }),
    }));
    const more = rows.length > limit;
    return Response.json({
      keys,
      list_complete: !more,
      ...(more ? { cursor: keys.at(-1)!.name } : {}),
      cacheStatus: null,
    });
  }
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const stub = env.STORE.get(env.STORE.idFromName("kv"));
    return stub.fetch(request as never) as unknown as Promise<Response>;
  },
};
