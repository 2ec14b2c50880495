// Takes every request through its attempts, the same way for every contestant: the gateway's own attempt machine with one
// retry budget per isolate, another instance while one stands, full jitter, deadlines. Only who is asked is the contestant's.
import { START, WAITED, attemptMs, attempts, next, sent } from "../../worker/core/resilience/attempts.ts";
import type { AttemptEvent, AttemptOptions, Attempts, Next } from "../../worker/core/resilience/attempts.ts";
import { retryBudget } from "../../worker/core/resilience/budget.ts";
import type { RetryBudget } from "../../worker/core/resilience/budget.ts";
import { seededChance } from "../../worker/core/stats/chance.ts";
import type { Chance } from "../../worker/core/stats/chance.ts";
import { NOBODY, SHED, WAIT } from "./gateway.ts";
import type { Balancer, Contestant, Run } from "./gateway.ts";
import type { Clock } from "./clock.ts";
import { CITIES, nearestOf } from "./places.ts";
import type { Measure } from "./measure.ts";
import type { Ending, Request, World } from "./world.ts";

/** The policy's defaults. */
const ATTEMPTS: AttemptOptions = {
  max: 3,
  retryBudget: 0.2,
  retryFloor: 3,
  budgetWindowMs: 10_000,
  backoffMs: 25,
  maxBackoffMs: 1000,
  retryStatuses: [502, 503, 504],
};

interface Isolate {
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  readonly diesAt: number;
}

interface Exchange {
  readonly request: Request;
  readonly isolate: Isolate;
  readonly state: Attempts;
}

export class Driver {
  readonly #world: World;
  readonly #clock: Clock;
  readonly #measure: Measure;
  readonly #run: Run;
  readonly #chance: Chance;
  readonly #isolates: (Isolate | undefined)[];

  constructor(world: World, contestant: Contestant, seed: number, measure: Measure) {
    this.#world = world;
    this.#clock = world.clock;
    this.#measure = measure;
    this.#chance = seededChance(seed * 31 + 7); // not the traffic's, so that the same requests meet every contestant
    this.#run = contestant.begin(world.clock, this.#chance);
    this.#isolates = new Array<Isolate | undefined>(world.homes.length).fill(undefined);
  }

  get objectCalls(): number {
    return this.#run.objectCalls;
  }

  arrive(request: Request): void {
    const deadlineAt = this.#clock.now + this.#world.scenario.deadlineMs;
    const exchange = { request, isolate: this.#isolate(request.isolate), state: attempts(true, deadlineAt, 0) };
    this.#tell(exchange, START);
  }

  #isolate(number: number): Isolate {
    const { time } = this.#clock;
    const known = this.#isolates[number];
    if (known !== undefined && time < known.diesAt) return known;
    const { homes, instances, scenario } = this.#world;
    const lifeMs = (scenario.traffic.isolateLife ?? Number.POSITIVE_INFINITY) * 1000;
    const cities = [...new Set(instances.map(({ setup }) => setup.city))].map((city) => CITIES[city]);
    const home = CITIES[homes[number]!];
    const byDistance: number[] = [];
    while (byDistance.length < cities.length) {
      const left = cities.map((_, i) => i).filter((i) => !byDistance.includes(i));
      byDistance.push(
        left[
          nearestOf(
            home,
            left.map((i) => cities[i]!),
          )
        ]!,
      );
    }
    const isolate = {
      balancer: this.#run.balancer({
        clock: this.#clock,
        chance: this.#chance,
        instances: instances.map(({ setup }) => setup),
        ranks: instances.map(({ setup }) => byDistance.indexOf(cities.indexOf(CITIES[setup.city]))),
        roundTrips: instances.map((_, i) => this.#world.roundTripMs(number, i)),
        isolate: number,
        city: homes[number]!,
      }),
      budget: retryBudget(ATTEMPTS),
      diesAt: time - Math.log(1 - this.#chance()) * lifeMs,
    };
    this.#isolates[number] = isolate;
    return isolate;
  }

  #tell(exchange: Exchange, event: AttemptEvent): void {
    const { state, isolate } = exchange;
    this.#obey(exchange, next(state, event, isolate.budget, ATTEMPTS, this.#clock.now, this.#chance));
  }

  #obey(exchange: Exchange, order: Next): void {
    switch (order.do) {
      case "send":
        return this.#send(exchange, false);
      case "wait":
        return this.#clock.after(order.ms, () => this.#tell(exchange, WAITED));
      case "hold":
        return;
      case "give":
      case "refuse":
        return this.#finish(exchange, false);
      case "hedge":
      case "fallback":
        throw new Error(`scenarios have neither hedges nor fallbacks: ${order.do}`);
    }
  }

  #send(exchange: Exchange, waited: boolean): void {
    const { isolate, state } = exchange;
    const instance = isolate.balancer.pick(state.tried, waited);
    if (instance === WAIT && !waited) return this.#park(exchange);
    if (instance === NOBODY || instance === WAIT) return this.#tell(exchange, { kind: "unavailable", why: "open" });
    if (instance === SHED) return this.#tell(exchange, { kind: "unavailable", why: "panic" });
    this.#dispatch(exchange, instance);
  }

  #park(exchange: Exchange): void {
    const { balancer } = exchange.isolate;
    let over = false;
    const go = (): void => {
      if (over) return;
      over = true;
      this.#send(exchange, true);
    };
    balancer.whenSettled?.(go);
    this.#clock.after(balancer.patienceMs ?? 0, go);
  }

  #dispatch(exchange: Exchange, instance: number): void {
    const { request, isolate, state } = exchange;
    const { now, time } = this.#clock;
    const { headersMs } = this.#world.scenario;
    sent(state, instance);
    this.#measure.sent(instance, time);
    const ticket = isolate.balancer.sent(instance);
    const oneWay = this.#world.roundTripMs(request.isolate, instance) / 2;
    let over = false;
    const end = (ending: Ending | "timeout"): void => {
      if (over) return;
      over = true;
      isolate.balancer.ended(instance, ticket, ending === "ok" ? "ok" : "failed", this.#clock.now - now);
      if (ending === "ok") this.#finish(exchange, true);
      else this.#tell(exchange, this.#failure(exchange, ending));
    };
    this.#clock.after(oneWay, () =>
      this.#world.instances[instance]!.take(request, this.#world.homes[request.isolate]!, (ending) =>
        this.#clock.after(oneWay, () => end(ending)),
      ),
    );
    this.#clock.after(attemptMs(state, headersMs, now), () => end("timeout"));
  }

  #failure({ isolate, state }: Exchange, ending: Exclude<Ending, "ok"> | "timeout"): AttemptEvent {
    const others = isolate.balancer.hasOthers([...state.tried, state.latest]);
    const same = isolate.balancer.hasOthers([]);
    if (ending !== "failed") return { kind: ending, others, same };
    return { kind: "status", retryAfterMs: -1, others, same };
  }

  #finish({ request, state }: Exchange, ok: boolean): void {
    this.#measure.finished(request.at, this.#clock.time - request.at, ok, state.sent > 0);
  }
}
