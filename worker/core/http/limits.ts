// How large a request may be before anything else is asked of it, and whether its framing says one thing. The runtime
// itself takes header sections far over 64 KiB and request lines to about 100 KiB, so the limits are ours to keep.
// Both measures are free on the path: the URL's length is known, the fields are summed up in the pass that reads them.

/** Scheme, authority, path and query, as the runtime writes the URL: 414 above (RFC 9110 §15.5.15). */
export const MAX_URL_BYTES = 16_384;

/** All fields as HTTP/1.1 would write them: 431 above (RFC 6585 §5). */
export const MAX_HEADER_BYTES = 65_536;

/**
 * A Content-Length (RFC 9110 §8.6): the number of bytes, undefined when there is none, -1 when it is not one: anything
 * but digits, or more than can be counted. The same number twice (`3, 3`) is that number.
 */
export function contentLength(value: string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  const comma = value.indexOf(",");
  if (comma < 0) return digits(value);
  let same: number | undefined;
  for (const part of value.split(",")) {
    const bytes = digits(part.trim());
    if (bytes < 0 || (same !== undefined && same !== bytes)) return -1;
    same = bytes;
  }
  return same;
}

/**
 * Whether a request's framing can be read in two ways (RFC 9112 §6.3): Content-Length beside Transfer-Encoding, or a
 * Content-Length that is none. That is how requests are smuggled: 400, whatever else it says.
 */
export function isFramingAmbiguous(length: string | undefined, transferEncoding: string | undefined): boolean {
  if (length === undefined) return false;
  return transferEncoding !== undefined || contentLength(length) === -1;
}

function digits(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
