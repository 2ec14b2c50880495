// Joins an answer that broke off with what another model wrote to finish it (recovery: "continue"). What comes back may go
// on exactly, repeat the last words, start all over, or say "Here is the rest:" first; what the client sees must read as
// if nothing had happened.
//
// Law: a word that was sent is never sent again, and none is left out; where the two cannot be brought together, nothing
// is sent (`diverged`), and the stream ends in an error instead of nonsense.
import { findSeam } from "./seam.ts";
import { spaceAt, type SpliceOptions } from "./seam-space.ts";

/** One continuation under way; changed in place. */
export interface Splice extends SpliceOptions {
  readonly sent: string;
  /** What came and waits for the decision. */
  held: string;
  /** Look again when this much is held. */
  lookAt: number;
  state: "waiting" | "joined" | "diverged";
  /** How the two were brought together; for records. */
  how: "appended" | "overlap" | "restart" | "none";
}

/** Enough to see an overlap of some words, and little enough that nobody notices the wait. */
const FIRST_LOOK = 96;
/** A model that has written this much more than was sent, and still not come to where it broke off, will not. */
const PATIENCE = 4_000;

export const startSplice = (sent: string, options: SpliceOptions): Splice => ({
  sent,
  mode: options.mode,
  splitShare: options.splitShare,
  held: "",
  lookAt: FIRST_LOOK,
  state: "waiting",
  how: "none",
});

/** A piece of the continuation; what of it goes to the client now. */
export function takePiece(splice: Splice, piece: string): string {
  if (splice.state === "joined") return piece;
  if (splice.state === "diverged") return "";
  splice.held += piece;
  return splice.held.length < splice.lookAt ? "" : decide(splice, false);
}

/** The continuation is over; what is left to send. `state` says whether the two came together. */
export const endSplice = (splice: Splice): string => (splice.state === "waiting" ? decide(splice, true) : "");

function decide(splice: Splice, ended: boolean): string {
  const { sent, held, mode } = splice;
  const seam = findSeam(sent, held, mode, ended);
  if (seam.kind === "unclear" && !ended) {
    if (held.length > sent.length + PATIENCE) {
      splice.state = "diverged";
      return "";
    }
    // Looked at again when there is half as much again, so that all looks together cost as much as three; and when it
    // has come to where an answer that started over becomes new.
    const more = Math.ceil(held.length * 1.5);
    splice.lookAt = held.length < sent.length ? Math.min(more, sent.length + 8) : held.length + FIRST_LOOK;
    return "";
  }
  if (seam.kind === "unclear" || seam.kind === "diverged") {
    splice.state = "diverged";
    return "";
  }
  const rest = held.slice(seam.at);
  if (rest.trim() === "" && !ended) {
    // The white space where they meet is judged with what follows it.
    splice.lookAt = held.length + 1;
    return "";
  }
  splice.state = "joined";
  splice.how = seam.kind;
  splice.held = "";
  return spaceAt(sent, rest, seam.kind === "appended" ? splice : undefined);
}
