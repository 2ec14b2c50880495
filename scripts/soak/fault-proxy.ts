// A TCP proxy between the gateway and one upstream, which does to answers what its poison says. Requests pass untouched. It speaks no HTTP
// but for one thing: it finds the end of each head, so that a body can be poisoned and its head be well.
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../../worker/core/stats/chance.ts";
import { LATER_BYTES, passageOf, type Poison } from "./toxics.ts";

const HEAD_END = Buffer.from("\r\n\r\n");

export class FaultProxy {
  /** Connections that met a toxic, by its kind. */
  readonly met = new Map<string, number>();
  #poison: Poison | undefined;
  #server: net.Server;
  #port = 0;
  readonly #upstreamPort: number;
  readonly #chance: Chance;
  readonly #sockets = new Set<net.Socket>();

  private constructor(upstreamPort: number, chance: Chance) {
    this.#upstreamPort = upstreamPort;
    this.#chance = chance;
    this.#server = net.createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  static async start(upstreamPort: number, chance: Chance): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstreamPort, chance);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.#port = (proxy.#server.address() as net.AddressInfo).port;
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** From now on, also for connections that stand; undefined: none. */
  set poison(poison: Poison | undefined) {
    this.#poison = poison;
    if (poison?.toxic.kind === "down") for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: net.Socket): void {
    this.#keep(client);
    // The server goes on listening, or its port might be given to somebody else: a reset is as near as it gets to a refusal.
    if (this.#poison?.toxic.kind === "down") {
      this.#count("down");
      client.resetAndDestroy();
      return;
    }
    const upstream = net.connect({ port: this.#upstreamPort, host: "127.0.0.1", noDelay: true });
    this.#keep(upstream);
    client.pipe(upstream);
    client.on("close", () => upstream.destroy());
    void this.#answer(upstream, client);
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #count(kind: string): void {
    this.met.set(kind, (this.met.get(kind) ?? 0) + 1);
  }

  /** Answers of one connection: one after the other, the poison drawn for each. */
  async #answer(upstream: net.Socket, client: net.Socket): Promise<void> {
    const exchange = new Exchange();
    try {
      for await (const bytes of upstream) {
        for (const piece of exchange.split(bytes as Buffer)) {
          if (piece.begins) exchange.draw(this.#poison, this.#chance, (kind) => this.#count(kind));
          const ended = await this.#pass(piece, exchange, client);
          if (ended) return;
        }
      }
      const { poison } = exchange;
      if (poison?.toxic.kind === "slow_close") await sleep(poison.toxic.ms);
      client.end();
    } catch {
      // The upstream's connection broke: so does ours.
      client.resetAndDestroy();
    }
  }

  async #pass({ bytes, part }: Piece, exchange: Exchange, client: net.Socket): Promise<boolean> {
    const { poison } = exchange;
    if (poison === undefined || !exchange.isPoisoned(part)) {
      await write(client, bytes);
      exchange.passed += bytes.length;
      return client.destroyed;
    }
    const { slices, end } = passageOf(poison.toxic, bytes.length, exchange.poisoned, this.#chance);
    for (const { from, to, waitMs } of slices) {
      if (waitMs > 0) await sleep(waitMs);
      if (client.destroyed) return true;
      await write(client, bytes.subarray(from, to));
    }
    exchange.passed += bytes.length;
    exchange.poisoned += bytes.length;
    if (end === undefined) return client.destroyed;
    if (end.waitMs > 0) await sleep(end.waitMs);
    if (end.how === "fin") client.destroySoon();
    else client.resetAndDestroy();
    return true;
  }
}

interface Piece {
  readonly bytes: Buffer;
  readonly part: "head" | "body";
  /** The first of an answer. */
  readonly begins: boolean;
}

/** Where in its answers a connection is. A body's end is not known here: what begins with a status line begins an answer. */
class Exchange {
  poison: Poison | undefined;
  /** Bytes of this answer that have passed, and of them, those that met the toxic. */
  passed = 0;
  poisoned = 0;
  #inHead = false;

  split(bytes: Buffer): Piece[] {
    const begins = bytes.subarray(0, 9).toString("latin1").startsWith("HTTP/1.1 ");
    if (begins) this.#inHead = true;
    if (!this.#inHead) return [{ bytes, part: "body", begins: false }];
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) return [{ bytes, part: "head", begins }];
    this.#inHead = false;
    const cut = end + HEAD_END.length;
    const head: Piece = { bytes: bytes.subarray(0, cut), part: "head", begins };
    return cut === bytes.length ? [head] : [head, { bytes: bytes.subarray(cut), part: "body", begins: false }];
  }

  draw(poison: Poison | undefined, chance: Chance, count: (kind: string) => void): void {
    this.poison = poison !== undefined && chance() < poison.share ? poison : undefined;
    this.passed = 0;
    this.poisoned = 0;
    if (this.poison !== undefined) count(this.poison.toxic.kind);
  }

  isPoisoned(part: Piece["part"]): boolean {
    switch (this.poison?.onset) {
      case "head":
        return true;
      case "body":
        return part === "body";
      case "later":
        return part === "body" && this.passed > LATER_BYTES;
      case undefined:
        return false;
    }
  }
}

async function write(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || bytes.length === 0 || socket.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.once("drain", done);
    socket.once("close", done);
  });
}
