// The id that a client, the gateway, the upstream and every log line share for one exchange. A client's own is kept
// when it can do no harm in a field, a log or a label; else one is made: UUID version 7 (RFC 9562 §5.7), so that ids
// sort by time.
import { Stock, writeHex, type Chance } from "./hex.ts";

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

const DASH = 45;
const SEVEN = 55;
const VARIANTS: readonly number[] = Array.from("89ab", (digit) => digit.charCodeAt(0));

/** What is chance in it: `7xxx-[89ab]xxx-xxxxxxxxxxxx` (RFC 9562 §4.1, §5.7). */
const tails = new Stock(22, (into, at, chance) => {
  writeHex(into, at, 22, chance);
  into[at] = SEVEN;
  into[at + 4] = DASH;
  into[at + 5] = VARIANTS[into[at + 5]! & 3]!;
  into[at + 9] = DASH;
});

// Requests of one millisecond share the first half of their ids.
let lastMs = -1;
let lastTime = "";

/** A UUID version 7: 48 bits of epoch milliseconds, then 74 of chance. */
export function newId(nowMs: number, chance: Chance): string {
  if (nowMs !== lastMs) {
    const time = nowMs.toString(16).padStart(12, "0");
    lastTime = `${time.slice(0, 8)}-${time.slice(8)}-`;
    lastMs = nowMs;
  }
  return lastTime + tails.take(chance);
}
