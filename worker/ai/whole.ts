// Reads a body that is not streamed to the client: to its end, or until nothing comes any more.
import { contentLength } from "../core/http/limits.ts";
import type { Waiter } from "../platform/deadlines.ts";
import { within } from "../platform/upstream.ts";

/** A body of at most this length comes in one go, or hardly at all. */
const SHORT_BYTES = 64 * 1024;

/** Undefined for a body that was cut, or of which nothing came for `idleMs`: then `stop` aborts what it answers. */
export async function readText(
  answer: Response,
  idleMs: number,
  stop: AbortController,
  waiter: Waiter,
): Promise<string | undefined> {
  if (answer.body === null) return "";
  const declared = contentLength(answer.headers.get("content-length"));
  if (declared === undefined || declared > SHORT_BYTES) return readByPieces(answer.body, idleMs, stop);
  // Natively: a read in JavaScript costs 30 µs, and a timer for each 15.
  const text = await within(answer.text().then(whole), { waiter, now: Date.now() }, idleMs);
  if (text === "timeout") stop.abort();
  return typeof text === "string" ? undefined : text.text;
}

/** Told apart from why there is none. */
const whole = (text: string): { readonly text: string } => ({ text });

async function readByPieces(
  body: ReadableStream<Uint8Array>,
  idleMs: number,
  stop: AbortController,
): Promise<string | undefined> {
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
        stop.abort();
        return undefined;
      }
      if (read.done) return text + decoder.decode();
      text += decoder.decode(read.value, { stream: true });
    }
  } catch {
    // The provider's connection broke: what came is no answer.
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
