// What this isolate knows of the instances it sends to: load, latency and counts since the last report. One state per
// instance for as long as it stands in the policy, changed in place: a request touches numbers and allocates nothing.
// A new policy keeps the state of every instance whose address did not change.
import type { CompiledInstance, CompiledPolicy, CompiledService } from "../core/policy/compiled.ts";
import type { InstanceDelta, Report } from "../core/protocol/reports.ts";
import { candidate, choiceInput } from "../core/routing/strategy.ts";
import type { Candidate, ChoiceInput, Strategy } from "../core/routing/strategy.ts";
import { strategies } from "../core/routing/strategies.ts";
import { observePeak, peakEwma } from "../core/stats/ewma.ts";
import { clearSketch, flatten, mergeTimes, record, sketch } from "../core/stats/sketch.ts";
import { addressProblem } from "../core/policy/targets.ts";
import type { ReportSource } from "./isolate.ts";

/** How an attempt ended, as breakers and load see it. */
export type Outcome = "ok" | "failed" | "limited";

/** A response time's weight falls to 1/e after this; Finagle's default for peak EWMA. */
const LATENCY_TAU_MS = 10_000;

/** 5xx fail, 429 is a class of its own, all else is an answer (DESIGN §2). */
export function outcomeOf(status: number): Outcome {
  if (status >= 500) return "failed";
  return status === 429 ? "limited" : "ok";
}

export class InstanceState {
  readonly compiled: CompiledInstance;
  /** What strategies see. */
  readonly candidate: Candidate;
  #latency = peakEwma();
  #times = sketch();
  #ok = 0;
  #failed = 0;
  #limited = 0;
  #slow = 0;

  constructor(compiled: CompiledInstance) {
    this.compiled = compiled;
    this.candidate = candidate({
      id: compiled.id,
      weight: compiled.weight,
      region: compiled.region,
      priority: compiled.priority,
      capacity: compiled.capacity,
    });
  }

  /** Headers are there, or will not come. `slowMs` is the breaker's limit for a slow answer. */
  settle(outcome: Outcome, durationMs: number, now: number, slowMs: number): void {
    if (outcome === "ok") this.#ok++;
    else if (outcome === "failed") this.#failed++;
    else this.#limited++;
    if (durationMs >= slowMs) this.#slow++;
    record(this.#times, durationMs);
    observePeak(this.#latency, durationMs, now, LATENCY_TAU_MS);
    this.candidate.ewmaMs = this.#latency.value;
  }

  /** Counts since the last drain, or undefined when there is neither news nor a request in flight. */
  drain(): InstanceDelta | undefined {
    const answered = this.#ok + this.#failed + this.#limited;
    if (answered === 0 && this.candidate.inFlight === 0) return undefined;
    const delta: InstanceDelta = {
      ok: this.#ok,
      failed: this.#failed,
      limited: this.#limited,
      slow: this.#slow,
      inFlight: this.candidate.inFlight,
      ewmaMs: this.#latency.value,
      times: flatten(this.#times),
    };
    this.#ok = this.#failed = this.#limited = this.#slow = 0;
    clearSketch(this.#times);
    return delta;
  }
}

export class ServiceState {
  readonly compiled: CompiledService;
  readonly instances: readonly InstanceState[];
  /** Beside `instances`, index by index. */
  readonly candidates: readonly Candidate[];
  readonly strategy: Strategy;
  /** Filled anew before each choice. */
  readonly input: ChoiceInput;
  /** Answers slower than this count as slow; Infinity when the breaker is off. */
  readonly slowMs: number;

  constructor(compiled: CompiledService, instances: readonly InstanceState[], chance: () => number) {
    this.compiled = compiled;
    this.instances = instances;
    this.candidates = instances.map((instance) => instance.candidate);
    this.strategy = strategies[compiled.options.routing.algorithm];
    this.input = choiceInput(chance);
    const { breaker } = compiled.options;
    this.slowMs = breaker === false ? Number.POSITIVE_INFINITY : breaker.slowMs;
  }
}

/** One request sent to one instance. */
export class Attempt {
  readonly instance: InstanceState;
  /** Epoch ms after which it cannot be under way any more: its request was ended by the runtime. */
  expiresAt: number;
  /** Until the exchange is over, body included. */
  open = true;

  constructor(instance: InstanceState, expiresAt: number) {
    this.instance = instance;
    this.expiresAt = expiresAt;
  }

  end(): void {
    if (!this.open) return;
    this.open = false;
    this.instance.candidate.inFlight--;
  }
}

export interface FleetOptions {
  /** Instances at private or loopback addresses may be used. */
  readonly allowPrivate: boolean;
  /** Told the key of an instance whose attempt never ended: its client left. */
  readonly left: (key: string) => void;
  readonly chance?: () => number;
  readonly now?: () => number;
}

/** Attempts under way that are looked through at once rather than at the next report. */
const MANY_ATTEMPTS = 8_192;

/** All services of the policy in force. */
export class Fleet implements ReportSource {
  #policy: CompiledPolicy | undefined;
  #services = new Map<CompiledService, ServiceState>();
  /** Instances that left the policy with requests in flight or counts to tell; forgotten after they told them. */
  #leaving: InstanceState[] = [];
  /** A request that the runtime ends, because its client left, runs no more of our code: only time tells. */
  #attempts: Attempt[] = [];
  #lookAt = MANY_ATTEMPTS;
  #options: FleetOptions;
  #chance: () => number;
  #now: () => number;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#chance = options.chance ?? Math.random;
    this.#now = options.now ?? Date.now;
  }

  begin(instance: InstanceState, expiresAt: number): Attempt {
    const attempt = new Attempt(instance, expiresAt);
    instance.candidate.inFlight++;
    if (this.#attempts.push(attempt) >= this.#lookAt) this.#sweep();
    return attempt;
  }

  /** Forgets attempts that are over, and ends those that must be. */
  #sweep(): void {
    const now = this.#now();
    let kept = 0;
    for (const attempt of this.#attempts) {
      if (!attempt.open) continue;
      if (now <= attempt.expiresAt) {
        this.#attempts[kept++] = attempt;
        continue;
      }
      attempt.end();
      this.#options.left(attempt.instance.compiled.key);
    }
    this.#attempts.length = kept;
    this.#lookAt = Math.max(MANY_ATTEMPTS, kept * 2);
  }

  /** The state of a service of this policy; a policy not seen before takes over here. */
  service(policy: CompiledPolicy, compiled: CompiledService): ServiceState {
    if (this.#policy !== policy) this.#adopt(policy);
    return this.#services.get(compiled)!;
  }

  #adopt(policy: CompiledPolicy): void {
    const standing = new Map<string, InstanceState>();
    for (const service of this.#services.values()) {
      for (const instance of service.instances) standing.set(instance.compiled.key, instance);
    }
    const services = new Map<CompiledService, ServiceState>();
    for (const compiled of policy.services.values()) {
      const instances = compiled.instances.map((instance) => {
        const known = standing.get(instance.key);
        if (known === undefined || !sameInstance(known.compiled, instance)) return this.#begin(instance);
        standing.delete(instance.key);
        return known;
      });
      services.set(compiled, new ServiceState(compiled, instances, this.#chance));
    }
    this.#leaving.push(...standing.values());
    this.#services = services;
    this.#policy = policy;
  }

  /** A target that must not be called is known to the policy and never chosen. */
  #begin(compiled: CompiledInstance): InstanceState {
    const state = new InstanceState(compiled);
    if (addressProblem(compiled.origin, "local", this.#options) !== undefined) {
      state.candidate.available = false;
      state.candidate.open = true;
    }
    return state;
  }

  drain(): Report["services"] {
    this.#sweep();
    const services: Report["services"] = {};
    const tell = (instance: InstanceState): boolean => {
      const delta = instance.drain();
      if (delta === undefined) return false;
      const instances = (services[instance.compiled.service] ??= {});
      const { id } = instance.compiled;
      const told = instances[id];
      // One that left the policy and one that came under its name: both are news of that name.
      instances[id] = told === undefined ? delta : addDeltas(told, delta);
      return true;
    };
    for (const service of this.#services.values()) service.instances.forEach(tell);
    this.#leaving = this.#leaving.filter(tell);
    return services;
  }
}

/** Whether everything that its state depends on is the same: then a new policy does not begin it anew. */
function sameInstance(a: CompiledInstance, b: CompiledInstance): boolean {
  return (
    a.origin === b.origin &&
    a.basePath === b.basePath &&
    a.region === b.region &&
    a.weight === b.weight &&
    a.capacity === b.capacity &&
    JSON.stringify(a.metadata) === JSON.stringify(b.metadata)
  );
}

const addDeltas = (a: InstanceDelta, b: InstanceDelta): InstanceDelta => ({
  ...a,
  ok: a.ok + b.ok,
  failed: a.failed + b.failed,
  limited: a.limited + b.limited,
  slow: a.slow + b.slow,
  inFlight: a.inFlight + b.inFlight,
  times: mergeTimes(a.times, b.times),
});
