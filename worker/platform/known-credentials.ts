// Credentials this isolate has verified, by their exact text, so that the next request with one costs a look into a map and
// no cryptography. Bounded in number and in characters: two halves, of which the older one goes as a whole when the newer
// is full, and whatever is used moves into the newer. A credential is used as long as its entry says, never longer.
import type { SecurityContext } from "../core/security/context.ts";
import type { HeaderPair } from "../core/security/identity-headers.ts";

const MOST_CHARACTERS = 4_194_304;
const MOST_ENTRIES = 10_000;
/** What an entry costs beside its text, in characters. */
const OVERHEAD = 256;

export const NOTHING_TOLD: readonly HeaderPair[] = [];

export interface Known {
  readonly context: SecurityContext;
  /** Epoch ms from which it must be verified again. */
  readonly until: number;
  /** Fields that tell an upstream who it is, the signature among them, good until `toldUntil`. */
  told: readonly HeaderPair[];
  toldUntil: number;
}

export class KnownCredentials {
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  #characters = 0;

  /** Undefined for one that is not known, or not any more. */
  get(text: string, now: number): Known | undefined {
    let known = this.#young.get(text);
    if (known === undefined) {
      known = this.#old.get(text);
      if (known === undefined) return undefined;
      this.#old.delete(text);
      if (now < known.until) this.set(text, known);
    }
    return now < known.until ? known : undefined;
  }

  set(text: string, known: Known): void {
    const room = text.length + OVERHEAD;
    if (this.#characters + room > MOST_CHARACTERS / 2 || this.#young.size >= MOST_ENTRIES / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    if (!this.#young.has(text)) this.#characters += room;
    this.#young.set(text, known);
  }

  /** Forgets those that are affected. */
  drop(isAffected: (known: Known) => boolean): void {
    for (const half of [this.#young, this.#old]) {
      for (const [text, known] of half) if (isAffected(known)) half.delete(text);
    }
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#characters = 0;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
