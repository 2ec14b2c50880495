// A stand-in for a Consul agent: its health API over HTTP, with answers in the shape that HashiCorp documents and that its
// own api double (@hashicorp/consul-api-double) gives, held queries and the index header included. Not a Consul: what it
// cannot show (elections, ACLs, anti-entropy) was not tried.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { consulEntry } from "./consul-answers.ts";
import type { EntryOptions } from "./consul-answers.ts";

export interface ConsulDouble {
  readonly origin: string;
  /** Every query as it came: path and query. */
  readonly asked: string[];
  /** Queries that are held back now. */
  readonly held: number;
  /** Another catalogue: held queries are answered. */
  register(entries: readonly EntryOptions[]): void;
  /** From now on every query is answered with this status; undefined: as usual. */
  fail(status: number | undefined): void;
  close(): Promise<void>;
}

export async function startConsul(entries: readonly EntryOptions[]): Promise<ConsulDouble> {
  let catalogue = entries.map(consulEntry);
  let index = 42;
  let failure: number | undefined;
  const asked: string[] = [];
  const waiting = new Set<() => void>();
  const release = (): void => {
    for (const answer of waiting) answer();
    waiting.clear();
  };
  const server = createServer((request, response) => {
    // A gateway that is killed resets its connections.
    request.socket.once("error", () => undefined);
    asked.push(request.url ?? "");
    const url = new URL(request.url ?? "/", "http://consul");
    const answer = (): void => {
      waiting.delete(answer);
      if (failure !== undefined) return void response.writeHead(failure).end("No cluster leader");
      response.writeHead(200, { "content-type": "application/json", "x-consul-index": String(index) });
      response.end(JSON.stringify(catalogue));
    };
    const known = Number(url.searchParams.get("index") ?? 0);
    if (failure !== undefined || known < index) return answer();
    waiting.add(answer);
    const seconds = Number.parseInt(url.searchParams.get("wait") ?? "300", 10);
    const timer = setTimeout(answer, seconds * 1_000);
    response.once("close", () => {
      clearTimeout(timer);
      waiting.delete(answer);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    get held() {
      return waiting.size;
    },
    register(next) {
      catalogue = next.map(consulEntry);
      index++;
      release();
    },
    fail(status) {
      failure = status;
      if (status !== undefined) release();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
