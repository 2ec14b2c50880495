// Reads a body that is not streamed to the client: to its end, or until nothing comes any more.

/** Undefined for a body that was cut, or of which nothing came for `idleMs`: then `stop` aborts what it answers. */
export async function readText(answer: Response, idleMs: number, stop: AbortController): Promise<string | undefined> {
  if (answer.body === null) return "";
  const reader = answer.body.getReader();
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
