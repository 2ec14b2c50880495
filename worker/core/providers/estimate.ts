// How many tokens a conversation is, before any provider has counted it: an estimate by the text's kind of letters (tokenx),
// corrected by what providers counted of earlier ones. Exact counting is for them: a tokeniser can take minutes on one text.
import { estimateTokenCount } from "tokenx";
import type { ChatRequest, Message, Part } from "./chat.ts";

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

const messageTokens = ({ parts }: Message): number =>
  parts.reduce((sum, part) => sum + partTokens(part), MESSAGE_TOKENS);

function partTokens(part: Part): number {
  switch (part.kind) {
    case "text":
    case "refusal":
    case "reasoning":
      return textTokens(part.text);
    case "image":
      return IMAGE_TOKENS;
    case "document":
      return DOCUMENT_TOKENS;
    case "call":
      return textTokens(part.name) + textTokens(part.args) + MESSAGE_TOKENS;
    case "result":
      return part.parts.reduce((sum, inner) => sum + partTokens(inner), MESSAGE_TOKENS);
    case "native":
      return textTokens(JSON.stringify(part.opaque.value));
  }
}

export function chatTokens({ messages, tools }: ChatRequest): number {
  const spoken = messages.reduce((sum, message) => sum + messageTokens(message), 0);
  return spoken + (tools.length === 0 ? 0 : textTokens(JSON.stringify(tools)));
}

/** Of one model: the estimate times this is what its provider counts. */
export interface Calibration {
  factor: number;
}

const ALPHA = 0.1;
const LEAST = 0.5;
const MOST = 2;

export function calibrate(known: Calibration, estimated: number, counted: number): void {
  if (estimated < 32 || counted <= 0) return;
  const seen = Math.min(MOST, Math.max(LEAST, counted / estimated));
  known.factor += ALPHA * (seen - known.factor);
}
