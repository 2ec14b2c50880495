// The objects as an operator asks them: never on a request's path, each call for itself and with a timeout of its own.
// A refusal says only that the object did not answer; a write that timed out may still have been stored.
import {
  CONTROL_NAME,
  INSIGHT_NAME,
  LIMITER_SHARDS,
  limiterObjectName,
  regionObjectName,
  serviceObjectName,
} from "../core/protocol/names.ts";
import type { LimiterReading } from "../core/protocol/limiter.ts";
import type { RegionReading, RegionTotals, ServiceReading } from "../core/protocol/objects.ts";
import type { SecurityReading } from "../core/protocol/security.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Result } from "../core/result/result.ts";
import type { Env } from "./env.ts";
import { OffPath, type CallFailure } from "./offpath.ts";
import { locationOf } from "./region.ts";

const CONTROL_TIMEOUT_MS = 10_000;
const READING_TIMEOUT_MS = 1_000;
/** A scrape waits for no region longer than this. */
const TOTALS_TIMEOUT_MS = 500;

type Bindings = Pick<Env, "LIMITER" | "CONTROL" | "INSIGHT" | "REGION" | "SERVICE">;
type InsightStub = ReturnType<Env["INSIGHT"]["getByName"]>;
type ControlStub = ReturnType<Env["CONTROL"]["getByName"]>;

export class Objects {
  readonly control: OffPath;
  readonly readings: OffPath;
  #env: Bindings;
  #inForce: () => Policy | undefined;

  constructor(env: Bindings, inForce: () => Policy | undefined, now: () => number = Date.now) {
    this.#env = env;
    this.#inForce = inForce;
    this.control = new OffPath("ControlObject", now, Number.POSITIVE_INFINITY);
    this.readings = new OffPath("readings", now, Number.POSITIVE_INFINITY);
  }

  askControl<T>(ask: (control: ControlStub) => PromiseLike<T>): Promise<Result<T, CallFailure>> {
    return this.control.call(() => ask(this.#env.CONTROL.getByName(CONTROL_NAME)), CONTROL_TIMEOUT_MS);
  }

  askInsight<T>(ask: (insight: InsightStub) => PromiseLike<T>): Promise<Result<T, CallFailure>> {
    return this.readings.call(() => ask(this.#env.INSIGHT.getByName(INSIGHT_NAME)), CONTROL_TIMEOUT_MS);
  }

  region(name: string): Promise<Result<RegionReading, CallFailure>> {
    return this.readings.call(() => this.#region(name).reading(), READING_TIMEOUT_MS);
  }

  /** The region asks at once what has changed; whether it heard. */
  attend(name: string): Promise<Result<boolean, CallFailure>> {
    return this.readings.call(() => this.#region(name).attend(name), READING_TIMEOUT_MS);
  }

  totals(name: string): Promise<Result<RegionTotals, CallFailure>> {
    return this.readings.call(() => this.#region(name).totals(), TOTALS_TIMEOUT_MS);
  }

  security(name: string): Promise<Result<SecurityReading, CallFailure>> {
    return this.readings.call(() => this.#region(name).security(), READING_TIMEOUT_MS);
  }

  service(service: string, region: string): Promise<Result<ServiceReading, CallFailure>> {
    return this.readings.call(
      () =>
        this.#env.SERVICE.getByName(serviceObjectName(service, region), locationOf(region, this.#inForce())).reading(),
      READING_TIMEOUT_MS,
    );
  }

  /** Who was limited of late, from every shard that answers. */
  async limiters(): Promise<LimiterReading[]> {
    const shards = Array.from({ length: LIMITER_SHARDS }, (_, shard) => shard);
    const ask = (shard: number) => () => this.#env.LIMITER.getByName(limiterObjectName(shard)).reading();
    const answers = await Promise.all(shards.map((shard) => this.readings.call(ask(shard), READING_TIMEOUT_MS)));
    return answers.flatMap((answer) => (answer.ok ? [answer.value] : []));
  }

  #region(name: string) {
    return this.#env.REGION.getByName(regionObjectName(name), locationOf(name, this.#inForce()));
  }
}
