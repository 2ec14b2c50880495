// Something an object does in a moment, and that means nothing once its memory is gone: so it goes by a timer. An alarm would be
// a stored row, a call that is billed and a wait for the disk, each second of traffic.

/** A timer this long overdue was lost. */
const LOST_TIMER_MS = 5_000;

export class Pulse {
  #state: Pick<DurableObjectState, "waitUntil">;
  #work: () => Promise<void>;
  /** Epoch ms, Infinity for never. */
  #at = Number.POSITIVE_INFINITY;

  constructor(state: Pick<DurableObjectState, "waitUntil">, work: () => Promise<void>) {
    this.#state = state;
    this.#work = work;
  }

  /** Due at `at`, epoch ms, or sooner when it was to be sooner already. */
  by(at: number): void {
    const now = Date.now();
    if (this.#at <= at && this.#at > now - LOST_TIMER_MS) return;
    this.#at = at;
    setTimeout(() => this.#ring(at), Math.max(0, at - now));
  }

  #ring(at: number): void {
    // Another one was to ring sooner, and has.
    if (at !== this.#at) return;
    this.#at = Number.POSITIVE_INFINITY;
    this.#state.waitUntil(this.#work());
  }
}
