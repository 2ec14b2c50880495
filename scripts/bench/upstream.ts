// The upstream: a process of its own that answers as fast as Node can write prepared bytes, so that the gateway is what
// is measured. `…/bytes/N` answers N bytes, `/cached/` in its path lets a cache keep them; a request with the field
// `X-Bench-Echo` gets its own head back as JSON, which is how the proof sees what upstreams receive. `/v1/chat/completions`
// answers whole, or, asked to stream, tokens that say when they were written, as milliseconds since the epoch. `/redis` plays Upstash's
// REST interface out of a map: GET, SET and DEL. Prints its port to the parent.
import net from "node:net";
import type { Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const BLOCK = Buffer.alloc(65_536, "x");
/** Longer bodies are streamed from one block. */
const PREPARED_BYTES = 1_048_576;
/** Paths whose answers are kept ready; the benchmark has five. */
const MAX_PREPARED = 64;

const answerHead = (length: number, cached = false): string =>
  [
    "HTTP/1.1 200 OK",
    `Date: ${new Date().toUTCString()}`,
    "Content-Type: application/json",
    `Content-Length: ${length}`,
    `Cache-Control: ${cached ? "public, max-age=86400" : "private, no-store"}`,
    'ETag: "bench-1"',
    "Vary: Accept-Encoding",
    "Server: bench",
    "Connection: keep-alive",
    "X-Request-Id: 7f3a",
    "\r\n",
  ].join("\r\n");

const prepared = new Map<string, Buffer>();

function answerFor(path: string): Buffer | number {
  const known = prepared.get(path);
  if (known !== undefined) return known;
  const bytes = Number(/\/bytes\/(\d+)/.exec(path)?.[1] ?? 1024);
  if (bytes > PREPARED_BYTES) return bytes;
  const answer = Buffer.from(answerHead(bytes, path.includes("/cached/")) + "x".repeat(bytes), "latin1");
  if (prepared.size < MAX_PREPARED) prepared.set(path, answer);
  return answer;
}

/** Writes `left` bytes no faster than they are taken. */
function stream(socket: Socket, left: number): void {
  let remaining = left;
  const more = (): void => {
    while (remaining > 0) {
      const block = remaining >= BLOCK.length ? BLOCK : BLOCK.subarray(0, remaining);
      remaining -= block.length;
      if (!socket.write(block)) {
        if (remaining > 0) socket.once("drain", more);
        return;
      }
    }
  };
  more();
}

const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n";
const STREAM_TOKENS = 200;
const TOKEN_EVERY_MS = 15;
const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const eventOf = (delta: string, finish: string): string =>
  `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"fake","system_fingerprint":"fp_1",` +
  `"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}\n\n`;

function streamTokens(socket: Socket): void {
  socket.write(STREAM_HEAD + chunkOf(eventOf('{"role":"assistant","content":""}', "null")));
  let left = STREAM_TOKENS;
  const timer = setInterval(() => {
    if (socket.destroyed || left-- === 0) {
      clearInterval(timer);
      socket.write(`${chunkOf(`${eventOf("{}", '"stop"')}data: [DONE]\n\n`)}0\r\n\r\n`);
      return;
    }
    const now = (performance.timeOrigin + performance.now()).toFixed(2);
    socket.write(chunkOf(eventOf(`{"content":"t${now} "}`, "null")));
  }, TOKEN_EVERY_MS);
}

/** A completion of about a kilobyte, as providers send it. */
const CHAT_BODY = JSON.stringify({
  id: "chatcmpl-bench",
  object: "chat.completion",
  created: 1_790_000_000,
  model: "fake",
  system_fingerprint: "fp_1",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "Delivery takes three working days. ".repeat(20).trim(), refusal: null },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: { prompt_tokens: 31, completion_tokens: 120, total_tokens: 151 },
});
const CHAT_ANSWER = Buffer.from(answerHead(CHAT_BODY.length) + CHAT_BODY, "latin1");

const isChat = (head: string): boolean => head.includes(" /v1/chat/completions ");
const isRedis = (head: string): boolean => head.startsWith("POST /redis ");
const isRead = (head: string): boolean => isChat(head) || isRedis(head);

const values = new Map<string, string>();

function redis(body: string): string {
  const [command, key, value] = JSON.parse(body) as [command: string, key: string, value?: string];
  switch (command.toLowerCase()) {
    case "get":
      return JSON.stringify({ result: values.get(key) ?? null });
    case "set":
      values.set(key, value ?? "");
      return '{"result":"OK"}';
    case "del":
      return JSON.stringify({ result: Number(values.delete(key)) });
    default:
      return JSON.stringify({ error: `ERR unknown command '${command}'` });
  }
}

/** `body`: of a question to an AI provider or to Redis; of others it is read away. */
function answer(socket: Socket, head: string, body: string): void {
  if (isChat(head)) {
    if (/"stream": *true/.test(body)) return streamTokens(socket);
    socket.write(CHAT_ANSWER);
    return;
  }
  if (isRedis(head)) {
    const text = redis(body);
    socket.write(answerHead(text.length) + text, "latin1");
    return;
  }
  if (/\r\nx-bench-echo:/i.test(head)) {
    const [line, ...fields] = head.split("\r\n");
    const body = Buffer.from(JSON.stringify({ line, fields }));
    socket.write(Buffer.concat([Buffer.from(answerHead(body.length)), body]));
    return;
  }
  const found = answerFor(head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/")));
  if (typeof found !== "number") {
    socket.write(found);
    return;
  }
  socket.write(answerHead(found));
  stream(socket, found);
}

/** Bytes of the request's body that are still to come, from its head; -1 for a chunked one. */
function bodyLength(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length !== null) return Number(length[1]);
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? -1 : 0;
}

const CHUNKED_END = Buffer.from("\r\n0\r\n\r\n");

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  let rest: Buffer = Buffer.alloc(0);
  let head = "";
  let body = "";
  /** Body bytes to skip; -1 while a chunked body runs. */
  let skip = 0;
  const step = (): boolean => {
    if (head === "") {
      const end = rest.indexOf(HEAD_END);
      if (end < 0) return false;
      head = rest.toString("latin1", 0, end);
      skip = bodyLength(head);
      // A chunked body's first line end stands before it: the last chunk is then found even in an empty body.
      rest = rest.subarray(skip < 0 ? end + 2 : end + 4);
    }
    if (skip < 0) {
      const end = rest.indexOf(CHUNKED_END);
      if (end < 0) return false;
      if (isRead(head)) body = rest.toString("latin1", 0, end);
      rest = rest.subarray(end + CHUNKED_END.length);
    } else {
      if (isRead(head)) body += rest.toString("latin1", 0, skip);
      if (rest.length < skip) {
        skip -= rest.length;
        rest = Buffer.alloc(0);
        return false;
      }
      rest = rest.subarray(skip);
    }
    answer(socket, head, body);
    head = "";
    body = "";
    return rest.length > 0;
  };
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (step());
  });
  // A gateway closes what it no longer needs; there is nothing to tell anybody.
  socket.on("error", () => socket.destroy());
}

const server = net.createServer(serve).listen(0, "127.0.0.1", () => {
  process.send?.((server.address() as net.AddressInfo).port);
});
process.once("disconnect", () => process.exit());
