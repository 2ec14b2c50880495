// What the gateway tells the next hop about the one before. Functions that return field values, so that each field is
// set once: a `set` costs more than all of these together. Every value is the gateway's own; what a client sent under
// these names was dropped before (core/http/fields).
import { appendMember, hasMember } from "./list.ts";

/** How the gateway calls itself in Via, CDN-Loop and Cache-Status. */
export const GATEWAY = "sluice";

const VIA = `1.1 ${GATEWAY}`;

/**
 * The address that the edge vouches for (CF-Connecting-IP), or "" when it is none: digits, hex letters, `.` and `:`
 * alone go into fields that others parse. For X-Forwarded-For, alone: the gateway is the first hop that can be trusted.
 */
export function clientAddress(received: string | undefined): string {
  if (received === undefined || received.length > 45) return "";
  for (let at = 0; at < received.length; at++) {
    const code = received.charCodeAt(at);
    const digit = code >= 46 && code <= 58 && code !== 47; // . 0-9 :
    const letter = (code | 32) >= 97 && (code | 32) <= 102;
    if (!digit && !letter) return "";
  }
  return received;
}

/** The address in `192.0.2.1:51000` or `[2001:db8::1]:51000`, as plain workerd names a connection; "" for anything else. */
export function connectedAddress(connection: unknown): string {
  if (typeof connection !== "string") return "";
  const colon = connection.lastIndexOf(":");
  return clientAddress(connection.slice(0, colon).replace(/^\[|\]$/g, ""));
}

/** Forwarded (RFC 7239 §4-§6): who asked, for which host, over what. An unknown client is said to be unknown (§6.2). */
export function forwarded(address: string, authority: string, scheme: string): string {
  return `for=${forwardedNode(address)};host=${quotedIfNeeded(authority)};proto=${scheme}`;
}

/** RFC 7239 §6: IPv6 in brackets, and therefore in quotes. */
function forwardedNode(address: string): string {
  if (address === "") return "unknown";
  return address.includes(":") ? `"[${address}]"` : address;
}

/** A port or brackets make a host no token (RFC 9110 §5.6.2). An authority holds no quotes (core/http/target). */
function quotedIfNeeded(authority: string): string {
  return authority.includes(":") ? `"${authority}"` : authority;
}

/** Via, with this hop appended (RFC 9110 §7.6.3). Both ways: requests and answers. */
export function via(received: string | null | undefined): string {
  return appendMember(received, VIA);
}

/** CDN-Loop, with this gateway appended (RFC 8586 §2). Others' entries stay as they are. */
export function cdnLoop(received: string | undefined): string {
  return appendMember(received, GATEWAY);
}

/** Whether a request has been through this gateway before (RFC 8586 §2): 508. */
export function hasLooped(received: string | undefined): boolean {
  return received !== undefined && hasMember(received, GATEWAY);
}
