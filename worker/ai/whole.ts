// Reads a body that is not streamed to the client: to its end, or until nothing comes any more.
import { contentLength } from "../core/http/limits.ts";
import type { Waiter } from "../platform/deadlines.ts";
import { within } from "../platform/upstream.ts";

/** A body of at most this length comes in one go, or hardly at all. */
const SHORT_BYTES = 64 * 1024;

/** Told apart from why there is none: it was cut, or nothing came of it for too long. */
export type Whole = { readonly text: string } | "cut" | "timeout";

/** A body of which nothing comes for `idleMs` goes on until the request ends, or until who asked aborts it. */
export async function readText(answer: Response, idleMs: number, waiter: Waiter): Promise<Whole> {
  if (answer.body === null) return { text: "" };
  const declared = contentLength(answer.headers.get("content-length"));
  if (declared === undefined || declared > SHORT_BYTES) return readByPieces(answer.body, idleMs);
  // Natively: a read in JavaScript costs 30 µs, and a timer for each 15.
  const text = await within(answer.text().then(whole), { waiter, now: Date.now() }, idleMs);
  return typeof text === "string" ? (text === "timeout" ? text : "cut") : text;
}

const whole = (text: string): { readonly text: string } => ({ text });

async function readByPieces(body: ReadableStream<Uint8Array>, idleMs: number): Promise<Whole> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    for (;;) {
      const silent = Promise.withResolvers<"silent">();
      timer = setTimeout(silent.resolve, idleMs, "silent");
      const read = await Promise.race([reader.read(), silent.promise]);
      clearTimeout(timer);
      if (read === "silent") {
        void reader.cancel().catch(() => {});
        return "timeout";
      }
      if (read.done) return { text: text + decoder.decode() };
      text += decoder.decode(read.value, { stream: true });
    }
  } catch {
    // The provider's connection broke: what came is no answer.
    return "cut";
  } finally {
    clearTimeout(timer);
  }
}
