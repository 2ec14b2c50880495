// Which keys a costly level may hold, as a Bloom filter (Bloom, CACM 1970): a miss in the isolate asks the level only when the
// filter says "maybe". Two generations take turns, so that what was stored long ago fades instead of filling it up. A key that
// was forgotten costs a miss, and is told again when it is stored again. Keys are known by 64 bits of their hash.

const BITS = 2 ** 20;
const WORDS = BITS / 32;
/** With 100,000 keys in 2^20 bits: less than one in a hundred is asked for in vain. */
const PROBES = 6;
const TURN_AT = 100_000;

const VERSION = 1;
const HEADER_BYTES = 12;

export class Presence {
  #young = new Uint32Array(WORDS);
  #old = new Uint32Array(WORDS);
  #count = 0;

  /** Keys told since the young generation began; some of them maybe more than once. */
  get count(): number {
    return this.#count;
  }

  /** True when it was news. `hash` is a key's hash in hexadecimal, at least 16 digits of it. */
  add(hash: string): boolean {
    const [first, step] = words(hash);
    let isNew = false;
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = (first + probe * step) >>> 0;
      const [word, mask] = [(bit >>> 5) % WORDS, 1 << (bit & 31)];
      if ((this.#young[word]! & mask) !== 0) continue;
      this.#young[word]! |= mask;
      isNew = true;
    }
    if (isNew && ++this.#count >= TURN_AT) this.#turn();
    return isNew;
  }

  mayHold(hash: string): boolean {
    const [first, step] = words(hash);
    return inAll(this.#young, first, step) || inAll(this.#old, first, step);
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Uint32Array(WORDS);
    this.#count = 0;
  }

  /** Both generations in one. */
  encode(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(HEADER_BYTES + 2 * WORDS * 4);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, VERSION);
    view.setUint32(4, BITS);
    view.setUint32(8, this.#count);
    for (let at = 0; at < WORDS; at++) {
      view.setUint32(HEADER_BYTES + at * 4, this.#young[at]!);
      view.setUint32(HEADER_BYTES + (WORDS + at) * 4, this.#old[at]!);
    }
    return bytes;
  }

  /** Takes in what another filter knows, beside its own. False for what is none. */
  merge(bytes: Uint8Array): boolean {
    if (bytes.byteLength !== HEADER_BYTES + 2 * WORDS * 4) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0) !== VERSION || view.getUint32(4) !== BITS) return false;
    // The other one's turn came: what we know of its last generation is old here as well.
    if (view.getUint32(8) < this.#count / 2) this.#turn();
    for (let at = 0; at < WORDS; at++) {
      this.#young[at]! |= view.getUint32(HEADER_BYTES + at * 4);
      this.#old[at]! |= view.getUint32(HEADER_BYTES + (WORDS + at) * 4);
    }
    this.#count = Math.max(this.#count, view.getUint32(8));
    return true;
  }
}

/** Two independent 32-bit words; the second one odd, so that probes never meet (Kirsch and Mitzenmacher 2006). */
const words = (hash: string): [number, number] => [
  Number.parseInt(hash.slice(0, 8), 16),
  Number.parseInt(hash.slice(8, 16), 16) | 1,
];

function inAll(bits: Uint32Array, first: number, step: number): boolean {
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = (first + probe * step) >>> 0;
    if ((bits[(bit >>> 5) % WORDS]! & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}
