// A raw HTTP/1.1 client over node:net, for what fetch may not send (nominated fields, absolute-form, CL with TE, URLs of
// 20 KB, half a body) and for what it hides: field order and case, interim answers, early ends, the moment of each byte.
// One request a connection; trades speed for knowing exactly what went over the wire.
import { createHash } from "node:crypto";
import net from "node:net";
import { performance } from "node:perf_hooks";
import { chunkOf, joinedValue, parseFields, toPairs, valuesOf, write } from "./sockets.ts";
import type { Field, Fields } from "./sockets.ts";

export interface Sent {
  method?: string;
  /** Request target exactly as it goes on the wire; default "/". */
  target?: string;
  /** Host and, unless framed here, Content-Length are added when missing; `Connection: close` unless a Connection stands. */
  headers?: Fields;
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** The whole request as bytes, in place of all of the above but `method`. */
  raw?: string | Uint8Array;
  /** Bytes of the answer's body to keep; all are counted and hashed. Default 64 MiB. */
  keepBytes?: number;
  /** From connecting to the last byte; default 60 s: it says that something hangs. */
  withinMs?: number;
}

/** An answer's head. */
export class Head {
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
  constructor(text: string) {
    const [statusLine = "", ...lines] = text.split("\r\n");
    const [, status = "0", ...reason] = statusLine.split(" ");
    this.status = Number(status);
    this.reason = reason.join(" ");
    this.fields = parseFields(lines);
  }

  header(name: string): string | undefined {
    return joinedValue(this.fields, name);
  }

  all(name: string): string[] {
    return valuesOf(this.fields, name);
  }
}

/** A finished answer. */
export interface Answer {
  readonly status: number;
  readonly head: Head;
  header(name: string): string | undefined;
  all(name: string): string[];
  readonly body: Buffer;
  readonly bodyBytes: number;
  readonly bodySha256: string;
  readonly text: string;
  json(): unknown;
  /** The body ended as its framing said it would; false for a cut one. */
  readonly whole: boolean;
  readonly interim: readonly Head[];
  readonly startedMs: number;
  /** From the start to the head, and to the last byte. */
  readonly headMs: number;
  readonly totalMs: number;
}

type Framing =
  | { kind: "none" }
  | { kind: "length"; left: number }
  | { kind: "close" }
  | { kind: "chunked"; step: "size" | "data" | "end" | "trailers"; left: number };

/** One exchange as it happens. `open` starts it; `answer()` waits for all of it. */
export class Conversation {
  readonly socket: net.Socket;
  readonly startedMs = performance.now();
  readonly interim: Head[] = [];
  /** Resolves with the final head; rejects when the connection ends before one. */
  readonly head: Promise<Head>;
  /** Resolves when the body has ended, one way or the other. */
  readonly ended: Promise<void>;
  bodyBytes = 0;
  whole = false;
  #headMs = 0;
  #totalMs = 0;
  #final: Head | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #framing: Framing = { kind: "none" };
  #over = false;
  readonly #kept: Buffer[] = [];
  readonly #hash = createHash("sha256");
  readonly #method: string;
  readonly #keepBytes: number;
  readonly #watchers = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #gotHead!: (head: Head) => void;
  #noHead!: (error: Error) => void;
  #end!: () => void;

  constructor(socket: net.Socket, sent: Sent) {
    this.socket = socket;
    this.#method = sent.method ?? "GET";
    this.#keepBytes = sent.keepBytes ?? 64 * 1024 * 1024;
    this.head = new Promise((resolve, reject) => {
      this.#gotHead = resolve;
      this.#noHead = reject;
    });
    // Whoever looks only at `ended` must not be punished for a head that never came.
    this.head.catch(() => undefined);
    this.ended = new Promise((resolve) => (this.#end = resolve));
    const withinMs = sent.withinMs ?? 60_000;
    this.#timer = setTimeout(() => this.#finish(new Error(`no whole answer within ${withinMs} ms`)), withinMs);
    socket.on("data", (bytes) => {
      this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
      this.#advance();
    });
    socket.on("error", (error) => this.#finish(error));
    socket.on("close", () => {
      if (this.#framing.kind === "close" && this.#final !== undefined) this.whole = true;
      this.#finish(new Error("the connection ended before an answer"));
    });
  }

  /** Nothing more will come. */
  get over(): boolean {
    return this.#over;
  }

  /** What has come of the body so far. */
  get body(): Buffer {
    return Buffer.concat(this.#kept);
  }

  /** Waits until the body so far fulfils `met`; rejects when it ends without. */
  async until(met: (body: Buffer) => boolean, what: string): Promise<void> {
    await this.head;
    if (met(this.body)) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (met(this.body)) {
          this.#watchers.delete(look);
          resolve();
        } else if (this.#over) {
          this.#watchers.delete(look);
          reject(
            new Error(`the answer ended without ${what}; it was ${JSON.stringify(this.body.toString().slice(0, 300))}`),
          );
        }
      };
      this.#watchers.add(look);
      look();
    });
  }

  async answer(): Promise<Answer> {
    const head = await this.head;
    await this.ended;
    const body = this.body;
    return {
      status: head.status,
      head,
      header: (name) => head.header(name),
      all: (name) => head.all(name),
      body,
      bodyBytes: this.bodyBytes,
      bodySha256: this.#hash.copy().digest("hex"),
      text: body.toString(),
      json: () => JSON.parse(body.toString()) as unknown,
      whole: this.whole,
      interim: this.interim,
      startedMs: this.startedMs,
      headMs: this.#headMs,
      totalMs: this.#totalMs,
    };
  }

  /** The client leaves with a RST, the only end workerd can tell from a client that has merely said all it had to say. */
  leave(): void {
    this.socket.resetAndDestroy();
  }

  /** The client leaves with a FIN: the other side learns of it by its next write. */
  leavePolitely(): void {
    this.socket.destroy();
  }

  #advance(): void {
    while (this.#final === undefined) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = new Head(this.#buffer.subarray(0, end).toString("latin1"));
      this.#buffer = this.#buffer.subarray(end + 4);
      if (head.status >= 200 || head.status === 101) this.#begin(head);
      else this.interim.push(head);
    }
    this.#consume();
    for (const look of this.#watchers) look();
  }

  #begin(head: Head): void {
    this.#final = head;
    this.#headMs = performance.now() - this.startedMs;
    this.#framing = framingOf(head, this.#method);
    this.#gotHead(head);
  }

  #consume(): void {
    const framing = this.#framing;
    if (framing.kind === "none") return this.#complete();
    if (framing.kind === "close") return this.#take(this.#buffer);
    if (framing.kind === "length") {
      const bytes = this.#buffer.subarray(0, framing.left);
      framing.left -= bytes.length;
      this.#take(bytes);
      if (framing.left === 0) this.#complete();
      return;
    }
    for (;;) {
      if (framing.step === "data") {
        const bytes = this.#buffer.subarray(0, framing.left);
        framing.left -= bytes.length;
        this.#take(bytes);
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
      } else if (line === "") return this.#complete();
    }
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#buffer = this.#buffer.subarray(bytes.length);
    if (this.bodyBytes < this.#keepBytes)
      this.#kept.push(Buffer.from(bytes.subarray(0, this.#keepBytes - this.bodyBytes)));
    this.bodyBytes += bytes.length;
    this.#hash.update(bytes);
  }

  #complete(): void {
    this.whole = true;
    this.#finish(undefined);
  }

  #finish(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#totalMs = performance.now() - this.startedMs;
    this.socket.destroy();
    if (this.#final === undefined) this.#noHead(error ?? new Error("no answer"));
    this.#end();
    for (const look of this.#watchers) look();
  }
}

/** RFC 9112 §6.3: how the body of this answer ends. */
function framingOf(head: Head, method: string): Framing {
  if (method === "HEAD" || head.status === 204 || head.status === 304 || head.status === 101) return { kind: "none" };
  if (/chunked\s*$/i.test(head.header("transfer-encoding") ?? "")) return { kind: "chunked", step: "size", left: 0 };
  const length = head.header("content-length");
  return length === undefined ? { kind: "close" } : { kind: "length", left: Number(length) };
}

/** Connects and sends; the answer is awaited on what it returns. */
export function open(origin: string, sent: Sent = {}): Conversation {
  const { hostname, port, host } = new URL(origin);
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  const conversation = new Conversation(socket, sent);
  if (sent.raw !== undefined) socket.write(sent.raw);
  else void sendOn(socket, host, sent);
  return conversation;
}

async function sendOn(socket: net.Socket, host: string, sent: Sent): Promise<void> {
  const fields = toPairs(sent.headers);
  const has = (name: string): boolean => valuesOf(fields, name).length > 0;
  if (!has("host")) fields.unshift(["Host", host]);
  if (!has("connection")) fields.push(["Connection", "close"]);
  const { body } = sent;
  if (body !== undefined && !has("content-length") && !has("transfer-encoding")) {
    fields.push(
      isStreamed(body) ? ["Transfer-Encoding", "chunked"] : ["Content-Length", String(Buffer.byteLength(body))],
    );
  }
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(`${sent.method ?? "GET"} ${sent.target ?? "/"} HTTP/1.1\r\n${lines}\r\n`, "latin1");
  if (body === undefined || !isStreamed(body)) return write(socket, Buffer.concat([head, Buffer.from(body ?? "")]));
  await write(socket, head);
  const chunked = has("transfer-encoding");
  for await (const piece of body) {
    if (socket.destroyed) return;
    await write(socket, chunked ? chunkOf(piece) : piece);
  }
  if (chunked) await write(socket, "0\r\n\r\n");
}

type Body = NonNullable<Sent["body"]>;
const isStreamed = (body: Body): body is AsyncIterable<Uint8Array> =>
  typeof body !== "string" && !(body instanceof Uint8Array);

/** The whole exchange. */
export async function send(origin: string, sent: Sent = {}): Promise<Answer> {
  return open(origin, sent).answer();
}

/** The short way for the many tests that only read. */
export async function get(origin: string, target = "/", headers: Fields = {}): Promise<Answer> {
  return send(origin, { target, headers });
}

/** `bytes` bytes of one letter in 64 KiB blocks, made as they are taken. */
export async function* letters(bytes: number, letter = "a"): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(65_536, letter);
  for (let left = bytes; left > 0; left -= block.length) yield left >= block.length ? block : block.subarray(0, left);
}
