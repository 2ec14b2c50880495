// The bounded queue before a concurrency limit: by priority, then in order of arrival, each for a limited time. When it
// is full, what matters least and came last goes; nobody is pushed out by an equal. It holds tickets and knows no
// timers: the driver's own timer takes out what has waited too long, and `serve` never gives a place to it.

/** As in the policy's `concurrency` block. */
export interface QueueOptions {
  /** Places; 0 for no queue. */
  readonly queue: number;
  readonly queueMs: number;
}

export interface Ticket<T> {
  /** Greater goes first. */
  readonly priority: number;
  /** Epoch ms until which it waits. */
  readonly until: number;
  /** The driver's own: whom to wake. */
  readonly holder: T;
}

/** In the order of service. */
export type Queue<T> = Ticket<T>[];

/**
 * Takes a ticket for `holder`, or undefined when the queue is full of what matters as much. The one that had to go for
 * it, if any, is handed to `turnedAway`.
 */
export function join<T>(
  queue: Queue<T>,
  priority: number,
  holder: T,
  now: number,
  options: QueueOptions,
  turnedAway: (ticket: Ticket<T>) => void,
): Ticket<T> | undefined {
  while (queue.length >= options.queue) {
    const last = queue.at(-1);
    if (last === undefined || last.priority >= priority) return undefined;
    queue.pop();
    turnedAway(last);
  }
  const ticket = { priority, until: now + options.queueMs, holder };
  let at = queue.length;
  while (at > 0 && queue[at - 1]!.priority < priority) at--;
  queue.splice(at, 0, ticket);
  return ticket;
}

/** The next to be served; undefined when nobody waits. Who has waited too long is handed to `turnedAway`. */
export function serve<T>(queue: Queue<T>, now: number, turnedAway: (ticket: Ticket<T>) => void): Ticket<T> | undefined {
  for (;;) {
    const ticket = queue.shift();
    if (ticket === undefined || now < ticket.until) return ticket;
    turnedAway(ticket);
  }
}

/** Takes a ticket out: its time is over, or its client left. False when it is not there any more. */
export function quit<T>(queue: Queue<T>, ticket: Ticket<T>): boolean {
  const at = queue.indexOf(ticket);
  if (at < 0) return false;
  queue.splice(at, 1);
  return true;
}
