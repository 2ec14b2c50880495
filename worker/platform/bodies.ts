// Bodies under way. Most pass through without a byte touched: the runtime moves them natively, and no timer of ours
// runs meanwhile. A body that may take long is pumped through JavaScript in large pieces instead, so that a stall, a
// deadline or a limit ends it. What ends early ends the client's connection too: a cut body never looks whole.

/** A body with a declared length up to this passes natively unless the policy sets a deadline for it. */
export const NATIVE_BYTES = 64 * 1024;

const CHUNK_BYTES = 64 * 1024;

export interface BodyWatch {
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
  const look = (): void => {
    const now = Date.now();
    // A client that reads slowly is not an upstream that stalls: only time spent reading counts as idle.
    const idleLeft = writing ? watch.idleMs : readSince + watch.idleMs - now;
    const left = Math.min(idleLeft, endsAt - now);
    if (left > 0) {
      if (left !== Number.POSITIVE_INFINITY) timer = setTimeout(look, left);
      return;
    }
    const reason = new Error("the upstream's body took too long");
    void reader.cancel(reason).catch(() => {});
    void writer.abort(reason).catch(() => {});
  };
  look();
  let whole = false;
  try {
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      readSince = Date.now();
      const { done, value } = await reader.read(buffer);
      if (done) break;
      watch.moved();
      writing = true;
      await writer.write(value);
      writing = false;
      buffer = new Uint8Array(value.buffer);
    }
    await writer.close();
    whole = true;
  } catch (reason) {
    // The upstream cut it, the client left, or a deadline passed: both sides learn of it, neither can be told why.
    await Promise.allSettled([reader.cancel(reason), writer.abort(reason)]);
  } finally {
    clearTimeout(timer);
    watch.over(whole);
  }
}

/**
 * A request body that may not grow past `maxBytes`. Passing it aborts `sending`: the runtime would end a body that
 * merely fails with a proper last chunk (measured), and the upstream would take a part for the whole.
 */
export function limitBody(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  sending: AbortController,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const count = async (): Promise<void> => {
    const reader = body.getReader();
    const writer = writable.getWriter();
    let bytes = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        bytes += value.byteLength;
        if (bytes > maxBytes) {
          sending.abort();
          await reader.cancel();
          return;
        }
        await writer.write(value);
      }
      await writer.close();
    } catch {
      // Client or upstream is gone: the fetch that sends this body learns of it by itself, but never as of an end.
      sending.abort();
      await Promise.allSettled([reader.cancel(), writer.abort()]);
    }
  };
  void count();
  return readable;
}
