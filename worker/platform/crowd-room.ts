// The room of a `BatchObject` where isolates meet over keys that none of them holds (core/cache/crowd). Followers wait here, each no
// longer than the leader's lease; nothing is stored, and when the object dies everyone asks for himself.
import { bring, noCrowds, patienceFor, placeIn, sweep } from "../core/cache/crowd.ts";
import type { CrowdPlace } from "../core/protocol/batch.ts";

const SWEEP_EVERY = 256;

type Line = Uint8Array<ArrayBuffer> | undefined;

export class CrowdRoom {
  #crowds = noCrowds();
  #waiting = new Map<string, Set<(line: Line) => void>>();
  #asked = 0;

  get keys(): number {
    return this.#crowds.byKey.size;
  }

  lead(key: string, leaseMs: number): CrowdPlace {
    if (++this.#asked % SWEEP_EVERY === 0) sweep(this.#crowds, Date.now());
    return placeIn(this.#crowds, key, leaseMs, Date.now());
  }

  /** What the leader brings; undefined when that may not be shared, or nothing came. */
  follow(key: string, waitMs: number): Promise<Line> {
    const place = patienceFor(this.#crowds, key, Date.now());
    // It was brought between two questions.
    if (place === 0) return Promise.resolve(this.#brought(key));
    const { promise, resolve } = Promise.withResolvers<Line>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(resolve));
    const timer = setTimeout(resolve, Math.min(place, waitMs), undefined);
    return promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(resolve);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    });
  }

  bring(key: string, lease: number, line: Line): void {
    if (!bring(this.#crowds, key, lease, line, Date.now())) return;
    const brought = this.#brought(key);
    for (const resolve of this.#waiting.get(key) ?? []) resolve(brought);
  }

  #brought(key: string): Line {
    const crowd = this.#crowds.byKey.get(key);
    return crowd?.state === "brought" ? crowd.line : undefined;
  }
}
