// The simulator's time: a heap of things that happen, each at its moment, in the order they were asked for when moments
// are equal. Time is a number of milliseconds; nothing waits, so an hour takes as long as its events.

/** Simulated epoch ms at which every run begins: far from 0, which many states read as "never". */
export const BEGINNING = 1_700_000_000_000;

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Clock {
  /** Exact; Workers see `now`, which has whole milliseconds like theirs. */
  time = BEGINNING;
  #heap: Entry[] = [];
  #order = 0;

  get now(): number {
    return Math.floor(this.time);
  }

  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const entry = { at: Math.max(time, this.time), order: this.#order++, run };
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  after(ms: number, run: () => void): void {
    this.at(this.time + ms, run);
  }

  /** Lets everything happen up to a moment, and stops there. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#removeFirst();
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
