// One RegionObject a region: the place where its isolates' reports meet. It stands between thousands of isolates and
// the few objects behind it, so that those see one merged batch a second and one question a second, whatever the
// traffic; only what cannot wait (a breaker that tripped, a probe) goes on at once. Its memory is the truth of the last
// seconds; storage keeps sums, sequences, verdicts and the newest policy. When `ControlObject` or a service's object is
// away what they said last stands, with its age told; nothing here waits for long.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { NO_NUMBERS, type LedgerNumbers } from "../worker/core/protocol/ledgers.ts";
import type {
  RegionNews,
  RegionReading,
  RegionRpc,
  RegionTotals,
  ServiceNews,
} from "../worker/core/protocol/objects.ts";
import type { SecurityReading } from "../worker/core/protocol/security.ts";
import {
  beat,
  checkpointOf,
  drainBatch,
  emptyRegion,
  inFlightOf,
  liveIsolates,
  restoreRegion,
  takeReport,
  totalsByService,
  urgentServices,
  type RegionCheckpoint,
  type RegionState,
} from "../worker/core/protocol/region.ts";
import type { Reply, Report } from "../worker/core/protocol/reports.ts";
import { ControlNews } from "../worker/platform/control-news.ts";
import type { Env } from "../worker/platform/env.ts";
import { Policies } from "../worker/platform/policies.ts";
import { Pulse } from "../worker/platform/pulse.ts";
import { RegionCache } from "../worker/platform/region-cache.ts";
import { RegionLearning } from "../worker/platform/region-learning.ts";
import { RegionRollups } from "../worker/platform/region-rollups.ts";
import { RegionSecurity } from "../worker/platform/region-security.ts";
import { RegionWatch } from "../worker/platform/region-watch.ts";
import { ServiceLinks } from "../worker/platform/service-links.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), region TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL);`;

const BEAT_MS = 1_000;
const CHECKPOINT_MS = 10_000;
const EXCHANGE_TIMEOUT_MS = 2_000;
/** An isolate waits for the answer. */
const URGENT_TIMEOUT_MS = 500;
/** Without a policy that says how many. */
const EVENTS_KEPT = 1_000;

export class RegionObject extends DurableObject<Env> implements RegionRpc {
  #sql = this.ctx.storage.sql;
  #beats = new Pulse(this.ctx, () => this.#beat());
  #checkpoints = new Pulse(this.ctx, async () => this.#checkpoint());
  #probes = new Pulse(this.ctx, () => this.#probe());
  #name = "";
  #state: RegionState = emptyRegion(Date.now());
  #watch = new RegionWatch(this.env);
  #learning = new RegionLearning(this.env);
  #rollups = new RegionRollups(this.env);
  #security = new RegionSecurity(this.#sql);
  #cache = new RegionCache(this.env);
  #control = new ControlNews(this.env, this.#sql, () => ({
    region: this.#name,
    inFlight: this.#watch.inFlight,
    ...this.#cache.outdated(Date.now()),
  }));
  #policies = new Policies(this.env);
  #services = new ServiceLinks(this.env, this.#sql, this.#control, (service) =>
    drainBatch(this.#state, this.#name, service, Date.now()),
  );
  #repliedAt = 0;
  #beatAt = 0;
  /** At the last beat no more than one isolate reported. */
  #alone = true;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", region: this.#name, isolates: liveIsolates(this.#state, Date.now()) }))
    .get("/state", () => ({ ...this.reading(), control: this.#control.offPath.lastFailure, totals: this.totals() }));

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(SCHEMA);
    const saved = this.#sql
      .exec<{ region: string; state: string }>("SELECT region, state FROM checkpoint")
      .toArray()[0];
    if (saved !== undefined) {
      this.#name = saved.region;
      this.#state = restoreRegion(JSON.parse(saved.state) as RegionCheckpoint, Date.now());
    }
    this.#adopt();
  }

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  async report(report: Report): Promise<Reply> {
    this.#name = report.region;
    const outcome = takeReport(this.#state, report, Date.now());
    const taken = outcome !== "repeated";
    this.#beats.by(Date.now() + BEAT_MS);
    this.#checkpoints.by(Date.now() + CHECKPOINT_MS);
    const waits: Promise<unknown>[] = [];
    const { policyError } = report;
    if (policyError !== undefined) {
      waits.push(this.#control.recordRefusal(`region ${this.#name}, isolate ${report.isolate}`, policyError));
    }
    this.#cache.hearOutdated(report);
    const learning = this.#hearControl();
    const asks = taken && (report.urgent || report.leases !== undefined);
    // Who waits for a lease does not wait for control news as well, unless nothing is known yet to judge by.
    if (asks && this.#policies.current !== undefined) this.ctx.waitUntil(learning);
    else waits.push(learning);
    await Promise.all(waits);
    if (taken) this.#watch.take(report);
    // `InsightObject` and the log may have heard of it from the memory that was lost.
    if (outcome === "taken") {
      this.#learning.take(report);
      this.#rollups.take(report);
      const kept = this.#policies.current?.policy.security.eventsKept ?? EVENTS_KEPT;
      if (report.security !== undefined) this.#security.take(report.security, kept);
      this.#cache.take(report);
    }
    // Not sooner: what the report tells goes on as a whole.
    this.#beats.by(this.#beatDue(Date.now()));
    if (asks) await this.#exchange(urgentServices(report), URGENT_TIMEOUT_MS);
    return this.#reply(report.discovered, this.#services.leasesOf(report.isolate), report.ledgers);
  }

  async news(
    region: string,
    known: number,
    discovered?: Record<string, number>,
    ledgers?: LedgerNumbers,
  ): Promise<RegionNews> {
    this.#name = region;
    await this.#hearControl();
    return { ...this.#control.for(known), reply: this.#reply(discovered, {}, ledgers) };
  }

  security(): SecurityReading {
    return this.#security.reading();
  }

  async attend(region: string): Promise<boolean> {
    this.#name = region;
    const reached = await this.#control.askNow();
    await Promise.all([this.#hearControl(), this.#learning.tell(true)]);
    return reached;
  }

  hear(service: string, news: ServiceNews): void {
    this.#services.hear(service, news);
  }

  #reply(discovered: Report["discovered"], leases: Reply["leases"], known: LedgerNumbers = NO_NUMBERS): Reply {
    this.#repliedAt = Math.max(Date.now(), this.#repliedAt + 1);
    const regions = this.#watch.standing();
    const mixes = this.#learning.mixes();
    const learned = this.#cache.learned.since(known.learned ?? 0);
    const orders = this.#control.ledgers.since(known);
    const ledgers = learned === undefined ? orders : { ...orders, learned };
    return {
      at: this.#repliedAt,
      epochs: this.#control.epochs,
      newsAgeMs: this.#control.ageMs,
      leases,
      ...this.#services.standing(discovered),
      ...(regions === undefined ? {} : { regions }),
      ...(mixes === undefined ? {} : { mixes }),
      ...(ledgers === undefined ? {} : { ledgers }),
      nextReportMs: this.#state.nextReportMs,
    };
  }

  /** Until control news is as new as it gets, and what it tells of is passed on. */
  async #hearControl(): Promise<void> {
    await this.#control.refresh();
    this.#watch.hear(this.#control.othersInFlight);
    this.#adopt();
    // A document put into KV by hand stands while `ControlObject` holds none.
    if (this.#control.document === undefined && this.#policies.due(Date.now())) {
      await this.#policies.load(this.ctx);
      this.#adopt();
    }
    await this.#exchange(this.#services.waiting(Date.now()), URGENT_TIMEOUT_MS);
  }

  /** Passes on what waits for these services, and hears what their objects say. */
  async #exchange(services: Iterable<string>, timeoutMs: number): Promise<void> {
    await Promise.all([...services].map((service) => this.#services.exchange(service, timeoutMs)));
  }

  #adopt(): void {
    const { document } = this.#control;
    if (document !== undefined) this.#policies.take(document, "region");
    const { current } = this.#policies;
    if (current === undefined) return;
    this.#services.configure(current);
    this.#watch.configure(current);
    this.#learning.configure(current);
    if (current.policy.cache !== false) this.#cache.configure(current.policy.cache.analyseEverySeconds);
  }

  reading(): RegionReading {
    const { requestsPerSecond = 0, latencyMs = 0, health = 1, reports, nextReportMs } = this.#state;
    return {
      region: this.#name,
      isolates: liveIsolates(this.#state, Date.now()),
      requestsPerSecond,
      inFlight: inFlightOf(this.#state),
      latencyMs,
      health,
      reports,
      serviceCalls: this.#services.calls,
      epochs: this.#control.epochs,
      newsAgeMs: this.#control.known ? this.#control.ageMs : -1,
      nextReportMs,
      regions: this.#watch.reading(),
    };
  }

  totals(): RegionTotals {
    const isolates = liveIsolates(this.#state, Date.now());
    return { region: this.#name, isolates, requests: this.#state.requests, services: totalsByService(this.#state) };
  }

  /** Goes on while there is traffic; the next beat begins it again. */
  async #probe(): Promise<void> {
    await this.#watch.probe();
    const { probesAt } = this.#watch;
    if (probesAt !== undefined && liveIsolates(this.#state, Date.now()) > 0) this.#probes.by(probesAt);
  }

  /** When what was reported goes on: with what others report in this second, or at once where there is nobody else. */
  #beatDue(now: number): number {
    return this.#alone && now - this.#beatAt >= BEAT_MS / 2 ? now : now + BEAT_MS;
  }

  /** Once a second of traffic: batches go out, and averages move. */
  async #beat(): Promise<void> {
    const now = Date.now();
    this.#beatAt = now;
    beat(this.#state, now);
    this.#alone = liveIsolates(this.#state, now) <= 1;
    // The report that brought it may have come just after a question, and be the last for a while. So may this beat, and a
    // question may fail: the next one comes as long as there is something to tell.
    if (this.#cache.outdated(now).outdated !== undefined) {
      this.ctx.waitUntil(this.#control.refresh());
      this.#beats.by(now + BEAT_MS);
    }
    for (const [service, registry] of this.#services.registries()) this.#watch.place(service, registry);
    this.#watch.beat(this.#state);
    if (this.#watch.probesAt !== undefined) this.#probes.by(Math.max(now, this.#watch.probesAt));
    const services = new Set([
      ...this.#state.pending.keys(),
      ...this.#state.leases.keys(),
      ...this.#state.refused.keys(),
      ...this.#services.waiting(now),
    ]);
    this.#services.forgetLeases(now);
    const insight = [this.#learning.tell(), this.#rollups.tell(this.#name), this.#cache.tell()];
    await Promise.all([this.#exchange(services, EXCHANGE_TIMEOUT_MS), ...insight]);
  }

  #checkpoint(): void {
    // The last one of traffic that has ended: whoever fell silent leaves nothing in flight.
    beat(this.#state, Date.now());
    this.#sql.exec(
      "INSERT OR REPLACE INTO checkpoint (id, region, at, state) VALUES (1, ?, ?, ?)",
      ...[this.#name, Date.now(), JSON.stringify(checkpointOf(this.#state))],
    );
  }
}
