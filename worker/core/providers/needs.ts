// What a request needs of whoever answers it, and why a target cannot: the filter before any choice (SEEDS A2).
import type { Adapter, Capabilities, Operation } from "./adapter.ts";
import type { ChatRequest, Dialect, Part } from "./chat.ts";

export interface Needs {
  readonly operation: Operation;
  /** Tied to a dialect: by its tools, by parts that no other can read, by state that its provider keeps. */
  readonly tied: boolean;
  readonly dialect: Dialect;
  readonly flags: readonly (keyof Capabilities)[];
  /** Tokens of the prompt: estimated, or the most there may be. */
  readonly promptTokens: number;
}

export function needsOf(chat: ChatRequest, operation: Operation, promptTokens: number): Needs {
  const flags: (keyof Capabilities)[] = ["chat"];
  const parts = chat.messages.flatMap((message) => message.parts);
  if (chat.stream) flags.push("stream");
  if (chat.tools.length > 0) flags.push("tools");
  if (chat.format?.kind === "schema") flags.push("jsonSchema");
  if (chat.logprobs === true) flags.push("logprobs");
  if (chat.choices > 1) flags.push("choices");
  if (parts.some(isImage)) flags.push("vision");
  if (parts.some((part) => isImage(part) && !part.url.startsWith("data:"))) flags.push("imageUrls");
  return { operation, dialect: chat.dialect, tied: (chat.nativeTools?.length ?? 0) > 0, flags, promptTokens };
}

const isImage = (part: Part): part is Extract<Part, { kind: "image" }> => part.kind === "image";

/** Why it cannot; undefined when it can. */
export function unfit(needs: Needs, adapter: Adapter, contextWindow: number): string | undefined {
  const { capabilities } = adapter;
  const missing = needs.flags.find((flag) => !capabilities[flag]);
  if (missing !== undefined) return missing;
  if (needs.tied && !adapter.natives.includes(needs.operation)) return `needs ${needs.dialect}`;
  return contextWindow > 0 && needs.promptTokens > contextWindow ? WINDOW : undefined;
}

/** The one lack that a shorter conversation would cure. */
export const WINDOW = "contextWindow";
