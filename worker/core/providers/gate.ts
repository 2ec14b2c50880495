// The commit gate: what becomes of a stream, event by event. Until the first word, call or thought nothing has been shown
// to the client, so whatever goes wrong can be mended by asking someone else; after it, the stream ends as a whole answer
// (a finish reason and the end marker) or as a broken one (an error event and no marker), and never looks like the other.
//
// Laws: keepalives, roles, pings and counts are no progress; once everything has finished, nothing can break it any more.
import { commits, type Frame } from "./deltas.ts";
import type { Failure, FailureKind } from "./failures.ts";

export interface GateOptions {
  /** Epoch ms of the request to this target, and by when its first word must be here. */
  readonly startedAt: number;
  readonly firstTokenMs: number;
  /** Longest time between two signs of progress. */
  readonly idleMs: number;
  /** Epoch ms by which all of it must be here. */
  readonly endsAt: number;
  /** Answers asked for. */
  readonly choices: number;
  /** The provider tells the usage at the end. */
  readonly tellsUsage: boolean;
}

/** One target's stream; changed in place. */
export interface Gate {
  committed: boolean;
  /** Epoch ms of the last progress. */
  progressAt: number;
  /** Choices that gave their reason to end. */
  finishes: number;
  usageSeen: boolean;
  /** Bytes held back. */
  heldBytes: number;
  /** Events that were none. */
  malformed: number;
}

export type GateEvent =
  | { readonly kind: "frame"; readonly frame: Frame }
  /** The body ended as its framing said it would, or did not. */
  | { readonly kind: "ended" | "lost" }
  /** The time of `lookAt` has come. */
  | { readonly kind: "time" };

export type Verdict =
  /** Keep it; nobody has seen anything yet. */
  | { readonly do: "hold" }
  /** Send what was held, and this. */
  | { readonly do: "commit" }
  | { readonly do: "pass" }
  | { readonly do: "drop" }
  /** It is whole. `marked`: this event says so itself. `finished`: a reason to end was given. */
  | { readonly do: "finish"; readonly marked: boolean; readonly finished: boolean }
  /** Another target before the first word; a continuation or an error event after it. */
  | { readonly do: "fail"; readonly failure: Failure };

const HOLD: Verdict = Object.freeze({ do: "hold" });
const COMMIT: Verdict = Object.freeze({ do: "commit" });
const PASS: Verdict = Object.freeze({ do: "pass" });
const DROP: Verdict = Object.freeze({ do: "drop" });

/** Held before the first word: more than this is no beginning of an answer. */
const MOST_HELD_BYTES = 256 * 1024;
/** After the finish reason only the usage and the marker can come, and come at once. */
const USAGE_MS = 500;
const MARKER_MS = 100;
const MOST_MALFORMED = 8;

export const startGate = (options: GateOptions): Gate => ({
  committed: false,
  progressAt: options.startedAt,
  finishes: 0,
  usageSeen: false,
  heldBytes: 0,
  malformed: 0,
});

/** When to look again, epoch ms, if nothing comes. */
export function lookAt(gate: Gate, options: GateOptions): number {
  return Math.min(options.endsAt, gate.progressAt + patienceOf(gate, options));
}

function patienceOf(gate: Gate, options: GateOptions): number {
  if (isFinished(gate, options))
    return Math.min(options.idleMs, options.tellsUsage && !gate.usageSeen ? USAGE_MS : MARKER_MS);
  return gate.committed ? options.idleMs : options.firstTokenMs;
}

const isFinished = (gate: Gate, options: GateOptions): boolean => gate.finishes >= options.choices;

export function step(gate: Gate, event: GateEvent, options: GateOptions, now: number): Verdict {
  switch (event.kind) {
    case "frame":
      return frameCame(gate, event.frame, options, now);
    case "ended":
    case "lost":
      if (isFinished(gate, options)) return { do: "finish", marked: false, finished: true };
      if (!gate.committed && event.kind === "ended") return fail("invalid_answer", "the answer is empty");
      return fail("cut", "the stream broke off");
    case "time":
      return timeCame(gate, options, now);
  }
}

function timeCame(gate: Gate, options: GateOptions, now: number): Verdict {
  const isDue = now >= lookAt(gate, options);
  if (isFinished(gate, options)) return isDue ? { do: "finish", marked: false, finished: true } : PASS;
  if (now >= options.endsAt) return fail("timeout", "the answer took too long");
  if (!isDue) return gate.committed ? PASS : HOLD;
  return gate.committed
    ? fail("stalled", "the stream stalled")
    : fail("timeout", "the first token did not come in time");
}

function frameCame(gate: Gate, frame: Frame, options: GateOptions, now: number): Verdict {
  if (frame.malformed) return isFinished(gate, options) ? DROP : malformedCame(gate, frame);
  const wasCommitted = gate.committed;
  let progress = false;
  for (const delta of frame.deltas) {
    if (commits(delta)) {
      gate.committed = true;
      progress = true;
    } else if (delta.kind === "finish") {
      // The reason to end is an answer too, if there was no word before it.
      gate.finishes++;
      gate.committed = true;
      progress = true;
    } else if (delta.kind === "usage") {
      gate.usageSeen = true;
      progress ||= gate.committed;
    } else if (delta.kind === "error") {
      // After the reason to end nothing is missing any more.
      return isFinished(gate, options) ? DROP : { do: "fail", failure: delta.failure };
    } else if (delta.kind === "done") return doneCame(gate);
  }
  if (progress) gate.progressAt = now;
  if (gate.committed) return wasCommitted ? PASS : COMMIT;
  gate.heldBytes += frame.bytes.length;
  return gate.heldBytes > MOST_HELD_BYTES ? fail("invalid_answer", "the answer does not begin") : HOLD;
}

/** A marker without a reason to end is a whole answer all the same, if there was one. */
function doneCame(gate: Gate): Verdict {
  if (!gate.committed) return fail("invalid_answer", "the answer is empty");
  return { do: "finish", marked: true, finished: gate.finishes > 0 };
}

/**
 * Before the first word someone else is asked. After it, an event that carried words must not leave a hole; any other is
 * left out.
 */
function malformedCame(gate: Gate, frame: Frame): Verdict {
  gate.malformed++;
  if (!gate.committed) return fail("invalid_answer", "an event could not be read");
  if (gate.malformed <= MOST_MALFORMED && !carriesWords(frame.bytes)) return DROP;
  return fail("invalid_answer", "an event could not be read");
}

const WORDS = /"(?:content|text|delta|partial_json|arguments|reasoning\w*)"\s*:/;

function carriesWords(bytes: Uint8Array): boolean {
  return WORDS.test(new TextDecoder().decode(bytes.subarray(0, 64 * 1024)));
}

const fail = (kind: FailureKind, message: string): Verdict => ({ do: "fail", failure: { kind, message } });
