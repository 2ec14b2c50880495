// What a run is judged by. Exact percentiles over every request after the warm-up; a request that failed counts as long as
// its deadline, for whoever turns the hard ones away must not look quick by it.
import { BEGINNING } from "./clock.ts";
import type { Fault, Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

/** Rates are looked at over one second, four times a second. */
const BIN_MS = 250;
const BINS = 4;

export interface Result {
  /** Time to a good answer over all requests, ms; failed ones count as the deadline. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** The same over good answers alone. */
  readonly goodP99Ms: number;
  readonly failedShare: number;
  /** Failed without having been sent anywhere: part of `failedShare`. */
  readonly refusedShare: number;
  /** Attempts per request. */
  readonly attempts: number;
  /** The busiest instance's load relative to its size over the mean of its city, averaged over quiet seconds; 1 is even. */
  readonly imbalance: number;
  /** Seconds until traffic to what went wrong has halved; NaN when nothing went wrong or it never did. */
  readonly detectSeconds: number;
  /** Seconds after its end until traffic to it is back at half of what it was. */
  readonly returnSeconds: number;
  /** Seconds after its end until 95 % of requests are answered well again. */
  readonly recoverSeconds: number;
  /** Requests that reached a faulty instance and were spoilt by it. */
  readonly spoilt: number;
  readonly objectCallsPerThousand: number;
  readonly requests: number;
  /** Share failed, by second, for the plots; and traffic to the first faulty instance. */
  readonly failedBySecond: readonly number[];
  readonly faultyBySecond: readonly number[];
}

export class Measure {
  readonly #scenario: Scenario;
  #times = new Float64Array(1 << 16);
  #count = 0;
  #good: number[] = [];
  #all: number[] = [];
  #failed = 0;
  #refused = 0;
  #attempts = 0;
  #sentTo: number[][];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#sentTo = scenario.instances.map(() => []);
  }

  /** An attempt leaves for an instance. */
  sent(instance: number, at: number): void {
    const bin = Math.floor((at - BEGINNING) / BIN_MS);
    const bins = this.#sentTo[instance]!;
    bins[bin] = (bins[bin] ?? 0) + 1;
    if (this.#isMeasured(at)) this.#attempts++;
  }

  /** A request is over. `arrivedAt` is exact. */
  finished(arrivedAt: number, tookMs: number, ok: boolean, wasSent: boolean): void {
    const bin = Math.floor((arrivedAt - BEGINNING) / BIN_MS);
    this.#all[bin] = (this.#all[bin] ?? 0) + 1;
    if (ok) this.#good[bin] = (this.#good[bin] ?? 0) + 1;
    if (!this.#isMeasured(arrivedAt)) return;
    if (!ok) {
      this.#failed++;
      if (!wasSent) this.#refused++;
    }
    if (this.#count === this.#times.length) {
      const larger = new Float64Array(this.#times.length * 2);
      larger.set(this.#times);
      this.#times = larger;
    }
    this.#times[this.#count++] = ok ? tookMs : Number.POSITIVE_INFINITY;
  }

  #isMeasured(at: number): boolean {
    return at >= BEGINNING + this.#scenario.warmUp * 1000;
  }

  result(world: World, objectCalls: number): Result {
    const { deadlineMs, faults } = this.#scenario;
    const times = this.#times.subarray(0, this.#count).sort();
    const at = (q: number, of: number): number =>
      of === 0 ? Number.NaN : Math.min(deadlineMs, times[Math.min(of - 1, Math.floor(q * of))]!);
    const good = this.#count - this.#failed;
    const fault = faults[0];
    const seconds = Array.from({ length: this.#scenario.seconds }, (_, second) => second);
    const faulty = world.instances.filter((instance) =>
      faults.some((one) => one.instances.includes(instance.setup.id)),
    );
    return {
      p50Ms: at(0.5, this.#count),
      p99Ms: at(0.99, this.#count),
      p999Ms: at(0.999, this.#count),
      goodP99Ms: at(0.99, good),
      failedShare: this.#failed / this.#count,
      refusedShare: this.#refused / this.#count,
      attempts: this.#attempts / this.#count,
      imbalance: this.#imbalance(),
      detectSeconds: fault === undefined ? Number.NaN : this.#detect(fault),
      returnSeconds: fault === undefined ? Number.NaN : this.#return(fault),
      recoverSeconds: fault === undefined ? Number.NaN : this.#recover(fault),
      spoilt: faulty.reduce((sum, { spoilt }) => sum + spoilt.reduce((total, count) => total + (count ?? 0), 0), 0),
      objectCallsPerThousand: (objectCalls * 1000) / this.#all.reduce((sum, count) => sum + (count ?? 0), 0),
      requests: this.#count,
      failedBySecond: seconds.map((second) => {
        const all = over(this.#all, second * BINS);
        return all === 0 ? 0 : 1 - over(this.#good, second * BINS) / all;
      }),
      faultyBySecond: seconds.map((second) => (fault === undefined ? 0 : this.#toFaulty(fault, second * BINS))),
    };
  }

  #toFaulty(fault: Fault, bin: number): number {
    return this.#scenario.instances.reduce(
      (sum, { id }, i) => (fault.instances.includes(id) ? sum + over(this.#sentTo[i]!, bin) : sum),
      0,
    );
  }

  /** Traffic to the faulty ones in the ten seconds before, per second. */
  #usual(fault: Fault): number {
    let sum = 0;
    for (let second = fault.from - 10; second < fault.from; second++) sum += this.#toFaulty(fault, second * BINS);
    return sum / 10;
  }

  #first(from: number, to: number, holds: (bin: number) => boolean): number {
    for (let bin = from * BINS; bin + BINS <= to * BINS; bin++) if (holds(bin)) return bin / BINS - from;
    return Number.NaN;
  }

  /** The window that halved began after this many seconds; what it saw was sent within the second after. */
  #detect(fault: Fault): number {
    if (fault.flapping !== undefined) return Number.NaN;
    const half = this.#usual(fault) / 2;
    return this.#first(fault.from, fault.to, (bin) => this.#toFaulty(fault, bin) <= half);
  }

  #return(fault: Fault): number {
    if (fault.flapping !== undefined) return Number.NaN;
    const half = this.#usual(fault) / 2;
    return this.#first(fault.to, this.#scenario.seconds, (bin) => this.#toFaulty(fault, bin) >= half);
  }

  #recover(fault: Fault): number {
    return this.#first(fault.to, this.#scenario.seconds, (bin) => {
      const all = over(this.#all, bin);
      return all > 0 && over(this.#good, bin) >= 0.95 * all;
    });
  }

  #imbalance(): number {
    const { instances, faults, warmUp, seconds } = this.#scenario;
    const cities = [...new Set(instances.map(({ city }) => city))];
    let sum = 0;
    let count = 0;
    for (let second = warmUp; second < seconds; second++) {
      if (faults.some(({ from, to }) => second >= from && second < to + 10)) continue;
      for (const city of cities) {
        const loads = instances.flatMap((one, i) =>
          one.city === city ? [over(this.#sentTo[i]!, second * BINS) / one.workers] : [],
        );
        const mean = loads.reduce((total, load) => total + load, 0) / loads.length;
        if (loads.length < 2 || mean === 0) continue;
        sum += Math.max(...loads) / mean;
        count++;
      }
    }
    return count === 0 ? Number.NaN : sum / count;
  }
}

/** Counts of the second that begins with a bin. */
function over(bins: readonly number[], bin: number): number {
  let sum = 0;
  for (let i = bin; i < bin + BINS; i++) sum += bins[i] ?? 0;
  return sum;
}
