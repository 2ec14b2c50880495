// This isolate's way to the `LimiterObject`s: one dependency a shard, each left alone for a while after repeated failures, so
// that a shard that is overrun or away costs its own callers a bounded number of waits, and nobody else anything.
import { LIMITER_SHARDS, limiterObjectName, limiterShard } from "../core/protocol/names.ts";
import type { Result } from "../core/result/result.ts";
import type { Env } from "./env.ts";
import { OffPath, Patience, type CallFailure } from "./offpath.ts";

const TICKS = 10;
/** A limit that fails closed refuses its callers for as long as its object is left alone. */
const LONGEST_REST_MS = 10_000;

/** Of a request that waits for the object's answer. */
export const patience = (timeoutMs: number): Patience => new Patience(timeoutMs, TICKS);

type LimiterStub = ReturnType<Env["LIMITER"]["getByName"]>;

export class LimiterLink {
  #env: Pick<Env, "LIMITER">;
  #now: () => number;
  #shards = new Map<number, OffPath>();

  constructor(env: Pick<Env, "LIMITER">, now: () => number) {
    this.#env = env;
    this.#now = now;
  }

  /** `who` as stored: all limits of one caller stand in one object. */
  ask<T>(
    who: string,
    work: (limiter: LimiterStub) => PromiseLike<T>,
    timeoutMs: number,
  ): Promise<Result<T, CallFailure>> {
    const shard = limiterShard(who);
    const call = () => work(this.#env.LIMITER.getByName(limiterObjectName(shard)));
    return this.#shard(shard).call(call, timeoutMs, TICKS);
  }

  #shard(shard: number): OffPath {
    let offPath = this.#shards.get(shard);
    if (offPath === undefined) {
      if (shard < 0 || shard >= LIMITER_SHARDS) throw new RangeError(`there is no shard ${shard}`);
      offPath = new OffPath("LimiterObject", this.#now);
      offPath.longestRestMs = LONGEST_REST_MS;
      this.#shards.set(shard, offPath);
    }
    return offPath;
  }

  /** Over all shards, for metrics. */
  get totals(): Pick<OffPath, "calls" | "timeouts" | "failures" | "skipped"> {
    const sums = { calls: 0, timeouts: 0, failures: 0, skipped: 0 };
    for (const { calls, timeouts, failures, skipped } of this.#shards.values()) {
      sums.calls += calls;
      sums.timeouts += timeouts;
      sums.failures += failures;
      sums.skipped += skipped;
    }
    return sums;
  }
}
