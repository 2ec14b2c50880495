// The upstreams of the soak: a service that answers what `bodies.ts` can judge, a provider of AI, one that breaks every rule of HTTP, and
// a Redis by Upstash's REST interface. All in this process; what is done to their answers on the way is the fault proxies' business.
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { draw, type Chance } from "../../worker/core/stats/chance.ts";
import { eventText, LAST_EVENT, makeBody, STREAM_EVENTS, wordsOf } from "./bodies.ts";

export interface Upstream {
  readonly port: number;
  close(): Promise<void>;
}

/** Every answer of ours carries it: what has it was not made by the gateway. */
export const MARK = "x-soak-upstream";

async function listen(server: http.Server | net.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<Upstream> {
  const server = http.createServer((request, response) => {
    response.setHeader(MARK, "1");
    // Whoever asked may have left: there is nobody to tell.
    answer(request, response).catch(() => response.destroy());
  });
  const port = await listen(server);
  return {
    port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** `/…/bytes/N`, `/…/chunked/N`, `/…/events`, `/…/status/N`, POST `/…/echo`; below `/…/cached` for a minute. */
export function startService(now: () => number): Promise<Upstream> {
  return serve(async (request, response) => {
    const target = request.url ?? "/";
    const words = target.split("?")[0]!.split("/");
    const size = Number(words.at(-1)) || 0;
    if (words.includes("cached")) response.setHeader("cache-control", "public, max-age=60");
    switch (words.at(-2) ?? "") {
      case "bytes": {
        const body = makeBody(target, now(), size);
        response.setHeader("content-length", body.length);
        response.end(body);
        return;
      }
      case "chunked": {
        const body = makeBody(target, now(), size);
        for (let at = 0; at < body.length && !response.destroyed; at += 4_096) {
          if (!response.write(body.subarray(at, at + 4_096)))
            await Promise.race([once(response, "drain"), once(response, "close")]);
        }
        response.end();
        return;
      }
      case "status":
        response.statusCode = size;
        response.end(makeBody(target, now(), 0));
        return;
    }
    switch (words.at(-1) ?? "") {
      case "events":
        response.setHeader("content-type", "text/event-stream");
        for (let event = 1; event <= STREAM_EVENTS && !response.destroyed; event++) {
          response.write(eventText(event));
          await sleep(40);
        }
        response.end(LAST_EVENT);
        return;
      case "echo": {
        const body = await bodyOf(request);
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ bytes: body.length, sha256: createHash("sha256").update(body).digest("hex") }));
        return;
      }
    }
    response.statusCode = 404;
    response.end();
  });
}

/** OpenAI's shape; says the words of its question, whole or streamed. */
export function startProvider(): Promise<Upstream> {
  return serve(async (request, response) => {
    const asked = JSON.parse((await bodyOf(request)).toString()) as {
      model: string;
      stream?: boolean;
      messages: { content: string }[];
    };
    const words = wordsOf(asked.messages.at(-1)?.content ?? "");
    const common = { id: "chatcmpl-1", created: 1, model: asked.model };
    if (asked.stream !== true) {
      const message = { role: "assistant", content: words.join("") };
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          ...common,
          object: "chat.completion",
          choices: [{ index: 0, message, finish_reason: "stop" }],
          usage: { prompt_tokens: 4, completion_tokens: words.length, total_tokens: 4 + words.length },
        }),
      );
      return;
    }
    response.setHeader("content-type", "text/event-stream");
    const send = (delta: object, reason: string | null): void => {
      const choices = [{ index: 0, delta, finish_reason: reason }];
      response.write(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices })}\n\n`);
    };
    send({ role: "assistant", content: "" }, null);
    for (const word of words) {
      if (response.destroyed) return;
      send({ content: word }, null);
      await sleep(15);
    }
    send({}, "stop");
    response.end("data: [DONE]\n\n");
  });
}

const BREACHES: readonly string[] = [
  "THIS IS NOT HTTP\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nxx",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nxxxxx",
  "HTTP/1.1 999 Beyond\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Le",
  "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nshort",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n0\r\n\r\n",
  `HTTP/1.1 200 OK\r\nX-Huge: ${"h".repeat(300_000)}\r\nContent-Length: 0\r\n\r\n`,
  "HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 103 Early Hints\r\n\r\n",
  "",
];

/** Takes a request and answers with the next breach, then closes or resets. */
export async function startBreaker(chance: Chance): Promise<Upstream> {
  const sockets = new Set<net.Socket>();
  let turn = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("data", () => {
      socket.write(BREACHES[turn++ % BREACHES.length]!);
      if (draw(chance, 3) === 0) setTimeout(() => socket.resetAndDestroy(), 20);
      else socket.end();
    });
  });
  const port = await listen(server);
  return {
    port,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export type RedisFault = "none" | "slow" | "fail" | "html" | "number" | "lie";

export interface RedisFront extends Upstream {
  fault: RedisFault;
}

const SLOW_REDIS_MS = 3_000;

/** GET, SET and DEL, values in memory. */
export async function startRedis(token: string): Promise<RedisFront> {
  const values = new Map<string, string>();
  const state = { fault: "none" as RedisFault };
  const upstream = await serve(async (request, response) => {
    const command = JSON.parse((await bodyOf(request)).toString()) as string[];
    const send = (status: number, body: string, type = "application/json"): void => {
      response.writeHead(status, { "content-type": type }).end(body);
    };
    if (request.headers.authorization !== `Bearer ${token}`) return send(401, '{"error":"Unauthorized"}');
    if (state.fault === "slow") await sleep(SLOW_REDIS_MS);
    if (state.fault === "fail") return send(500, '{"error":"internal"}');
    if (state.fault === "html") return send(200, "<!doctype html><title>Sign in</title>", "text/html");
    if (state.fault === "number") return send(200, '{"result":5}');
    const [word = "", key = "", value = ""] = command.map(String);
    switch (word.toUpperCase()) {
      case "GET": {
        const lie = state.fault === "lie" ? [...values.values()].at(-1) : undefined;
        return send(200, JSON.stringify({ result: lie ?? values.get(key) ?? null }));
      }
      case "SET":
        values.set(key, value);
        if (values.size > 500) values.delete(values.keys().next().value!);
        return send(200, '{"result":"OK"}');
      case "DEL":
        return send(200, JSON.stringify({ result: values.delete(key) ? 1 : 0 }));
      default:
        return send(400, '{"error":"unknown command"}');
    }
  });
  return {
    ...upstream,
    get fault() {
      return state.fault;
    },
    set fault(fault: RedisFault) {
      state.fault = fault;
    },
  };
}
