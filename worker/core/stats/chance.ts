// Chance is an argument, so that every decision can be replayed. In a Worker it is `Math.random`; tests and the
// simulator hand in a seeded generator and print the seed.

/** Uniform in [0, 1). */
export type Chance = () => number;

/**
 * sfc32, the "small fast counter" of Chris Doty-Humphrey's PractRand: 128 bits of state, period of 2^32 at the least,
 * about 2^127 on average. The seed is spread over the state by splitmix32, and the first draws are thrown away, so that
 * seeds 1 and 2 have nothing in common. Never for secrets.
 */
export function seededChance(seed: number): Chance {
  let mix = seed | 0;
  const word = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = word();
  let b = word();
  let c = word();
  let counter = 1;
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 12; warm++) draw();
  return draw;
}

/** A whole number from 0 to `below` - 1. */
/**
 * Draws that fill [0, 1) evenly (the golden ratio's additive recurrence), from a start of chance: of any thousand, the share below p
 * is p within half a percent, also where only every n-th is looked at. Not for secrets, nor where two must not draw alike.
 */
export function evenChance(start: number): Chance {
  let at = start;
  return () => (at = (at + 0.618_033_988_749_894_9) % 1);
}

export const draw = (chance: Chance, below: number): number => Math.floor(chance() * below);
