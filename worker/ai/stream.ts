// An answer that streams, on its way to the client. Where both sides speak alike bytes pass as they came, events that lie
// side by side in one write; else they are written anew. What breaks off is finished by another target where the policy
// says so, or ends in an error event: a broken answer never looks whole.
//
// Laws: the first failure is the one that is told, whatever goes wrong in mending it; a client that leaves ends the
// provider's stream at once; `over` is called exactly once.
import { estimateTokenCount } from "tokenx";
import type { ChatRequest, Dialect, Usage } from "../core/providers/chat.ts";
import type { Delta, Frame, StreamWriter } from "../core/providers/deltas.ts";
import type { Failure } from "../core/providers/failures.ts";
import { addUsage, mayContinue, noteSent, nothingSent, splitShare, type Sent } from "../core/providers/recovery.ts";
import { endSplice, startSplice, takePiece, type Splice } from "../core/providers/splice.ts";
import { coalesce, withItsEnd } from "./bytes.ts";
import type { Incoming } from "./incoming.ts";

/** The rest of an answer, begun by another target. */
export interface Rest {
  readonly incoming: Incoming;
  readonly mode: "prefill" | "instruction";
}

export interface Delivery {
  readonly chat: ChatRequest;
  readonly dialect: Dialect;
  readonly writer: StreamWriter;
  /** Client and provider speak alike: bytes pass. */
  readonly native: boolean;
  /** Estimated; for a client that wants to know and a provider that does not tell. */
  promptTokens(): number;
  readonly client: AbortSignal;
  /** Undefined where the policy does not ask for it. */
  readonly recover: ((text: string, failure: Failure) => Promise<Rest | undefined>) | undefined;
  over(end: StreamEnd): void;
}

/** What a stream brought, told when it is over. */
export interface StreamEnd {
  /** As told by all who took part, or estimated of what was sent. */
  readonly usage: Usage;
  readonly isEstimated: boolean;
  /** What the client was told of; what was mended is none. */
  readonly failure: Failure | undefined;
  /** The client left before the end. */
  readonly left: boolean;
  /** Others that took over. */
  readonly recoveries: number;
}

/** `done` never rejects; hand it to `waitUntil`, so that the end is seen although the client has left. */
export function deliver(
  incoming: Incoming,
  delivery: Delivery,
): { readonly readable: ReadableStream<Uint8Array>; readonly done: Promise<void> } {
  const { readable, writable } = new IdentityTransformStream();
  const outgoing = new Outgoing(incoming, delivery, writable.getWriter());
  return { readable, done: outgoing.run() };
}

/** An answer is continued so often at most. */
const MOST_RECOVERIES = 2;
const encoder = new TextEncoder();

class Outgoing {
  #incoming: Incoming;
  readonly #delivery: Delivery;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #sent: Sent = nothingSent();
  /** Of targets before this one. */
  #usedBefore: Usage | undefined = undefined;
  #usageSeen = false;
  #native: boolean;
  /** What went wrong first, and what the client was told of. */
  #first: Failure | undefined = undefined;
  #failure: Failure | undefined = undefined;
  #splice: Splice | undefined = undefined;
  /** The provider's own end marker, and a continuation's reason to end: they wait until all is known to be well. */
  #marker: Frame | undefined = undefined;
  #ending: Extract<Delta, { kind: "finish" }> | undefined = undefined;
  #recoveries = 0;
  #left = false;

  constructor(incoming: Incoming, delivery: Delivery, writer: WritableStreamDefaultWriter<Uint8Array>) {
    this.#incoming = incoming;
    this.#delivery = delivery;
    this.#writer = writer;
    this.#native = delivery.native;
  }

  async run(): Promise<void> {
    const { client } = this.#delivery;
    const leave = (): void => {
      this.#left = true;
      this.#incoming.close();
    };
    client.addEventListener("abort", leave, { once: true });
    // A client that leaves while nothing is written is seen here.
    this.#writer.closed.catch(leave);
    try {
      await this.#pass();
      await this.#writer.close();
    } catch (reason) {
      // Only writing throws: nobody is there to read any more.
      this.#left = true;
      void this.#writer.abort(reason).catch(() => undefined);
    }
    client.removeEventListener("abort", leave);
    this.#incoming.close();
    this.#delivery.over({
      usage: this.#usage(),
      isEstimated: !this.#usageSeen,
      failure: this.#failure,
      left: this.#left,
      recoveries: this.#recoveries,
    });
  }

  /** To the end, one way or the other. */
  async #pass(): Promise<void> {
    for (;;) {
      const { end } = this.#incoming;
      await this.#forward(this.#incoming.frames.splice(0), end?.kind === "whole" && end.marked);
      if (this.#left) return;
      if (this.#incoming.end === undefined) {
        await this.#incoming.more();
        continue;
      }
      const over = this.#incoming.end;
      const broke = over.kind === "whole" ? await this.#finish(over.finished) : over.failure;
      if (broke === undefined || this.#left) return;
      this.#first ??= broke;
      if (await this.#recover(broke)) continue;
      this.#failure = this.#first;
      return this.#write(this.#delivery.writer.fail(this.#failure));
    }
  }

  // --- what comes in ---

  /** `marked`: the last frame is the end marker. */
  async #forward(frames: readonly Frame[], marked: boolean): Promise<void> {
    const last = marked ? frames.length - 1 : frames.length;
    if (marked) this.#marker = frames[last];
    if (this.#native) {
      const pieces: Uint8Array[] = [];
      for (let index = 0; index < last; index++) {
        const frame = frames[index]!;
        for (const delta of frame.deltas) this.#note(delta);
        if (!this.#isUnasked(frame)) pieces.push(frame.bytes);
      }
      // The marker waits, what it tells does not.
      for (const frame of frames.slice(last)) for (const delta of frame.deltas) this.#note(delta);
      for (const piece of coalesce(pieces)) await this.#writer.write(piece);
      return;
    }
    let text = "";
    for (const { deltas } of frames) for (const delta of deltas) text += this.#rewrite(delta);
    await this.#write(text);
  }

  #note(delta: Delta): void {
    if (delta.kind === "usage") this.#usageSeen = true;
    noteSent(this.#sent, delta);
  }

  /** A count that we asked for and the client did not. */
  #isUnasked({ deltas }: Frame): boolean {
    const { chat, dialect } = this.#delivery;
    if (chat.wantsUsage || (dialect !== "chat" && dialect !== "completions")) return false;
    return deltas.some(isUsage) && deltas.every((delta) => isUsage(delta) || delta.kind === "start");
  }

  /** In the client's words. Of a continuation only what is new, and its reason to end when all of it has been sent. */
  #rewrite(delta: Delta): string {
    const { writer } = this.#delivery;
    const splice = this.#splice;
    if (splice === undefined) {
      this.#note(delta);
      return writer.write(delta);
    }
    switch (delta.kind) {
      case "text":
        return this.#newText(takePiece(splice, delta.text));
      case "usage":
        this.#usageSeen = true;
        this.#sent.usage = addUsage(this.#usedBefore, delta.usage);
        return "";
      case "finish":
        this.#ending = delta;
        return "";
      case "start":
      case "refusal":
      case "reasoning":
      case "call":
      case "error":
      case "done":
        return "";
    }
  }

  #newText(text: string): string {
    if (text === "") return "";
    const delta: Delta = { kind: "text", choice: 0, text };
    noteSent(this.#sent, delta);
    return this.#delivery.writer.write(delta);
  }

  // --- how it ends ---

  /** The failure it turned out to be after all; undefined when the client has all of it. */
  async #finish(finished: boolean): Promise<Failure | undefined> {
    const { writer, chat, dialect } = this.#delivery;
    const splice = this.#splice;
    if (splice !== undefined) {
      await this.#write(this.#newText(endSplice(splice)));
      const isWhole = splice.state === "joined" && (chat.format === undefined || isJson(this.#sent.text));
      if (!isWhole) return { kind: "cut", message: "the stream broke off" };
    }
    const reason = finished && splice === undefined ? "" : { ...(this.#ending ?? STOP), choice: 0 };
    if (!this.#native) {
      await this.#write((reason === "" ? "" : writer.write(reason)) + this.#usageText() + writer.end());
      return undefined;
    }
    const misses = chat.wantsUsage && !this.#usageSeen;
    if (reason !== "" || misses) this.#prime();
    const end = (reason === "" ? "" : writer.write(reason)) + (misses ? this.#nativeUsage() : "");
    await this.#write(this.#marker === undefined ? end + closing(dialect) : end);
    if (this.#marker !== undefined) await this.#writer.write(withItsEnd(this.#marker.bytes));
    return undefined;
  }

  /** The counts, into a writer that tells them at the end. */
  #usageText(): string {
    const usage = this.#sent.usage ?? (this.#delivery.chat.wantsUsage ? this.#usage() : undefined);
    return usage === undefined ? "" : this.#delivery.writer.write({ kind: "usage", usage });
  }

  /** The event of a count that the provider did not give, without the end marker that follows it. */
  #nativeUsage(): string {
    const { writer, dialect } = this.#delivery;
    if (dialect !== "chat" && dialect !== "completions") return "";
    const written = writer.write({ kind: "usage", usage: this.#usage() }) + writer.end();
    return written.endsWith(DONE) ? written.slice(0, -DONE.length) : "";
  }

  #usage(): Usage {
    const { usage, text } = this.#sent;
    if (usage !== undefined) return usage;
    const output = estimateTokenCount(text);
    return { uncached: this.#delivery.promptTokens(), cacheRead: 0, cacheWrite: 0, output, reasoning: 0 };
  }

  /** The writer has seen nothing of what passed by: it is told what it would have written, and what it says is dropped. */
  #prime(): void {
    if (!this.#native) return;
    const { writer } = this.#delivery;
    const { id, model, kinds, text } = this.#sent;
    this.#native = false;
    writer.write({ kind: "start", id, model });
    for (const kind of kinds) {
      if (kind === "text" || kind === "reasoning" || kind === "refusal")
        writer.write({ kind, choice: 0, text: kind === "text" ? text : "" });
    }
  }

  // --- recovery ---

  async #recover(failure: Failure): Promise<boolean> {
    const { recover, chat, dialect } = this.#delivery;
    if (recover === undefined || this.#recoveries >= MOST_RECOVERIES) return false;
    // Its events are numbered and tell of each other: bytes of two writers do not make one answer.
    if (this.#native && dialect === "responses") return false;
    if (!isMendable(failure) || this.#splice?.state === "diverged" || !mayContinue(chat, this.#sent)) return false;
    this.#incoming.close();
    const rest = await recover(this.#sent.text, failure);
    if (rest === undefined) return false;
    if (this.#left) {
      rest.incoming.close();
      return false;
    }
    this.#prime();
    this.#recoveries++;
    this.#incoming = rest.incoming;
    this.#marker = undefined;
    this.#ending = undefined;
    this.#usedBefore = this.#usage();
    this.#splice = startSplice(this.#sent.text, { mode: rest.mode, splitShare: splitShare(this.#sent) });
    return true;
  }

  async #write(text: string): Promise<void> {
    if (text !== "") await this.#writer.write(encoder.encode(text));
  }
}

const STOP = { kind: "finish", choice: 0, finish: "stop" } as const;
const DONE = "data: [DONE]\n\n";

const isUsage = (delta: Delta): boolean => delta.kind === "usage";

/** Not what the provider refuses to write, and not when the time is over. */
const isMendable = ({ kind }: Failure): boolean =>
  kind === "cut" ||
  kind === "stalled" ||
  kind === "invalid_answer" ||
  kind === "server_error" ||
  kind === "overloaded" ||
  kind === "rate_limited" ||
  kind === "unreachable";

/** What ends a whole answer in this dialect, after its last event. */
function closing(dialect: Dialect): string {
  switch (dialect) {
    case "chat":
    case "completions":
      return DONE;
    case "messages":
      return 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
    case "responses":
    case "gemini":
    case "cohere":
    case "converse":
      return "";
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
