// Reads HTTP/1.1 answers off a connection and looks at as little of them as it can: status, and where each one ends.
// The generator shares a processor with the upstream, so what it costs here limits what can be measured.
const HEAD_END = Buffer.from("\r\n\r\n");
const LF = 10;

type State = "head" | "length" | "chunk-size" | "chunk-data" | "trailer";

/** Feed it what arrives; it tells how many answers have ended, and throws on what is no HTTP/1.1 answer. */
export class AnswerReader {
  /** Status of the answer being read, or of the last one. */
  status = 0;
  #state: State = "head";
  #left = 0;
  /** Beginning of a head or a line whose end has not arrived. */
  #rest: Buffer | undefined;

  /** Answers that ended within `bytes`. */
  push(bytes: Buffer): number {
    let buffer = bytes;
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, bytes]);
      this.#rest = undefined;
    }
    let ended = 0;
    let at = 0;
    while (at < buffer.length) {
      const next = this.#step(buffer, at);
      if (next < 0) {
        this.#rest = buffer.subarray(at);
        return ended;
      }
      at = next;
      if (this.#state === "head") ended++;
    }
    return ended;
  }

  /** Reads one part at `at` and returns where it ended, or -1 when its end has not arrived. */
  #step(buffer: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(buffer, at);
      case "length":
      case "chunk-data": {
        const taken = Math.min(this.#left, buffer.length - at);
        this.#left -= taken;
        if (this.#left === 0) this.#state = this.#state === "length" ? "head" : "chunk-size";
        return at + taken;
      }
      case "chunk-size": {
        const end = buffer.indexOf(LF, at);
        if (end < 0) return -1;
        const size = Number.parseInt(buffer.toString("latin1", at, end), 16);
        if (!Number.isFinite(size)) throw new Error("a chunk without a size");
        // The line end behind the data is read as data.
        this.#left = size + 2;
        this.#state = size === 0 ? "trailer" : "chunk-data";
        return end + 1;
      }
      case "trailer": {
        const end = buffer.indexOf(LF, at);
        if (end < 0) return -1;
        if (end - at <= 1) this.#state = "head";
        return end + 1;
      }
    }
  }

  #readHead(buffer: Buffer, at: number): number {
    const end = buffer.indexOf(HEAD_END, at);
    if (end < 0) return -1;
    const head = buffer.toString("latin1", at, end);
    if (!head.startsWith("HTTP/1.1 ")) throw new Error(`no HTTP/1.1 answer: ${head.slice(0, 60)}`);
    this.status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (length !== null) {
      this.#left = Number(length[1]);
      this.#state = this.#left === 0 ? "head" : "length";
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#state = "chunk-size";
    } else if (this.status === 204 || this.status === 304) {
      this.#state = "head";
    } else {
      throw new Error("an answer that ends with the connection cannot be measured");
    }
    return end + HEAD_END.length;
  }
}
