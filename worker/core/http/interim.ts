// An origin may answer 1xx before its final answer (RFC 9110 §15.2). Should a runtime hand over the first of them as
// the answer itself, the final one stands in its body as raw bytes: this reads them, first the heads, then the content.
// Everything is bounded, and what is not plainly HTTP/1.1 is invalid rather than guessed at: it becomes a 502.
import { contentLength, MAX_HEADER_BYTES } from "./limits.ts";

/** How the content of an answer ends (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "close" };

export interface FinalHead {
  readonly status: number;
  /** As received, in order, names in lower case. Bytes above 127 are Latin-1 (RFC 9110 §5.5). */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly framing: Framing;
}

export type HeadStep =
  | { readonly kind: "more" }
  /** `rest` are the first bytes of the content. */
  | { readonly kind: "head"; readonly head: FinalHead; readonly rest: Uint8Array }
  | { readonly kind: "invalid" };

/** Interim answers that may come before the final one. */
const MAX_INTERIM = 16;
/** A chunk's size line, extensions included, and a trailer section. Trailers are dropped, as the runtime does. */
const MAX_CHUNK_LINE = 4096;
const MAX_TRAILER_BYTES = 16_384;

const LF = 10;
const MORE: HeadStep = { kind: "more" };
const INVALID: HeadStep = { kind: "invalid" };

/** Bytes in, the final answer's head out. `method` is the request's: an answer to HEAD has no content. */
export class HeadReader {
  readonly #method: string;
  #line = "";
  #bytes = 0;
  #interim = 0;
  /** 0 until the status line was read. */
  #status = 0;
  #fields: [name: string, value: string][] = [];
  #failed = false;

  constructor(method: string) {
    this.#method = method;
  }

  push(chunk: Uint8Array): HeadStep {
    if (this.#failed) return INVALID;
    for (let at = 0; at < chunk.length;) {
      const end = chunk.indexOf(LF, at);
      const stop = end < 0 ? chunk.length : end + 1;
      this.#bytes += stop - at;
      if (this.#bytes > MAX_HEADER_BYTES) return this.#fail();
      this.#line += latin1(chunk, at, end < 0 ? stop : end);
      if (end < 0) return MORE;
      at = stop;
      const step = this.#readLine();
      if (step === "invalid") return this.#fail();
      if (step === "final") {
        const framing = framingOf(this.#method, this.#status, this.#fields);
        if (framing === undefined) return this.#fail();
        return {
          kind: "head",
          head: { status: this.#status, fields: this.#fields, framing },
          rest: chunk.subarray(at),
        };
      }
    }
    return MORE;
  }

  #fail(): HeadStep {
    this.#failed = true;
    return INVALID;
  }

  #readLine(): "more" | "final" | "invalid" {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    if (this.#status === 0) {
      this.#status = statusOf(line);
      // 101 would change the protocol, which nobody asked for here.
      return this.#status === 0 || this.#status === 101 ? "invalid" : "more";
    }
    if (line !== "") {
      const field = fieldOf(line);
      if (field === undefined) return "invalid";
      this.#fields.push(field);
      return "more";
    }
    if (this.#status >= 200) return "final";
    if (++this.#interim > MAX_INTERIM) return "invalid";
    this.#status = 0;
    this.#fields = [];
    return "more";
  }
}

/** `HTTP/1.1 200 OK` (RFC 9112 §4): the status, or 0 for no status line. */
function statusOf(line: string): number {
  const match = /^HTTP\/1\.[01] ([1-5]\d\d)(?: [^\0\r]*)?$/.exec(line);
  return match === null ? 0 : Number(match[1]);
}

/** `name: value` (RFC 9112 §5.1): no space before the colon, no folded lines (§5.2). */
function fieldOf(line: string): [name: string, value: string] | undefined {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r]*)$/.exec(line);
  if (match === null) return undefined;
  return [match[1]!.toLowerCase(), match[2]!.replace(/^[ \t]+|[ \t]+$/g, "")];
}

/** RFC 9112 §6.3, in its order; undefined where two readings are possible, or a coding is none we can undo. */
function framingOf(
  method: string,
  status: number,
  fields: readonly (readonly [name: string, value: string])[],
): Framing | undefined {
  if (method === "HEAD" || status === 204 || status === 304) return { kind: "none" };
  const coding = joined(fields, "transfer-encoding");
  const length = joined(fields, "content-length");
  if (coding !== undefined) {
    return length === undefined && coding.toLowerCase() === "chunked" ? { kind: "chunked" } : undefined;
  }
  const bytes = contentLength(length);
  if (bytes === undefined) return { kind: "close" };
  return bytes < 0 ? undefined : { kind: "length", bytes };
}

function joined(fields: readonly (readonly [name: string, value: string])[], name: string): string | undefined {
  const values = fields.filter((field) => field[0] === name).map((field) => field[1]);
  return values.length === 0 ? undefined : values.join(", ");
}

export interface BodyStep {
  /** Views of what was pushed, without framing, in order. */
  readonly data: readonly Uint8Array[];
  /** `done`: all of the content has come, and what follows is ignored. */
  readonly state: "more" | "done" | "invalid";
}

type ChunkPart = "size" | "data" | "end" | "trailer";

/** Bytes behind the head in, content out. */
export class BodyReader {
  readonly #kind: Framing["kind"];
  #state: BodyStep["state"] = "more";
  /** Bytes that the content, or the current chunk, still has. */
  #left = 0;
  #part: ChunkPart = "size";
  #line = "";
  #trailerBytes = 0;

  constructor(framing: Framing) {
    this.#kind = framing.kind;
    if (framing.kind === "length") this.#left = framing.bytes;
    if (framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0)) this.#state = "done";
  }

  get state(): BodyStep["state"] {
    return this.#state;
  }

  push(chunk: Uint8Array): BodyStep {
    const data: Uint8Array[] = [];
    if (this.#state === "more") {
      if (this.#kind === "close") data.push(chunk);
      else if (this.#kind === "length") this.#take(chunk, 0, data);
      else this.#readChunks(chunk, data);
    }
    return { data, state: this.#state };
  }

  /** The connection has ended: whether the content is whole. */
  end(): boolean {
    if (this.#kind === "close") this.#state = "done";
    return this.#state === "done";
  }

  /** Passes on what belongs to the content, and returns where it ends in `chunk`. */
  #take(chunk: Uint8Array, at: number, data: Uint8Array[]): number {
    const end = Math.min(chunk.length, at + this.#left);
    if (end > at) data.push(chunk.subarray(at, end));
    this.#left -= end - at;
    if (this.#left === 0 && this.#kind === "length") this.#state = "done";
    return end;
  }

  /** RFC 9112 §7.1 */
  #readChunks(chunk: Uint8Array, data: Uint8Array[]): void {
    for (let at = 0; at < chunk.length && this.#state === "more";) {
      if (this.#part === "data") {
        at = this.#take(chunk, at, data);
        if (this.#left === 0) this.#part = "end";
        continue;
      }
      const end = chunk.indexOf(LF, at);
      const stop = end < 0 ? chunk.length : end;
      if (this.#line.length + stop - at > MAX_CHUNK_LINE) {
        this.#state = "invalid";
        return;
      }
      this.#line += latin1(chunk, at, stop);
      if (end < 0) return;
      at = end + 1;
      // A chunk's frame ends lines with CRLF alone: being lenient here is how answers are smuggled.
      if (!this.#line.endsWith("\r")) {
        this.#state = "invalid";
        return;
      }
      this.#readLine(this.#line.slice(0, -1));
      this.#line = "";
    }
  }

  #readLine(line: string): void {
    if (this.#part === "size") {
      const size = chunkSize(line);
      if (size === undefined) this.#state = "invalid";
      else if (size === 0) this.#part = "trailer";
      else {
        this.#left = size;
        this.#part = "data";
      }
    } else if (this.#part === "end") {
      if (line === "") this.#part = "size";
      else this.#state = "invalid";
    } else if (line === "") {
      this.#state = "done";
    } else {
      this.#trailerBytes += line.length + 2;
      if (this.#trailerBytes > MAX_TRAILER_BYTES || fieldOf(line) === undefined) this.#state = "invalid";
    }
  }
}

/** Hexadecimal digits, then extensions, which are ignored (RFC 9112 §7.1.1). At most 2^52 - 1. */
function chunkSize(line: string): number | undefined {
  const match = /^([0-9A-Fa-f]{1,13})[ \t]*(?:;[^\0\r]*)?$/.exec(line);
  return match === null ? undefined : Number.parseInt(match[1]!, 16);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}
