// Which page is shown, and with what: `#/services/orders` names the page and what follows it. A hash never reaches the gateway, so the
// page needs one address only; nothing secret ever stands in it.
import { Store } from "./store.ts";

export interface Place {
  /** First segment; "" for none. */
  readonly page: string;
  /** What follows, decoded. */
  readonly rest: readonly string[];
}

function read(): Place {
  const [page = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decoded);
  return { page, rest };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export const place = new Store<Place>(read());
window.addEventListener("hashchange", () => place.set(read()));

export const linkTo = (...segments: readonly string[]): string => `#/${segments.map(encodeURIComponent).join("/")}`;

export function go(...segments: readonly string[]): void {
  location.hash = linkTo(...segments);
}
