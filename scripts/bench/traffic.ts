// What the benchmark asks for, and how: kinds of request, and the fields that a client behind an edge would send. One
// place, for generator, proof and documentation must speak of the same request.
import { API_KEY, TOKEN, tokenFor } from "./callers.ts";

export type Kind =
  | "get-1k"
  | "hit-1k"
  | "miss-1k"
  | "get-100k"
  | "post-10k"
  | "get-200m"
  | "get-1k-key"
  | "get-1k-jwt"
  | "chat"
  | "spread-1k";

export interface Exchange {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly requestBytes: number;
  /** Open connections at saturation. */
  readonly connections: number;
  /** Who asks, where a route wants to know. */
  readonly credential?: readonly [name: string, value: string];
  /** Each request asks for another URL: the eight digits of its path count up. */
  readonly distinct?: true;
  /** What is sent, in place of bytes that mean nothing. */
  readonly json?: string;
  /** Requests differ in service, URL and caller. */
  readonly spread?: true;
}

/** How many of each there are where requests are spread. */
export const SPREAD = { services: 300, routes: 1_000, urls: 50_000, identities: 1_000 } as const;

/** What an AI client asks that wants its answer whole. */
const CHAT = JSON.stringify({
  model: "bench",
  messages: [
    { role: "system", content: "You are a helpful assistant." },
    { role: "user", content: "Summarise the terms of delivery for order 42 in three sentences." },
  ],
});

/** The upstream answers `/bytes/N` below any prefix with N bytes, and lets a cache keep only what is below `/cached`. */
export const EXCHANGES: Readonly<Record<Kind, Exchange>> = {
  "get-1k": { method: "GET", path: "/orders/42/bytes/1024?expand=items", requestBytes: 0, connections: 32 },
  "hit-1k": { method: "GET", path: "/orders/cached/bytes/1024?expand=items", requestBytes: 0, connections: 32 },
  "miss-1k": {
    method: "GET",
    path: "/orders/cached/00000000/bytes/1024",
    requestBytes: 0,
    connections: 32,
    distinct: true,
  },
  "get-100k": { method: "GET", path: "/orders/42/bytes/102400?expand=items", requestBytes: 0, connections: 16 },
  "post-10k": { method: "POST", path: "/orders/bytes/1024", requestBytes: 10_240, connections: 32 },
  "get-200m": { method: "GET", path: "/exports/bytes/209715200", requestBytes: 0, connections: 2 },
  // A key, and limits by the minute and the hour.
  "get-1k-key": {
    ...{ method: "GET", path: "/keyed/42/bytes/1024?expand=items", requestBytes: 0, connections: 32 },
    credential: ["X-API-Key", API_KEY],
  },
  "get-1k-jwt": {
    ...{ method: "GET", path: "/signed/42/bytes/1024?expand=items", requestBytes: 0, connections: 32 },
    credential: ["Authorization", `Bearer ${TOKEN}`],
  },
  // A chat completion that is not streamed, through the AI door.
  chat: { method: "POST", path: "/v1/chat/completions", requestBytes: 0, connections: 32, json: CHAT },
  // Everything at once, for memory: what it asks for is put together for each request.
  "spread-1k": { method: "GET", path: "/s0/cached/0/bytes/1024", requestBytes: 0, connections: 32, spread: true },
};

export const HOST = "orders.example.com";

const CLIENT_FIELDS: readonly (readonly [name: string, value: string])[] = [
  ["Accept", "application/json, text/plain, */*"],
  ["Accept-Encoding", "gzip, deflate, br"],
  ["Accept-Language", "en-GB,en;q=0.9"],
  ["Referer", "https://shop.example.com/cart"],
  [
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  ],
  ["X-Client", "web-7"],
  // The edge in front of the Worker writes it.
  ["CF-Connecting-IP", "203.0.113.7"],
];

export const clientFields = (): Record<string, string> => Object.fromEntries(CLIENT_FIELDS);

/** One request as bytes, ready to be written again and again; `key` is shown in `X-API-Key`. */
export function requestBytes(exchange: Exchange, key?: string): Buffer {
  const { method, path, requestBytes: length, credential, json } = exchange;
  const shown = credential ?? (key === undefined ? undefined : (["X-API-Key", key] as const));
  const sent = shown === undefined ? CLIENT_FIELDS : [...CLIENT_FIELDS, shown];
  const fields = sent.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const body = json ?? "x".repeat(length);
  const type = json === undefined ? "application/octet-stream" : "application/json";
  const content = body === "" ? "" : `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}${content}\r\n${body}`, "latin1");
}

/** The requests of one kind, one after the other. */
export function requestsOf(kind: Kind, key: string | undefined): () => Buffer {
  const exchange = EXCHANGES[kind];
  if (exchange.spread === true) return spreadRequests(exchange);
  const request = requestBytes(exchange, key);
  if (exchange.distinct === undefined) return () => request;
  const at = request.indexOf("00000000");
  return () => {
    const next = Buffer.from(request);
    next.write(String(distinct++).padStart(8, "0"), at, "latin1");
    return next;
  };
}

let distinct = 0;

/** Every service, every URL and every caller in turn; the numbers have no common divisor, so that all meet all. */
function spreadRequests(exchange: Exchange): () => Buffer {
  const tokens = Array.from({ length: SPREAD.identities }, (_, index) => `Bearer ${tokenFor(`user-${index}`)}`);
  return () => {
    const turn = distinct++;
    const path = `/s${(turn * 7) % SPREAD.services}/cached/${(turn * 7_919) % SPREAD.urls}/bytes/1024`;
    return requestBytes({ ...exchange, path, credential: ["Authorization", tokens[turn % tokens.length]!] });
  };
}
