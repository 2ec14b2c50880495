// Streams cut into events, byte for byte: what is handed on can be handed on as it came. Server-sent events by the WHATWG's
// rules (LF, CRLF or CR, comments, several data lines, UTF-8 that chunks split), JSON lines, and one whole JSON body.
//
// Law: what is kept of a stream is bounded; an event that does not end within MAX_EVENT_BYTES is malformed, and its bytes go on.
import type { Delta, Frame, StreamReader } from "./deltas.ts";

export type Framing = "sse" | "ndjson" | "eventstream" | "json";

/** One event, its meaning still unread. */
export interface WireEvent {
  /** Its type, "" where it has none. */
  readonly name: string;
  readonly data: string;
}

/** What an event of one dialect means; undefined when it is none. Keeps what later events build on. */
export type EventDecoder = (event: WireEvent) => readonly Delta[] | undefined;

const MAX_EVENT_BYTES = 16 * 1024 * 1024;

const LF = 10;
const CR = 13;
const NOTHING: readonly Delta[] = [];
const SILENT = new Uint8Array(0);

/** Bytes that wait for the rest of their event, in the chunks they came in. */
class Pending {
  #chunks: Uint8Array[] = [];
  length = 0;

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  take(): Uint8Array {
    const [only = SILENT, ...more] = this.#chunks;
    const { length } = this;
    this.#chunks = [];
    this.length = 0;
    if (more.length === 0) return only;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const chunk of [only, ...more]) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }
}

/** Server-sent events: a blank line ends one. */
export class SseReader implements StreamReader {
  #decode: EventDecoder;
  #pending = new Pending();
  /** The last byte ended a line; the last one was a CR, whose LF may come with the next chunk. */
  #lineStart = true;
  #afterCr = false;
  #text = new TextDecoder();

  constructor(decode: EventDecoder) {
    this.#decode = decode;
  }

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
        // The second half of a CRLF belongs to what its CR ended.
        if (at === from && this.#pending.length === 0) {
          frames.push({ bytes: chunk.subarray(from, at + 1), deltas: NOTHING, malformed: false });
          from = at + 1;
        }
        continue;
      }
      this.#afterCr = byte === CR;
      if (byte !== LF && byte !== CR) {
        this.#lineStart = false;
        continue;
      }
      if (!this.#lineStart) {
        this.#lineStart = true;
        continue;
      }
      const end = byte === CR && chunk[at + 1] === LF ? at + 2 : at + 1;
      if (end === at + 2) {
        at++;
        this.#afterCr = false;
      }
      this.#pending.add(chunk.subarray(from, end));
      frames.push(this.#frame(this.#pending.take()));
      from = end;
    }
    this.#pending.add(chunk.subarray(from));
    if (this.#pending.length > MAX_EVENT_BYTES) {
      frames.push({ bytes: this.#pending.take(), deltas: NOTHING, malformed: true });
    }
    return frames;
  }

  /** What lacks its blank line is no event (WHATWG), but all providers whose last line it is mean it. */
  end(): Frame[] {
    return this.#pending.length === 0 ? [] : [this.#frame(this.#pending.take())];
  }

  #frame(bytes: Uint8Array): Frame {
    const event = parseEvent(this.#text.decode(bytes));
    if (event === undefined) return { bytes, deltas: NOTHING, malformed: false };
    const deltas = this.#decode(event);
    return { bytes, deltas: deltas ?? NOTHING, malformed: deltas === undefined };
  }
}

/** The fields of one event; undefined for one without data: a comment, an id, a retry, a type alone. */
export function parseEvent(text: string): WireEvent | undefined {
  // Nearly every event is one line of data; taking it apart by lines would cost as much as all the rest.
  if (
    text.startsWith("data: ") &&
    text.endsWith("\n\n") &&
    text.indexOf("\n") === text.length - 2 &&
    !text.includes("\r")
  ) {
    return { name: "", data: text.slice(6, -2) };
  }
  let name = "";
  let data: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (colon === 0 || line === "") continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const start = colon < 0 ? line.length : line[colon + 1] === " " ? colon + 2 : colon + 1;
    if (field === "data") data = data === undefined ? line.slice(start) : `${data}\n${line.slice(start)}`;
    else if (field === "event") name = line.slice(start);
  }
  return data === undefined ? undefined : { name, data };
}

/** One JSON value a line. */
export class LinesReader implements StreamReader {
  #decode: EventDecoder;
  #pending = new Pending();
  #text = new TextDecoder();

  constructor(decode: EventDecoder) {
    this.#decode = decode;
  }

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      this.#pending.add(chunk.subarray(from, end + 1));
      frames.push(this.#frame(this.#pending.take()));
      from = end + 1;
    }
    this.#pending.add(chunk.subarray(from));
    if (this.#pending.length > MAX_EVENT_BYTES) {
      frames.push({ bytes: this.#pending.take(), deltas: NOTHING, malformed: true });
    }
    return frames;
  }

  end(): Frame[] {
    return this.#pending.length === 0 ? [] : [this.#frame(this.#pending.take())];
  }

  #frame(bytes: Uint8Array): Frame {
    const data = this.#text.decode(bytes).trim();
    if (data === "") return { bytes, deltas: NOTHING, malformed: false };
    const deltas = this.#decode({ name: "", data });
    return { bytes, deltas: deltas ?? NOTHING, malformed: deltas === undefined };
  }
}

/** A provider that does not stream: its whole body is one event. */
export class BodyReader implements StreamReader {
  #decode: EventDecoder;
  #pending = new Pending();

  constructor(decode: EventDecoder) {
    this.#decode = decode;
  }

  push(chunk: Uint8Array): Frame[] {
    this.#pending.add(chunk);
    return [];
  }

  end(): Frame[] {
    if (this.#pending.length === 0) return [];
    const bytes = this.#pending.take();
    const deltas = this.#decode({ name: "", data: new TextDecoder().decode(bytes) });
    return [{ bytes, deltas: deltas ?? NOTHING, malformed: deltas === undefined }];
  }
}
