// A scripted upstream over raw TCP: it records every request's bytes, times and the end of its socket, and answers, or
// misbehaves, exactly as a test says. It speaks HTTP/1.1 by hand because no HTTP library would send what it must send.
// Length: server, reader and record know each other, and are read together.
// Law: tests await what happened here (`received`, `closed`, `until`); they never sleep and hope.
import { createHash } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { performance } from "node:perf_hooks";
import { chunkOf, closeOf, joinedValue, parseFields, toPairs, valuesOf, write } from "./sockets.ts";
import type { Field, Fields } from "./sockets.ts";

/** An answer in words. A body gets its Content-Length unless the fields frame it otherwise. */
export interface Reply {
  status?: number;
  reason?: string;
  headers?: Fields;
  body?: string | Uint8Array;
  /** Wait before the first byte; cut short when the client leaves. */
  delayMs?: number;
}

/** Plays one exchange by hand; may return a reply instead of writing one. */
export type Behaviour = (exchange: Exchange) => Reply | void | Promise<Reply | void>;
export type Script = Reply | Behaviour;

const KEPT_BODY_BYTES = 4 * 1024 * 1024;
const DEFAULT_WAIT_MS = 5_000;

/** One TCP connection and its end. Times are `performance.now()` of this process, which is the client's clock too. */
export class Connection {
  readonly number: number;
  readonly openedMs = performance.now();
  closedMs: number | undefined;
  readonly #socket: net.Socket;
  constructor(number: number, socket: net.Socket) {
    this.number = number;
    this.#socket = socket;
  }

  /** Bytes of our answers the kernel has taken. */
  get writtenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }
}

/** One request as it arrived. */
export class Received {
  readonly number: number;
  readonly connection: Connection;
  /** Request line and fields as received, latin1, without the empty line. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly fields: readonly Field[];
  readonly arrivedMs = performance.now();
  /** When the body was whole; undefined while it is not. */
  wholeMs: number | undefined;
  /** When its answer began to be written; undefined while it was not written to its end. */
  answeredMs: number | undefined;
  bodyBytes = 0;
  readonly #kept: Buffer[] = [];
  readonly #hash = createHash("sha256");

  constructor(number: number, connection: Connection, head: string) {
    this.number = number;
    this.connection = connection;
    this.head = head;
    const [requestLine = "", ...lines] = head.split("\r\n");
    const [method = "", target = ""] = requestLine.split(" ");
    this.method = method;
    this.target = target;
    const question = target.indexOf("?");
    this.path = question === -1 ? target : target.slice(0, question);
    this.query = new URLSearchParams(question === -1 ? "" : target.slice(question + 1));
    this.fields = parseFields(lines);
  }

  /** All values of a field, joined as RFC 9110 §5.3 says, or undefined. */
  header(name: string): string | undefined {
    return joinedValue(this.fields, name);
  }

  all(name: string): string[] {
    return valuesOf(this.fields, name);
  }

  /** Body as received, at most its first 4 MiB. */
  get body(): Buffer {
    return Buffer.concat(this.#kept);
  }

  /** Of the body as far as it came, however long. */
  get bodySha256(): string {
    return this.#hash.copy().digest("hex");
  }

  take(bytes: Buffer): void {
    if (this.bodyBytes < KEPT_BODY_BYTES)
      this.#kept.push(Buffer.from(bytes.subarray(0, KEPT_BODY_BYTES - this.bodyBytes)));
    this.bodyBytes += bytes.length;
    this.#hash.update(bytes);
  }
}

/** What a behaviour holds while it answers one request. */
export class Exchange {
  readonly request: Received;
  readonly socket: net.Socket;
  readonly upstream: Upstream;
  readonly #takeOver: (reader: (bytes: Buffer) => void) => void;

  constructor(
    request: Received,
    socket: net.Socket,
    upstream: Upstream,
    takeOver: (reader: (bytes: Buffer) => void) => void,
  ) {
    this.request = request;
    this.socket = socket;
    this.upstream = upstream;
    this.#takeOver = takeOver;
  }

  /** The client, here the gateway, has left. */
  get gone(): boolean {
    return this.socket.destroyed || this.request.connection.closedMs !== undefined;
  }

  /** Waits, but never longer than the client stays. */
  async wait(ms: number): Promise<void> {
    if (this.gone) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.socket.off("close", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.socket.once("close", done);
    });
  }

  /** Holds the exchange open until the client leaves: an upstream that never answers. */
  async hold(): Promise<void> {
    if (!this.gone) await closeOf(this.socket);
  }

  /** The request's body is whole, or nobody is left to send the rest. */
  async whole(): Promise<void> {
    const { request } = this;
    await this.upstream.until(
      () => request.wholeMs !== undefined || this.gone,
      `the whole body of ${request.target}`,
      120_000,
    );
  }

  /** Bytes as they are; resolves when the kernel took them, or when nobody is left to read them. */
  async write(bytes: string | Uint8Array): Promise<void> {
    if (!this.gone) await write(this.socket, bytes);
  }

  async head(status: number, headers: Fields = [], reason = "Scripted"): Promise<void> {
    const lines = toPairs(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    await this.write(Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n`, "latin1"));
  }

  async chunk(data: string | Uint8Array): Promise<void> {
    await this.write(chunkOf(data));
  }

  async lastChunk(trailers: readonly Field[] = []): Promise<void> {
    await this.write(`0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  }

  async reply(reply: Reply): Promise<void> {
    if (reply.delayMs !== undefined) await this.wait(reply.delayMs);
    const status = reply.status ?? 200;
    const headers = toPairs(reply.headers);
    const body = Buffer.from(reply.body ?? "");
    const framed = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
    const bodiless = status === 204 || status === 304;
    if (!framed && !bodiless) headers.push(["Content-Length", String(body.length)]);
    await this.head(status, headers, reply.reason);
    if (!bodiless && this.request.method !== "HEAD") await this.write(body);
  }

  /** Ends our side in order, after what was written. */
  finish(): void {
    this.socket.end();
  }

  /** RST, as a crashed process gives. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** From here on the connection is no HTTP: every byte goes to `reader`. */
  takeOver(reader: (bytes: Buffer) => void): void {
    this.#takeOver(reader);
  }
}

type Framing =
  | { kind: "length"; left: number }
  | { kind: "chunked"; step: "size" | "data" | "end" | "trailers"; left: number };

/** Reads one connection: head, framed body, answer, and the next one. Bodies are consumed while the answer is under way. */
class Reader {
  readonly #connection: Connection;
  readonly #socket: net.Socket;
  readonly #upstream: Upstream;
  #buffer: Buffer = Buffer.alloc(0);
  #current: Received | undefined;
  #framing: Framing = { kind: "length", left: 0 };
  #answered = false;
  #raw: ((bytes: Buffer) => void) | undefined;

  constructor(connection: Connection, socket: net.Socket, upstream: Upstream) {
    this.#connection = connection;
    this.#socket = socket;
    this.#upstream = upstream;
    socket.on("data", (bytes) => {
      this.#upstream.bytes += bytes.length;
      if (this.#raw !== undefined) return this.#raw(bytes);
      this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
      this.#advance();
    });
  }

  #advance(): void {
    if (this.#current === undefined) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = this.#buffer.subarray(0, end).toString("latin1");
      this.#buffer = this.#buffer.subarray(end + 4);
      this.#begin(this.#upstream.record(this.#connection, head));
    }
    if (this.#current?.wholeMs === undefined) this.#consume();
  }

  #begin(request: Received): void {
    this.#current = request;
    this.#answered = false;
    const chunked = request.header("transfer-encoding")?.toLowerCase().endsWith("chunked") ?? false;
    this.#framing = chunked
      ? { kind: "chunked", step: "size", left: 0 }
      : { kind: "length", left: Number(request.header("content-length") ?? 0) };
    const exchange = new Exchange(request, this.#socket, this.#upstream, (reader) => {
      this.#raw = reader;
      const early = this.#buffer;
      this.#buffer = Buffer.alloc(0);
      if (early.length > 0) reader(early);
    });
    void this.#answer(exchange);
  }

  async #answer(exchange: Exchange): Promise<void> {
    await this.#upstream.answer(exchange);
    this.#answered = true;
    this.#next();
  }

  /** The next request starts after this one's body and answer: RFC 9112 §9.3. */
  #next(): void {
    if (!this.#answered || this.#current?.wholeMs === undefined || this.#raw !== undefined) return;
    this.#current = undefined;
    if (this.#buffer.length > 0 && !this.#socket.destroyed) this.#advance();
  }

  #consume(): void {
    const request = this.#current;
    if (request === undefined) return;
    const framing = this.#framing;
    if (framing.kind === "length") {
      const taken = this.#buffer.subarray(0, framing.left);
      this.#take(request, taken);
      framing.left -= taken.length;
      if (framing.left === 0) this.#whole(request);
      return;
    }
    for (;;) {
      if (framing.step === "data") {
        const taken = this.#buffer.subarray(0, framing.left);
        this.#take(request, taken);
        framing.left -= taken.length;
        if (framing.left > 0) return;
        framing.step = "end";
      }
      const lineEnd = this.#buffer.indexOf("\r\n");
      if (lineEnd === -1) return;
      const line = this.#buffer.subarray(0, lineEnd).toString("latin1");
      this.#buffer = this.#buffer.subarray(lineEnd + 2);
      if (framing.step === "end") framing.step = "size";
      else if (framing.step === "size") {
        framing.left = Number.parseInt(line, 16);
        framing.step = framing.left === 0 ? "trailers" : "data";
      } else if (line === "") return this.#whole(request);
    }
  }

  #take(request: Received, bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#buffer = this.#buffer.subarray(bytes.length);
    request.take(bytes);
    this.#upstream.happened();
  }

  #whole(request: Received): void {
    request.wholeMs = performance.now();
    this.#upstream.happened();
    this.#next();
  }
}

/** The server with its record. Made by `startUpstream`. */
export class Upstream {
  readonly requests: Received[] = [];
  readonly connections: Connection[] = [];
  /** Faults of scripts themselves: a test that ends with one here is wrong. */
  readonly scriptErrors: unknown[] = [];
  bytes = 0;
  /** Requests that arrived and were neither answered nor left, now and at most. */
  inFlight = 0;
  maxInFlight = 0;
  #script: Behaviour;
  #server: net.Server;
  #port = 0;
  readonly #sockets = new Set<net.Socket>();
  readonly #watchers = new Set<() => void>();

  constructor(script: Script) {
    this.#script = toBehaviour(script);
    this.#server = this.#serve();
  }

  get port(): number {
    return this.#port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get authority(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get count(): number {
    return this.requests.length;
  }

  /** The last request; throws when there was none. */
  get last(): Received {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error("the upstream has received nothing");
    return request;
  }

  /** What is answered from now on. */
  play(script: Script): void {
    this.#script = toBehaviour(script);
  }

  /** Forgets requests and maxima; open connections stay. */
  clear(): void {
    this.requests.length = 0;
    this.maxInFlight = this.inFlight;
    this.bytes = 0;
  }

  /** The n-th request (1-based, since the last `clear`), as soon as its head has arrived. */
  async received(n = 1, withinMs = DEFAULT_WAIT_MS): Promise<Received> {
    await this.until(() => this.requests.length >= n, `request ${n}`, withinMs);
    return this.requests[n - 1] as Received;
  }

  /** The n-th request once its body is whole. */
  async whole(n = 1, withinMs = DEFAULT_WAIT_MS): Promise<Received> {
    await this.until(() => this.requests[n - 1]?.wholeMs !== undefined, `the whole body of request ${n}`, withinMs);
    return this.requests[n - 1] as Received;
  }

  /** When the socket of the n-th request closed. */
  async closed(n = 1, withinMs = DEFAULT_WAIT_MS): Promise<number> {
    await this.until(
      () => this.requests[n - 1]?.connection.closedMs !== undefined,
      `the close of request ${n}'s socket`,
      withinMs,
    );
    return this.requests[n - 1]?.connection.closedMs as number;
  }

  /** Resolves when `met` holds, looked at whenever anything happens here; rejects after `withinMs`, saying what stands instead. */
  async until(met: () => boolean, what: string, withinMs = DEFAULT_WAIT_MS): Promise<void> {
    if (met()) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        finish();
      };
      const look = (): void => {
        if (met()) settle(resolve);
      };
      const timer = setTimeout(
        () => settle(() => reject(new Error(`upstream: no ${what} within ${withinMs} ms; ${this.#summary()}`))),
        withinMs,
      );
      this.#watchers.add(look);
    });
  }

  #summary(): string {
    const seen = this.requests
      .slice(-5)
      .map((request) => `${request.number} ${request.method} ${request.target.slice(0, 80)}`);
    return `${this.requests.length} requests so far${seen.length > 0 ? `, the last: ${seen.join("; ")}` : ""}`;
  }

  /** The process dies: nothing listens, every open socket is reset. */
  async die(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  /** Listens; after `die` on the port it had. */
  async rise(port = this.#port): Promise<void> {
    if (this.#port !== 0) this.#server = this.#serve();
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    await this.die();
  }

  // The rest is for this file's Reader.

  record(connection: Connection, head: string): Received {
    const request = new Received(this.requests.length + 1, connection, head);
    this.requests.push(request);
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    this.happened();
    return request;
  }

  async answer(exchange: Exchange): Promise<void> {
    try {
      const reply = await this.#script(exchange);
      // When it has left, a busy machine may learn later than the gateway.
      const answeredMs = performance.now();
      if (reply !== undefined) await exchange.reply(reply);
      if (!exchange.gone) exchange.request.answeredMs = answeredMs;
    } catch (error) {
      this.scriptErrors.push(error);
      exchange.socket.destroy();
    } finally {
      this.inFlight -= 1;
      this.happened();
    }
  }

  happened(): void {
    for (const look of this.#watchers) look();
  }

  #serve(): net.Server {
    return net.createServer({ noDelay: true }, (socket) => {
      const connection = new Connection(this.connections.length + 1, socket);
      this.connections.push(connection);
      this.#sockets.add(socket);
      // A reset by the other side is an ordinary end here: "close" follows and is what is recorded.
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        connection.closedMs = performance.now();
        this.#sockets.delete(socket);
        this.happened();
      });
      new Reader(connection, socket, this);
      this.happened();
    });
  }
}

const toBehaviour = (script: Script): Behaviour => (typeof script === "function" ? script : () => script);

/** An upstream on a free port of 127.0.0.1. */
export async function startUpstream(script: Script = {}): Promise<Upstream> {
  const upstream = new Upstream(script);
  await upstream.rise(0);
  return upstream;
}

/** Picks the script by path, `*` standing for every other one (404 where it is missing). */
export function byPath(table: Readonly<Record<string, Script>>): Behaviour {
  return (exchange) => toBehaviour(table[exchange.request.path] ?? table["*"] ?? { status: 404 })(exchange);
}

/** The first script for the first request, and so on; the last one stays. */
export function inTurn(...scripts: readonly [Script, ...Script[]]): Behaviour {
  let next = 0;
  return (exchange) => toBehaviour(scripts[Math.min(next++, scripts.length - 1)] as Script)(exchange);
}
