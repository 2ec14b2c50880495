// Amazon's binary event stream (application/vnd.amazon.eventstream): a prelude of two lengths and their checksum, headers, a
// payload, and a checksum over all. https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html has the layout,
// Smithy's specification the header types. A frame whose checksums are wrong is malformed, and nothing behind it is believed.
import type { Frame, StreamReader } from "./deltas.ts";
import type { EventDecoder } from "./frames.ts";

const PRELUDE = 12;
const CHECKSUM = 4;
const MOST_BYTES = 24 * 1024 * 1024;

const TABLE = new Uint32Array(256);
for (let at = 0; at < 256; at++) {
  let value = at;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLE[at] = value >>> 0;
}

/** CRC-32 (IEEE 802.3). */
export function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) value = (value >>> 8) ^ TABLE[(value ^ bytes[at]!) & 0xff]!;
  return (value ^ 0xffffffff) >>> 0;
}

export class EventStreamReader implements StreamReader {
  #decode: EventDecoder;
  #held = new Uint8Array(0);
  #lost = false;

  constructor(decode: EventDecoder) {
    this.#decode = decode;
  }

  push(chunk: Uint8Array): Frame[] {
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    const frames: Frame[] = [];
    let at = 0;
    while (!this.#lost && bytes.length - at >= PRELUDE) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
      if (length < PRELUDE + CHECKSUM || length > MOST_BYTES) this.#lost = true;
      else if (bytes.length - at < length) break;
      else {
        frames.push(this.#frame(bytes.subarray(at, at + length)));
        at += length;
      }
    }
    if (this.#lost && at < bytes.length) {
      frames.push({ bytes: bytes.subarray(at), deltas: [], malformed: true });
      at = bytes.length;
    }
    this.#held = bytes.slice(at);
    return frames;
  }

  end(): Frame[] {
    if (this.#held.length === 0) return [];
    const bytes = this.#held;
    this.#held = new Uint8Array(0);
    return [{ bytes, deltas: [], malformed: true }];
  }

  #frame(bytes: Uint8Array): Frame {
    const event = readEvent(bytes);
    if (event === undefined) {
      this.#lost = true;
      return { bytes, deltas: [], malformed: true };
    }
    const deltas = this.#decode(event);
    return { bytes, deltas: deltas ?? [], malformed: deltas === undefined };
  }
}

function readEvent(bytes: Uint8Array): { name: string; data: string } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - CHECKSUM;
  if (view.getUint32(8) !== crc32(bytes.subarray(0, 8)) || view.getUint32(end) !== crc32(bytes.subarray(0, end))) {
    return undefined;
  }
  const payload = PRELUDE + view.getUint32(4);
  if (payload > end) return undefined;
  const headers = readHeaders(view, bytes, payload);
  if (headers === undefined) return undefined;
  const name = headers.get(":exception-type") ?? headers.get(":event-type") ?? headers.get(":error-code") ?? "";
  const isError = headers.get(":message-type") === "error";
  const data = isError
    ? JSON.stringify({ message: headers.get(":error-message") ?? "" })
    : new TextDecoder().decode(bytes.subarray(payload, end));
  return { name: isError ? `${name}Error` : name, data };
}

/** Lengths of values by header type, -1 for those that say their own. */
const LENGTHS = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16] as const;
const STRING = 7;

function readHeaders(view: DataView, bytes: Uint8Array, end: number): Map<string, string> | undefined {
  const headers = new Map<string, string>();
  const text = new TextDecoder();
  let at = PRELUDE;
  while (at < end) {
    const nameEnd = at + 1 + view.getUint8(at);
    if (nameEnd >= end) return undefined;
    const name = text.decode(bytes.subarray(at + 1, nameEnd));
    const type = view.getUint8(nameEnd);
    let length: number | undefined = LENGTHS[type];
    at = nameEnd + 1;
    if (length === undefined) return undefined;
    if (length < 0) {
      if (at + 2 > end) return undefined;
      length = view.getUint16(at);
      at += 2;
    }
    if (at + length > end) return undefined;
    if (type === STRING) headers.set(name, text.decode(bytes.subarray(at, at + length)));
    at += length;
  }
  return headers;
}
