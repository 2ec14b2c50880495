// How many tokens a conversation is, before any provider has counted it: an estimate by the text's kind of letters (tokenx),
// corrected by what providers counted of earlier ones. Exact counting is for them: a tokeniser can take minutes on one text.
import { estimateTokenCount } from "tokenx";
import type { ChatRequest, Part } from "./chat.ts";

/** What speaker and frame of a message cost. */
const MESSAGE_TOKENS = 4;
const IMAGE_TOKENS = 800;
const DOCUMENT_TOKENS = 2_000;
/** Longer texts are measured by their length: the estimate must not cost what the call does. */
const MEASURED_CHARACTERS = 200_000;

export function textTokens(text: string): number {
  if (text.length <= MEASURED_CHARACTERS) return estimateTokenCount(text);
  const sample = estimateTokenCount(text.slice(0, MEASURED_CHARACTERS));
  return Math.ceil((sample * text.length) / MEASURED_CHARACTERS);
}

/** How a text is measured. */
type Measure = (text: string) => number;

function partTokens(part: Part, measure: Measure): number {
  switch (part.kind) {
    case "text":
    case "refusal":
    case "reasoning":
      return measure(part.text);
    case "image":
      return IMAGE_TOKENS;
    case "document":
      return DOCUMENT_TOKENS;
    case "call":
      return measure(part.name) + measure(part.args) + MESSAGE_TOKENS;
    case "result":
      return part.parts.reduce((sum, inner) => sum + partTokens(inner, measure), MESSAGE_TOKENS);
    case "native":
      return measure(JSON.stringify(part.opaque.value));
  }
}

function measured({ messages, tools }: ChatRequest, measure: Measure): number {
  let tokens = tools.length === 0 ? 0 : measure(JSON.stringify(tools));
  for (const { parts } of messages) {
    tokens += MESSAGE_TOKENS;
    for (const part of parts) tokens += partTokens(part, measure);
  }
  return tokens;
}

export const chatTokens = (chat: ChatRequest): number => measured(chat, textTokens);

/** At least as much as `chatTokens`, for a hundredth of the work: no character is more than two tokens. */
export const mostChatTokens = (chat: ChatRequest): number => measured(chat, lengthOf);

const lengthOf: Measure = ({ length }) => 2 * length;

/** Of one model: the estimate times this is what its provider counts. */
export interface Calibration {
  factor: number;
  /** Calls that could have told more of it. */
  calls: number;
}

export const calibration = (): Calibration => ({ factor: 1, calls: 0 });

/** The first calls are all learned from, then one of so many: to estimate costs more than all else that a short call needs. */
const ALL_OF_FIRST = 32;
const ONE_OF = 16;

/** Whether this call is one to learn from; `isAtHand`: its estimate is made already. */
export function isTelling(known: Calibration, isAtHand: boolean): boolean {
  const nth = known.calls++;
  return isAtHand || nth < ALL_OF_FIRST || nth % ONE_OF === 0;
}

const ALPHA = 0.1;
const LEAST = 0.5;
const MOST = 2;

export function calibrate(known: Calibration, estimated: number, counted: number): void {
  if (estimated < 32 || counted <= 0) return;
  const seen = Math.min(MOST, Math.max(LEAST, counted / estimated));
  known.factor += ALPHA * (seen - known.factor);
}
