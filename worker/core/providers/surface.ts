// What a client is to the gateway: how it asks, and in what form it is answered, errors included. Pure; nothing throws.
import type { Operation } from "./adapter.ts";
import type { ChatAnswer, ChatRequest, Dialect, JsonObject } from "./chat.ts";
import type { StreamWriter } from "./deltas.ts";
import type { Failure } from "./failures.ts";
import type { Result } from "../result/result.ts";

/** What an answer carries that the answer itself does not know. */
export interface Told {
  /** Id for an answer that has none of its own. */
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  /** Who answered. */
  readonly model: string;
}

export interface Surface {
  readonly dialect: Dialect;
  readonly operation: Operation;
  read(body: JsonObject): Result<ChatRequest, Failure>;
  write(answer: ChatAnswer, chat: ChatRequest, told: Told): JsonObject;
  writer(chat: ChatRequest, told: Told): StreamWriter;
  /** Body of an error answer. */
  envelope(failure: Failure): JsonObject;
}
