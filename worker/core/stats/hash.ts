// A short, stable, non-cryptographic hash: rings, shards, canaries, sampling. Every isolate, object and script that
// hashes the same words gets the same number. An attacker can build collisions: never a key for secrets or identity.

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a over the UTF-8 bytes (Fowler, Noll, Vo), unsigned 32 bits. A lone surrogate hashes as U+FFFD. */
export function fnv1a(words: string): number {
  let hash = OFFSET_BASIS;
  for (let at = 0; at < words.length; at++) {
    let code = words.charCodeAt(at);
    if (code < 0x80) {
      hash = Math.imul(hash ^ code, PRIME);
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = code < 0xdc00 ? words.charCodeAt(at + 1) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at++;
      } else code = 0xfffd;
    }
    if (code < 0x800) hash = Math.imul(hash ^ (0xc0 | (code >> 6)), PRIME);
    else {
      if (code < 0x10000) hash = Math.imul(hash ^ (0xe0 | (code >> 12)), PRIME);
      else {
        hash = Math.imul(hash ^ (0xf0 | (code >> 18)), PRIME);
        hash = Math.imul(hash ^ (0x80 | ((code >> 12) & 0x3f)), PRIME);
      }
      hash = Math.imul(hash ^ (0x80 | ((code >> 6) & 0x3f)), PRIME);
    }
    hash = Math.imul(hash ^ (0x80 | (code & 0x3f)), PRIME);
  }
  return hash >>> 0;
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
export function finalise(hash: number): number {
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** FNV-1a and the finaliser: alone, FNV leaves "a-1" and "a-2" close together. Unsigned 32 bits. */
export const hash32 = (words: string): number => finalise(fnv1a(words));

/** The same as a share, in [0, 1): a client's place in a canary of 5 % is fixed by its own name. */
export const hashShare = (words: string): number => hash32(words) / 2 ** 32;
