// A region's way to the objects of its services: batches out; verdicts, health and found instances back. One call a
// service at a time, and whoever comes meanwhile shares the next, so that a thousand isolates whose breakers trip together
// cost a few calls. What was heard last is kept over a restart, for isolates that wake up with the region.
//
// A service's object that is away keeps nothing from the others. Its verdicts stand for 30 s; then isolates are told of
// none but an operator's, and go by their own breakers.
import type { CompiledPolicy, CompiledService } from "../core/policy/compiled.ts";
import { serviceObjectName } from "../core/protocol/names.ts";
import type { ServiceBatch, ServiceNews, ServiceSettings } from "../core/protocol/objects.ts";
import { longestNewsRestMs } from "../core/protocol/pace.ts";
import type { MergedBatch } from "../core/protocol/region.ts";
import type { Registry, Reply, ServiceHealth, Verdict } from "../core/protocol/reports.ts";
import { NEWS_LIFE_MS } from "../core/resilience/gate.ts";
import type { ControlNews } from "./control-news.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";
import { locationOf } from "./region.ts";
import { share } from "./share.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS services (service TEXT PRIMARY KEY, verdicts TEXT NOT NULL, registry TEXT NOT NULL) WITHOUT ROWID;`;

const MOST_SERVICES = 1_000;
/** A service that has checks or discovery is told this often that there is traffic in the region. */
const WAKE_EVERY_MS = 60_000;
/** A probe may take as long as the policy lets an attempt take, up to this. */
const LONGEST_PROBE_MS = 120_000;

interface Link {
  readonly offPath: OffPath;
  /** As the policy has it now, and as the service's object was told. */
  settings: ServiceSettings | undefined;
  told: ServiceSettings | undefined;
  /** It was told every operation up to this number. */
  operation: number;
  /** Checks or discovery: it works without traffic of its own. */
  works: boolean;
  heardAt: number;
  calledAt: number;
  /** `ServiceNews.at` of what stands here. */
  at: number;
  verdicts: Record<string, Verdict>;
  checkedAt: number;
  except: ServiceHealth["except"] | undefined;
  registry: Registry | undefined;
  under: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

/** What waits for a service; drawn when the call is made, so that one call takes all. */
type Draw = (service: string) => MergedBatch;

export class ServiceLinks {
  #env: Pick<Env, "SERVICE">;
  #sql: SqlStorage;
  #control: ControlNews;
  #draw: Draw;
  #links = new Map<string, Link>();
  /** By isolate, leases it has not been told of: a call may have been made for another one. */
  #leases = new Map<string, Reply["leases"]>();
  #policy: CompiledPolicy | undefined;

  constructor(env: Pick<Env, "SERVICE">, sql: SqlStorage, control: ControlNews, draw: Draw) {
    this.#env = env;
    this.#sql = sql;
    this.#control = control;
    this.#draw = draw;
    sql.exec(SCHEMA);
    const rows = sql.exec<{ service: string; verdicts: string; registry: string }>("SELECT * FROM services");
    for (const { service, verdicts, registry } of rows) {
      const link = this.#link(service);
      link.verdicts = JSON.parse(verdicts) as Link["verdicts"];
      link.registry = (JSON.parse(registry) as Registry | null) ?? undefined;
    }
  }

  /** Another policy: services are told of it with their next batch, and those that work by themselves at once. */
  configure(policy: CompiledPolicy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    for (const [service] of this.#links) if (!policy.services.has(service)) this.#drop(service);
    for (const service of policy.services.values()) {
      const link = this.#link(service.name);
      const settings = settingsOf(service, policy);
      const same = link.settings?.text === settings.text && link.settings.probeMs === settings.probeMs;
      if (!same) link.settings = settings;
      const { healthCheck, discovery } = service.options;
      const discovers = discovery !== false && discovery.kind !== "static";
      link.works = healthCheck !== false || discovers;
      if (!discovers && link.registry !== undefined) this.#keep(service.name, { ...link, registry: undefined });
    }
  }

  /** Calls made to all of them. */
  get calls(): number {
    let sum = 0;
    for (const { offPath } of this.#links.values()) sum += offPath.calls;
    return sum;
  }

  /** Services that should hear from the region although nothing was reported of them. */
  *waiting(now: number): Generator<string> {
    const { newestOperation } = this.#control;
    for (const [service, link] of this.#links) {
      const told = link.operation >= newestOperation || this.#control.operations(service, link.operation).length === 0;
      if (told) link.operation = newestOperation;
      const anew = link.told !== link.settings && (link.works || link.told !== undefined);
      const wakes = link.works && now - link.calledAt >= WAKE_EVERY_MS;
      if (anew || wakes || !told) yield service;
    }
  }

  /** One call with all that waits for the service, answered or given up within `timeoutMs`. */
  exchange(service: string, timeoutMs: number): Promise<void> {
    const link = this.#link(service);
    if (link.under === undefined) return this.#fly(service, link, timeoutMs);
    link.next ??= share(
      link.under.then(() => {
        link.next = undefined;
        return this.#fly(service, link, timeoutMs);
      }),
    );
    return link.next;
  }

  #fly(service: string, link: Link, timeoutMs: number): Promise<void> {
    link.under = share(
      this.#call(service, link, timeoutMs).finally(() => {
        link.under = undefined;
      }),
    );
    return link.under;
  }

  async #call(service: string, link: Link, timeoutMs: number): Promise<void> {
    const { settings } = link;
    const { newestOperation } = this.#control;
    const operations = this.#control.operations(service, link.operation);
    const batch: ServiceBatch = {
      ...this.#draw(service),
      registry: link.registry?.generation ?? 0,
      ...(settings === undefined || settings === link.told ? {} : { settings }),
      ...(operations.length === 0 ? {} : { operations }),
    };
    link.calledAt = Date.now();
    const { region } = batch;
    const location = locationOf(region, this.#policy?.policy);
    const object = () => this.#env.SERVICE.getByName(serviceObjectName(service, region), location);
    const answer = await link.offPath.call(() => object().merge(batch), timeoutMs);
    if (!answer.ok) {
      this.#doubt(service, link);
      return;
    }
    link.told = settings;
    link.operation = newestOperation;
    this.hear(service, answer.value);
    for (const [isolate, granted] of Object.entries(answer.value.leases)) {
      const leases = this.#leases.get(isolate) ?? {};
      for (const [instance, end] of Object.entries(granted)) leases[`${service}/${instance}`] = end;
      this.#leases.set(isolate, leases);
    }
  }

  /** Leases granted to the isolate; each is told once. */
  leasesOf(isolate: string): Reply["leases"] {
    const leases = this.#leases.get(isolate) ?? {};
    this.#leases.delete(isolate);
    return leases;
  }

  /** Leases that ended before their isolate came for them. */
  forgetLeases(now: number): void {
    for (const [isolate, leases] of this.#leases) {
      if (Object.values(leases).every((end) => end <= now)) this.#leases.delete(isolate);
    }
  }

  /** Takes over what a service's object says, in a reply or by itself. */
  hear(service: string, { at, verdicts, health, registry }: ServiceNews): void {
    const link = this.#link(service);
    const now = Date.now();
    link.heardAt = now;
    if (at <= link.at) return;
    link.at = at;
    link.except = health?.except;
    link.checkedAt = now - (health?.ageMs ?? 0);
    this.#keep(service, { verdicts, registry: registry ?? link.registry });
  }

  /** Nobody vouches any longer for what was heard: only what an operator said stands without end. */
  #doubt(service: string, link: Link): void {
    if (Date.now() - link.heardAt < NEWS_LIFE_MS) return;
    const manual = Object.entries(link.verdicts).filter(([, { reason }]) => reason === "manual");
    this.#keep(service, { verdicts: Object.fromEntries(manual), registry: link.registry });
  }

  /** What an isolate is told; `discovered` as in its report. */
  standing(discovered: Record<string, number> | undefined): Pick<Reply, "verdicts" | "health" | "instances"> {
    const now = Date.now();
    const verdicts: Reply["verdicts"] = {};
    const health: Reply["health"] = {};
    const instances: NonNullable<Reply["instances"]> = {};
    for (const [service, link] of this.#links) {
      for (const _ in link.verdicts) {
        verdicts[service] = link.verdicts;
        break;
      }
      if (link.except !== undefined) health[service] = { ageMs: now - link.checkedAt, except: link.except };
      const { registry } = link;
      if (discovered === undefined || registry === undefined) continue;
      if (discovered[service] !== registry.generation) instances[service] = registry;
    }
    return { verdicts, health, instances };
  }

  /** By service, what discovery found. */
  *registries(): Generator<[string, Registry]> {
    for (const [service, { registry }] of this.#links) if (registry !== undefined) yield [service, registry];
  }

  #link(service: string): Link {
    let link = this.#links.get(service);
    if (link === undefined) {
      if (this.#links.size >= MOST_SERVICES) this.#drop(this.#links.keys().next().value!);
      const offPath = new OffPath(`ServiceObject ${service}`);
      offPath.longestRestMs = longestNewsRestMs(0);
      link = {
        offPath,
        settings: undefined,
        told: undefined,
        operation: 0,
        works: false,
        heardAt: Date.now(),
        calledAt: 0,
        at: 0,
        verdicts: {},
        checkedAt: 0,
        except: undefined,
        registry: undefined,
        under: undefined,
        next: undefined,
      };
      this.#links.set(service, link);
    }
    return link;
  }

  #drop(service: string): void {
    this.#links.delete(service);
    this.#sql.exec("DELETE FROM services WHERE service = ?", service);
  }

  /** Stored when it changes, which is seldom. */
  #keep(service: string, { verdicts, registry }: Pick<Link, "verdicts" | "registry">): void {
    const link = this.#link(service);
    const words = JSON.stringify(verdicts);
    const same = words === JSON.stringify(link.verdicts) && registry?.generation === link.registry?.generation;
    link.verdicts = verdicts;
    link.registry = registry;
    if (same) return;
    const row = [service, words, JSON.stringify(registry ?? null)];
    this.#sql.exec("INSERT OR REPLACE INTO services (service, verdicts, registry) VALUES (?, ?, ?)", ...row);
  }
}

function settingsOf(service: CompiledService, policy: CompiledPolicy): ServiceSettings {
  const routes = policy.routes.filter((route) => route.service === service || route.canary?.service === service);
  const longestMs = Math.max(service.timeouts.headersMs, ...routes.map(({ timeouts }) => timeouts.headersMs));
  return { text: JSON.stringify(service.options), probeMs: Math.min(longestMs, LONGEST_PROBE_MS) };
}
