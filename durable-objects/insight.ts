// The one InsightObject: what only becomes clear over minutes and over all regions. Rooms of its own (worker/platform), each with its
// tables: learned mixes, the caches' use, rollups of what happened, alerts over them, notices on their way, suggestions. Nothing waits for it; while it
// is away the last mixes stand and regions keep what they have to tell. Everything that was acknowledged is stored.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import type { ChaosOrder } from "../worker/core/chaos/order.ts";
import { HOUR, inSteps, MINUTE, pickSeries, SECOND } from "../worker/core/insight/rollup.ts";
import type {
  AlertsReading,
  ExperimentReading,
  InsightReading,
  InsightRpc,
  LearnNews,
  RollupQuestion,
  RollupReading,
} from "../worker/core/protocol/insight.ts";
import type { LiveTicket } from "../worker/core/protocol/live.ts";
import { CONTROL_NAME } from "../worker/core/protocol/names.ts";
import type { CacheNews, CacheReading } from "../worker/core/protocol/cache-news.ts";
import type { LearnedRate } from "../worker/core/protocol/ledgers.ts";
import type { Mix } from "../worker/core/protocol/reports.ts";
import type { RollupBatch } from "../worker/core/protocol/rollups.ts";
import type { DecideAnswer } from "../worker/core/protocol/suggestions.ts";
import { Alerts } from "../worker/platform/alerts.ts";
import { CacheInsightRoom } from "../worker/platform/cache-insight.ts";
import { ControlNews } from "../worker/platform/control-news.ts";
import { Deliveries } from "../worker/platform/deliveries.ts";
import { Experiments } from "../worker/platform/experiments.ts";
import type { Env } from "../worker/platform/env.ts";
import { Learnings } from "../worker/platform/learnings.ts";
import { LiveRoom } from "../worker/platform/live.ts";
import { MetricsExport } from "../worker/platform/metrics-export.ts";
import { Policies } from "../worker/platform/policies.ts";
import { Pulse } from "../worker/platform/pulse.ts";
import { Rollups } from "../worker/platform/rollups.ts";
import { Schedule } from "../worker/platform/schedule.ts";
import { Suggestions } from "../worker/platform/suggestions.ts";

const SNAPSHOT_MS = 60_000;
const EVALUATE_MS = 5_000;
/** While there is traffic a timer evaluates; should memory be lost, an alarm goes on after this at the latest. */
const RESUME_MS = 30_000;
/** After the last traffic rules are evaluated this much longer: that there is none may be what they look for. */
const WATCH_MS = 600_000;
const DELIVERIES_SHOWN = 100;

export class InsightObject extends DurableObject<Env> implements InsightRpc {
  #sql = this.ctx.storage.sql;
  #schedule = new Schedule(this.ctx.storage, ["snapshot", "evaluate", "deliver", "export"]);
  #control = new ControlNews(this.env, this.#sql);
  #policies = new Policies(this.env);
  #learnings = new Learnings(this.#sql);
  #rollups = new Rollups(this.ctx.storage, Date.now());
  #deliveries = new Deliveries(this.env, this.#sql);
  #alerts = new Alerts(this.ctx.storage, this.#rollups, this.#deliveries);
  #live = new LiveRoom(this.ctx, this.#rollups);
  #experiments = new Experiments(this.#sql, this.#rollups);
  #cache = new CacheInsightRoom(this.env, this.#sql);
  #suggestions = new Suggestions(this.env, this.#sql, this.#rollups);
  #export = new MetricsExport(this.env, this.#rollups, Date.now());
  #trafficAt = Date.now();
  #evaluations = new Pulse(this.ctx, () => this.#evaluate());
  #evaluatedAt = 0;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", services: this.#learnings.services }))
    .get("*/live", (request: Request) => this.#live.enter(request, Date.now()))
    .get("/state", () => ({ ...this.reading(), alerts: this.alerts(Number.MAX_SAFE_INTEGER, 20) }));

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#adopt();
  }

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  // --- learning ---

  async learn(news: Record<string, LearnNews>): Promise<Record<string, Mix>> {
    const now = Date.now();
    const mixes = this.#learnings.learn(news, now);
    await this.#schedule.by("snapshot", now + SNAPSHOT_MS);
    return mixes;
  }

  async decide(id: string, decision: "apply" | "rollback", by: string): Promise<DecideAnswer> {
    await this.#hear();
    const own = await this.#suggestions.decide(id, decision, by, Date.now());
    if (own.outcome !== "unknown") return own;
    if (this.#cache.lifetimes().some((each) => each.id === id))
      return {
        outcome: "refused",
        reason: "its rule's targetStaleness asks for it: change the policy",
        suggestion: null,
      };
    if (!this.#learnings.has(id)) return own;
    const written = await this.#control.offPath.call(() =>
      this.env.CONTROL.getByName(CONTROL_NAME).record(by, `suggestion.${decision}`, id),
    );
    const suggestion = written.ok ? this.#learnings.decide(id, decision, Date.now()) : undefined;
    return { outcome: suggestion === undefined ? "away" : "done", reason: "", suggestion: suggestion ?? null };
  }

  reading(): InsightReading {
    const { learning, suggestions } = this.#learnings.reading();
    return { learning, suggestions: [...this.#suggestions.list(), ...this.#cache.lifetimes(), ...suggestions] };
  }

  // --- what happened ---

  async rollup(batch: RollupBatch): Promise<void> {
    const now = Date.now();
    this.#trafficAt = now;
    const isNew = this.#rollups.take(batch, now);
    if (isNew && batch.evidence !== undefined) this.#suggestions.hear(batch.evidence);
    this.ctx.waitUntil(this.#suggestions.tick(now));
    this.#live.soon(now);
    this.#evaluations.by(now + EVALUATE_MS);
    await this.#schedule.by("evaluate", now + RESUME_MS);
    await this.#scheduleExport(now);
  }

  history({ grain, from, to, step = 1, series }: RollupQuestion): RollupReading[] {
    const kept = { second: SECOND, minute: MINUTE, hour: HOUR }[grain];
    const rows = this.#rollups.read(kept, from, to);
    return pickSeries(step === 1 ? rows : inSteps(rows, from, kept.ms * step), series);
  }

  // --- live figures ---

  liveTicket(): Promise<LiveTicket | undefined> {
    return this.#live.ticket(Date.now());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    this.#live.hear(socket, message, Date.now());
  }

  // --- alerts ---

  alerts(before: number, limit: number): AlertsReading {
    return {
      items: this.#alerts.list(before, limit),
      rules: this.#alerts.rules(),
      deliveries: this.#deliveries.list(DELIVERIES_SHOWN),
    };
  }

  acknowledge(id: string, by: string): AlertsReading["items"][number]["alert"] | undefined {
    return this.#alerts.acknowledge(id, by, Date.now());
  }

  // --- experiments ---

  async experiments(): Promise<ExperimentReading[]> {
    await this.#hear();
    return this.#experiments.list(Date.now());
  }

  async experiment(id: string): Promise<ExperimentReading | undefined> {
    await this.#hear();
    const known = this.#experiments.reading(id, Date.now());
    if (known !== undefined) return known;
    // One that was started a moment ago: what it is asked for may be younger than the news.
    await this.#control.askNow();
    this.#adopt();
    return this.#experiments.reading(id, Date.now());
  }

  /** Stops those that go too far; a stop that is not heard is said again at the next look. */
  async #watchExperiments(now: number): Promise<void> {
    for (const { order, reason } of this.#experiments.tick(now)) {
      const stopped: ChaosOrder = { ...order, stopped: { at: now, by: "insight", reason } };
      const change = { actor: "insight", note: reason };
      await this.#control.offPath.call(() =>
        this.env.CONTROL.getByName(CONTROL_NAME).append(
          "chaos",
          order.id,
          JSON.stringify(stopped),
          "chaos.abort",
          change,
        ),
      );
    }
  }

  // --- the cache ---

  async hearCache(news: CacheNews, analyseEverySeconds: number): Promise<LearnedRate[]> {
    await this.#schedule.by("snapshot", Date.now() + SNAPSHOT_MS);
    return this.#cache.hear(news, analyseEverySeconds);
  }

  cacheReading(): CacheReading {
    return this.#cache.reading();
  }

  override async alarm(): Promise<void> {
    const evaluates = Date.now() - this.#evaluatedAt >= EVALUATE_MS;
    for (const job of await this.#schedule.take(Date.now())) {
      switch (job) {
        case "snapshot":
          this.#learnings.store(Date.now());
          this.#cache.save();
          break;
        case "evaluate":
          // The timer has just done it; should memory be lost before it does again, the alarm goes on.
          if (!evaluates) await this.#schedule.by("evaluate", this.#evaluatedAt + RESUME_MS);
          break;
        case "deliver":
          // Not waited for: a notifier that is slow must not hold up the next evaluation.
          this.ctx.waitUntil(this.#deliver());
          break;
        case "export":
          this.ctx.waitUntil(this.#exportMetrics());
      }
    }
    if (evaluates) await this.#evaluate();
  }

  /** By a timer while there is traffic, by an alarm while there is none and something to look for. */
  async #evaluate(): Promise<void> {
    this.#evaluatedAt = Date.now();
    await this.#hear();
    const now = Date.now();
    this.#alerts.tick(now);
    await this.#watchExperiments(now);
    await this.#suggestions.tick(now);
    const isLooking = this.#alerts.stands || this.#experiments.watches(now) || this.#suggestions.watches;
    const goesOn = isLooking || (this.#alerts.watches && now - this.#trafficAt < WATCH_MS);
    const hasTraffic = now - this.#trafficAt < 2 * EVALUATE_MS;
    if (hasTraffic) {
      this.#evaluations.by(now + EVALUATE_MS);
      // Of the first traffic, too, which came before anything was heard of the policy.
      await this.#scheduleExport(now);
    }
    if (goesOn) await this.#schedule.by("evaluate", now + (hasTraffic ? RESUME_MS : EVALUATE_MS));
    await this.#scheduleDelivery();
  }

  async #hear(): Promise<void> {
    await this.#control.refresh();
    this.#adopt();
  }

  #adopt(): void {
    const { document } = this.#control;
    if (document !== undefined) this.#policies.take(document, "region");
    const { current } = this.#policies;
    if (current !== undefined) {
      this.#alerts.configure(current.policy);
      this.#suggestions.configure(current);
    }
    this.#experiments.configure(this.#control.ledgers.entries("chaos"));
  }

  async #deliver(): Promise<void> {
    await this.#deliveries.send(this.#policies.current?.policy.notifiers ?? {}, Date.now());
    await this.#scheduleDelivery();
  }

  // --- metrics ---

  async #exportMetrics(): Promise<void> {
    const otlp = this.#policies.current?.policy.telemetry.otlp ?? false;
    const now = Date.now();
    if (otlp === false || !otlp.metrics) return;
    await this.#export.send(otlp, now);
    // The last seconds of traffic are told too, and then there is nothing to tell.
    if (now - this.#trafficAt < otlp.metricsSeconds * 1_000 + EVALUATE_MS)
      await this.#schedule.by("export", now + otlp.metricsSeconds * 1_000);
  }

  async #scheduleExport(now: number): Promise<void> {
    const telemetry = this.#policies.current?.policy.telemetry;
    const at = telemetry === undefined ? undefined : this.#export.dueAt(telemetry, now);
    if (at !== undefined) await this.#schedule.by("export", Math.max(now, at));
  }

  async #scheduleDelivery(): Promise<void> {
    const at = this.#deliveries.nextAt;
    if (at !== undefined) await this.#schedule.by("deliver", Math.max(at, Date.now()));
  }
}
