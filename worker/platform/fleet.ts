// All services of the policy in force, as this isolate knows them, and its side of the talk with the region: what it saw
// goes out with the reports, and verdicts, leases, health and discovered instances come back with the replies. When the
// region does not answer, every gate goes on alone; the one wait of a request for it is `ask`, short and shared.
import { compileInstance } from "../core/policy/compile.ts";
import type { CompiledInstance, CompiledPolicy, CompiledService } from "../core/policy/compiled.ts";
import { addressProblem } from "../core/policy/targets.ts";
import type { ChoiceTally, LeaseNews, Registry, Reply, Report } from "../core/protocol/reports.ts";
import { NEVER_OPENS, type BreakerOptions } from "../core/resilience/breaker.ts";
import { NEWS_LIFE_MS, givesLeaseBack, wantsLease, type NewsState } from "../core/resilience/gate.ts";
import type { Chance } from "../core/stats/chance.ts";
import { after } from "./after.ts";
import type { Around } from "./around.ts";
import type { Carrier } from "./carriers.ts";
import { addDeltas, builtOn, InstanceState, sameInstance, type Attempt } from "./instances.ts";
import type { ReportSource } from "./isolate.ts";
import type { AttemptOutcome, FurtherTry, Metrics } from "./metrics.ts";
import type { Background } from "./news.ts";
import { ServicePlaces } from "./places.ts";
import { ServiceState } from "./services.ts";

export interface FleetOptions {
  /** Instances at private or loopback addresses may be used. */
  readonly allowPrivate: boolean;
  /** Name of the region this isolate belongs to. */
  readonly region: () => string;
  /** The region has answered before, and did not fail when last asked. */
  readonly proven: () => boolean;
  /** The next report waits for nothing. */
  readonly hurry: () => void;
  /** Reports at once and waits for the reply, at most so long. */
  readonly ask: (background: Background, patienceMs: number) => Promise<void>;
  readonly metrics: () => Pick<Metrics, "attempt" | "panic" | "tried">;
  /** What stands behind a binding's name. */
  readonly carrier?: (via: string) => Carrier | undefined;
  readonly chance?: Chance;
  readonly now?: () => number;
}

/** Attempts under way that are looked through at once rather than at the next report. */
const MANY_ATTEMPTS = 8_192;
/** A request waits so long for a registry's first answer; the region is asked for it this often. */
const REGISTRY_PATIENCE_MS = 1_500;
const REGISTRY_ASK_MS = 500;
const REGISTRY_PAUSE_MS = 100;
const REGISTRY_REST_MS = 10_000;
/** A closed verdict is believed at least this long without a reply: less than the shortest open, more than an interval. */
const BELIEVED_MS = 1_500;

export class Fleet implements ReportSource, Around {
  readonly news: NewsState = { at: 0, freshMs: BELIEVED_MS, away: false };
  readonly chance: Chance;
  #policy: CompiledPolicy | undefined;
  #services = new Map<string, ServiceState>();
  /** By service. */
  #found = new Map<string, Registry>();
  /** Instances that left the policy with requests in flight or counts to tell; forgotten after they told them. */
  #leaving: InstanceState[] = [];
  /** A request that the runtime ends, because its client left, runs no more of our code: only time tells. */
  #attempts: Attempt[] = [];
  #lookAt = MANY_ATTEMPTS;
  #options: FleetOptions;
  #now: () => number;
  #heard = 0;
  /** By service, until when nobody waits for its registry, epoch ms. */
  #vainUntil = new Map<string, number>();
  /** The last reply, for services that a policy brings after it; its leases are used up. */
  #last: Reply | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.chance = options.chance ?? Math.random;
    this.#now = options.now ?? Date.now;
  }

  /** The state of a service of this policy; a policy not seen before takes over here. */
  service(policy: CompiledPolicy, compiled: CompiledService): ServiceState {
    if (this.#policy !== policy) this.#adopt(policy);
    return this.#services.get(compiled.name)!;
  }

  get regions(): Reply["regions"] {
    // Of a region that fell silent nothing is known any more: then its own experience is all an isolate goes by.
    return this.#now() - this.news.at < NEWS_LIFE_MS ? this.#last?.regions : undefined;
  }

  /** Of the policy that traffic is served by; none before the first request. */
  get services(): Iterable<ServiceState> {
    return this.#services.values();
  }

  // --- what services share ---

  hurry(): void {
    this.#options.hurry();
  }

  ended(key: string, how: AttemptOutcome, ms: number): void {
    this.#options.metrics().attempt(key, how, ms);
  }

  tried(service: string, kind: FurtherTry): void {
    this.#options.metrics().tried(service, kind);
  }

  panicked(service: string): void {
    this.#options.metrics().panic(service);
  }

  keep(attempt: Attempt): void {
    attempt.keptAt = this.#attempts.length;
    if (this.#attempts.push(attempt) >= this.#lookAt) this.#sweep();
  }

  /** What is over is let go at once: what outlives its request costs the garbage collector. */
  release(attempt: Attempt): void {
    const last = this.#attempts.pop()!;
    if (last === attempt) return;
    this.#attempts[attempt.keptAt] = last;
    last.keptAt = attempt.keptAt;
  }

  /** Ends those that must be over: the runtime ended their requests without a word. */
  #sweep(): void {
    const now = this.#now();
    for (const attempt of [...this.#attempts]) if (now > attempt.expiresAt) attempt.leave();
    this.#lookAt = Math.max(MANY_ATTEMPTS, this.#attempts.length * 2);
  }

  /**
   * Asks the region at once, for news and for the leases that are needed, and waits for its answer a bounded time together
   * with all who ask meanwhile. Nobody waits for a region that has not answered, nor again after it answered too late.
   */
  async ask(background: Background, patienceMs: number): Promise<void> {
    const { news } = this;
    if (news.away) return;
    const heard = this.#heard;
    if (this.#options.proven()) await this.#options.ask(background, patienceMs);
    if (this.#heard === heard) news.away = true;
  }

  /**
   * The state of a service whose registry has not answered yet, once it has, or after a bounded wait: the first requests
   * would find nobody for no reason of their own. After a wait in vain nobody waits for a while.
   */
  async whenDiscovered(
    policy: CompiledPolicy,
    compiled: CompiledService,
    background: Background,
    deadlineAt: number,
  ): Promise<ServiceState> {
    const beganAt = this.#now();
    const inVain = beganAt < (this.#vainUntil.get(compiled.name) ?? 0);
    const endsAt = inVain ? beganAt : Math.min(beganAt + REGISTRY_PATIENCE_MS, deadlineAt);
    let state = this.service(policy, compiled);
    for (let leftMs = endsAt - beganAt; state.awaitsRegistry && leftMs > 0; leftMs = endsAt - this.#now()) {
      await this.#options.ask(background, Math.min(leftMs, REGISTRY_ASK_MS));
      state = this.service(policy, compiled);
      if (state.awaitsRegistry) await after(REGISTRY_PAUSE_MS);
    }
    if (state.awaitsRegistry && endsAt > beganAt) this.#vainUntil.set(compiled.name, this.#now() + REGISTRY_REST_MS);
    return state;
  }

  // --- policies and registries ---

  #adopt(policy: CompiledPolicy): void {
    const joining = this.#policy !== undefined;
    this.#policy = policy;
    const former = this.#services;
    const standing = new Map<string, InstanceState>();
    for (const service of former.values()) {
      for (const instance of service.instances) standing.set(instance.compiled.key, instance);
    }
    const services = new Map<string, ServiceState>();
    for (const compiled of policy.services.values()) {
      services.set(compiled.name, this.#build(compiled, standing, former.get(compiled.name), joining));
    }
    for (const state of services.values()) {
      state.fallbacks = state.compiled.options.fallback.flatMap((name) => services.get(name) ?? []);
    }
    for (const name of this.#found.keys()) {
      const discovery = policy.services.get(name)?.options.discovery ?? false;
      if (discovery === false || discovery.kind === "static") this.#found.delete(name);
    }
    this.#leaving.push(...standing.values());
    this.#services = services;
    if (this.#last !== undefined) for (const state of services.values()) state.hear(this.#last, this.news.at);
  }

  /** Takes out of `standing` what it goes on with. A target that must not be called is none of its instances. */
  #build(
    compiled: CompiledService,
    standing: Map<string, InstanceState>,
    former: ServiceState | undefined,
    joining: boolean,
  ): ServiceState {
    const { options } = compiled;
    const breaker = options.breaker === false ? NEVER_OPENS : options.breaker;
    const joinedAt = joining && former !== undefined ? this.#now() : 0;
    const built = builtOn(options);
    const instances = this.#allInstances(compiled, former).map((instance) => {
      const known = standing.get(instance.key);
      const stays = known?.compiled.origin === instance.origin && known.compiled.basePath === instance.basePath;
      if (known !== undefined && known.builtOn === built && sameInstance(known.compiled, instance)) {
        standing.delete(instance.key);
        return known;
      }
      const via = this.#options.carrier?.(instance.via);
      return new InstanceState(instance, options, breaker, stays ? known : undefined, stays ? 0 : joinedAt, via);
    });
    const regions = this.#policy!.policy.regions;
    const places = ServicePlaces.of(instances, regions, this.#options.region(), former?.places);
    const state = new ServiceState(compiled, instances, places, this, former);
    const { discovery } = options;
    const discovers = discovery !== false && discovery.kind !== "static";
    state.awaitsRegistry = discovers && instances.length === 0 && !this.#found.has(compiled.name);
    return state;
  }

  /** Those the policy lists and those found beside them. Until a registry has answered, those there were before stay. */
  #allInstances(compiled: CompiledService, former: ServiceState | undefined): CompiledInstance[] {
    const { discovery } = compiled.options;
    const discovers = discovery !== false && discovery.kind !== "static";
    const registry = discovers ? this.#found.get(compiled.name) : undefined;
    if (discovers && registry === undefined && compiled.instances.length === 0 && former !== undefined) {
      return former.instances.map((instance) => instance.compiled);
    }
    const listed = new Set(compiled.instances.map(({ id }) => id));
    const found = (registry?.instances ?? []).filter(({ id }) => !listed.has(id));
    const all = [...compiled.instances, ...found.map((one) => compileInstance(compiled.name, one))];
    // Where a binding leads is the deployment's word, not the policy's: its URL is a name and no way into a network.
    return all.filter(({ origin, via }) => via !== "" || addressProblem(origin, "local", this.#options) === undefined);
  }

  /** A registry's list has changed: the service goes on with the instances of it that stay. */
  #discover(name: string, registry: Registry): void {
    this.#found.set(name, registry);
    const state = this.#services.get(name);
    if (state === undefined) return;
    const standing = new Map(state.instances.map((instance) => [instance.compiled.key, instance]));
    const next = this.#build(state.compiled, standing, state, true);
    next.fallbacks = state.fallbacks;
    this.#services.set(name, next);
    for (const other of this.#services.values()) {
      if (other.fallbacks.includes(state)) other.fallbacks = other.fallbacks.map((one) => (one === state ? next : one));
    }
    this.#leaving.push(...standing.values());
  }

  // --- reports and replies ---

  drain(): Report["services"] {
    this.#sweep();
    const services: Report["services"] = {};
    const now = this.#now();
    const tell = (instance: InstanceState, breaker: BreakerOptions): boolean => {
      const delta = instance.drain(now, breaker);
      if (delta === undefined) return false;
      const instances = (services[instance.compiled.service] ??= {});
      const { id } = instance.compiled;
      const told = instances[id];
      // One that left the policy and one that came under its name: both are news of that name.
      instances[id] = told === undefined ? delta : addDeltas(told, delta);
      return true;
    };
    for (const service of this.#services.values()) {
      for (const instance of service.instances) tell(instance, service.breaker);
    }
    this.#leaving = this.#leaving.filter((instance) => tell(instance, NEVER_OPENS));
    return services;
  }

  /** What is to be said of probe leases; undefined when there is nothing. */
  leases(now: number): LeaseNews | undefined {
    const leases = {
      want: [] as string[],
      back: [] as string[],
      passed: [] as string[],
      failed: {} as Record<string, number>,
    };
    let some = false;
    for (const service of this.#services.values()) {
      for (const instance of service.instances) {
        const { gate, probe } = instance;
        const { key } = instance.compiled;
        if (givesLeaseBack(gate, now) || probe === "back") leases.back.push(key);
        if (probe === "passed") leases.passed.push(key);
        if (probe === "failed") leases.failed[key] = instance.probeRetryAfterMs;
        const wants = wantsLease(gate, this.news, now);
        if (wants) leases.want.push(key);
        instance.probe = "";
        some ||= wants || probe !== "" || leases.back.length > 0;
      }
    }
    return some ? leases : undefined;
  }

  /** By service, requests that found nobody to be sent to since the last call; undefined when there were none. */
  refused(): Report["refused"] {
    let refused: Record<string, number> | undefined;
    for (const service of this.#services.values()) {
      if (service.refused > 0) (refused ??= {})[service.compiled.name] = service.refused;
      service.refused = 0;
    }
    return refused;
  }

  /** By service, generation of the discovered instances held; undefined when no service discovers any. */
  discovered(): Report["discovered"] {
    if (this.#policy === undefined) return {};
    let held: Record<string, number> | undefined;
    for (const { compiled } of this.#services.values()) {
      const { discovery } = compiled.options;
      if (discovery === false || discovery.kind === "static") continue;
      (held ??= {})[compiled.name] = this.#found.get(compiled.name)?.generation ?? 0;
    }
    return held;
  }

  /** By service, how choices turned out since the last call; undefined when there is nothing to learn from. */
  choices(): Report["choices"] {
    let choices: Record<string, ChoiceTally> | undefined;
    for (const service of this.#services.values()) {
      const tally = service.drainChoices();
      if (tally !== undefined) (choices ??= {})[service.compiled.name] = tally;
    }
    return choices;
  }

  hear(reply: Reply, now: number): void {
    this.#heard++;
    const { news } = this;
    news.at = now;
    news.away = false;
    news.freshMs = Math.max(BELIEVED_MS, 1.5 * reply.nextReportMs);
    for (const [name, registry] of Object.entries(reply.instances ?? {})) this.#discover(name, registry);
    for (const service of this.#services.values()) service.hear(reply, now);
    this.#last = { ...reply, leases: {}, instances: {} };
  }

  /** Every gate goes on alone, and nobody waits. */
  away(): void {
    this.news.away = true;
  }
}
