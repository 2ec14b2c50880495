// When an answer is late. A timer costs a request as much as finding its route, and nearly all answers are here within a
// second: so requests only note down until when they wait, and one of them, at most once a second, stays awake for all.
// When its second is over it wakes those that still wait, and each of these sets a timer of its own for the rest of its time.
//
// Laws: a deadline is met to the millisecond, whoever watched. Who watches holds its request open by `waitUntil`, which
// outlives its answer; when its client leaves, it wakes the others at once and lets its own fetch go. Should the runtime kill
// it all the same, the next request watches in its place. All are woken in their own context: timers belong to requests.
import type { Background } from "./news.ts";

/** How long one request watches for all: well under what `waitUntil` grants. */
const WATCH_MS = 1_000;

/** The request that waits. */
export interface Waiter {
  readonly background: Background;
  /** Aborts when its client leaves. Costs something when first asked for: only who watches asks. */
  readonly client: AbortSignal;
}

/** Until its deadline, or until the answer is here. */
class Wait {
  wake: () => void = doNothing;
  #at: number;
  #all: Wait[];

  constructor(all: Wait[]) {
    this.#all = all;
    this.#at = all.push(this) - 1;
  }

  /** The answer is here, or nobody needs it any more. */
  over(): void {
    if (this.#at < 0) return;
    const last = this.#all.pop()!;
    if (last !== this) {
      this.#all[this.#at] = last;
      last.#at = this.#at;
    }
    this.#at = -1;
  }
}

const doNothing = (): void => {};

export class Deadlines {
  #waits: Wait[] = [];
  #watchedUntil = 0;

  /** Calls `late` in `ms` at the latest, unless the wait is over before. Undefined: a timer is running, for nothing if need be. */
  wait(ms: number, waiter: Waiter | undefined, late: () => void): Wait | undefined {
    if (ms === Infinity) return undefined;
    if (ms <= WATCH_MS || waiter === undefined) {
      // Never cleared: it ends with the request. Clearing costs half as much as setting it.
      setTimeout(late, ms);
      return undefined;
    }
    const now = Date.now();
    if (now >= this.#watchedUntil) this.#watch(now, waiter);
    const wait = new Wait(this.#waits);
    const woken = new Promise<void>((resolve) => (wait.wake = resolve));
    void woken.then(() => setTimeout(late, now + ms - Date.now()));
    return wait;
  }

  #watch(now: number, { background, client }: Waiter): void {
    const until = now + WATCH_MS;
    this.#watchedUntil = until;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      if (this.#watchedUntil === until) this.#watchedUntil = 0;
      this.#wakeAll();
      resolve();
    };
    setTimeout(end, WATCH_MS);
    client.addEventListener("abort", end, { once: true });
    background.waitUntil(promise);
  }

  #wakeAll(): void {
    const waits = [...this.#waits];
    for (const wait of waits) {
      wait.over();
      wait.wake();
    }
  }
}
