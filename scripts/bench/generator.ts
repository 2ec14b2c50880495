// The load: a process of its own, told what to do by messages. Closed loop: every connection sends its next request when
// the last one is answered, which finds the most a Worker can do. Open loop: requests are due at fixed times whatever
// the answers do, and latency counts from when a request was due, so that a pause is felt by all who would have waited
// (no coordinated omission).
import net from "node:net";
import type { Socket } from "node:net";
import { AnswerReader } from "./http-reader.ts";
import { EXCHANGES, requestsOf } from "./traffic.ts";
import type { Kind } from "./traffic.ts";

export type Order =
  | {
      readonly loop: "closed";
      readonly port: number;
      readonly kind: Kind;
      readonly ms: number;
      /** The API key to show, for Workers that want one. */
      readonly key?: string | undefined;
    }
  | {
      readonly loop: "open";
      readonly port: number;
      readonly kind: Kind;
      readonly ms: number;
      readonly key?: string | undefined;
      readonly perSecond: number;
    };

export interface Load {
  /** Answered; all of them were 2xx. */
  readonly requests: number;
  readonly elapsedMs: number;
  /** One per request, in order of completion, ms. */
  readonly latenciesMs: Float64Array;
  /** How late the generator itself was, at worst, ms: what of a latency may be its own. Open loop only. */
  readonly latestSendMs: number;
}

export type Answer = { readonly load: Load } | { readonly failure: string };

class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #answered: (() => void) | undefined;
  #failed: ((reason: Error) => void) | undefined;
  closed = false;

  constructor(port: number) {
    this.#socket = net.connect(port, "127.0.0.1").setNoDelay(true);
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("error", (error) => this.#end(error));
    this.#socket.on("close", () => this.#end(new Error("the connection was closed")));
  }

  send(request: Buffer, answered: () => void, failed: (reason: Error) => void): void {
    this.#answered = answered;
    this.#failed = failed;
    this.#socket.write(request);
  }

  close(): void {
    this.closed = true;
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    try {
      if (this.#reader.push(bytes) === 0) return;
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const { status } = this.#reader;
    if (status < 200 || status > 299) {
      this.#end(new Error(`status ${status}`));
      return;
    }
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.();
  }

  #end(reason: Error): void {
    this.closed = true;
    if (this.#answered === undefined) return;
    this.#answered = undefined;
    this.#failed?.(reason);
  }
}

const pools = new Map<number, Connection[]>();

function pool(port: number): Connection[] {
  const open = (pools.get(port) ?? []).filter(({ closed }) => !closed);
  pools.set(port, open);
  return open;
}

function closedLoop(port: number, kind: Kind, ms: number, key: string | undefined): Promise<Load> {
  const exchange = EXCHANGES[kind];
  const next = requestsOf(kind, key);
  const idle = pool(port);
  while (idle.length < exchange.connections) idle.push(new Connection(port));
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const until = began + ms;
    let running = exchange.connections;
    const turn = (connection: Connection): void => {
      const sent = performance.now();
      connection.send(
        next(),
        () => {
          const now = performance.now();
          latencies.push(now - sent);
          if (now < until) return turn(connection);
          if (--running === 0) {
            resolve({
              requests: latencies.length,
              elapsedMs: now - began,
              latenciesMs: Float64Array.from(latencies),
              latestSendMs: 0,
            });
          }
        },
        reject,
      );
    };
    for (const connection of idle.slice(0, exchange.connections)) turn(connection);
  });
}

/** Timers of Node are due to the millisecond: the last one is waited for by looking at the clock. */
const SPIN_MS = 1.5;

function openLoop(port: number, kind: Kind, ms: number, perSecond: number, key: string | undefined): Promise<Load> {
  const nextRequest = requestsOf(kind, key);
  const idle = pool(port);
  const total = Math.max(1, Math.round((ms / 1000) * perSecond));
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const began = performance.now() + 5;
    let sent = 0;
    let latestSendMs = 0;
    const next = (): void => {
      const due = began + (sent * 1000) / perSecond;
      const early = due - performance.now();
      if (early > SPIN_MS) {
        setTimeout(next, Math.floor(early - SPIN_MS));
        return;
      }
      if (early > 0) {
        setImmediate(next);
        return;
      }
      latestSendMs = Math.max(latestSendMs, -early);
      sent++;
      let used = idle.pop();
      while (used?.closed === true) used = idle.pop();
      const connection = used ?? new Connection(port);
      connection.send(
        nextRequest(),
        () => {
          const now = performance.now();
          latencies.push(now - due);
          if (!connection.closed) idle.push(connection);
          if (latencies.length === total) {
            resolve({
              requests: total,
              elapsedMs: now - began,
              latenciesMs: Float64Array.from(latencies),
              latestSendMs,
            });
          }
        },
        reject,
      );
      if (sent < total) next();
    };
    next();
  });
}

async function obey(order: Order): Promise<Answer> {
  try {
    const load =
      order.loop === "closed"
        ? await closedLoop(order.port, order.kind, order.ms, order.key)
        : await openLoop(order.port, order.kind, order.ms, order.perSecond, order.key);
    return { load };
  } catch (error) {
    for (const connection of pool(order.port)) connection.close();
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

process.on("message", (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.once("disconnect", () => process.exit());
