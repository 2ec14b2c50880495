// What happened, as it is judged: every violation with its moment and words, sums of everything else, and a series a second for the plots.
// Law: a violation is never dropped, only its words are bounded; what was seen is counted whether it is good or bad.

/** What the soak promises, each a kind of violation. */
export const PROMISES = {
  lost: "every acknowledged write is there after restarts",
  doubled: "nothing is counted twice",
  internal: "no 500 of the gateway's own",
  stuck: "no request is stuck beyond its deadline",
  truncated: "no truncated answer is reported whole",
  crossed: "nobody gets another's answer",
  leaked: "no secret is anywhere",
  dependent: "nothing a request depends on fails it",
  disobeyed: "what was acknowledged is obeyed everywhere",
  crashed: "nothing dies that was not killed",
} as const;
export type Promised = keyof typeof PROMISES;

export interface Violation {
  readonly atSeconds: number;
  readonly promise: Promised;
  readonly words: string;
}

/** One second: counts and gauges by name. */
export interface Second {
  readonly at: number;
  readonly counts: Record<string, number>;
}

const WORDS = 400;
const VIOLATIONS_KEPT = 500;

export class History {
  readonly violations: Violation[] = [];
  readonly broken = new Map<Promised, number>();
  readonly sums = new Map<string, number>();
  readonly samples = new Map<string, number[]>();
  readonly seconds: Second[] = [];
  readonly events: { readonly atSeconds: number; readonly words: string }[] = [];
  readonly #began: number;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.#began = now();
  }

  get elapsedSeconds(): number {
    return (this.#now() - this.#began) / 1_000;
  }

  violate(promise: Promised, words: string): void {
    this.broken.set(promise, (this.broken.get(promise) ?? 0) + 1);
    if (this.violations.length < VIOLATIONS_KEPT)
      this.violations.push({ atSeconds: this.elapsedSeconds, promise, words: words.slice(0, WORDS) });
  }

  /** In all, and in this second. */
  count(name: string, by = 1): void {
    this.sums.set(name, (this.sums.get(name) ?? 0) + by);
    const { counts } = this.#second();
    counts[name] = (counts[name] ?? 0) + by;
  }

  /** A figure as it stands in this second. */
  gauge(name: string, value: number): void {
    this.#second().counts[name] = value;
  }

  /** Of which quantiles are told. */
  sample(name: string, value: number): void {
    const samples = this.samples.get(name) ?? [];
    samples.push(value);
    this.samples.set(name, samples);
  }

  event(words: string): void {
    this.events.push({ atSeconds: this.elapsedSeconds, words });
  }

  sum(name: string): number {
    return this.sums.get(name) ?? 0;
  }

  #second(): Second {
    const at = Math.floor(this.elapsedSeconds);
    const last = this.seconds.at(-1);
    if (last?.at === at) return last;
    const next = { at, counts: {} };
    this.seconds.push(next);
    return next;
  }
}

/** Of samples, by nearest rank; undefined of none. */
export function quantileOf(samples: readonly number[], share: number): number | undefined {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
