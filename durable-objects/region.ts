// One RegionObject a region: the place where its isolates' reports meet. It stands between thousands of isolates and
// the few objects behind it, so that those see one merged batch a second and one question a second, whatever the
// traffic. Its memory is the truth of the last seconds; storage keeps sums, sequences and the newest policy, once every
// ten seconds. When `ControlObject` is away the last news stands, with its age told; nothing here waits for long.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { serviceObjectName } from "../worker/core/protocol/names.ts";
import type {
  News,
  RegionReading,
  RegionRpc,
  RegionTotals,
  ServiceBatch,
  ServiceReply,
} from "../worker/core/protocol/objects.ts";
import {
  beat,
  checkpointOf,
  drainBatches,
  emptyRegion,
  inFlightOf,
  liveIsolates,
  restoreRegion,
  takeReport,
  totalsByService,
  type RegionCheckpoint,
  type RegionState,
} from "../worker/core/protocol/region.ts";
import type { Reply, Report, Verdict } from "../worker/core/protocol/reports.ts";
import { ControlNews } from "../worker/platform/control-news.ts";
import type { Env } from "../worker/platform/env.ts";
import { OffPath } from "../worker/platform/offpath.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), region TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL);`;

const BEAT_MS = 1_000;
const CHECKPOINT_MS = 10_000;
const LEASE_TIMEOUT_MS = 500;
const LOST_ALARM_MS = 30_000;
const MOST_SERVICES = 1_000;

export class RegionObject extends DurableObject<Env> implements RegionRpc {
  #sql = this.ctx.storage.sql;
  #name = "";
  #state: RegionState = emptyRegion(Date.now());
  #verdicts = new Map<string, Record<string, Verdict>>();
  #news = new ControlNews(this.env, this.#sql);
  /** By service: one that is away must not keep news from the others. */
  #services = new Map<string, OffPath>();
  #alarmAt = 0;
  #dirtySince = 0;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", region: this.#name, isolates: liveIsolates(this.#state, Date.now()) }))
    .get("/state", () => ({ ...this.reading(), control: this.#news.offPath.lastFailure, totals: this.totals() }));

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
  }

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  async report(report: Report): Promise<Reply> {
    this.#name = report.region;
    const taken = takeReport(this.#state, report, Date.now()) === "taken";
    this.#dirtySince ||= Date.now();
    let leases: Reply["leases"] = {};
    if (taken && report.leases !== undefined) leases = await this.#lease(report.isolate);
    else if (taken && report.urgent) this.ctx.waitUntil(this.#flush());
    const waits = [this.#arm(Date.now() + BEAT_MS), this.#news.refresh()];
    if (report.policyError !== undefined) {
      waits.push(this.#news.recordRefusal(`region ${this.#name}, isolate ${report.isolate}`, report.policyError));
    }
    await Promise.all(waits);
    return {
      epochs: this.#news.epochs,
      newsAgeMs: this.#news.ageMs,
      verdicts: Object.fromEntries(this.#verdicts),
      leases,
      nextReportMs: this.#state.nextReportMs,
    };
  }

  async news(region: string, known: number): Promise<News> {
    this.#name = region;
    await this.#news.refresh();
    return this.#news.for(known);
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
      epochs: this.#news.epochs,
      newsAgeMs: this.#news.known ? this.#news.ageMs : -1,
      nextReportMs,
    };
  }

  totals(): RegionTotals {
    const isolates = liveIsolates(this.#state, Date.now());
    return { region: this.#name, isolates, requests: this.#state.requests, services: totalsByService(this.#state) };
  }

  /** Once a second of traffic: batches go out, averages move, and now and then a checkpoint is written. */
  override async alarm(): Promise<void> {
    this.#alarmAt = 0;
    try {
      beat(this.#state, Date.now());
      await this.#flush();
    } finally {
      if (this.#dirtySince > 0 && Date.now() - this.#dirtySince >= CHECKPOINT_MS) this.#checkpoint();
      // Reports that came meanwhile armed it again; without any, one more alarm writes what is not yet kept.
      if (this.#alarmAt === 0 && this.#dirtySince > 0) await this.#arm(this.#dirtySince + CHECKPOINT_MS);
    }
  }

  /** An alarm that is long overdue is lost (its retries are counted), and set anew. */
  async #arm(at: number): Promise<void> {
    if (this.#alarmAt > Date.now() - LOST_ALARM_MS && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    await this.ctx.storage.setAlarm(at);
  }

  /** Sends out what waits; a service whose object is away loses one batch, and its last verdicts stand. */
  async #flush(): Promise<void> {
    await Promise.all(drainBatches(this.#state, this.#name, Date.now()).map((batch) => this.#pass(batch)));
  }

  async #pass(batch: ServiceBatch, timeoutMs?: number): Promise<ServiceReply | undefined> {
    const { service } = batch;
    let offPath = this.#services.get(service);
    if (offPath === undefined) {
      if (this.#services.size >= MOST_SERVICES) this.#services.delete(this.#services.keys().next().value!);
      this.#services.set(service, (offPath = new OffPath(`ServiceObject ${service}`)));
    }
    const answer = await offPath.call(
      () => this.env.SERVICE.getByName(serviceObjectName(service, this.#name)).merge(batch),
      timeoutMs,
    );
    if (!answer.ok) return undefined;
    if (Object.keys(answer.value.verdicts).length === 0) this.#verdicts.delete(service);
    else this.#verdicts.set(service, answer.value.verdicts);
    return answer.value;
  }

  /** Leases are asked for and given back at once: a probe waits for the answer, a permit for its return. */
  async #lease(isolate: string): Promise<Reply["leases"]> {
    const batches = drainBatches(this.#state, this.#name, Date.now());
    const answers = await Promise.all(batches.map((batch) => this.#pass(batch, LEASE_TIMEOUT_MS)));
    const mine = answers.flatMap((answer, index) =>
      Object.entries(answer?.leases[isolate] ?? {}).map(([id, end]) => [`${batches[index]!.service}/${id}`, end]),
    );
    return Object.fromEntries(mine);
  }

  #checkpoint(): void {
    this.#dirtySince = 0;
    this.#sql.exec(
      "INSERT OR REPLACE INTO checkpoint (id, region, at, state) VALUES (1, ?, ?, ?)",
      ...[this.#name, Date.now(), JSON.stringify(checkpointOf(this.#state))],
    );
  }
}
