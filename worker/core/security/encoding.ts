// Bytes and text as tokens carry them, read in the one way there is to write them. A decoder that forgives (padding,
// white space, stray bits in the last character) gives one token many spellings, and whoever compares, caches or revokes
// tokens by their text is then deceived (RFC 7515 §2, RFC 4648 §3.5 and §5).

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Value of each letter, 255 for what is none. */
const VALUE = new Uint8Array(128).fill(255);
for (let value = 0; value < 64; value++) VALUE[LETTERS.charCodeAt(value)] = value;

/** Undefined for anything but canonical base64url without padding. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const { length } = text;
  const rest = length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let bits = 0;
  let held = 0;
  let to = 0;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? VALUE[code]! : 255;
    if (value === 255) return undefined;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[to++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  // RFC 4648 §3.5: bits that belong to no byte must be zero, or two texts would mean the same bytes.
  return held === 0 ? bytes : undefined;
}

export function toBase64url(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += LETTERS[(held >> bits) & 63]!;
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + LETTERS[(held << (6 - bits)) & 63]!;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Undefined for bytes that are no UTF-8. A byte order mark stays, so that what parses the text refuses it. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

export const toUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text) as Uint8Array<ArrayBuffer>;
