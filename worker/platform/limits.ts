// How many requests at once a service may have from this isolate, for all of it or instance by instance, and who waits for
// a place. A place that gets free is kept for the next in the queue before anybody else sees it; who was woken with one and
// cannot use it gives it back. Nobody holds a place without a way to lose it: attempts end, tickets run out, clients leave.
import type { ServicePolicy } from "../core/policy/schema.ts";
import {
  enter,
  hasRoom,
  leave,
  limiter,
  type ConcurrencyOptions,
  type Limiter,
} from "../core/resilience/concurrency.ts";
import type { Outcome } from "../core/resilience/outcome.ts";
import { join, quit, serve, type Queue, type QueueOptions, type Ticket } from "../core/resilience/queue.ts";

/**
 * Waits in a service's queue. `held` is the place that was kept for it when it is woken. Others settle `woken`, and nothing
 * else does: a promise that its own request settled as well could leave that request with nothing to wait for, and the
 * runtime takes it for hung.
 */
export class Waiter {
  held: Limiter | undefined = undefined;
  readonly wake: () => void;
  readonly woken: Promise<void>;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.woken = promise;
    this.wake = resolve;
  }
}

export class Limits {
  /** Of the service as a whole; those of instances are with the instances. */
  readonly whole: Limiter | undefined;
  /** Any at all: an attempt takes a place that somebody else may be waiting for. */
  readonly any: boolean;
  #written: string;
  #options: (ConcurrencyOptions & QueueOptions) | undefined;
  #queue: Queue<Waiter> = [];

  constructor(concurrency: ServicePolicy["concurrency"]) {
    this.#written = JSON.stringify(concurrency);
    this.#options = concurrency === false ? undefined : concurrency;
    this.any = concurrency !== false;
    this.whole = concurrency !== false && concurrency.per === "service" ? limiter(concurrency) : undefined;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** These, when a new policy leaves them as they are: places in use stay in use, and who waits goes on waiting. */
  static from(concurrency: ServicePolicy["concurrency"], former: Limits | undefined): Limits {
    const stays = former !== undefined && former.#written === JSON.stringify(concurrency);
    return stays ? former : new Limits(concurrency);
  }

  /** A ticket to wait with, or undefined: there is no queue, or it is full of what matters as much. */
  wait(waiter: Waiter, priority: number, now: number): Ticket<Waiter> | undefined {
    const options = this.#options;
    if (options === undefined || options.queue === 0) return undefined;
    return join(this.#queue, priority, waiter, now, options, turnAway);
  }

  /** Waits no longer: its time is over, or its client left. */
  quit(ticket: Ticket<Waiter>): void {
    const { held } = ticket.holder;
    if (held !== undefined) this.release(held);
    else quit(this.#queue, ticket);
  }

  /** Gives back a place that was kept and not used. */
  release(held: Limiter): void {
    this.leave(held, "cancelled", 0, Date.now());
  }

  leave(place: Limiter, outcome: Outcome, ms: number, now: number): void {
    leave(place, outcome, ms, now, this.#options!);
    while (this.#queue.length > 0 && hasRoom(place)) {
      const ticket = serve(this.#queue, now, turnAway);
      if (ticket === undefined) return;
      enter(place);
      ticket.holder.held = place;
      ticket.holder.wake();
    }
  }
}

const turnAway = ({ holder }: Ticket<Waiter>): void => holder.wake();
