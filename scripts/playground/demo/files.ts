// `files`: one large file that is made up as it is read, so that any range of it costs nothing to hold: a ledger of
// a million lines of 64 bytes. HEAD, ranges, If-Range and strong validators as RFC 9110 has them; and a place to send
// large bodies to, which answers with their length and SHA-256.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { notFound, sendJson, urlOf } from "./instance.ts";
import type { Handler } from "./instance.ts";

const LINE_BYTES = 64;
const LINES = 1_048_576;
const SIZE = LINES * LINE_BYTES;
const TAG = '"ledger-2026-10"';
const MADE = new Date("2026-10-01T00:00:00Z").toUTCString();
const CHUNK_LINES = 1024;

/** One sale: number, Unix time, till, amount, and dots up to the 64th byte. */
function line(index: number): string {
  const at = Date.UTC(2026, 0, 1) / 1000 + index * 23;
  const till = 1 + ((index * 7919) % 12);
  const cents = 450 + ((index * 104_729) % 98_000);
  const text = `${String(index).padStart(7, "0")},${at},till-${till},${(cents / 100).toFixed(2)}`;
  return `${text.padEnd(LINE_BYTES - 1, ".")}\n`;
}

/** Bytes `from` to before `to` of the ledger. */
function* ledger(from: number, to: number): Generator<Buffer> {
  for (let first = Math.floor(from / LINE_BYTES); first * LINE_BYTES < to; first += CHUNK_LINES) {
    let text = "";
    for (let index = first; index < Math.min(first + CHUNK_LINES, LINES); index++) text += line(index);
    const start = first * LINE_BYTES;
    yield Buffer.from(text, "latin1").subarray(Math.max(0, from - start), to - start);
  }
}

/** One byte range (RFC 9110 §14.1.2), as from and before; "unsatisfiable"; or undefined for what is to be ignored. */
function rangeOf(header: string | undefined): readonly [from: number, to: number] | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") return last === "0" ? "unsatisfiable" : [Math.max(0, SIZE - Number(last)), SIZE];
  const to = last === "" ? SIZE : Math.min(SIZE, Number(last) + 1);
  if (last !== "" && Number(last) < Number(first)) return undefined;
  return Number(first) >= SIZE ? "unsatisfiable" : [Number(first), to];
}

function sendLedger(request: IncomingMessage, response: ServerResponse): void {
  const headers = { ETag: TAG, "Last-Modified": MADE, "Accept-Ranges": "bytes", "Cache-Control": "public, max-age=60" };
  if (request.headers["if-none-match"] === TAG) {
    response.writeHead(304, headers).end();
    return;
  }
  const ifRange = request.headers["if-range"];
  const range =
    ifRange === undefined || ifRange === TAG || ifRange === MADE ? rangeOf(request.headers.range) : undefined;
  if (range === "unsatisfiable") {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${SIZE}`, "Content-Length": 0 }).end();
    return;
  }
  const [from, to] = range ?? [0, SIZE];
  if (range !== undefined) response.setHeader("Content-Range", `bytes ${from}-${to - 1}/${SIZE}`);
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    "Content-Type": "text/csv",
    "Content-Length": to - from,
  });
  if (request.method === "HEAD") response.end();
  else Readable.from(ledger(from, to), { objectMode: false }).pipe(response);
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  sendJson(response, 201, { bytes, sha256: hash.digest("hex") });
}

export const files: Handler = (request, response, instance) => {
  const { pathname } = urlOf(request);
  const reads = request.method === "GET" || request.method === "HEAD";
  if (pathname === "/ledger.csv" && reads) sendLedger(request, response);
  else if (pathname === "/uploads" && request.method === "POST") {
    void receive(request, response).catch(() => response.destroy());
  } else if (pathname === "/health") sendJson(response, 200, { status: "ok", instance: instance.id });
  else notFound(request, response);
};
