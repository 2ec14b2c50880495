// One ServiceObject a service and region: what all isolates of the region together saw of the service's instances, so
// that verdicts on them can be fleet-wide, and what active checks and registries say of them, seen from this region. Its
// RegionObject asks it once a second while there is news, or at once when a breaker trips or a probe waits. What isolates
// must not contradict after a crash (breakers, leases, operators' words, settings, the last good list of instances) is
// stored in the turn that changes it; readings are news, and a snapshot every ten seconds outlives a restart.
//
// It checks and discovers while its region has traffic, of whatever service, and ten minutes longer: a gateway that
// nobody uses costs nothing, and what is not looked at is told with its age.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import { regionObjectName } from "../worker/core/protocol/names.ts";
import type {
  ServiceBatch,
  ServiceNews,
  ServiceReading,
  ServiceReply,
  ServiceRpc,
} from "../worker/core/protocol/objects.ts";
import {
  emptyService,
  readInstance,
  takeBatch,
  type InstanceState,
  type ServiceState,
} from "../worker/core/protocol/service.ts";
import { Breakers } from "../worker/platform/breakers.ts";
import type { Env } from "../worker/platform/env.ts";
import { OffPath, waitAtMost } from "../worker/platform/offpath.ts";
import { Pulse } from "../worker/platform/pulse.ts";
import { Schedule } from "../worker/platform/schedule.ts";
import { ServiceSettings } from "../worker/platform/service-settings.ts";
import { ServiceSight, type Look } from "../worker/platform/service-sight.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS service (id INTEGER PRIMARY KEY CHECK (id = 1), service TEXT NOT NULL, region TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS instances (instance TEXT PRIMARY KEY, seen_at INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;`;

const LOOKS: readonly Look[] = ["checks", "discovery"];
const SNAPSHOT_MS = 10_000;
const IDLE_MS = 600_000;
const FIRST_ANSWER_MS = 300;

export class ServiceObject extends DurableObject<Env> implements ServiceRpc {
  #sql = this.ctx.storage.sql;
  #schedule = new Schedule<Look>(this.ctx.storage, LOOKS);
  #snapshots = new Pulse(this.ctx, async () => this.#snapshot());
  #settings = new ServiceSettings(this.#sql);
  #breakers = new Breakers(this.#sql, this.#settings.breaker, this.#settings.probeMs, Date.now());
  #sight = new ServiceSight(this.env, this.#sql, this.#settings.policy);
  #region = new OffPath("RegionObject");
  #state: ServiceState = emptyService();
  #snapshotAt = 0;
  #toldAt = 0;
  #mergedAt = 0;
  #router = AutoRouter()
    .get("/health", () => ({ status: "ok", service: this.#state.service, region: this.#state.region }))
    .get("/state", () => this.reading());

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql.exec(SCHEMA);
    const named = this.#sql
      .exec<{ service: string; region: string }>("SELECT service, region FROM service")
      .toArray()[0];
    Object.assign(this.#state, named);
    const rows = this.#sql.exec<{ instance: string; state: string }>(
      "SELECT instance, state FROM instances ORDER BY seen_at",
    );
    for (const { instance, state } of rows) this.#state.instances.set(instance, JSON.parse(state) as InstanceState);
  }

  override fetch(request: Request): Promise<Response> {
    return this.#router.fetch(request);
  }

  async merge(batch: ServiceBatch): Promise<ServiceReply> {
    const now = Date.now();
    takeBatch(this.#state, batch, now);
    let anew: Look[] = [];
    if (batch.settings !== undefined && this.#settings.take(batch.settings)) {
      this.#breakers.configure(this.#settings.breaker, this.#settings.probeMs, now);
      anew = this.#sight.configure(this.#settings.policy);
    }
    this.#breakers.obey(batch.operations ?? [], now);
    const leases = this.#breakers.judge(batch, now);
    this.#mergedAt = now;
    this.#snapshots.by(now + SNAPSHOT_MS);
    for (const look of LOOKS) {
      const rests = this.#schedule.when(look) === undefined && !this.#sight.looking(look);
      if (!this.#sight.wants(look) || !(rests || anew.includes(look))) continue;
      // Whoever asks has nobody to send to until the registry has answered for the first time.
      if (look === "discovery" && this.#sight.registry === undefined) await this.#lookNow(look);
      else await this.#schedule.at(look, now);
    }
    return { ...this.#news(batch.registry, now), leases };
  }

  /** `registry`: generation of the discovered instances that the asker has. */
  #news(registry: number, now: number): ServiceNews {
    this.#toldAt = Math.max(now, this.#toldAt + 1);
    const health = this.#sight.health(now);
    const found = this.#sight.registry;
    return {
      at: this.#toldAt,
      verdicts: this.#breakers.verdicts(now),
      ...(health === undefined ? {} : { health }),
      ...(found === undefined || found.generation === registry ? {} : { registry: found }),
    };
  }

  reading(): ServiceReading {
    const { service, region, isolates, instances } = this.#state;
    const now = Date.now();
    const readings = [...instances].map(([id, instance]) => [id, readInstance(instance, now)]);
    return {
      service,
      region,
      isolates,
      instances: Object.fromEntries(readings),
      breakers: this.#breakers.readings(now),
      ...this.#sight.reading(),
    };
  }

  override async alarm(): Promise<void> {
    // Not waited for: a registry may hold its answer back for minutes, and the next alarm waits for this one.
    for (const look of await this.#schedule.take(Date.now())) this.ctx.waitUntil(this.#look(look));
  }

  /** One round of checks, or one question to the registry; the region hears of changes at once. */
  async #look(look: Look): Promise<void> {
    const { pauseMs, changed } = await this.#sight.look(look);
    if (changed) await this.#tell();
    if (this.#sight.looking(look) || !this.#sight.wants(look)) return;
    const now = Date.now();
    // Whoever is new to the list is unknown until it was checked.
    if (look === "discovery" && changed && this.#sight.wants("checks")) await this.#schedule.by("checks", now);
    if (now - this.#mergedAt < IDLE_MS) await this.#schedule.by(look, now + pauseMs);
  }

  async #lookNow(look: Look): Promise<void> {
    const looked = this.#look(look);
    this.ctx.waitUntil(looked);
    await waitAtMost(looked, FIRST_ANSWER_MS);
  }

  /** A region that is away hears it with its next batch. */
  async #tell(): Promise<void> {
    const { service, region } = this.#state;
    const news = this.#news(0, Date.now());
    await this.#region.call(() => this.env.REGION.getByName(regionObjectName(region)).hear(service, news));
  }

  /** Writes what changed since the last snapshot, and drops what is forgotten. */
  #snapshot(): void {
    const since = this.#snapshotAt;
    this.#snapshotAt = Date.now();
    const { service, region, instances } = this.#state;
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("INSERT OR REPLACE INTO service (id, service, region) VALUES (1, ?, ?)", service, region);
      for (const { instance } of this.#sql.exec<{ instance: string }>("SELECT instance FROM instances").toArray()) {
        if (!instances.has(instance)) this.#sql.exec("DELETE FROM instances WHERE instance = ?", instance);
      }
      for (const [id, state] of instances) {
        if (state.seenAt < since) continue;
        const values = [id, state.seenAt, JSON.stringify(state)];
        this.#sql.exec("INSERT OR REPLACE INTO instances (instance, seen_at, state) VALUES (?, ?, ?)", ...values);
      }
    });
  }
}
