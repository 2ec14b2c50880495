// Figures as they happen. While a page watches, one socket stands to the gateway: a ticket is asked for, redeemed in the handshake, and figures
// come once a second while there is traffic. A socket that ends is opened again, at once the first time and then ever less often; meanwhile,
// and where no socket can be had at all, the same figures are asked for every five seconds. The page says which of these it is.
import { useEffect, useMemo } from "preact/hooks";
import {
  LIVE_PING,
  LIVE_PONG,
  LIVE_RENEW,
  TICKET_PREFIX,
  type LiveFigures,
  type LiveKind,
  type LiveTicket,
  type LiveWish,
} from "../core/protocol/live.ts";
import { get, post, Problem } from "./api.ts";
import { rowsOf, type History, type Row } from "./series.ts";
import { session } from "./session.ts";
import { Store, useStore } from "./store.ts";

export type LiveState =
  | { readonly kind: "off" }
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Figures are asked for, and come or not; the socket is tried again at `retryAt`, epoch ms. */
  | { readonly kind: "polling"; readonly retryAt: number; readonly comes: boolean };

export const liveState = new Store<LiveState>({ kind: "off" });

/** What is kept of the last minutes, oldest first. */
const liveRows = new Store<readonly Row[]>([]);

const KEPT_MS = 10 * 60_000;
const POLL_MS = 5_000;
const PING_MS = 10_000;
/** Two pings without an answer: the way is dead. */
const SILENCE_MS = 25_000;
const LONGEST_WAIT_MS = 60_000;
/** A gap in which nothing came is no traffic: the points around it are not joined. */
const GAP_MS = 12_000;

class Link {
  #wanted = new Map<LiveKind, number>();
  #socket: WebSocket | undefined;
  #timers = new Set<number>();
  #failures = 0;
  #heardAt = 0;
  #polling = false;
  /** The newest question brought figures. */
  #comes = false;
  /** Rises with every start and stop: what belongs to an earlier one is over. */
  #era = 0;

  get kinds(): LiveKind[] {
    return [...this.#wanted.keys()].toSorted();
  }

  /** Returns how to stop. */
  watch(kinds: readonly LiveKind[]): () => void {
    for (const kind of kinds) this.#wanted.set(kind, (this.#wanted.get(kind) ?? 0) + 1);
    this.#changed();
    return () => {
      for (const kind of kinds) {
        const others = (this.#wanted.get(kind) ?? 1) - 1;
        if (others > 0) this.#wanted.set(kind, others);
        else this.#wanted.delete(kind);
      }
      this.#changed();
    };
  }

  #due = false;
  #told = "";
  /** Pages come and go in the same turn: what they want together is said once. */
  #changed(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      const wish = this.kinds.join();
      if (wish === this.#told) return;
      this.#told = wish;
      this.#end();
      if (wish === "") liveState.set({ kind: "off" });
      else void this.#start();
    });
  }

  /** Another sign-in sees nothing of this one. */
  forget(): void {
    this.#end();
    this.#told = "";
    liveRows.set([]);
  }

  #end(): void {
    this.#era++;
    for (const timer of this.#timers) window.clearTimeout(timer);
    this.#timers.clear();
    this.#polling = false;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  async #start(): Promise<void> {
    this.#failures = 0;
    liveState.set({ kind: "connecting" });
    const era = this.#era;
    await this.#read(era, KEPT_MS);
    if (era === this.#era) await this.#open(era);
  }

  async #open(era: number): Promise<void> {
    let ticket: LiveTicket;
    try {
      ticket = await post<LiveTicket>("live");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return this.#failed(era);
    }
    if (era !== this.#era) return;
    const url = new URL("/_sluice/live", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, [ticket.protocol, TICKET_PREFIX + ticket.ticket]);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened(socket, era));
    socket.addEventListener("message", ({ data }) => this.#heard(socket, String(data)));
    socket.addEventListener("close", ({ code }) => {
      if (socket !== this.#socket) return;
      this.#socket = undefined;
      if (code === LIVE_RENEW) void this.#open(era);
      else this.#failed(era);
    });
  }

  #opened(socket: WebSocket, era: number): void {
    if (socket !== this.#socket) return;
    this.#failures = 0;
    this.#polling = false;
    this.#heardAt = Date.now();
    const wish: LiveWish = { kinds: this.kinds };
    socket.send(JSON.stringify(wish));
    liveState.set({ kind: "live" });
    this.#ping(socket, era);
  }

  #ping(socket: WebSocket, era: number): void {
    this.#later(PING_MS, era, () => {
      if (socket !== this.#socket) return;
      if (Date.now() - this.#heardAt > SILENCE_MS) socket.close();
      else socket.send(LIVE_PING);
      this.#ping(socket, era);
    });
  }

  #heard(socket: WebSocket, text: string): void {
    if (socket !== this.#socket) return;
    this.#heardAt = Date.now();
    if (text === LIVE_PONG) return;
    const { at, series } = JSON.parse(text) as LiveFigures;
    this.#add([{ at, series }]);
  }

  /** Ever less often, up to a minute, and not all pages at once. */
  #failed(era: number): void {
    if (era !== this.#era) return;
    const wait = Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** Math.min(this.#failures, 6)) * (0.75 + Math.random() / 2);
    this.#failures++;
    liveState.set({ kind: "polling", retryAt: Date.now() + wait, comes: this.#comes });
    this.#later(wait, era, () => void this.#open(era));
    if (!this.#polling) {
      this.#polling = true;
      void this.#poll(era);
    }
  }

  async #poll(era: number): Promise<void> {
    if (era !== this.#era || !this.#polling) return;
    await this.#read(era, 3 * POLL_MS);
    this.#later(POLL_MS, era, () => void this.#poll(era));
  }

  /** What happened in the last `ms`, from the history: points five seconds apart that mean the same as live ones. */
  async #read(era: number, ms: number): Promise<void> {
    const series = this.kinds.map((kind) => (kind === "fleet" ? kind : `${kind} *`)).join();
    const query = new URLSearchParams({ grain: "second", rows: String(ms / 1_000), step: "5", series });
    try {
      const history = await get<History>(`history?${query.toString()}`);
      if (era !== this.#era) return;
      this.#add(rowsOf(history));
      this.#comes = true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (era !== this.#era) return;
      this.#comes = false;
    }
    const state = liveState.value;
    if (state.kind === "polling" && state.comes !== this.#comes) liveState.set({ ...state, comes: this.#comes });
  }

  #add(rows: readonly Row[]): void {
    const since = Date.now() - KEPT_MS;
    const known = new Map(liveRows.value.map((row) => [row.at, row]));
    for (const row of rows) known.set(row.at, row);
    liveRows.set([...known.values()].filter(({ at }) => at >= since).toSorted((a, b) => a.at - b.at));
  }

  #later(ms: number, era: number, what: () => void): void {
    const timer = window.setTimeout(() => {
      this.#timers.delete(timer);
      if (era === this.#era) what();
    }, ms);
    this.#timers.add(timer);
  }
}

const link = new Link();
session.listen(() => {
  if (session.value === undefined) link.forget();
});

export interface LiveView {
  readonly rows: readonly Row[];
  readonly now: Row | undefined;
  readonly isKnown: boolean;
}

/** Requests a second of a series: 0 where nothing is told of it because nothing happened, undefined where nothing is known. */
export const trafficOf = ({ now, isKnown }: LiveView, series: string): number | undefined =>
  now?.series[series]?.requests_per_second ?? (isKnown ? 0 : undefined);

/**
 * Rows of the last `seconds` for these kinds, the newest last; `now` is the newest when it is no older than a few seconds. Without one there
 * is no traffic where `isKnown`, else no news.
 */
export function useLive(kinds: readonly LiveKind[], seconds = 300): LiveView {
  const wish = kinds.join();
  useEffect(() => link.watch(wish.split(",") as LiveKind[]), [wish]);
  const all = useStore(liveRows);
  const state = useStore(liveState);
  const isKnown = state.kind === "live" || (state.kind === "polling" && state.comes);
  return useMemo(() => {
    const since = Date.now() - seconds * 1_000;
    const rows = withGaps(all.filter(({ at }) => at >= since));
    const newest = all.at(-1);
    return { rows, now: newest !== undefined && Date.now() - newest.at < GAP_MS ? newest : undefined, isKnown };
  }, [all, seconds, isKnown]);
}

/** Where nothing came for a while a row without series stands: a curve breaks there. */
function withGaps(rows: readonly Row[]): Row[] {
  return rows.flatMap((row, index) => {
    const before = rows[index - 1];
    return before !== undefined && row.at - before.at > GAP_MS ? [{ at: before.at + 5_000, series: {} }, row] : [row];
  });
}
