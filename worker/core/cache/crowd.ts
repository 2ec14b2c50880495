// Who of a region's isolates asks the origin for a key that none of them holds. The first that comes leads, for as long as its lease;
// the others follow, and get what it brings, as do those who come in the seconds after. Who brought nothing that may be shared
// says so, and for a moment everyone asks alone. Lines are bytes here: whoever gets one reads it as he would another level's.

import type { CrowdPlace } from "../protocol/batch.ts";

interface Crowd {
  readonly lease: number;
  /** Epoch ms: until then it is as it is, and after that it never was. */
  readonly until: number;
  readonly state: "asking" | "alone";
}

interface Brought {
  readonly state: "brought";
  readonly until: number;
  readonly line: Uint8Array<ArrayBuffer>;
}

export interface Crowds {
  /** Oldest first. */
  readonly byKey: Map<string, Crowd | Brought>;
  /** Of the lines held. */
  bytes: number;
  lastLease: number;
}

/** One line; the store of an isolate holds no larger bodies in memory either, and the runtime carries 32 MiB a call. */
export const MOST_LINE_BYTES = 4 * 1024 * 1024 + 65_536;
/** Of all lines of one object. */
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_KEYS = 20_000;
/** Isolates that come late still find it; their own clock and their purges judge whether it may be used. */
const KEPT_MS = 5_000;
const ALONE_MS = 2_000;

export const noCrowds = (): Crowds => ({ byKey: new Map(), bytes: 0, lastLease: 0 });

export function placeIn(crowds: Crowds, key: string, leaseMs: number, now: number): CrowdPlace {
  const crowd = standing(crowds, key, now);
  if (crowd?.state === "brought") return { role: "has", line: crowd.line };
  if (crowd !== undefined) return { role: crowd.state === "asking" ? "follows" : "alone" };
  const lease = ++crowds.lastLease;
  put(crowds, key, { state: "asking", lease, until: now + leaseMs });
  return { role: "leads", lease };
}

/** How long to wait for who asks; 0 when nobody does. */
export function patienceFor(crowds: Crowds, key: string, now: number): number {
  const crowd = standing(crowds, key, now);
  return crowd?.state === "asking" ? crowd.until - now : 0;
}

/** False when the lease is over: somebody else leads, or nobody waits any more. */
export function bring(
  crowds: Crowds,
  key: string,
  lease: number,
  line: Uint8Array<ArrayBuffer> | undefined,
  now: number,
): boolean {
  const crowd = standing(crowds, key, now);
  if (crowd?.state !== "asking" || crowd.lease !== lease) return false;
  const shares = line !== undefined && line.byteLength <= MOST_LINE_BYTES;
  put(
    crowds,
    key,
    shares ? { state: "brought", line, until: now + KEPT_MS } : { state: "alone", lease, until: now + ALONE_MS },
  );
  return true;
}

function standing(crowds: Crowds, key: string, now: number): Crowd | Brought | undefined {
  const crowd = crowds.byKey.get(key);
  if (crowd === undefined || crowd.until > now) return crowd;
  drop(crowds, key);
  return undefined;
}

function put(crowds: Crowds, key: string, crowd: Crowd | Brought): void {
  drop(crowds, key);
  crowds.byKey.set(key, crowd);
  if (crowd.state === "brought") crowds.bytes += crowd.line.byteLength;
  for (const oldest of crowds.byKey.keys()) {
    if (oldest === key || (crowds.bytes <= MOST_BYTES && crowds.byKey.size <= MOST_KEYS)) return;
    drop(crowds, oldest);
  }
}

function drop(crowds: Crowds, key: string): void {
  const crowd = crowds.byKey.get(key);
  if (crowd === undefined) return;
  crowds.byKey.delete(key);
  if (crowd.state === "brought") crowds.bytes -= crowd.line.byteLength;
}

/** What is over takes room until it is asked for; called now and then. */
export function sweep(crowds: Crowds, now: number): void {
  for (const [key, { until }] of crowds.byKey) if (until <= now) drop(crowds, key);
}
