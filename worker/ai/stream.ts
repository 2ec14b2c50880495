// A provider's stream on its way to the client. The commit gate: nothing is sent before the first delta that commits, so that
// whatever goes wrong before it can be tried elsewhere unseen. Where both sides speak alike, bytes pass as they came.
import type { Adapter, Operation } from "../core/providers/adapter.ts";
import type { Usage } from "../core/providers/chat.ts";
import { failureOf } from "../core/providers/classify.ts";
import { commits, type Frame, type StreamReader } from "../core/providers/deltas.ts";
import type { Failure } from "../core/providers/failures.ts";
import type { StreamWriter } from "../core/providers/deltas.ts";

/** A stream that has begun to answer. */
export interface OpenStream {
  readonly source: ReadableStreamDefaultReader<Uint8Array>;
  readonly reader: StreamReader;
  /** What was read so far, the first delta that commits included. */
  readonly frames: readonly Frame[];
  /** The source has ended. */
  readonly over: boolean;
}

/** Reads until the answer begins, or says why it does not. */
export async function openStream(
  body: ReadableStream<Uint8Array>,
  adapter: Adapter,
  operation: Operation,
): Promise<OpenStream | Failure> {
  const source = body.getReader();
  const reader = adapter.reader(operation);
  const frames: Frame[] = [];
  for (;;) {
    const { done, value } = await source.read();
    const read = done ? reader.end() : reader.push(value);
    frames.push(...read);
    for (const delta of read.flatMap(({ deltas }) => deltas)) {
      if (delta.kind === "error") return delta.failure;
      if (commits(delta) || delta.kind === "finish") return { source, reader, frames, over: done };
    }
    if (done) return failureOf("cut");
  }
}

/** What a stream brought, told when it is over. */
export interface StreamEnd {
  usage: Usage | undefined;
  failure: Failure | undefined;
}

/** The client's body. `writer` is undefined where bytes pass. */
export function pass(
  open: OpenStream,
  writer: StreamWriter,
  native: boolean,
  over: (end: StreamEnd) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const end: StreamEnd = { usage: undefined, failure: undefined };
  let finished = false;
  const turn = (frame: Frame): Uint8Array => {
    let text = "";
    for (const delta of frame.deltas) {
      if (delta.kind === "usage") end.usage = delta.usage;
      if (delta.kind === "error") end.failure = delta.failure;
      if (delta.kind === "finish" || delta.kind === "done") finished = true;
      if (!native) text += writer.write(delta);
    }
    return native ? frame.bytes : encoder.encode(text);
  };
  let frames = open.frames;
  let done = open.over;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (const frame of frames) {
        const bytes = turn(frame);
        if (bytes.length > 0) controller.enqueue(bytes);
      }
      frames = [];
      if (done) {
        if (!finished) {
          end.failure ??= failureOf("cut");
          controller.enqueue(encoder.encode(writer.fail(end.failure)));
        } else if (!native) controller.enqueue(encoder.encode(writer.end()));
        over(end);
        controller.close();
        return;
      }
      const next = await open.source.read();
      done = next.done;
      frames = next.done ? open.reader.end() : open.reader.push(next.value);
    },
    async cancel(reason) {
      over(end);
      await open.source.cancel(reason);
    },
  });
}
