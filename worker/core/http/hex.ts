// Random digits for ids. Chance is an argument: a function that returns numbers in [0, 1), as `Math.random` does. Ids
// must be unique, not secret (W3C Trace Context §7: they carry no meaning), and a cryptographic draw costs a call into
// the runtime per request; V8's generator has 128 bits of state, seeded per isolate.

export type Chance = () => number;

const BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The low 16 bits as four digits. */
export function hex16(bits: number): string {
  return BYTE[(bits >>> 8) & 255]! + BYTE[bits & 255]!;
}

/** The low 32 bits as eight digits. */
export function hex32(bits: number): string {
  return BYTE[(bits >>> 24) & 255]! + BYTE[(bits >>> 16) & 255]! + BYTE[(bits >>> 8) & 255]! + BYTE[bits & 255]!;
}

/** 32 random bits, as an integer that may be negative. */
export function bits32(chance: Chance): number {
  return (chance() * 4294967296) | 0;
}
