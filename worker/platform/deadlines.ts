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

/** What is woken. */
export interface Sleeper {
  /** Called when nobody watches any longer: from now on it needs a timer of its own, set in its own context. */
  wake(): void;
}

/** Who waits, until its deadline or until the answer is here. */
export class Wait {
  readonly sleeper: Sleeper;
  #at: number;
  #all: Wait[];

  constructor(all: Wait[], sleeper: Sleeper) {
    this.#all = all;
    this.sleeper = sleeper;
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

export class Deadlines {
  #waits: Wait[] = [];
  #watchedUntil = 0;

  /**
   * Notes down who waits from `now` on, for `ms`. Within a second it wakes `sleeper`, unless the wait is over before: from
   * any request's context, so that `wake` may resolve a promise and nothing else. Undefined: it needs a timer of its own at once.
   */
  wait(ms: number, now: number, waiter: Waiter, sleeper: Sleeper): Wait | undefined {
    if (ms <= WATCH_MS || ms === Infinity) return undefined;
    if (now >= this.#watchedUntil) this.#watch(now, waiter);
    return new Wait(this.#waits, sleeper);
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
      wait.sleeper.wake();
    }
  }
}
