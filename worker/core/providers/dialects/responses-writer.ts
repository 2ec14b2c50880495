// A Responses stream as clients read it: every item is added, told piece by piece and done, every event numbered, and the
// whole answer stands in the last one. https://platform.openai.com/docs/api-reference/responses-streaming
import type { ChatRequest, Finish, JsonObject, Opaque, Usage } from "../chat.ts";
import type { Delta, StreamWriter } from "../deltas.ts";
import type { Failure } from "../failures.ts";
import type { Told } from "../surface.ts";
import { writeError } from "./openai-error.ts";
import { callItem, messageItem, thoughtItem, writeResponse } from "./responses-answer.ts";

interface Call {
  readonly index: number;
  readonly id: string;
  callId: string;
  name: string;
  args: string;
}

type Open =
  | { kind: "text" | "refusal"; index: number; id: string; text: string }
  | { kind: "reasoning"; index: number; id: string; text: string; opaque: Opaque | undefined };

export class ResponsesWriter implements StreamWriter {
  #chat: ChatRequest;
  #told: Told;
  #started = false;
  #number = 0;
  #output: JsonObject[] = [];
  #open: Open | undefined;
  #calls = new Map<number, Call>();
  #usage: Usage | undefined;
  #finish: Finish | undefined;

  constructor(chat: ChatRequest, told: Told) {
    this.#chat = chat;
    this.#told = { ...told, id: told.id.startsWith("resp_") ? told.id : `resp_${told.id}` };
  }

  write(delta: Delta): string {
    switch (delta.kind) {
      case "start":
        if (delta.model !== "") this.#told = { ...this.#told, model: delta.model };
        return "";
      case "text":
      case "refusal":
        return this.#say(delta.kind, delta.text);
      case "reasoning":
        return this.#think(delta.text, delta.opaque);
      case "call":
        return this.#piece(delta);
      case "finish":
        this.#finish ??= delta.finish;
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
    let written = this.#start() + this.#close();
    for (const call of this.#calls.values()) written += this.#endCall(call);
    const finish = this.#finish ?? "stop";
    const response = writeResponse(this.#chat, this.#told, this.#output, finish, this.#usage);
    const type = response.status === "incomplete" ? "response.incomplete" : "response.completed";
    return written + this.#event(type, { response });
  }

  fail(failure: Failure): string {
    const { error } = writeError(failure) as { error: { code: string | null; message: string; param: string | null } };
    return this.#start() + this.#event("error", { code: error.code, message: error.message, param: error.param });
  }

  #event(type: string, fields: JsonObject): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#number++, ...fields })}\n\n`;
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const response = writeResponse(this.#chat, this.#told, [], undefined, undefined);
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  #add(item: JsonObject): string {
    const index = this.#output.push(item) - 1;
    return this.#event("response.output_item.added", { output_index: index, item });
  }

  #say(kind: "text" | "refusal", text: string): string {
    let written = this.#start();
    if (this.#open?.kind !== kind) {
      written += this.#close();
      const id = `msg_${this.#output.length}_${this.#told.id}`;
      const open: Open = { kind, index: this.#output.length, id, text: "" };
      written += this.#add({ type: "message", id, status: "in_progress", role: "assistant", content: [] });
      this.#open = open;
      const part =
        kind === "text"
          ? { type: "output_text", text: "", annotations: [], logprobs: [] }
          : { type: "refusal", refusal: "" };
      written += this.#event("response.content_part.added", { ...at(open), content_index: 0, part });
    }
    const open = this.#open;
    open.text += text;
    const type = kind === "text" ? "response.output_text.delta" : "response.refusal.delta";
    const logprobs = kind === "text" ? { logprobs: [] } : {};
    return written + this.#event(type, { ...at(open), content_index: 0, delta: text, ...logprobs });
  }

  #think(text: string, opaque: Opaque | undefined): string {
    let written = this.#start();
    if (this.#open?.kind !== "reasoning") {
      written += this.#close();
      const id = `rs_${this.#output.length}_${this.#told.id}`;
      this.#open = { kind: "reasoning", index: this.#output.length, id, text: "", opaque: undefined };
      written += this.#add({ type: "reasoning", id, summary: [] });
      const part = { type: "summary_text", text: "" };
      written += this.#event("response.reasoning_summary_part.added", { ...at(this.#open), summary_index: 0, part });
    }
    const open = this.#open;
    open.text += text;
    open.opaque = opaque ?? open.opaque;
    if (text === "") return written;
    return (
      written + this.#event("response.reasoning_summary_text.delta", { ...at(open), summary_index: 0, delta: text })
    );
  }

  #close(): string {
    const open = this.#open;
    if (open === undefined) return "";
    this.#open = undefined;
    if (open.kind === "reasoning") {
      const item = thoughtItem(open.id, open.text, open.opaque);
      this.#output[open.index] = item;
      const part = { type: "summary_text", text: open.text };
      return (
        this.#event("response.reasoning_summary_text.done", { ...at(open), summary_index: 0, text: open.text }) +
        this.#event("response.reasoning_summary_part.done", { ...at(open), summary_index: 0, part }) +
        this.#event("response.output_item.done", { output_index: open.index, item })
      );
    }
    const item = messageItem(open.id, [{ kind: open.kind, text: open.text }], "completed");
    this.#output[open.index] = item;
    const [part] = item.content as JsonObject[];
    const done =
      open.kind === "text"
        ? this.#event("response.output_text.done", { ...at(open), content_index: 0, text: open.text, logprobs: [] })
        : this.#event("response.refusal.done", { ...at(open), content_index: 0, refusal: open.text });
    return (
      done +
      this.#event("response.content_part.done", { ...at(open), content_index: 0, part }) +
      this.#event("response.output_item.done", { output_index: open.index, item })
    );
  }

  #piece({ call, id, name, args }: Extract<Delta, { kind: "call" }>): string {
    let written = this.#start();
    let known = this.#calls.get(call);
    if (known === undefined) {
      written += this.#close();
      const index = this.#output.length;
      known = { index, id: `fc_${index}_${this.#told.id}`, callId: id ?? `call_${index}`, name: name ?? "", args: "" };
      this.#calls.set(call, known);
      written += this.#add(callItem(known.id, known.callId, known.name, "", "in_progress"));
    }
    if (args === "") return written;
    known.args += args;
    return written + this.#event("response.function_call_arguments.delta", { ...at(known), delta: args });
  }

  #endCall(call: Call): string {
    const item = callItem(call.id, call.callId, call.name, call.args, "completed");
    this.#output[call.index] = item;
    return (
      this.#event("response.function_call_arguments.done", { ...at(call), name: call.name, arguments: call.args }) +
      this.#event("response.output_item.done", { output_index: call.index, item })
    );
  }
}

const at = ({ id, index }: { readonly id: string; readonly index: number }): JsonObject => ({
  item_id: id,
  output_index: index,
});
