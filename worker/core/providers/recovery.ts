// Recovery "continue": whether an answer that broke off may be finished by another model, and how that one is asked. Text
// only: half a tool call or half a thought has no other half that fits.
//
// Law: what was sent is said in full and unchanged, but for white space at its end, which no provider takes there.
import { estimateTokenCount } from "tokenx";
import type { ChatRequest, Message, Usage } from "./chat.ts";
import type { Delta } from "./deltas.ts";
import { splitsWord } from "./seam-space.ts";

/** What the client has seen of an answer; changed in place. */
export interface Sent {
  text: string;
  /** Kinds of deltas, each run of one kind once, in order. */
  kinds: ("text" | "refusal" | "reasoning" | "call")[];
  /** Another choice than the first was begun. */
  several: boolean;
  id: string;
  model: string;
  usage: Usage | undefined;
  /** Pieces of text, and how many began inside a word. */
  pieces: number;
  splits: number;
  lastPiece: string;
}

/** More text than this is not kept, and such an answer is not continued. */
const MOST_CHARS = 1_000_000;

export const nothingSent = (): Sent => ({
  text: "",
  kinds: [],
  several: false,
  id: "",
  model: "",
  usage: undefined,
  pieces: 0,
  splits: 0,
  lastPiece: "",
});

export function noteSent(sent: Sent, delta: Delta): void {
  switch (delta.kind) {
    case "start":
      sent.id = delta.id;
      sent.model = delta.model;
      return;
    case "text":
      if (sent.text.length <= MOST_CHARS) sent.text += delta.text;
      if (splitsWord(sent.lastPiece, delta.text)) sent.splits++;
      sent.pieces++;
      sent.lastPiece = delta.text;
      break;
    case "usage":
      sent.usage = delta.usage;
      return;
    case "finish":
    case "error":
    case "done":
      return;
    case "refusal":
    case "reasoning":
    case "call":
  }
  if (delta.choice !== 0) sent.several = true;
  if (sent.kinds.at(-1) !== delta.kind) sent.kinds.push(delta.kind);
}

export const splitShare = ({ pieces, splits }: Sent): number => (pieces < 2 ? 0 : splits / (pieces - 1));

/** Whether it can be finished by someone else at all. */
export function mayContinue(chat: ChatRequest, sent: Sent): boolean {
  if (chat.choices > 1 || chat.logprobs === true || sent.several) return false;
  if (sent.text.length > MOST_CHARS || sent.text.trim() === "") return false;
  return sent.kinds.at(-1) === "text" && !sent.kinds.includes("call") && !sent.kinds.includes("refusal");
}

/** Tokens that are left of what the client allowed; undefined for no limit. */
export const tokensLeft = (chat: ChatRequest, text: string): number | undefined =>
  chat.maxTokens === undefined ? undefined : chat.maxTokens - estimateTokenCount(text);

/** Of the last words, so many are asked for again: enough to see where the two meet. */
const ANCHOR_WORDS = 6;

/** The request that asks for the rest. */
export function askForRest(chat: ChatRequest, text: string, mode: "prefill" | "instruction"): ChatRequest {
  const begun = text.trimEnd();
  const left = tokensLeft(chat, text);
  const messages = [...chat.messages];
  const last = messages.at(-1);
  // The client had begun the answer itself: what was sent goes on in it.
  if (last?.role === "assistant") messages[messages.length - 1] = withText(last, begun);
  else messages.push({ role: "assistant", parts: [{ kind: "text", text: begun }] });
  if (mode === "instruction") messages.push({ role: "user", parts: [{ kind: "text", text: instruction(begun) }] });
  return {
    ...chat,
    messages,
    maxTokens: left === undefined ? undefined : Math.max(left, 1) + (mode === "instruction" ? 2 * ANCHOR_WORDS : 0),
    toolChoice: chat.tools.length > 0 ? "none" : undefined,
    reasoning: undefined,
  };
}

const withText = (message: Message, text: string): Message => ({
  ...message,
  parts: [...message.parts, { kind: "text", text }],
});

function instruction(begun: string): string {
  const words = begun.slice(-300).split(/\s+/).slice(-ANCHOR_WORDS).join(" ");
  return (
    "Your last message was cut off by the network. Continue it exactly where it stops, in the same language, voice and " +
    "format, as if it had never been interrupted. Write only the continuation: no apology, no introduction, no summary, " +
    "and do not start over. Begin with its last words, copied exactly, and go on from there. Its last words are:\n" +
    words
  );
}

/** Each counted once: what both targets used. */
export function addUsage(one: Usage | undefined, other: Usage | undefined): Usage | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    uncached: one.uncached + other.uncached,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
    output: one.output + other.output,
    reasoning: one.reasoning + other.reasoning,
  };
}
