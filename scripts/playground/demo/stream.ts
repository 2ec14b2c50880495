// `stream`: answers that take their time. A clock as server-sent events, a text that drips, and a WebSocket that echoes.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { notFound, sendJson, urlOf } from "./instance.ts";
import type { Handler, UpgradeHandler } from "./instance.ts";

/** An event a second until the client leaves; `Last-Event-ID` is gone on from. */
function clock(request: IncomingMessage, response: ServerResponse): void {
  let id = Number(request.headers["last-event-id"] ?? 0) || 0;
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const tick = (): void =>
    void response.write(`id: ${++id}\nevent: tick\ndata: ${JSON.stringify({ at: new Date().toISOString() })}\n\n`);
  tick();
  const timer = setInterval(tick, 1000);
  response.on("close", () => clearInterval(timer));
}

const DRIPS = [
  "The shutter opens.\n",
  "Light from a lamp across the yard\n",
  "falls through eleven blades of steel\n",
  "onto a strip of film,\n",
  "and stays.\n",
];

/** `/drip?seconds=5`: a few lines, spread over that time. */
function drip(request: IncomingMessage, response: ServerResponse): void {
  const seconds = Math.min(300, Math.max(0, Number(urlOf(request).searchParams.get("seconds") ?? 5) || 0));
  response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
  let next = 0;
  const fall = (): void => {
    response.write(DRIPS[next++]);
    if (next === DRIPS.length) response.end();
    else timer = setTimeout(fall, (seconds * 1000) / (DRIPS.length - 1));
  };
  let timer = setTimeout(fall, 0);
  response.on("close", () => clearTimeout(timer));
}

export const stream: Handler = (request, response, instance) => {
  switch (urlOf(request).pathname) {
    case "/clock":
      return clock(request, response);
    case "/drip":
      return drip(request, response);
    case "/echo":
      response.setHeader("Upgrade", "websocket");
      return sendJson(response, 426, { error: "this is a WebSocket: wscat -c ws://…/stream/echo" });
    case "/health":
      return sendJson(response, 200, { status: "ok", instance: instance.id });
    default:
      notFound(request, response);
  }
};

// --- WebSocket (RFC 6455): as much of it as an echo needs ---

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
/** Continuation, text, binary, close, ping. */
const ANSWERED: ReadonlySet<number> = new Set([0x0, 0x1, 0x2, CLOSE, PING]);
const MAX_FRAME = 1_048_576;

export const echo: UpgradeHandler = (request, socket, head) => {
  const key = request.headers["sec-websocket-key"];
  if (urlOf(request).pathname !== "/echo" || key === undefined) {
    socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    return;
  }
  const accept = createHash("sha1")
    .update(key + MAGIC)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let unread = head;
  const take = (chunk: Buffer): void => {
    unread = Buffer.concat([unread, chunk]);
    for (let frame = readFrame(unread); frame !== undefined; frame = readFrame(unread)) {
      unread = unread.subarray(frame.size);
      answer(socket, frame);
    }
  };
  socket.on("data", take);
  socket.on("error", () => socket.destroy());
  if (head.length > 0) take(Buffer.alloc(0));
};

interface Frame {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  /** Bytes it took, header included. */
  readonly size: number;
}

/** The first whole frame, unmasked (§5.2); undefined while it is not all there. */
function readFrame(bytes: Buffer): Frame | undefined {
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const start = 2 + lengthBytes + 4;
  if (bytes.length < start) return undefined;
  const length =
    lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : lengthBytes === 2 ? bytes.readUInt16BE(2) : short;
  if (length > MAX_FRAME)
    return { isLast: true, opcode: CLOSE, payload: Buffer.from([0x03, 0xf1]), size: bytes.length };
  if (bytes.length < start + length) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + length));
  for (let index = 0; index < length; index++) payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0);
  return { isLast: (first & 0x80) !== 0, opcode: first & 0x0f, payload, size: start + length };
}

/** Every frame goes back as it came, parts of messages as parts; a ping as a pong, and a close ends it. */
function answer(socket: Duplex, { isLast, opcode, payload }: Frame): void {
  if (!ANSWERED.has(opcode)) return;
  const back = opcode === PING ? PONG : opcode;
  const length =
    payload.length < 126
      ? Buffer.from([payload.length])
      : payload.length < 65_536
        ? Buffer.from([126, payload.length >> 8, payload.length & 0xff])
        : Buffer.concat([Buffer.from([127, 0, 0, 0, 0]), uint32(payload.length)]);
  socket.write(Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | back]), length, payload]));
  if (opcode === CLOSE) socket.end();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
