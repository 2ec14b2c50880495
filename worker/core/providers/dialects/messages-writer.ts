// A stream of Anthropic's Messages as clients read it: blocks that are opened, told piece by piece and closed, one at a time.
// https://platform.claude.com/docs/en/build-with-claude/streaming
import type { JsonObject, Usage } from "../chat.ts";
import type { Delta, StreamWriter } from "../deltas.ts";
import type { Failure } from "../failures.ts";
import type { Told } from "../surface.ts";
import { finishWord, writeMessagesError, writeUsage } from "./messages-answer.ts";

type Open = "none" | "text" | "thinking" | "call";

/** One block is open at a time: pieces of a call that come while another one is open wait for their turn. */
export class MessagesWriter implements StreamWriter {
  #told: Told;
  #started = false;
  #open: Open = "none";
  #index = -1;
  #call = -1;
  #waiting = new Map<number, { id: string; name: string; args: string }>();
  #usage: Usage | undefined;
  #finish: Extract<Delta, { kind: "finish" }> | undefined;
  #id: string;
  #model: string;

  constructor(told: Told) {
    this.#told = told;
    this.#id = told.id;
    this.#model = told.model;
  }

  write(delta: Delta): string {
    switch (delta.kind) {
      case "start":
        this.#id = delta.id || this.#told.id;
        this.#model = delta.model || this.#told.model;
        return "";
      case "text":
      case "refusal":
        return this.#begin("text") + this.#delta({ type: "text_delta", text: delta.text });
      case "reasoning":
        return this.#reason(delta);
      case "call":
        return this.#piece(delta);
      case "finish":
        this.#finish ??= delta;
        return "";
      case "usage":
        this.#usage = delta.usage;
        return "";
      case "error":
        return this.fail(delta.failure);
      case "done":
        return "";
    }
  }

  end(): string {
    const rest = this.#start() + this.#flush() + this.#close();
    const delta = {
      stop_reason: finishWord(this.#finish?.finish ?? "stop"),
      stop_sequence: this.#finish?.stopSequence ?? null,
    };
    return (
      rest +
      event("message_delta", { type: "message_delta", delta, usage: writeUsage(this.#usage) }) +
      event("message_stop", { type: "message_stop" })
    );
  }

  fail(failure: Failure): string {
    return event("error", writeMessagesError(failure));
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const message = {
      id: this.#id,
      type: "message",
      role: "assistant",
      model: this.#model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...writeUsage(this.#usage), output_tokens: this.#usage?.output || 1 },
    };
    return event("message_start", { type: "message_start", message });
  }

  #begin(kind: "text" | "thinking"): string {
    const start = this.#start();
    if (this.#open === kind) return start;
    return (
      start +
      this.#flush() +
      this.#close() +
      this.#openBlock(
        kind,
        kind === "text" ? { type: "text", text: "" } : { type: "thinking", thinking: "", signature: "" },
      )
    );
  }

  #openBlock(kind: Open, block: JsonObject): string {
    this.#open = kind;
    this.#index++;
    return event("content_block_start", { type: "content_block_start", index: this.#index, content_block: block });
  }

  #close(): string {
    if (this.#open === "none") return "";
    this.#open = "none";
    this.#call = -1;
    return event("content_block_stop", { type: "content_block_stop", index: this.#index });
  }

  #delta(delta: JsonObject): string {
    return event("content_block_delta", { type: "content_block_delta", index: this.#index, delta });
  }

  #reason({ text, opaque }: Extract<Delta, { kind: "reasoning" }>): string {
    const own = opaque?.dialect === "messages" ? opaque.value : {};
    if (typeof own.data === "string") {
      const before = this.#start() + this.#flush() + this.#close();
      return before + this.#openBlock("thinking", { type: "redacted_thinking", data: own.data }) + this.#close();
    }
    let written = text === "" ? "" : this.#begin("thinking") + this.#delta({ type: "thinking_delta", thinking: text });
    if (typeof own.signature === "string") {
      written += this.#begin("thinking") + this.#delta({ type: "signature_delta", signature: own.signature });
    }
    return written;
  }

  #piece({ call, id, name, args }: Extract<Delta, { kind: "call" }>): string {
    if (this.#open === "call" && this.#call === call) {
      return args === "" ? "" : this.#delta({ type: "input_json_delta", partial_json: args });
    }
    const known = this.#waiting.get(call) ?? { id: "", name: "", args: "" };
    this.#waiting.set(call, { id: id ?? known.id, name: name ?? known.name, args: known.args + args });
    // The first one that is named goes on as it comes; others are whole before they can be told apart from it.
    return this.#open === "call" ? "" : this.#openCall(call);
  }

  #openCall(call: number): string {
    const waiting = this.#waiting.get(call)!;
    if (waiting.name === "") return "";
    this.#waiting.delete(call);
    const opened =
      this.#start() +
      this.#close() +
      this.#openBlock("call", {
        type: "tool_use",
        id: waiting.id || `toolu_${this.#index + 1}`,
        name: waiting.name,
        input: {},
      });
    this.#call = call;
    return waiting.args === ""
      ? opened
      : opened + this.#delta({ type: "input_json_delta", partial_json: waiting.args });
  }

  #flush(): string {
    let written = "";
    for (const call of [...this.#waiting.keys()]) written += this.#openCall(call);
    return written;
  }
}

const event = (name: string, data: JsonObject): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
