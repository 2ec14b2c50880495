// The Connection field (RFC 9110 §7.6.1): fields that it names belong to the hop and are dropped before the gateway
// adds its own. A client that names dozens is no client: more options than any hop needs make the message invalid.
import { isEndToEnd } from "./fields.ts";

/** Options that one Connection field may hold. */
export const MAX_CONNECTION_OPTIONS = 32;

const SPACE = 32;
const TAB = 9;

/**
 * Puts into `drop` the lower-case name of every field that `connection` takes away: options that are neither
 * connection states (`close`, `keep-alive`) nor fields meant for all recipients. False when there are too many.
 */
export function namedByConnection(connection: string, drop: string[]): boolean {
  if (connection === "keep-alive" || connection === "close" || connection === "Keep-Alive") return true;
  let options = 0;
  for (let at = 0; at < connection.length;) {
    const comma = connection.indexOf(",", at);
    let end = comma < 0 ? connection.length : comma;
    const next = end + 1;
    while (at < end && isBlank(connection.charCodeAt(at))) at++;
    while (end > at && isBlank(connection.charCodeAt(end - 1))) end--;
    if (end > at) {
      if (++options > MAX_CONNECTION_OPTIONS) return false;
      const name = connection.slice(at, end).toLowerCase();
      if (isFieldName(name) && name !== "close" && name !== "keep-alive" && !isEndToEnd(name)) drop.push(name);
    }
    at = next;
  }
  return true;
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** A token (RFC 9110 §5.6.2): `Headers` throws on any other name. */
function isFieldName(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code <= SPACE || code >= 127 || DELIMITERS.includes(name[at]!)) return false;
  }
  return true;
}

const DELIMITERS = '"(),/:;<=>?@[\\]{}';
