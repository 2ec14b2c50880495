// Who may watch the live figures, and what is shown: decided here, on plain data. A ticket is 256 bits of chance; it is redeemed once, within
// half a minute, by a page of the gateway's own origin.
import { LIVE_KINDS, LIVE_PROTOCOL, TICKET_PREFIX, type LiveFigures, type LiveKind } from "../protocol/live.ts";
import type { Slices } from "../protocol/rollups.ts";
import { measuresOf } from "./measures.ts";

/** How long a ticket may be redeemed. */
export const TICKET_MS = 30_000;
export const TICKET_BYTES = 32;
/** What a figure covers: as many reports as even out their jitter. */
export const LIVE_SECONDS = 5;

/** That many bytes in hexadecimal digits. */
const TICKET = /^[0-9a-f]{64}$/;

/** What stands in the fields of a handshake. */
export interface Knock {
  readonly upgrade: string | null;
  readonly origin: string | null;
  /** Sec-WebSocket-Protocol. */
  readonly protocols: string | null;
  /** Host and port that were asked, as the URL has them. */
  readonly host: string;
}

export type Answer =
  | { readonly kind: "ticket"; readonly ticket: string }
  | { readonly kind: "refused"; readonly why: "no_upgrade" | "origin" | "ticket" };

/**
 * A browser says where its page is from (RFC 6455 §10.2), and only a page of this very origin may watch: another site's could not
 * have the ticket, but neither should it be able to try. The scheme is left out: TLS may end in front of the gateway.
 */
export function readKnock({ upgrade, origin, protocols, host }: Knock): Answer {
  if (upgrade?.toLowerCase() !== "websocket") return { kind: "refused", why: "no_upgrade" };
  if (origin === null || !/^https?:\/\//.test(origin) || origin.slice(origin.indexOf("//") + 2) !== host)
    return { kind: "refused", why: "origin" };
  const offered = (protocols ?? "").split(",", 4).map((each) => each.trim());
  const ticket = offered.find((each) => each.startsWith(TICKET_PREFIX));
  const text = ticket?.slice(TICKET_PREFIX.length) ?? "";
  if (!TICKET.test(text) || !offered.includes(LIVE_PROTOCOL)) return { kind: "refused", why: "ticket" };
  return { kind: "ticket", ticket: text };
}

/** The kinds that a watcher asks for; undefined for what is no such wish. */
export function readWish(text: string): LiveKind[] | undefined {
  if (text.length > 512) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const kinds = typeof read === "object" && read !== null && "kinds" in read ? read.kinds : undefined;
  if (!Array.isArray(kinds) || kinds.length > LIVE_KINDS.length) return undefined;
  return LIVE_KINDS.filter((kind) => kinds.includes(kind));
}

/** The figures of a window that ends at `at`. */
export function liveFigures(slices: Slices, kinds: readonly LiveKind[], at: number): LiveFigures {
  const series: LiveFigures["series"] = {};
  const wanted = new Set<string>(kinds);
  for (const [name, slice] of Object.entries(slices)) {
    const space = name.indexOf(" ");
    if (wanted.has(space < 0 ? name : name.slice(0, space))) series[name] = { ...measuresOf(slice, LIVE_SECONDS) };
  }
  return { at, seconds: LIVE_SECONDS, series };
}
