// One LimiterObject a shard of all callers: what must be exact for the whole fleet and therefore has one place. It hands out
// leases on rate limits, reservations on budgets, and places for requests under way; isolates ask it when what they hold is
// spent, and wait a quarter of a second at most. Every answer is stored before it leaves, but for places, which end within
// a minute. The thinking is core/security's: gcra, lease, spend, places.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import type {
  HoldAnswer,
  HoldAsk,
  LeaseAnswer,
  LeaseAsk,
  LimiterReading,
  LimiterRpc,
  ReserveAnswer,
  ReserveAsk,
  SettleAsk,
} from "../worker/core/protocol/limiter.ts";
import { hold, type HeldPlaces } from "../worker/core/security/places.ts";
import type { Env } from "../worker/platform/env.ts";
import { LimitTable } from "../worker/platform/limit-table.ts";
import { LimitedTable } from "../worker/platform/limited-table.ts";
import { Schedule } from "../worker/platform/schedule.ts";
import { SpendTable } from "../worker/platform/spend-table.ts";

const CLEAN_MS = 60_000;
const MOST_HELD = 50_000;

export class LimiterObject extends DurableObject<Env> implements LimiterRpc {
  #sql = this.ctx.storage.sql;
  #schedule = new Schedule(this.ctx.storage, ["clean"]);
  #limits = new LimitTable(this.#sql);
  #spends = new SpendTable(this.#sql);
  #limited = new LimitedTable(this.#sql);
  #held = new Map<string, HeldPlaces>();
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", ...this.#limits.size, ...this.#spends.size }))
    .get("/state", () => this.reading());

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  async lease(ask: LeaseAsk): Promise<LeaseAnswer> {
    const now = Date.now();
    const answer = this.#limits.lease(ask, now);
    if (answer.taken < ask.need) {
      const times = ask.need - answer.taken + ask.refusals;
      const kind = answer.blocked ? "blocked" : "limited";
      this.#limited.add(ask.limit, ask.who, kind, times, now, now + answer.refusedMs);
    }
    await this.#schedule.by("clean", now + CLEAN_MS);
    return answer;
  }

  async reserve(ask: ReserveAsk): Promise<ReserveAnswer> {
    const now = Date.now();
    const answer = this.#spends.reserve(ask, now);
    if (!answer.granted) this.#limited.add(ask.budget, ask.who, "budget", 1, now, now + answer.retryMs);
    await this.#schedule.by("clean", now + CLEAN_MS);
    return answer;
  }

  async settle(ask: SettleAsk): Promise<void> {
    const now = Date.now();
    this.#spends.settle(ask, now);
    await this.#schedule.by("clean", now + CLEAN_MS);
  }

  hold(ask: HoldAsk): Promise<HoldAnswer> {
    const now = Date.now();
    const name = `${ask.limit}|${ask.who}`;
    const [held, answer] = hold(this.#held.get(name) ?? {}, ask, now);
    // In order of their last news, so that the longest silent goes first.
    this.#held.delete(name);
    if (Object.keys(held).length > 0) this.#held.set(name, held);
    if (this.#held.size > MOST_HELD) this.#held.delete(this.#held.keys().next().value!);
    if (answer.places < ask.places) this.#limited.add(ask.limit, ask.who, "limited", 1, now, now);
    return Promise.resolve(answer);
  }

  reading(): LimiterReading {
    return {
      limited: this.#limited.newest,
      spending: this.#spends.newest(Date.now()),
      ...this.#limits.size,
      ...this.#spends.size,
    };
  }

  override async alarm(): Promise<void> {
    await this.#schedule.take(Date.now());
    const now = Date.now();
    this.#limited.clean(now);
    const next = [this.#limits.clean(now), this.#spends.clean(now)].filter((at) => at !== undefined);
    if (next.length > 0) await this.#schedule.by("clean", Math.max(now + CLEAN_MS, Math.min(...next)));
  }
}
