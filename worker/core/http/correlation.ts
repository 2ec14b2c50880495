// The id that a client, the gateway, the upstream and every log line share for one exchange. A client's own is kept
// when it can do no harm in a field, a log or a label; else one is made: UUID version 7 (RFC 9562 §5.7), so that ids
// sort by time.
import { bits32, hex16, hex32 } from "./hex.ts";
import type { Chance } from "./hex.ts";

const MAX_LENGTH = 128;

const SANE = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-+/=@~") {
  SANE[char.charCodeAt(0)] = 1;
}

/** 1 to 128 letters, digits and `. _ : - + / = @ ~`: what UUIDs, ULIDs, base64 and trace ids are made of. */
export function isSaneCorrelationId(id: string): boolean {
  if (id.length === 0 || id.length > MAX_LENGTH) return false;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    if (code >= 128 || SANE[code] !== 1) return false;
  }
  return true;
}

/** The client's id when it is sane, else a new one. */
export function correlationId(received: string | undefined, nowMs: number, chance: Chance): string {
  return received !== undefined && isSaneCorrelationId(received) ? received : newId(nowMs, chance);
}

// Requests of one millisecond share the first half of their ids.
let lastMs = -1;
let lastTime = "";

/** A UUID version 7: 48 bits of epoch milliseconds, then 74 of chance. */
export function newId(nowMs: number, chance: Chance): string {
  if (nowMs !== lastMs) {
    lastTime = `${hex32(Math.floor(nowMs / 65536))}-${hex16(nowMs % 65536)}-`;
    lastMs = nowMs;
  }
  const a = bits32(chance);
  const version = 0x7000 | (a & 0x0fff);
  const variant = 0x8000 | ((a >>> 12) & 0x3fff);
  return `${lastTime}${hex16(version)}-${hex16(variant)}-${hex32(bits32(chance))}${hex16(bits32(chance) >>> 16)}`;
}
