// The room of `InsightObject` in which live figures are watched. Sockets hibernate: while there is no traffic the object sleeps and they
// stay open, pings are answered by the runtime, and what a socket wants is kept with it. Figures go out once a second while batches come
// in, and then until the window is empty, so that a stop is seen as one. Tickets are stored as hashes until they are redeemed or over, so that
// each is good for one socket, also over a crash. A watcher that is gone costs nothing; none of this is on any request's path.
import { LIVE_SECONDS, liveFigures, readKnock, readWish, TICKET_BYTES, TICKET_MS } from "../core/insight/live.ts";
import {
  LIVE_PING,
  LIVE_PONG,
  LIVE_PROTOCOL,
  LIVE_RENEW,
  type LiveFigures,
  type LiveKind,
  type LiveTicket,
} from "../core/protocol/live.ts";
import { hexDigest, hexOf } from "./cache/digest.ts";
import type { Rollups } from "./rollups.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS live_tickets (hash TEXT PRIMARY KEY, ends_at INTEGER NOT NULL);`;

const TAG = "live";
const MOST_SOCKETS = 200;
const MOST_TICKETS = 1_000;
/** Then its owner asks for another ticket: a key that was revoked meanwhile gets none. */
const LONGEST_MS = 15 * 60_000;
const SECOND_MS = 1_000;
/** Batches of a second come in a moment after it. */
const SETTLE_MS = 100;

/** Kept with a socket while the object sleeps. */
interface Watcher {
  readonly openedAt: number;
  readonly kinds: LiveKind[];
}

export class LiveRoom {
  #ctx: DurableObjectState;
  #rollups: Rollups;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ctx: DurableObjectState, rollups: Rollups) {
    this.#ctx = ctx;
    this.#rollups = rollups;
    ctx.storage.sql.exec(SCHEMA);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LIVE_PING, LIVE_PONG));
  }

  get watchers(): number {
    return this.#ctx.getWebSockets(TAG).length;
  }

  /** For whoever may look; undefined while too many are out. */
  async ticket(now: number): Promise<LiveTicket | undefined> {
    const ticket = hexOf(crypto.getRandomValues(new Uint8Array(TICKET_BYTES)));
    const hash = await hashOf(ticket);
    const { sql } = this.#ctx.storage;
    sql.exec("DELETE FROM live_tickets WHERE ends_at <= ?", now);
    const { count } = sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM live_tickets").one();
    if (count >= MOST_TICKETS) return undefined;
    const endsAt = now + TICKET_MS;
    sql.exec("INSERT INTO live_tickets (hash, ends_at) VALUES (?, ?)", hash, endsAt);
    return { ticket, endsAt, protocol: LIVE_PROTOCOL };
  }

  /** The handshake. A refusal is a bare status: 426, 403, 401 or 503; who asked for it says it in words. */
  async enter(request: Request, now: number): Promise<Response> {
    const answer = readKnock({
      upgrade: request.headers.get("upgrade"),
      origin: request.headers.get("origin"),
      protocols: request.headers.get("sec-websocket-protocol"),
      host: new URL(request.url).host,
    });
    if (answer.kind === "refused") return new Response(null, { status: STATUS[answer.why] });
    if (!this.#redeem(await hashOf(answer.ticket), now)) return new Response(null, { status: STATUS.ticket });
    if (this.watchers >= MOST_SOCKETS) return new Response(null, { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    keep(server, { openedAt: now, kinds: ["fleet"] });
    this.#show(server, ["fleet"], now);
    this.soon(now);
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": LIVE_PROTOCOL },
    });
  }

  /** False for one that is not known, redeemed or over. */
  #redeem(hash: string, now: number): boolean {
    const { sql } = this.#ctx.storage;
    const held = sql.exec<{ ends_at: number }>("DELETE FROM live_tickets WHERE hash = ? RETURNING ends_at", hash);
    const [ticket] = held.toArray();
    return ticket !== undefined && ticket.ends_at > now;
  }

  /** What a watcher says: which kinds it wants to see. It is shown them at once. */
  hear(socket: WebSocket, message: string | ArrayBuffer, now: number): void {
    const kinds = typeof message === "string" ? readWish(message) : undefined;
    if (kinds === undefined) {
      socket.close(1008, "not understood");
      return;
    }
    keep(socket, { openedAt: watcherOf(socket)?.openedAt ?? now, kinds });
    this.#show(socket, kinds, now);
  }

  /** There is something new: shown when its second is over. */
  soon(now: number): void {
    if (this.#timer !== undefined || this.watchers === 0) return;
    const wait = SECOND_MS - (now % SECOND_MS) + SETTLE_MS;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell(Date.now());
    }, wait);
  }

  #tell(now: number): void {
    /** Those that want the same are told in the same words. */
    const texts = new Map<string, string>();
    const slices = this.#window(now);
    for (const socket of this.#ctx.getWebSockets(TAG)) {
      const watcher = watcherOf(socket);
      if (watcher === undefined || now - watcher.openedAt > LONGEST_MS) {
        socket.close(LIVE_RENEW, "renew");
        continue;
      }
      const name = watcher.kinds.join();
      const text = texts.get(name) ?? JSON.stringify(liveFigures(slices, watcher.kinds, endOf(now)));
      texts.set(name, text);
      send(socket, text);
    }
    // Until the window is empty: what stops is seen to stop.
    if (Object.keys(slices).length > 0) this.soon(now);
  }

  #show(socket: WebSocket, kinds: readonly LiveKind[], now: number): void {
    const figures: LiveFigures = liveFigures(this.#window(now), kinds, endOf(now));
    send(socket, JSON.stringify(figures));
  }

  /** The last whole seconds. */
  #window(now: number) {
    return this.#rollups.window(endOf(now) - 1, LIVE_SECONDS * SECOND_MS - 1);
  }
}

const STATUS = { no_upgrade: 426, origin: 403, ticket: 401 } as const;

/** What is stored cannot be used: a copy of the storage lets nobody in. */
const hashOf = (ticket: string): Promise<string> => hexDigest(new TextEncoder().encode(ticket));

const endOf = (now: number): number => Math.floor(now / SECOND_MS) * SECOND_MS;
const keep = (socket: WebSocket, watcher: Watcher): void => socket.serializeAttachment(watcher);
const watcherOf = (socket: WebSocket): Watcher | undefined =>
  (socket.deserializeAttachment() as Watcher | null) ?? undefined;

/** One that has gone meanwhile is left to its own close. */
function send(socket: WebSocket, text: string): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  try {
    socket.send(text);
  } catch (error) {
    console.warn(`live figures: a socket takes nothing: ${String(error)}`);
  }
}
