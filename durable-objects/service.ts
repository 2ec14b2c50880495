// One ServiceObject a service and region: what all isolates of the region together saw of the service's instances, so
// that verdicts on them can be fleet-wide. It is asked only by its RegionObject, once a second while there is news.
// Readings are news, not records: memory is the truth, and a snapshot every ten seconds outlives a restart.
import { DurableObject } from "cloudflare:workers";
import { AutoRouter } from "itty-router";
import type { ServiceBatch, ServiceReading, ServiceReply, ServiceRpc } from "../worker/core/protocol/objects.ts";
import {
  emptyService,
  readInstance,
  takeBatch,
  type InstanceState,
  type ServiceState,
} from "../worker/core/protocol/service.ts";
import type { Env } from "../worker/platform/env.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS service (id INTEGER PRIMARY KEY CHECK (id = 1), service TEXT NOT NULL, region TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS instances (instance TEXT PRIMARY KEY, seen_at INTEGER NOT NULL, state TEXT NOT NULL);`;

const SNAPSHOT_MS = 10_000;

export class ServiceObject extends DurableObject<Env> implements ServiceRpc {
  #sql = this.ctx.storage.sql;
  #state: ServiceState = emptyService();
  #snapshotAt = 0;
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
    if (this.#snapshotAt === 0) {
      this.#snapshotAt = now + SNAPSHOT_MS;
      await this.ctx.storage.setAlarm(this.#snapshotAt);
    }
    return this.#judge(batch, now);
  }

  /** The shared breaker's place: merged counts and lease requests in, verdicts and leases out. It judges nobody yet. */
  #judge(_batch: ServiceBatch, _now: number): ServiceReply {
    return { verdicts: {}, leases: {} };
  }

  reading(): ServiceReading {
    const { service, region, isolates, instances } = this.#state;
    const now = Date.now();
    const readings = [...instances].map(([id, instance]) => [id, readInstance(instance, now)]);
    return { service, region, isolates, instances: Object.fromEntries(readings), verdicts: {} };
  }

  /** Writes what changed since the last snapshot, and drops what is forgotten. */
  override alarm(): void {
    const since = this.#snapshotAt - SNAPSHOT_MS;
    this.#snapshotAt = 0;
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
