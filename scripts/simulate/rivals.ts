// The alternatives, written from their public descriptions, each in one isolate as it would run there: nobody shares state.
// All of them get the driver's retries and deadlines. Numbers are the defaults of their sources.
import type { Outcome } from "../../worker/core/resilience/outcome.ts";
import { NOBODY } from "./gateway.ts";
import type { Balancer, Contestant, Surroundings } from "./gateway.ts";

/** What they have in common: requests in flight, and no ejection of anyone. */
abstract class Plain implements Balancer {
  protected readonly around: Surroundings;
  protected readonly inFlight: number[];

  constructor(around: Surroundings) {
    this.around = around;
    this.inFlight = around.instances.map(() => 0);
  }

  abstract pick(tried: readonly number[], waited: boolean): number;

  hasOthers(tried: readonly number[]): boolean {
    return tried.length < this.inFlight.length;
  }

  sent(instance: number): number {
    this.inFlight[instance]!++;
    return 0;
  }

  ended(instance: number, _ticket: number, _outcome: Outcome, _tookMs: number): void {
    this.inFlight[instance]!--;
  }

  protected weight(instance: number): number {
    return this.around.instances[instance]!.weight;
  }

  protected among(tried: readonly number[]): number[] {
    return this.inFlight.map((_, i) => i).filter((i) => !tried.includes(i));
  }

  /** One of them by weight; NOBODY of none. */
  protected drawn(from: readonly number[]): number {
    let rest = this.around.chance() * from.reduce((sum, i) => sum + this.weight(i), 0);
    for (const i of from) if ((rest -= this.weight(i)) < 0) return i;
    return from.at(-1) ?? NOBODY;
  }

  /** Two different ones by weight; the same one twice when there is only one. */
  protected drawnTwo(from: readonly number[]): [number, number] {
    const first = this.drawn(from);
    const second = this.drawn(from.filter((i) => i !== first));
    return [first, second === NOBODY ? first : second];
  }
}

/**
 * nginx `ngx_http_upstream_round_robin.c`: smooth weighted round robin. (Its max_fails is left out: the Envoy-like ones
 * stand for ejection.) Every isolate begins at another instance, as nginx's workers do not but deployments of it do.
 */
export class RoundRobin extends Plain {
  #turns: number[];

  constructor(around: Surroundings) {
    super(around);
    this.#turns = this.inFlight.map((_, i) => this.weight(i) * around.chance());
  }

  pick(tried: readonly number[]): number {
    const from = this.among(tried);
    let best = NOBODY;
    for (const i of from) {
      this.#turns[i]! += this.weight(i);
      if (best === NOBODY || this.#turns[i]! > this.#turns[best]!) best = i;
    }
    if (best !== NOBODY) this.#turns[best]! -= from.reduce((sum, i) => sum + this.weight(i), 0);
    return best;
  }
}

export class WeightedRandom extends Plain {
  pick(tried: readonly number[]): number {
    return this.drawn(this.among(tried));
  }
}

/** nginx `least_conn`, HAProxy `leastconn`: the fewest requests in flight for the weight; ties are drawn. */
export class LeastConnections extends Plain {
  pick(tried: readonly number[]): number {
    const from = this.among(tried);
    const least = Math.min(...from.map((i) => this.inFlight[i]! / this.weight(i)));
    return this.drawn(from.filter((i) => this.inFlight[i]! / this.weight(i) === least));
  }
}

/** Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001): two at random, the less busy one. */
export class TwoChoices extends Plain {
  pick(tried: readonly number[]): number {
    const [a, b] = this.drawnTwo(this.among(tried));
    return this.#load(b) < this.#load(a) ? b : a;
  }

  #load(instance: number): number {
    return ((this.inFlight[instance] ?? 0) + 1) / (instance < 0 ? 1 : this.weight(instance));
  }
}

/**
 * Finagle `loadbalancer/PeakEwma.scala` over `P2C.scala`: two at random, the lower `ewma x (pending + 1)`. The average jumps
 * up to a higher sample and decays over 10 s, also by being read; one without history and with requests pending is avoided.
 * As there, a failure is a sample like any other.
 */
export class PeakEwma extends Plain {
  static readonly decayMs = 10_000;
  static readonly #penalty = Number.MAX_SAFE_INTEGER;
  #cost: number[];
  #stamp: number[];

  constructor(around: Surroundings) {
    super(around);
    this.#cost = this.inFlight.map(() => 0);
    this.#stamp = this.inFlight.map(() => around.clock.now);
  }

  pick(tried: readonly number[]): number {
    const [a, b] = this.drawnTwo(this.among(tried));
    if (a === b) return a;
    return this.load(b) < this.load(a) ? b : a;
  }

  load(instance: number): number {
    this.#observe(instance, 0);
    const cost = this.#cost[instance]!;
    const pending = this.inFlight[instance]!;
    return cost === 0 && pending > 0 ? PeakEwma.#penalty + pending : cost * (pending + 1);
  }

  override ended(instance: number, ticket: number, outcome: Outcome, tookMs: number): void {
    super.ended(instance, ticket, outcome, tookMs);
    if (outcome !== "cancelled") this.#observe(instance, tookMs);
  }

  #observe(instance: number, sample: number): void {
    const now = this.around.clock.now;
    const keep = Math.exp(-Math.max(now - this.#stamp[instance]!, 0) / PeakEwma.decayMs);
    const before = this.#cost[instance]!;
    this.#cost[instance] = sample > before ? sample : before * keep + sample * (1 - keep);
    this.#stamp[instance] = now;
  }
}

/** Of `OutlierDetection`; names as in Envoy's API. */
export interface OutlierOptions {
  readonly consecutive5xx: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  readonly successRateStdevFactor: number;
}

/** Envoy's defaults. */
export const ENVOY_DEFAULTS: OutlierOptions = {
  consecutive5xx: 5,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 10,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1.9,
};

/** As an operator who cares sets it: sweeps every second, short ejections, up to all hosts. */
export const ENVOY_TUNED: OutlierOptions = {
  ...ENVOY_DEFAULTS,
  intervalMs: 1000,
  baseEjectionMs: 5000,
  maxEjectionPercent: 100,
  successRateMinimumHosts: 3,
  successRateRequestVolume: 20,
};

/** Of the load balancer, not of outlier detection. */
const HEALTHY_PANIC_THRESHOLD = 0.5;
const OVERPROVISIONING = 1.4;

/**
 * Envoy: `LEAST_REQUEST` with two choices over priorities by locality, outlier detection by consecutive 5xx (inline) and by
 * success rate (every interval: below mean - factor x standard deviation), ejection for base x times ejected, looked at in
 * each sweep; one host may always be ejected, more up to the limit; under the panic threshold all hosts are used.
 * After docs "Outlier detection", "Panic threshold", "Priority levels", "Supported load balancers" (Envoy 1.30).
 */
export class Envoy extends Plain {
  readonly #options: OutlierOptions;
  readonly #consecutive: number[];
  readonly #ok: number[];
  readonly #total: number[];
  readonly #ejectedAt: (number | undefined)[];
  readonly #multiplier: number[];
  #sweptAt: number;

  constructor(around: Surroundings, options: OutlierOptions) {
    super(around);
    this.#options = options;
    this.#consecutive = this.inFlight.map(() => 0);
    this.#ok = this.inFlight.map(() => 0);
    this.#total = this.inFlight.map(() => 0);
    this.#ejectedAt = this.inFlight.map(() => undefined);
    this.#multiplier = this.inFlight.map(() => 0);
    this.#sweptAt = around.clock.now;
  }

  isEjected(instance: number): boolean {
    return this.#ejectedAt[instance] !== undefined;
  }

  pick(tried: readonly number[]): number {
    this.#sweepWhenDue();
    const hosts = this.#hostsInPlay().filter((i) => !tried.includes(i));
    // Envoy's retry predicate "previous hosts" gives up finding another one after a few draws; here it never repeats one.
    const from = hosts.length > 0 ? hosts : this.among(tried);
    const [a, b] = this.drawnTwo(from);
    if (a === b) return a;
    return (this.inFlight[b]! + 1) / this.weight(b) < (this.inFlight[a]! + 1) / this.weight(a) ? b : a;
  }

  /** The priority in play, by the healthy share of each times 1.4; all of its hosts when too few of them are healthy. */
  #hostsInPlay(): number[] {
    const levels = [...new Set(this.around.ranks)]
      .sort((x, y) => x - y)
      .map((rank) => {
        const hosts = this.inFlight.map((_, i) => i).filter((i) => this.around.ranks[i] === rank);
        const healthy = hosts.filter((i) => !this.isEjected(i));
        return { hosts, healthy, health: Math.min(1, (OVERPROVISIONING * healthy.length) / hosts.length) };
      });
    const total = Math.min(
      1,
      levels.reduce((sum, level) => sum + level.health, 0),
    );
    if (total === 0) return this.inFlight.map((_, i) => i);
    let draw = this.around.chance() * total;
    let level = levels[0]!;
    for (const one of levels) {
      level = one;
      if ((draw -= one.health) < 0) break;
    }
    const panic = total < 1 && level.healthy.length / level.hosts.length < HEALTHY_PANIC_THRESHOLD;
    return panic || level.healthy.length === 0 ? level.hosts : level.healthy;
  }

  override ended(instance: number, ticket: number, outcome: Outcome, tookMs: number): void {
    super.ended(instance, ticket, outcome, tookMs);
    if (outcome === "cancelled") return;
    this.#total[instance]!++;
    if (outcome !== "failed") {
      this.#ok[instance]!++;
      this.#consecutive[instance] = 0;
    } else if (++this.#consecutive[instance]! >= this.#options.consecutive5xx) {
      this.#consecutive[instance] = 0;
      this.#eject(instance);
    }
  }

  #eject(instance: number): void {
    if (this.isEjected(instance)) return;
    const ejected = this.inFlight.filter((_, i) => this.isEjected(i)).length;
    const mayBe = Math.max(1, Math.floor((this.inFlight.length * this.#options.maxEjectionPercent) / 100));
    if (ejected >= mayBe) return;
    this.#ejectedAt[instance] = this.around.clock.now;
    this.#multiplier[instance]!++;
  }

  /** Sweeps that came due since the last look; without requests nobody would notice them. */
  #sweepWhenDue(): void {
    const now = this.around.clock.now;
    const { intervalMs } = this.#options;
    if (now - this.#sweptAt < intervalMs) return;
    const sweeps = Math.floor((now - this.#sweptAt) / intervalMs);
    this.#sweptAt += sweeps * intervalMs;
    for (let i = 0; i < this.inFlight.length; i++) this.#lookAt(i, this.#sweptAt, sweeps);
    this.#ejectBySuccessRate();
    this.#ok.fill(0);
    this.#total.fill(0);
  }

  /** Back in play when its time is over; each sweep that finds it well lowers the multiplier. */
  #lookAt(instance: number, at: number, sweeps: number): void {
    const { baseEjectionMs, maxEjectionMs } = this.#options;
    const ejectedAt = this.#ejectedAt[instance];
    if (ejectedAt === undefined) {
      this.#multiplier[instance] = Math.max(0, this.#multiplier[instance]! - sweeps);
      return;
    }
    if (at - ejectedAt < Math.min(baseEjectionMs * this.#multiplier[instance]!, maxEjectionMs)) return;
    this.#ejectedAt[instance] = undefined;
    this.#consecutive[instance] = 0;
  }

  #ejectBySuccessRate(): void {
    const { successRateMinimumHosts, successRateRequestVolume, successRateStdevFactor } = this.#options;
    const rated = this.inFlight.map((_, i) => i).filter((i) => this.#total[i]! >= successRateRequestVolume);
    if (rated.length < successRateMinimumHosts) return;
    const rates = rated.map((i) => this.#ok[i]! / this.#total[i]!);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length);
    rated.forEach((i, k) => {
      if (rates[k]! < mean - successRateStdevFactor * deviation) this.#eject(i);
    });
  }
}

const rival = (name: string, source: string, make: (around: Surroundings) => Balancer): Contestant => ({
  name,
  source,
  begin: () => ({ objectCalls: 0, balancer: make }),
});

export const RIVALS: readonly Contestant[] = [
  rival("round robin", "nginx, smooth weighted round robin", (around) => new RoundRobin(around)),
  rival("random", "weighted random", (around) => new WeightedRandom(around)),
  rival("least connections", "nginx least_conn", (around) => new LeastConnections(around)),
  rival("P2C", "Mitzenmacher 2001", (around) => new TwoChoices(around)),
  rival("peak EWMA", "Finagle, PeakEwma.scala", (around) => new PeakEwma(around)),
  rival("Envoy", "outlier detection with its defaults, LEAST_REQUEST", (around) => new Envoy(around, ENVOY_DEFAULTS)),
  rival("Envoy, tuned", "the same, 1 s sweeps, 5 s ejections, no limit", (around) => new Envoy(around, ENVOY_TUNED)),
];
