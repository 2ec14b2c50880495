// What the attempt driver needs of a request: the one seam between it and what is sent, for HTTP and AI alike.
import type { Refusal } from "../core/http/problem.ts";
import type { Attempt, InstanceState } from "./instances.ts";
import type { Background } from "./news.ts";
import type { ServiceState } from "./services.ts";
import type { NoAnswer, Unwatched } from "./upstream.ts";

/** What one attempt brought; a `Response` is one. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream | null;
}

/** What is sent, to whomever. */
export interface Exchange<A extends Answer> {
  /** May be sent a second time: by its method or its key, and its body is at hand. */
  readonly repeatable: boolean;
  /** Its body still comes from the client: when it is lost, nobody can tell by whose fault. */
  readonly streams: boolean;
  /** Who is let in first where places are few: the greater. */
  readonly priority: number;
  /** Epoch ms by which the final headers must be here, and how long one attempt may take to them; Infinity for no end. */
  readonly deadlineAt: number;
  readonly headersMs: number;
  /** Epoch ms as it is handed over. */
  readonly now: number;
  readonly background: Background;
  /** Aborts when the client leaves. Costs something when first asked for. */
  readonly client: AbortSignal;
  /** Instances in whose attempts an experiment has its hand: breakers and scores do not hear how those end. */
  readonly staged?: ReadonlySet<InstanceState> | undefined;
  /** It turns to this alternative; false when that one cannot take it. */
  turn?(to: number): boolean;
  /** What an answer asks for, where its status alone does not say: another target, another try, or nothing. */
  remedy?(answer: A): "give" | "elsewhere" | "again";
  /** Writes into the service's choice what it depends on of this request, and says its class (`likeClass`) or -1. */
  describe(service: ServiceState): number;
  /**
   * Sends it, at `now`. Never rejects; a refusal is the client's own fault, and the instance has no part in it. Unwatched: its
   * answer is still to come, and who waits for it does so alone.
   */
  send(
    to: InstanceState,
    deadlineMs: number,
    abort: AbortController | undefined,
    now: number,
  ): Promise<A | NoAnswer | Refusal | Unwatched<A>>;
}

/** One attempt under way beside another. */
export interface Flight<A> {
  readonly attempt: Attempt;
  readonly abort: AbortController;
  given: A | NoAnswer | Refusal;
  done: Promise<Flight<A>>;
}

/** Nobody will read this answer. */
export function drop(given: Answer | NoAnswer | Refusal): void {
  if (typeof given !== "string" && !("code" in given)) void given.body?.cancel().catch(() => {});
}
