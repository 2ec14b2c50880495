// Bodies under way. Most pass through without a byte touched: the runtime moves them natively, and no timer of ours
// runs meanwhile. A body that may take long is pumped through JavaScript in large pieces instead, so that a stall, a
// deadline or a limit ends it. What ends early ends the client's connection too: a cut body never looks whole.

/** An answer with a declared length up to this passes natively unless the policy sets a deadline for its body. */
export const NATIVE_ANSWER_BYTES = 256 * 1024;
/** The same of a request. */
export const NATIVE_UPLOAD_BYTES = 64 * 1024;

const PIECE_BYTES = 64 * 1024;
/** What a pump costs is its pieces, not their bytes; but an isolate has 128 MB for all of them. */
const LARGE_PIECE_BYTES = 4 * PIECE_BYTES;
const FULL_IN_A_ROW = 4;
const SLOW_MS = 50;

/** The memory that pieces of one body are read into: one piece at a time, large ones where they come and go quickly. */
class Pieces {
  buffer = new Uint8Array(PIECE_BYTES);
  #fullInARow = 0;

  /** `piece` was read into it and has been written, which took `ms`. */
  again(piece: Uint8Array<ArrayBuffer>, ms: number): void {
    const { buffer } = piece;
    const isSlow = ms > SLOW_MS;
    this.#fullInARow = isSlow || piece.byteLength < buffer.byteLength ? 0 : this.#fullInARow + 1;
    if (isSlow && buffer.byteLength > PIECE_BYTES) this.buffer = new Uint8Array(PIECE_BYTES);
    else if (this.#fullInARow === FULL_IN_A_ROW && buffer.byteLength < LARGE_PIECE_BYTES)
      this.buffer = new Uint8Array(LARGE_PIECE_BYTES);
    else this.buffer = new Uint8Array(buffer);
  }
}

export interface BodyWatch {
  /** The client's: a reset ends both sides at once, though a read is pending and `waitUntil` holds the request open. */
  readonly left: AbortSignal;
  /** Whether the upstream's body is wanted although the client left. */
  goesOn(): boolean;
  /** Longest wait for the next bytes from the upstream. */
  readonly idleMs: number;
  /** Until the last byte, from now; Infinity for no limit. */
  readonly totalMs: number;
  /** Called with each piece, and once at the end. */
  moved(): void;
  over(whole: boolean): void;
}

/**
 * The same bytes, watched. `length`: as declared, or undefined. The promise settles when the body is over and never
 * rejects; hand it to `waitUntil`, so that the end is seen although the client has left.
 */
export function watchBody(
  body: ReadableStream<Uint8Array>,
  length: number | undefined,
  watch: BodyWatch,
): { readonly readable: ReadableStream<Uint8Array>; readonly done: Promise<void> } {
  const { readable, writable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  return { readable, done: pump(body, writable, watch) };
}

async function pump(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  watch: BodyWatch,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  const endsAt = Date.now() + watch.totalMs;
  let readSince = Date.now();
  let writing = false;
  let timer: ReturnType<typeof setTimeout> | null = null;
  // Either may be over already, and then has nothing to say about it.
  const end = (reason: Error): void => void Promise.allSettled([reader.cancel(reason), writer.abort(reason)]);
  const look = (): void => {
    const now = Date.now();
    // A client that reads slowly is not an upstream that stalls: only time spent reading counts as idle.
    const idleLeft = writing ? watch.idleMs : readSince + watch.idleMs - now;
    const left = Math.min(idleLeft, endsAt - now);
    if (left > 0) {
      if (left !== Number.POSITIVE_INFINITY) timer = setTimeout(look, left);
      return;
    }
    end(new Error("the upstream's body took too long"));
  };
  look();
  watch.left.addEventListener("abort", () => watch.goesOn() || end(new Error("the client left")), { once: true });
  let whole = false;
  try {
    const pieces = new Pieces();
    for (;;) {
      readSince = Date.now();
      const { done, value } = await reader.read(pieces.buffer);
      if (done) break;
      watch.moved();
      writing = true;
      const writtenSince = Date.now();
      await writer.write(value);
      writing = false;
      pieces.again(value, Date.now() - writtenSince);
    }
    await writer.close();
    whole = true;
  } catch (reason) {
    // The upstream cut it, the client left, or a deadline passed: both sides learn of it, neither can be told why.
    end(reason instanceof Error ? reason : new Error("the body was cut"));
  } finally {
    clearTimeout(timer);
    watch.over(whole);
  }
}

/** What was held of a request body: all of it, or as much as fits and the stream that holds the rest. */
export type Held =
  | { readonly whole: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly whole: false; readonly begun: readonly Uint8Array[] };

/**
 * Reads a request body so that it can be sent more than once, at most a piece more than `maxBytes` of it. Rejects when the
 * client ends it early.
 */
export async function holdBody(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Held> {
  if (maxBytes === Infinity) return { whole: true, bytes: new Uint8Array(await new Response(body).arrayBuffer()) };
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.byteLength;
    if (length <= maxBytes) continue;
    reader.releaseLock();
    return { whole: false, begun: pieces };
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return { whole: true, bytes };
}

/** Why sending was aborted, when the body was the reason. */
export const TOO_LARGE = "the request's body is too large";

export interface Upload {
  /** Read of it already. */
  readonly begun: readonly Uint8Array[];
  /** As declared, or undefined. */
  readonly length: number | undefined;
  readonly maxBytes: number;
  /** Called with each piece that the upstream has taken, and once when all of it is there. */
  readonly moved: () => void;
  readonly whole: () => void;
}

/**
 * A request body on its way, watched: it may not grow past `maxBytes`. Passing it aborts `sending`: the
 * runtime would end a body that merely fails with a proper last chunk (measured), and the upstream would take a part for
 * the whole. For the same reason `done` goes to `waitUntil`: an upstream may answer before it has read all.
 */
export function passUpload(
  body: ReadableStream<Uint8Array>,
  { begun, length, maxBytes, moved, whole }: Upload,
  sending: AbortController,
): { readonly readable: ReadableStream<Uint8Array>; readonly done: Promise<void> } {
  const { readable, writable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  const pieces = new Pieces();
  const pass = async (): Promise<void> => {
    let bytes = 0;
    for (let next = 0; ; next++) {
      const piece = next < begun.length ? begun[next] : await nextOf(reader, pieces.buffer);
      if (piece === "end") break;
      bytes += piece?.byteLength ?? 0;
      if (piece === undefined || bytes > maxBytes) {
        sending.abort(piece === undefined ? "the client is gone" : TOO_LARGE);
        await Promise.allSettled([reader.cancel(), writer.abort()]);
        return;
      }
      const writtenSince = Date.now();
      try {
        await writer.write(piece);
      } catch {
        // The upstream wants no more of it, and may have answered: that answer stands.
        await Promise.allSettled([reader.cancel()]);
        return;
      }
      moved();
      if (next >= begun.length) pieces.again(piece as Uint8Array<ArrayBuffer>, Date.now() - writtenSince);
    }
    await Promise.allSettled([writer.close()]);
    whole();
  };
  return { readable, done: pass() };
}

/** Undefined when the client ended it early. */
async function nextOf(
  reader: ReadableStreamBYOBReader,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array | "end" | undefined> {
  try {
    const { done, value } = await reader.read(buffer);
    return done ? "end" : value;
  } catch {
    return undefined;
  }
}
