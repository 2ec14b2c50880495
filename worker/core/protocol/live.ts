// The live figures as they cross between InsightObject and whoever watches: types and the few words both sides say.

/** The WebSocket subprotocol (RFC 6455 §1.9); the ticket is offered beside it, as `ticket.<ticket>`. */
export const LIVE_PROTOCOL = "sluice.live";
export const TICKET_PREFIX = "ticket.";

/** Good for one socket, until `endsAt` (epoch ms). */
export interface LiveTicket {
  ticket: string;
  endsAt: number;
  protocol: string;
}

/** Kinds of series that can be watched; `fleet` is one series. */
export const LIVE_KINDS = ["fleet", "region", "service", "instance", "provider", "model", "level"] as const;
export type LiveKind = (typeof LIVE_KINDS)[number];

/** What a watcher says: the kinds it wants from now on. */
export interface LiveWish {
  kinds: LiveKind[];
}

/** Once a second while there is traffic, and until its figures are empty. */
export interface LiveFigures {
  /** Epoch ms, the end of the window. */
  at: number;
  /** What the window covers. */
  seconds: number;
  /** By name of the series, then of the figure (core/insight/measures); a series that nothing happened in is left out. */
  series: Record<string, Record<string, number>>;
}

/** What a watcher asks now and then, and is answered without waking the object. */
export const LIVE_PING = "ping";
export const LIVE_PONG = "pong";

/** A socket is closed with this when it has been open for long: its owner shows once more that it may look. */
export const LIVE_RENEW = 4_001;
