// What a network does to an answer on its way: the toxics that fault proxies have made common, as plain data, and which piece of an
// answer each meets. Pure: draws are an argument, waits are told and not done. Law: a toxic takes bytes away from the end or
// delays them, it never changes one, for no proxy could see that.
import { draw, type Chance } from "../../worker/core/stats/chance.ts";

export type Toxic =
  /** Each piece comes `ms` later, more or less by up to `jitterMs`. */
  | { readonly kind: "latency"; readonly ms: number; readonly jitterMs: number }
  /** Nobody listens: connections are refused, those that stand are reset. */
  | { readonly kind: "down" }
  | { readonly kind: "bandwidth"; readonly bytesPerSecond: number }
  /** The end of the connection comes late. */
  | { readonly kind: "slow_close"; readonly ms: number }
  /** Nothing comes any more; after `ms` the connection is closed. */
  | { readonly kind: "timeout"; readonly ms: number }
  | { readonly kind: "reset"; readonly afterMs: number }
  /** Pieces of `bytes`, `ms` apart. */
  | { readonly kind: "sliced"; readonly bytes: number; readonly ms: number }
  /** After so many bytes the connection ends in order. */
  | { readonly kind: "limit_data"; readonly bytes: number };

export type ToxicKind = Toxic["kind"];

/** From where on it works: the first byte of an answer, the first of its body, or the first event after some have passed. */
export type Onset = "head" | "body" | "later";

export interface Poison {
  readonly toxic: Toxic;
  readonly onset: Onset;
  /** Share of connections that meet it. */
  readonly share: number;
}

export const TOXIC_KINDS: readonly ToxicKind[] = [
  "latency",
  "down",
  "bandwidth",
  "slow_close",
  "timeout",
  "reset",
  "sliced",
  "limit_data",
];
const ONSETS: readonly Onset[] = ["head", "body", "later"];

/** What passes before `later` begins. */
export const LATER_BYTES = 400;

const between = (chance: Chance, least: number, most: number): number => least + draw(chance, most - least + 1);

function drawToxic(chance: Chance, kind: ToxicKind): Toxic {
  switch (kind) {
    case "latency":
      return { kind, ms: between(chance, 20, 300), jitterMs: between(chance, 0, 200) };
    case "down":
      return { kind };
    case "bandwidth":
      return { kind, bytesPerSecond: between(chance, 4_000, 200_000) };
    case "slow_close":
      return { kind, ms: between(chance, 100, 1_500) };
    case "timeout":
      return { kind, ms: between(chance, 500, 6_000) };
    case "reset":
      return { kind, afterMs: between(chance, 0, 200) };
    case "sliced":
      return { kind, bytes: between(chance, 1, 2_000), ms: between(chance, 0, 5) };
    case "limit_data":
      return { kind, bytes: between(chance, 10, 30_000) };
  }
}

/** A kind that is not named is drawn, and so is where it begins. */
export function drawPoison(chance: Chance, named?: ToxicKind): Poison {
  const kind = named ?? TOXIC_KINDS[draw(chance, TOXIC_KINDS.length)]!;
  const onset = ONSETS[draw(chance, ONSETS.length)]!;
  return { toxic: drawToxic(chance, kind), onset, share: 0.3 + 0.7 * chance() };
}

/** What is to be done with a piece of an answer: these slices, each so much later than the one before, then how it ends. */
export interface Passage {
  readonly slices: readonly { readonly from: number; readonly to: number; readonly waitMs: number }[];
  /** Nothing after these slices is passed; the connection ends so. */
  readonly end?: { readonly how: "fin" | "reset"; readonly waitMs: number };
}

const whole = (length: number, waitMs = 0): Passage => ({ slices: [{ from: 0, to: length, waitMs }] });

/** A piece of `length` bytes, `passed` of the poisoned part having gone before it. */
export function passageOf(toxic: Toxic, length: number, passed: number, chance: Chance): Passage {
  switch (toxic.kind) {
    case "latency":
      return whole(length, Math.max(0, toxic.ms + (2 * chance() - 1) * toxic.jitterMs));
    case "down":
      return { slices: [], end: { how: "reset", waitMs: 0 } };
    case "bandwidth":
      return sliced(length, Math.max(1, Math.ceil(toxic.bytesPerSecond / 20)), 50);
    case "slow_close":
      return whole(length);
    case "timeout":
      return { slices: [], end: { how: "fin", waitMs: toxic.ms } };
    case "reset":
      return { slices: [], end: { how: "reset", waitMs: toxic.afterMs } };
    case "sliced":
      return sliced(length, toxic.bytes, toxic.ms);
    case "limit_data": {
      const left = toxic.bytes - passed;
      if (length < left) return whole(length);
      return { slices: [{ from: 0, to: Math.max(0, left), waitMs: 0 }], end: { how: "fin", waitMs: 0 } };
    }
  }
}

function sliced(length: number, bytes: number, waitMs: number): Passage {
  const slices = Array.from({ length: Math.ceil(length / bytes) }, (_, index) => ({
    from: index * bytes,
    to: Math.min(length, (index + 1) * bytes),
    waitMs,
  }));
  return { slices };
}
