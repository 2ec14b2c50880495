// Ready-made scripts for an upstream: everything a real one has been seen to do to a proxy, one name each.
import { createHash } from "node:crypto";
import { toPairs } from "./sockets.ts";
import type { Fields } from "./sockets.ts";
import type { Behaviour } from "./upstream.ts";

/** Takes the request and never says a word. */
export const hang: Behaviour = (exchange) => exchange.hold();

/** RST before a byte of the answer. */
export const resetAtOnce: Behaviour = (exchange) => exchange.reset();

/** FIN before a byte of the answer. */
export const closeAtOnce: Behaviour = (exchange) => exchange.finish();

export const garbage: Behaviour = async (exchange) => {
  await exchange.write("THIS IS NOT HTTP\r\n\r\n");
  exchange.finish();
};

export const badContentLength: Behaviour = async (exchange) => {
  await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nxx");
  exchange.finish();
};

/** The first half of a head, then RST. */
export const halfHead: Behaviour = async (exchange) => {
  await exchange.write("HTTP/1.1 200 OK\r\nContent-Le");
  await exchange.wait(50);
  exchange.reset();
};

/** One field of `bytes` bytes. */
export const hugeField =
  (bytes: number): Behaviour =>
  () => ({ headers: { "X-Huge": "h".repeat(bytes) }, body: "ok" });

/** Promises `promised` bytes, sends `sent`, then ends its side ("fin") or resets. */
export const cut =
  (promised: number, sent: number, how: "fin" | "reset" = "fin"): Behaviour =>
  async (exchange) => {
    await exchange.head(200, { "Content-Length": String(promised), "Content-Type": "text/plain" });
    await exchange.write("x".repeat(sent));
    await exchange.wait(50);
    if (how === "fin") exchange.finish();
    else exchange.reset();
  };

/** A chunked body that ends without its last chunk. */
export const cutChunked: Behaviour = async (exchange) => {
  await exchange.head(200, { "Transfer-Encoding": "chunked", "Content-Type": "text/plain" });
  await exchange.chunk("x".repeat(500));
  await exchange.wait(50);
  exchange.finish();
};

/** A body that only the end of the connection ends. */
export const untilClose =
  (body: string): Behaviour =>
  async (exchange) => {
    await exchange.head(200, { Connection: "close", "Content-Type": "text/plain" });
    await exchange.write(body);
    exchange.finish();
  };

/** `bytes` bytes of one letter, as fast as they are taken. */
export const large =
  (bytes: number, headers: Fields = { "Content-Type": "application/octet-stream" }): Behaviour =>
  async (exchange) => {
    await exchange.head(200, [...toPairs(headers), ["Content-Length", String(bytes)]]);
    const block = Buffer.alloc(65_536, "a");
    for (let left = bytes; left > 0 && !exchange.gone; left -= block.length) {
      await exchange.write(left >= block.length ? block : block.subarray(0, left));
    }
  };

/** One letter every `everyMs`, `count` of them. */
export const drip =
  (count: number, everyMs: number): Behaviour =>
  async (exchange) => {
    await exchange.head(200, { "Content-Length": String(count), "Content-Type": "text/plain" });
    for (let sent = 0; sent < count && !exchange.gone; sent++) {
      await exchange.write("d");
      if (sent + 1 < count) await exchange.wait(everyMs);
    }
  };

/** Server-sent events, each sent when `next(index)` resolves to it; undefined ends the stream. */
export const events =
  (next: (index: number) => Promise<string | undefined>): Behaviour =>
  async (exchange) => {
    await exchange.head(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      "Transfer-Encoding": "chunked",
    });
    for (let index = 0; !exchange.gone; index++) {
      const event = await Promise.race([next(index), exchange.hold().then(() => undefined)]);
      if (event === undefined) break;
      await exchange.chunk(`data: ${event}\n\n`);
    }
    await exchange.lastChunk();
  };

/** Answers once the request's body is whole, with what it was. */
export const uploadReceipt: Behaviour = async (exchange) => {
  const { request } = exchange;
  await exchange.whole();
  return {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ bytes: request.bodyBytes, sha256: request.bodySha256 }),
  };
};

/** RFC 6455: accepts, echoes every text frame with `echo:` before it, answers a close with a close. */
export const webSocketEcho: Behaviour = async (exchange) => {
  const { request } = exchange;
  const accept = createHash("sha1")
    .update(`${request.header("sec-websocket-key") ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  const protocol = request.header("sec-websocket-protocol")?.split(",")[0]?.trim();
  await exchange.head(
    101,
    [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Accept", accept],
      ...(protocol === undefined ? [] : [["Sec-WebSocket-Protocol", protocol] as const]),
    ],
    "Switching Protocols",
  );
  let pending: Buffer = Buffer.alloc(0);
  exchange.takeOver((bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (let frame = readFrame(pending); frame !== undefined; frame = readFrame(pending)) {
      pending = pending.subarray(frame.length);
      if (frame.opcode === 8) {
        exchange.socket.write(writeFrame(8, frame.payload));
        exchange.finish();
        return;
      }
      if (frame.opcode === 9) exchange.socket.write(writeFrame(10, frame.payload));
      else if (frame.opcode === 1)
        exchange.socket.write(writeFrame(1, Buffer.concat([Buffer.from("echo:"), frame.payload])));
      else if (frame.opcode === 2) exchange.socket.write(writeFrame(2, frame.payload));
    }
  });
  await exchange.hold();
};

/** One masked client frame (RFC 6455 §5.2), or undefined while it is not whole. 64-bit lengths are not spoken here. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  if (short === 127) throw new RangeError("the echo upstream takes frames under 64 KiB");
  const maskAt = short === 126 ? 4 : 2;
  if (bytes.length < maskAt + 4) return undefined;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  const length = maskAt + 4 + size;
  if (bytes.length < length) return undefined;
  const payload = Buffer.from(bytes.subarray(maskAt + 4, length));
  for (let index = 0; index < payload.length; index++) {
    payload.writeUInt8(payload.readUInt8(index) ^ bytes.readUInt8(maskAt + (index % 4)), index);
  }
  return { opcode: bytes.readUInt8(0) & 0x0f, payload, length };
}

function writeFrame(opcode: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.from([0x80 | opcode, payload.length]) : Buffer.alloc(4);
  if (payload.length >= 126) {
    head.writeUInt8(0x80 | opcode, 0);
    head.writeUInt8(126, 1);
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, payload]);
}
