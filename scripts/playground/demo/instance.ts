// One instance of a demo service: an HTTP server on a port of its own that can be made slow, flaky or dead and well again
// while it runs. What a service does is its handler; how an instance feels is said here, once for all of them.
import http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

export const MOODS = ["well", "slow", "flaky", "dead"] as const;
export type Mood = (typeof MOODS)[number];

/** Answers one request; `instance` is for those that tell who answered. */
export type Handler = (request: IncomingMessage, response: ServerResponse, instance: Instance) => void;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface InstanceSettings {
  readonly id: string;
  readonly service: string;
  readonly region: string;
  readonly mood: Mood;
  readonly handle: Handler;
  readonly upgrade?: UpgradeHandler;
}

/** How much later a slow instance answers, and how often a flaky one fails. */
const SLOW_MS = 1200;
const FLAKY_SHARE = 0.3;

export class Instance {
  readonly id: string;
  readonly service: string;
  readonly region: string;
  mood: Mood;
  /** Requests that arrived. */
  requests = 0;
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;

  constructor({ id, service, region, mood, handle, upgrade }: InstanceSettings) {
    this.id = id;
    this.service = service;
    this.region = region;
    this.mood = mood;
    this.#server = http.createServer((request, response) => this.#answer(request, response, handle));
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    if (upgrade !== undefined) this.#server.on("upgrade", upgrade);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** On a free port, or on its own again after it was dead. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port: this.#port, host: "127.0.0.1" }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Dead is what a crashed process looks like: connections break, new ones are refused. */
  async become(mood: Mood): Promise<void> {
    if (mood === "dead" && this.#server.listening) {
      await new Promise<void>((resolve) => {
        this.#server.close(() => resolve());
        for (const socket of this.#sockets) socket.destroy();
      });
    }
    if (mood !== "dead" && !this.#server.listening) await this.listen();
    this.mood = mood;
  }

  #answer(request: IncomingMessage, response: ServerResponse, handle: Handler): void {
    this.requests++;
    response.setHeader("X-Demo-Instance", this.id);
    if (this.mood === "flaky" && Math.random() < FLAKY_SHARE) {
      sendJson(response, 503, { error: `${this.id} is flaky and has failed this time` });
      request.resume();
    } else if (this.mood === "slow") {
      const late = setTimeout(() => handle(request, response, this), SLOW_MS);
      response.on("close", () => clearTimeout(late));
    } else handle(request, response, this);
  }
}

// --- What handlers share ---

export const urlOf = (request: IncomingMessage): URL => new URL(request.url ?? "/", "http://demo.invalid");

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(body, undefined, 2)}\n`);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes.length }).end(bytes);
}

export const notFound = (request: IncomingMessage, response: ServerResponse): void =>
  sendJson(response, 404, { error: `nothing at ${urlOf(request).pathname}` });

/** The whole body, when it is JSON and not larger than a demo needs; undefined else. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > 65_536) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}
