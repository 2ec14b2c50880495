// What the benchmark asks for, and how: kinds of request, and the fields that a client behind an edge would send. One
// place, for generator, proof and documentation must speak of the same request.
import { API_KEY, TOKEN } from "./callers.ts";

export type Kind = "get-1k" | "hit-1k" | "miss-1k" | "get-100k" | "post-10k" | "get-200m" | "get-1k-key" | "get-1k-jwt";

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
}

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
  const { method, path, requestBytes: length, credential } = exchange;
  const shown = credential ?? (key === undefined ? undefined : (["X-API-Key", key] as const));
  const sent = shown === undefined ? CLIENT_FIELDS : [...CLIENT_FIELDS, shown];
  const fields = sent.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const content = length === 0 ? "" : `Content-Type: application/octet-stream\r\nContent-Length: ${length}\r\n`;
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}${content}\r\n${"x".repeat(length)}`,
    "latin1",
  );
}

/** The requests of one kind, one after the other. */
export function requestsOf(kind: Kind, key: string | undefined): () => Buffer {
  const exchange = EXCHANGES[kind];
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
