// A stream of an answer in words of our own. A decoder turns a provider's events into deltas, a writer turns deltas into a
// surface's events; what stands between (gate, deadlines, recovery) sees deltas only.
//
// Law: `text`, `refusal`, `reasoning` and `call` commit; all others may come before an error that nobody needs to see.
import type { Finish, Opaque, Usage } from "./chat.ts";
import type { Failure } from "./failures.ts";

export type Delta =
  /** The answer's id and model, as far as the provider tells; once. */
  | { readonly kind: "start"; readonly id: string; readonly model: string }
  | { readonly kind: "text"; readonly choice: number; readonly text: string }
  | { readonly kind: "refusal"; readonly choice: number; readonly text: string }
  /** A thought as far as it is shown; `opaque` comes with it or after it, its text then empty. */
  | { readonly kind: "reasoning"; readonly choice: number; readonly text: string; readonly opaque?: Opaque | undefined }
  /** A piece of a tool call. `id` and `name` come with the first piece of a `call` number, `args` are pieces of JSON. */
  | {
      readonly kind: "call";
      readonly choice: number;
      readonly call: number;
      readonly id?: string | undefined;
      readonly name?: string | undefined;
      readonly args: string;
      readonly opaque?: Opaque | undefined;
    }
  | {
      readonly kind: "finish";
      readonly choice: number;
      readonly finish: Finish;
      readonly stopSequence?: string | undefined;
    }
  /** The counts so far; a later one replaces an earlier one. */
  | { readonly kind: "usage"; readonly usage: Usage }
  | { readonly kind: "error"; readonly failure: Failure }
  /** The provider's own end marker. */
  | { readonly kind: "done" };

/** One event of a stream, as it came and what it means. */
export interface Frame {
  /** As received, its end included: all frames' bytes in order are the stream. */
  readonly bytes: Uint8Array;
  /** None for comments, pings and what says nothing. */
  readonly deltas: readonly Delta[];
  /** What came is no event of this dialect. */
  readonly malformed: boolean;
}

/** Cuts a provider's bytes into frames. */
export interface StreamReader {
  /** The frames that this chunk completes. */
  push(chunk: Uint8Array): Frame[];
  /** The stream has ended: what was left over. */
  end(): Frame[];
}

/** Writes a surface's stream, as text to be encoded in UTF-8. */
export interface StreamWriter {
  /** "" when a delta has no event of its own (yet). */
  write(delta: Delta): string;
  /** The end of a whole answer, the surface's marker included. */
  end(): string;
  /** The end of one that broke: an error event, and no marker. */
  fail(failure: Failure): string;
}

/** Whether a client that got this has begun to read an answer. */
export const commits = (delta: Delta): boolean =>
  delta.kind === "text" || delta.kind === "call" || delta.kind === "reasoning" || delta.kind === "refusal";
