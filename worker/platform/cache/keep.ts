// A body on its way to the client, and at the same time kept: the client gets each piece as it comes, and neither its speed
// nor its leaving holds up what is kept. Past a bound nothing is held any more and the rest passes as fast as it is taken; a body
// that was cut, or is not as long as was declared, was never whole and is not kept (RFC 9111 §3.3).

export interface Kept {
  /** For the client; null where it wants none. */
  readonly readable: ReadableStream<Uint8Array> | null;
  /** All of it, or undefined when it was cut or is too large. Never rejects. */
  readonly whole: Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** When nothing is left to be done: for `waitUntil`, without which the runtime lets a body stand still. Never rejects. */
  readonly done: Promise<void>;
}

export interface Keeping {
  /** Bytes that are to come, undefined when nobody said. */
  readonly declared: number | undefined;
  /** Of the whole, `before` included. */
  readonly mostBytes: number;
  /** What is at hand already and goes before the rest. */
  readonly before?: Uint8Array<ArrayBuffer> | undefined;
  readonly forClient: boolean;
}

export function keepBody(body: ReadableStream<Uint8Array>, keeping: Keeping): Kept {
  const { declared, before, forClient } = keeping;
  const { promise: whole, resolve: tell } = Promise.withResolvers<Uint8Array<ArrayBuffer> | undefined>();
  if (!forClient) {
    return { readable: null, whole, done: pump(body, undefined, keeping, tell) };
  }
  const length = declared === undefined ? undefined : declared + (before?.byteLength ?? 0);
  const { readable, writable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
  return { readable, whole, done: pump(body, writable, keeping, tell) };
}

/** Tells that the body is whole before its end goes to the client: whoever has read it all finds it kept. */
async function pump(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array> | undefined,
  { declared, mostBytes, before }: Keeping,
  tell: (whole: Uint8Array<ArrayBuffer> | undefined) => void,
): Promise<void> {
  const reader = body.getReader();
  const writer = writable?.getWriter();
  const pieces: Uint8Array[] = [];
  const writes: Promise<unknown>[] = [];
  const length = declared === undefined ? -1 : declared + (before?.byteLength ?? 0);
  let bytes = 0;
  let held = true;
  const take = (piece: Uint8Array): void => {
    bytes += piece.byteLength;
    pieces.push(piece);
    if (bytes === length) tell(concatenated(pieces, bytes));
    // Not waited for: what is not written yet is held anyway. A client that left rejects, and is no reason to stop.
    if (writer !== undefined) writes.push(Promise.allSettled([writer.write(piece)]));
  };
  if (before !== undefined) take(before);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (held && bytes + value.byteLength <= mostBytes) {
        take(value);
        continue;
      }
      if (held) {
        held = false;
        pieces.length = 0;
        tell(undefined);
        await Promise.all(writes);
      }
      // Nobody wants it: neither the cache, nor a client that has what it asked for.
      if (writer === undefined) {
        await reader.cancel();
        return;
      }
      await writer.write(value);
    }
  } catch (reason) {
    // The upstream cut it, or the client left a body too large to keep: the client must not take a part for the whole.
    tell(undefined);
    await Promise.allSettled([reader.cancel(reason), writer?.abort(reason)]);
    return;
  }
  if (held) tell(length >= 0 && bytes !== length ? undefined : concatenated(pieces, bytes));
  if (writer !== undefined) await Promise.allSettled([writer.close()]);
}

function concatenated(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/** Bytes that the store's side of a large body may be behind the client's. */
const MOST_BEHIND = 1_048_576;

export interface Split {
  readonly forClient: ReadableStream<Uint8Array>;
  readonly forStore: ReadableStream<Uint8Array>;
  /** For `waitUntil`. Never rejects. */
  readonly done: Promise<void>;
}

/**
 * A large body for two readers, of which nothing is held: a `tee` would hold what the slower one has not read. The client
 * never waits for the store: one that falls behind by a megabyte gets a cut body, and keeps nothing.
 */
export function splitBody(body: ReadableStream<Uint8Array>, length: number): Split {
  const client = new FixedLengthStream(length);
  const store = new FixedLengthStream(length);
  const done = deal(body.getReader(), client.writable.getWriter(), store.writable.getWriter());
  return { forClient: client.readable, forStore: store.readable, done };
}

async function deal(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  client: WritableStreamDefaultWriter<Uint8Array>,
  store: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  let behind = 0;
  let stores = true;
  const giveUp = (reason: unknown): void => {
    stores = false;
    void Promise.allSettled([store.abort(reason)]);
  };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (stores) {
        // The runtime takes what it is given: each side gets bytes of its own.
        const bytes = value.slice();
        behind += bytes.byteLength;
        store.write(bytes).then(() => (behind -= bytes.byteLength), giveUp);
        if (behind > MOST_BEHIND) giveUp(new Error("the store is too slow"));
      }
      await client.write(value);
    }
    await Promise.allSettled([client.close(), stores ? store.close() : undefined]);
  } catch (reason) {
    // Cut by the upstream or left by the client: no part is ever taken for the whole.
    await Promise.allSettled([reader.cancel(reason), client.abort(reason), stores ? store.abort(reason) : undefined]);
  }
}

/** A stored body with its length, which a bare stream would lose. `done` is for `waitUntil`. */
export function withLength(
  stream: ReadableStream<Uint8Array>,
  length: number,
): { readonly readable: ReadableStream<Uint8Array>; readonly done: Promise<void> } {
  const { readable, writable } = new FixedLengthStream(length);
  return { readable, done: pass(stream.getReader(), writable.getWriter()) };
}

/** By hand: the runtime pipes no transform into another. */
async function pass(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await writer.write(value);
    }
    await writer.close();
  } catch (reason) {
    await Promise.allSettled([reader.cancel(reason), writer.abort(reason)]);
  }
}
