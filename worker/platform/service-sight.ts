// What one region sees of a service's instances by looking itself: active checks, and the registry they come from. Its
// `ServiceObject` says when to look; here stands who is looked at, what came of it, and when the next look is due.
import { compileInstance } from "../core/policy/compile.ts";
import type { ServicePolicy } from "../core/policy/schema.ts";
import type { CheckReading, ServiceReading } from "../core/protocol/objects.ts";
import type { Registry, ServiceHealth } from "../core/protocol/reports.ts";
import { healthNews, worstOf } from "../core/routing/health-news.ts";
import { Checks, type CheckTarget } from "./checks.ts";
import { Discovery } from "./discovery.ts";
import type { Env } from "./env.ts";

export type Look = "checks" | "discovery";

/** Rounds of checks are spread by this share to both sides, so that regions and services do not knock in step. */
const JITTER = 0.1;

export class ServiceSight {
  #checks: Checks;
  #discovery: Discovery;
  #policy: ServicePolicy | undefined;
  #members = new Map<string, CheckTarget>();
  #looking: Record<Look, boolean> = { checks: false, discovery: false };

  constructor(env: Env, sql: SqlStorage, policy: ServicePolicy | undefined) {
    this.#checks = new Checks(env, sql);
    this.#discovery = new Discovery(env, sql, policy?.discovery ?? false);
    this.#policy = policy;
    this.#gather();
  }

  /** Another policy: what has to be looked at anew, and at once. */
  configure(policy: ServicePolicy | undefined): Look[] {
    const before = this.#policy;
    this.#policy = policy;
    const looks: Look[] = [];
    if (this.#discovery.configure(policy?.discovery ?? false)) looks.push("discovery");
    const checked = ({ healthCheck, instances }: ServicePolicy) => JSON.stringify([healthCheck, instances]);
    if (policy !== undefined && (before === undefined || checked(before) !== checked(policy))) looks.push("checks");
    this.#gather();
    return looks;
  }

  /** The policy wants it looked at. */
  wants(look: Look): boolean {
    if (look === "discovery") return this.#discovery.active;
    return this.#policy !== undefined && this.#policy.healthCheck !== false;
  }

  looking(look: Look): boolean {
    return this.#looking[look];
  }

  /** Looks once: how long to wait before the next time, and whether isolates should hear of it. One look of a kind at a time. */
  async look(look: Look): Promise<{ pauseMs: number; changed: boolean }> {
    if (!this.wants(look) || this.#looking[look]) return { pauseMs: 0, changed: false };
    this.#looking[look] = true;
    try {
      return look === "checks" ? await this.#check() : await this.#discover();
    } finally {
      this.#looking[look] = false;
    }
  }

  async #check(): Promise<{ pauseMs: number; changed: boolean }> {
    const healthCheck = this.#policy?.healthCheck;
    if (healthCheck === undefined || healthCheck === false) return { pauseMs: 0, changed: false };
    const startedAt = Date.now();
    const changed = await this.#checks.round([...this.#members.values()], healthCheck);
    const jitter = 1 - JITTER + 2 * JITTER * Math.random();
    const nextAt = startedAt + healthCheck.intervalSeconds * 1_000 * jitter;
    return { pauseMs: Math.max(0, nextAt - Date.now()), changed };
  }

  async #discover(): Promise<{ pauseMs: number; changed: boolean }> {
    const asked = await this.#discovery.ask();
    if (asked.changed) this.#gather();
    return asked;
  }

  /** The instances that the policy lists, and those found beside them; a listed one keeps its name. */
  #gather(): void {
    const { instances = [] } = this.#policy ?? {};
    const found = (this.registry?.instances ?? []).filter(({ id }) => !instances.some((listed) => listed.id === id));
    this.#members = new Map(
      [...instances, ...found].map((instance): [string, CheckTarget] => {
        const { id, origin, basePath, via } = compileInstance("", instance);
        return [id, { id, url: origin + basePath, via }];
      }),
    );
  }

  get registry(): Registry | undefined {
    return this.#discovery.registry;
  }

  /** Undefined where nobody says anything of health. */
  health(now: number): ServiceHealth | undefined {
    const staleSeconds = this.#policy?.routing.scoring.health.staleAfterSeconds;
    const told = this.wants("checks") || (this.wants("discovery") && this.#discovery.health !== undefined);
    if (!told || staleSeconds === undefined) return undefined;
    return healthNews(
      new Map([...this.#members.keys()].map((id) => [id, this.#finding(id)])),
      now,
      staleSeconds * 1_000,
    );
  }

  #finding(id: string): CheckReading {
    const status = this.#discovery.health?.[id];
    const told: CheckReading | undefined = status && { status, checkedAt: this.#discovery.answeredAt };
    return worstOf([this.wants("checks") ? this.#checks.reading(id) : undefined, told]);
  }

  reading(): Pick<ServiceReading, "health" | "discovery"> {
    const findings = [...this.#members.keys()].map((id) => [id, this.#finding(id)] as const);
    const discovery = this.#discovery.reading();
    return {
      health: Object.fromEntries(findings.filter(([, { checkedAt }]) => checkedAt > 0)),
      ...(discovery === undefined ? {} : { discovery }),
    };
  }
}
