// The world outside the gateways: instances that work through a queue, faults that come and go, requests that arrive. The
// gateway under test sees of it what it would see in truth: its own requests, and how they end.
import { seededChance } from "../../worker/core/stats/chance.ts";
import type { Chance } from "../../worker/core/stats/chance.ts";
import { BEGINNING } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { CITIES, roundTripMs } from "./places.ts";
import type { City } from "./places.ts";
import type { Fault, InstanceSetup, Scenario } from "./scenario.ts";

/** How an attempt ended at the network: an answer, a 503, a connection lost. Given up waiting is the driver's word. */
export type Ending = "ok" | "failed" | "lost";

/** What a request asks for, the same for every contestant. */
export interface Request {
  readonly number: number;
  readonly isolate: number;
  /** Exact time of arrival. */
  readonly at: number;
  /** Work it takes, relative to an ordinary one. */
  readonly size: number;
}

/** Answer times spread as log-normal: median a little under the mean, one in a hundred takes three times the mean. */
const SPREAD = 0.5;
/** Waiting places in front of an instance; beyond them it answers 503 at once. */
const QUEUE = 2000;
/** What an instance takes to answer 503. */
const FAILURE_MS = 2;

interface Job {
  readonly size: number;
  readonly answer: (ending: Ending) => void;
}

export class Instance {
  readonly setup: InstanceSetup;
  /** Requests that reached it, and those of them that it could not answer well, by second of the run. */
  readonly reached: number[] = [];
  readonly spoilt: number[] = [];
  readonly #clock: Clock;
  readonly #faults: readonly Fault[];
  readonly #chance: Chance;
  #busy = 0;
  #waiting: Job[] = [];
  #head = 0;

  constructor(setup: InstanceSetup, faults: readonly Fault[], clock: Clock, chance: Chance) {
    this.setup = setup;
    this.#chance = chance;
    this.#faults = faults.filter((fault) => fault.instances.includes(setup.id));
    this.#clock = clock;
  }

  /** A request reaches it; `answer` is called when its answer leaves, or never. */
  take(request: Request, from: City, answer: (ending: Ending) => void): void {
    const second = Math.floor((this.#clock.time - BEGINNING) / 1000);
    this.reached[second] = (this.reached[second] ?? 0) + 1;
    const trouble = this.troubleAt((this.#clock.time - BEGINNING) / 1000, from);
    const spoil = (): void => {
      this.spoilt[second] = (this.spoilt[second] ?? 0) + 1;
    };
    switch (trouble?.kind) {
      case "refuses":
        spoil();
        return answer("lost");
      case "silent":
        return spoil();
      case "fails":
        if (this.#chance() >= trouble.share) break;
        spoil();
        return this.#clock.after(FAILURE_MS, () => answer("failed"));
      default:
    }
    if (this.#waiting.length - this.#head >= QUEUE) {
      spoil();
      return answer("failed");
    }
    this.#waiting.push({ size: request.size, answer });
    this.#workOn();
  }

  /** What is wrong with it, `seconds` after the run began, for requests from a city. */
  troubleAt(seconds: number, from: City): Fault["trouble"] | undefined {
    for (const fault of this.#faults) {
      if (seconds < fault.from || seconds >= fault.to) continue;
      if (fault.seenFrom !== undefined && !fault.seenFrom.includes(from)) continue;
      const { flapping } = fault;
      if (flapping !== undefined && (seconds - fault.from) % (flapping.bad + flapping.good) >= flapping.bad) continue;
      return fault.trouble;
    }
    return undefined;
  }

  #workOn(): void {
    while (this.#busy < this.setup.workers && this.#head < this.#waiting.length) {
      const job = this.#waiting[this.#head++]!;
      if (this.#head > 1024) {
        this.#waiting = this.#waiting.slice(this.#head);
        this.#head = 0;
      }
      this.#busy++;
      const trouble = this.troubleAt((this.#clock.time - BEGINNING) / 1000, this.setup.city);
      const factor = trouble?.kind === "slow" ? trouble.factor : 1;
      this.#clock.after(job.size * this.setup.serviceMs * factor, () => {
        this.#busy--;
        job.answer("ok");
        this.#workOn();
      });
    }
  }
}

export class World {
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly instances: readonly Instance[];
  /** City of each isolate. */
  readonly homes: readonly City[];
  readonly #shares: Float64Array;
  readonly #chance: Chance;
  readonly #roundTrips = new Map<City, readonly number[]>();
  #number = 0;

  constructor(scenario: Scenario, seed: number, clock: Clock) {
    this.scenario = scenario;
    this.clock = clock;
    this.instances = scenario.instances.map(
      (setup, i) => new Instance(setup, scenario.faults, clock, seededChance(seed * 1009 + i)),
    );
    const { isolates, cities, skew } = scenario.traffic;
    this.homes = Array.from({ length: isolates }, (_, i) => cities[i % cities.length]!);
    this.#chance = seededChance(seed);
    // Running sums, so that whose request it is takes one draw and one search.
    this.#shares = new Float64Array(isolates);
    let sum = 0;
    for (let i = 0; i < isolates; i++) this.#shares[i] = sum += (Math.floor(i / cities.length) + 1) ** -skew;
  }

  /** Time on the way between an isolate and an instance, there and back. */
  roundTripMs(isolate: number, instance: number): number {
    const home = this.homes[isolate]!;
    let known = this.#roundTrips.get(home);
    if (known === undefined) {
      known = this.instances.map(({ setup }) => roundTripMs(CITIES[home], CITIES[setup.city]));
      this.#roundTrips.set(home, known);
    }
    return known[instance]!;
  }

  /** Lets requests arrive from now to the end, as a Poisson process. */
  open(arrive: (request: Request) => void): void {
    const { perSecond, surge } = this.scenario.traffic;
    const factorOf = (seconds: number, isolate: number): number => {
      if (surge === undefined || seconds < surge.from || seconds >= surge.to) return 1;
      return surge.cities === undefined || surge.cities.includes(this.homes[isolate]!) ? surge.factor : 1;
    };
    const most = perSecond * Math.max(1, surge?.factor ?? 1);
    const end = BEGINNING + this.scenario.seconds * 1000;
    const chance = this.#chance;
    const next = (): void => {
      const isolate = this.#draw(chance());
      const seconds = (this.clock.time - BEGINNING) / 1000;
      // Thinning (Lewis, Shedler 1979): draw at the highest rate, keep what the rate of the moment allows.
      const kept = chance() * Math.max(1, surge?.factor ?? 1) < factorOf(seconds, isolate);
      const size = Math.exp(SPREAD * normal(chance) - (SPREAD * SPREAD) / 2);
      if (kept) arrive({ number: this.#number++, isolate, at: this.clock.time, size });
      const gap = (-Math.log(1 - chance()) * 1000) / most;
      if (this.clock.time + gap < end) this.clock.after(gap, next);
    };
    next();
  }

  #draw(at: number): number {
    const shares = this.#shares;
    const wanted = at * shares[shares.length - 1]!;
    let low = 0;
    let high = shares.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (shares[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Standard normal (Box and Muller 1958). */
function normal(chance: Chance): number {
  return Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
}
