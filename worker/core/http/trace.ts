// W3C Trace Context (https://www.w3.org/TR/trace-context/). The gateway is one span of a trace: it continues the trace
// that came in under a parent id of its own, or starts one. `tracestate` is the vendors' and passes untouched, unless
// the `traceparent` that it belongs to is none (§4.3): then both are dropped.
import { Stock, writeId, type Chance } from "./hex.ts";

/** Length of a version 00 `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`. */
const LENGTH = 55;
const DASH = 45;

/**
 * Whether a received `traceparent` can be continued (§3.2): lower-case hex, version other than ff, neither id all zero.
 * Version 00 ends after the flags; a later one may go on after a dash, and is read as far as 00 goes (§4.3).
 */
export function isTraceparent(value: string): boolean {
  if (value.length < LENGTH) return false;
  if (value.length > LENGTH && (value.charCodeAt(LENGTH) !== DASH || value.startsWith("00"))) return false;
  if (value.charCodeAt(2) !== DASH || value.charCodeAt(35) !== DASH || value.charCodeAt(52) !== DASH) return false;
  if (hexWeight(value, 0, 2) < 0 || value.startsWith("ff")) return false;
  return hexWeight(value, 3, 35) > 0 && hexWeight(value, 36, 52) > 0 && hexWeight(value, 53, 55) >= 0;
}

/** Sum of the digits: 0 for all zeros, -1 when one is no lower-case hex digit. */
function hexWeight(value: string, from: number, to: number): number {
  let weight = 0;
  for (let at = from; at < to; at++) {
    const code = value.charCodeAt(at);
    if (code >= 48 && code <= 57) weight += code - 48;
    else if (code >= 97 && code <= 102) weight += code - 87;
    else return -1;
  }
  return weight;
}

/**
 * The `traceparent` that goes on: same trace and sampling, the gateway's own parent id. `received` must satisfy
 * `isTraceparent`. Always version 00, and of the flags only `sampled` (§3.2.2.5: unknown ones are set to zero).
 */
export function continueTrace(received: string, chance: Chance): string {
  // The lowest bit of the last hex digit: codes of 0-9 are as odd as the digit, those of a-f the other way round.
  const code = received.charCodeAt(54);
  const sampled = ((code > 57 ? code + 1 : code) & 1) === 1;
  return `00-${received.slice(3, 35)}-${parents.take(chance)}-${sampled ? "01" : "00"}`;
}

/** A trace that begins here. */
export function startTrace(chance: Chance, sampled: boolean): string {
  return (sampled ? sampledTraces : traces).take(chance);
}

const parents = new Stock(16, (into, at, chance) => writeId(into, at, 16, chance));
const traces = new Stock(LENGTH, writeTrace("00"));
const sampledTraces = new Stock(LENGTH, writeTrace("01"));

/** A whole version 00 `traceparent` under these flags. */
function writeTrace(flags: "00" | "01"): (into: Uint8Array, at: number, chance: Chance) => void {
  const frame = Uint8Array.from(`00-${"0".repeat(32)}-${"0".repeat(16)}-${flags}`, (char) => char.charCodeAt(0));
  return (into, at, chance) => {
    into.set(frame, at);
    writeId(into, at + 3, 32, chance);
    writeId(into, at + 36, 16, chance);
  };
}
