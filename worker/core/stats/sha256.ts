// SHA-256 (FIPS 180-4) of short words, in the same tick: secrets in cache keys have to be hashed while a request waits, and
// WebCrypto would make every such step asynchronous. For values of a header's length; whole bodies go through WebCrypto.

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (§4.2.2). */
const K = new Uint32Array(64);
/** The same of the square roots of the first eight (§5.3.3). */
const INITIAL = new Uint32Array(8);

/** Exact: doubles of roots carry enough bits for 32 of the fraction, since the whole part is below 7. */
const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32);

for (let number = 2, found = 0; found < 64; number++) {
  let prime = true;
  for (let by = 2; by * by <= number; by++) if (number % by === 0) prime = false;
  if (!prime) continue;
  K[found] = fraction(Math.cbrt(number));
  if (found < 8) INITIAL[found] = fraction(Math.sqrt(number));
  found++;
}

const encoder = new TextEncoder();
const schedule = new Uint32Array(64);

/** Lower-case hexadecimal digits of the hash of the UTF-8 bytes, the first `digits` of 64. */
export function sha256Hex(words: string, digits = 64): string {
  const state = INITIAL.slice();
  const blocks = padded(encoder.encode(words));
  const view = new DataView(blocks.buffer);
  for (let at = 0; at < blocks.length; at += 64) compress(state, view, at);
  let hex = "";
  for (const word of state) hex += word.toString(16).padStart(8, "0");
  return hex.slice(0, digits);
}

/** §5.1.1: a one bit, zeros, and the length in bits as the last 64 of a whole number of blocks. */
function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  blocks.set(bytes);
  blocks[bytes.length] = 0x80;
  const view = new DataView(blocks.buffer);
  view.setUint32(blocks.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(blocks.length - 4, (bytes.length << 3) >>> 0);
  return blocks;
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** §6.2.2 */
function compress(state: Uint32Array, view: DataView, at: number): void {
  const w = schedule;
  for (let t = 0; t < 16; t++) w[t] = view.getUint32(at + t * 4);
  for (let t = 16; t < 64; t++) {
    const [early, late] = [w[t - 15]!, w[t - 2]!];
    const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    w[t] = (w[t - 16]! + s0 + w[t - 7]! + s1) | 0;
  }
  let [a, b, c, d] = [state[0]!, state[1]!, state[2]!, state[3]!];
  let [e, f, g, h] = [state[4]!, state[5]!, state[6]!, state[7]!];
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  const worked = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = (state[i]! + worked[i]!) | 0;
}
