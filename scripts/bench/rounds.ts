// What is made of the measurements. Pure. Laws: every round holds each Worker once, so that what slows the machine slows
// all of them; ratios are taken within a round and then their median, never between rounds; a disturbed round is thrown
// away whole and said so.

/** One Worker's turn in one round, at saturation. */
export interface Saturation {
  readonly perSecond: number;
  /** CPU of the workerd process per request, µs. */
  readonly cpuMicros: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Round {
  readonly saturation: Readonly<Record<string, Saturation>>;
  /** Latencies at a constant rate, ms. */
  readonly steady: Readonly<Record<string, Float64Array>>;
  /** Highest share of a processor that others used during one turn. */
  readonly disturbance: number;
}

/** Forward, backward, forward …, and each pair of rounds begins with another Worker: none is always first or last. */
export function orderOf<T>(items: readonly T[], round: number): T[] {
  const shift = Math.floor(round / 2) % items.length;
  const rotated = [...items.slice(shift), ...items.slice(0, shift)];
  return round % 2 === 0 ? rotated : rotated.toReversed();
}

/** Of an unsorted, non-empty list; the mean of the middle two when there is no middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Nearest rank: the smallest value that at least `share` of all do not exceed. */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * Mean of the lower half. For CPU time, which others on the machine can only add to (cold caches, a slower clock): the
 * lower half is nearest to what the work itself costs.
 */
export function calmHalf(values: readonly number[]): number {
  const lower = [...values].sort((a, b) => a - b).slice(0, Math.ceil(values.length / 2));
  return lower.reduce((sum, value) => sum + value, 0) / lower.length;
}

/** Median with the range it was taken from. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}

export interface Steady {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly requests: number;
}

export interface Summary {
  readonly worker: string;
  readonly perSecond: Spread;
  /** CPU per request: of all rounds, and of their calm half. */
  readonly cpuMicros: (Spread & { readonly calm: number }) | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** At a constant rate, all rounds together; undefined when that part was not run. */
  readonly steady: Steady | undefined;
  /** Requests per second in parts of the other Worker's, by its name. */
  readonly of: Readonly<Record<string, Spread>>;
  /** CPU per request, calm half, in parts of the other's. */
  readonly cpuOf: Readonly<Record<string, number>>;
}

export function summarise(rounds: readonly Round[], workers: readonly string[], bases: readonly string[]): Summary[] {
  const present = bases.filter((base) => workers.includes(base));
  return workers.map((worker) => {
    const turns = rounds.map(({ saturation }) => saturation[worker]!);
    const cpu = cpuOf(rounds, worker);
    return {
      worker,
      perSecond: spread(turns.map(({ perSecond }) => perSecond)),
      cpuMicros: cpu === undefined ? undefined : { ...spread(cpu), calm: calmHalf(cpu) },
      p50Ms: median(turns.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(turns.map(({ p99Ms }) => p99Ms)),
      steady: steadyOf(rounds.map(({ steady }) => steady[worker])),
      of: Object.fromEntries(present.map((base) => [base, ratioOf(rounds, worker, base)])),
      cpuOf:
        cpu === undefined
          ? {}
          : Object.fromEntries(present.map((base) => [base, calmHalf(cpu) / calmHalf(cpuOf(rounds, base)!)])),
    };
  });
}

/** Requests per second against another Worker's in the same round. */
function ratioOf(rounds: readonly Round[], worker: string, base: string): Spread {
  return spread(rounds.map(({ saturation }) => saturation[worker]!.perSecond / saturation[base]!.perSecond));
}

/** CPU per request in each round; undefined when one was not measured. */
function cpuOf(rounds: readonly Round[], worker: string): number[] | undefined {
  const measured = rounds.map(({ saturation }) => saturation[worker]!.cpuMicros);
  return measured.includes(undefined) ? undefined : (measured as number[]);
}

/**
 * Percentiles of each round, and of those the median: V8 clears up for 50 to 140 ms once in some ten thousand requests, whichever
 * Worker it is, and in whose round that falls decides over the 99th of all.
 */
function steadyOf(parts: readonly (Float64Array | undefined)[]): Steady | undefined {
  const rounds = parts.filter((part) => part !== undefined && part.length > 0) as Float64Array[];
  if (rounds.length === 0) return undefined;
  const middle = (share: number): number => median(rounds.map((part) => percentile(part, share)));
  return {
    p50Ms: middle(0.5),
    p90Ms: middle(0.9),
    p99Ms: middle(0.99),
    requests: rounds.reduce((sum, part) => sum + part.length, 0),
  };
}

/** Rounds to draw conclusions from: the undisturbed ones, or the calmest when there are too few of them. */
export function usable(
  rounds: readonly Round[],
  wanted: number,
  tolerance: number,
): { readonly rounds: readonly Round[]; readonly calm: boolean } {
  const calm = rounds.filter(({ disturbance }) => disturbance <= tolerance);
  if (calm.length >= wanted) return { rounds: calm, calm: true };
  const sorted = [...rounds].sort((a, b) => a.disturbance - b.disturbance);
  return { rounds: sorted.slice(0, wanted), calm: false };
}
