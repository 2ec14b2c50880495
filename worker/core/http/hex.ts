// Random digits for ids. Chance is an argument: a function that returns numbers in [0, 1), as `Math.random` does. Ids
// must be unique, not secret (W3C Trace Context §7: they carry no meaning), and a cryptographic draw costs a call into
// the runtime per request; V8's generator has 128 bits of state, seeded per isolate.
//
// Ids are cut from a stock: writing many of them in one go, as bytes, costs a fraction of putting each together out of
// pieces when it is needed, and a request is left with one slice.

export type Chance = () => number;

const DIGITS: readonly number[] = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const ZERO = DIGITS[0]!;
const ONE = DIGITS[1]!;

/** 32 random bits, as an integer that may be negative. */
export function bits32(chance: Chance): number {
  return (chance() * 4294967296) | 0;
}

/** Writes `count` random digits as character codes, eight of one draw. */
export function writeHex(into: Uint8Array, at: number, count: number, chance: Chance): void {
  let bits = 0;
  for (let digit = 0; digit < count; digit++) {
    if ((digit & 7) === 0) bits = bits32(chance);
    into[at + digit] = DIGITS[bits >>> 28]!;
    bits <<= 4;
  }
}

/** The same, but never all zero: an id of nothing but zeros means none (W3C Trace Context §3.2.2.3). */
export function writeId(into: Uint8Array, at: number, count: number, chance: Chance): void {
  writeHex(into, at, count, chance);
  for (let digit = 0; digit < count; digit++) if (into[at + digit] !== ZERO) return;
  into[at + count - 1] = ONE;
}

const STOCK = 128;
/** Bytes of digits and dashes as text, in one go. */
const ASCII = new TextDecoder();

/** Texts of one length, made of chance. */
export class Stock {
  readonly #length: number;
  readonly #write: (into: Uint8Array, at: number, chance: Chance) => void;
  #text = "";
  #at = 0;
  #chance: Chance | undefined = undefined;

  /** `write` puts one of them, as character codes, at `at`. */
  constructor(length: number, write: (into: Uint8Array, at: number, chance: Chance) => void) {
    this.#length = length;
    this.#write = write;
  }

  take(chance: Chance): string {
    const from = this.#at;
    if (from === this.#text.length || chance !== this.#chance) return this.#refill(chance);
    const end = from + this.#length;
    this.#at = end;
    return this.#text.slice(from, end);
  }

  #refill(chance: Chance): string {
    const codes = new Uint8Array(STOCK * this.#length);
    for (let at = 0; at < codes.length; at += this.#length) this.#write(codes, at, chance);
    this.#text = ASCII.decode(codes);
    this.#chance = chance;
    this.#at = this.#length;
    return this.#text.slice(0, this.#length);
  }
}
