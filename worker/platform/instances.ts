// What this isolate knows of one instance: its breaker, how long it takes, what became of the last requests, how many
// are under way. One state for as long as it stands in the policy, changed in place: a request touches numbers and
// allocates nothing. A new policy keeps the state of every instance that stays where it was.
import type { CompiledInstance } from "../core/policy/compiled.ts";
import type { ServicePolicy } from "../core/policy/schema.ts";
import { addOutcomes } from "../core/protocol/merge.ts";
import { RECENT_MS } from "../core/protocol/pace.ts";
import type { InstanceDelta } from "../core/protocol/reports.ts";
import type { BreakerOptions } from "../core/resilience/breaker.ts";
import { limiter, type Limiter } from "../core/resilience/concurrency.ts";
import { gate, votesOpen, type Admission, type Gate } from "../core/resilience/gate.ts";
import { freshCalls } from "../core/resilience/local.ts";
import type { Outcome } from "../core/resilience/outcome.ts";
import { demandsOf } from "../core/routing/demands.ts";
import { experience, type Experience } from "../core/routing/experience.ts";
import { candidate, type Candidate } from "../core/routing/strategy.ts";
import { clearSketch, flatten, mergeTimes, record, sketch } from "../core/stats/sketch.ts";
import type { Carrier } from "./carriers.ts";
import type { AttemptOutcome } from "./metrics.ts";

/** What became of a leased probe, until it is told. */
export type ProbeNews = "" | "passed" | "failed" | "back";

/** Options of a service that an instance's state is built on: when they change, it begins anew. */
export const builtOn = ({ routing, concurrency, breaker }: ServicePolicy): string =>
  JSON.stringify([routing.scoring, concurrency, breaker !== false && breaker.windowMs]);

export class InstanceState {
  readonly compiled: CompiledInstance;
  /** What strategies see. */
  readonly candidate: Candidate;
  readonly gate: Gate;
  readonly known: Experience;
  /** Requests at once, where the policy limits them by instance. */
  readonly limiter: Limiter | undefined;
  /** When it last told its own load, epoch ms. */
  loadAt = 0;
  /** Joined the service while this isolate was looking, epoch ms; 0 when it was there before. */
  readonly joinedAt: number;
  readonly builtOn: string;
  /** What carries its requests; undefined for the runtime's own `fetch`. */
  readonly via: Carrier | undefined;
  /** To be told with the next report, and the wait that a 429 asked for. */
  probe: ProbeNews = "";
  probeRetryAfterMs = 0;
  #voted = false;
  #drainedAt = 0;
  #times = sketch();
  #ok = 0;
  #failed = 0;
  #limited = 0;
  #slow = 0;

  /** `former`: what stood under the same name at the same address. Its breaker is this one's. */
  constructor(
    compiled: CompiledInstance,
    options: ServicePolicy,
    breaker: BreakerOptions,
    former?: InstanceState,
    joinedAt = 0,
    via?: Carrier,
  ) {
    const { routing, concurrency } = options;
    this.compiled = compiled;
    this.candidate = candidate({
      id: compiled.id,
      weight: compiled.weight,
      region: compiled.region,
      priority: compiled.priority,
      capacity: compiled.capacity,
      demands: demandsOf(compiled.metadata),
    });
    this.gate = former !== undefined && fits(former.gate, breaker) ? former.gate : gate(breaker);
    this.known = experience(routing.scoring);
    this.limiter = concurrency !== false && concurrency.per === "instance" ? limiter(concurrency) : undefined;
    this.joinedAt = joinedAt;
    this.builtOn = builtOn(options);
    this.via = via;
  }

  /** Headers are there, or will not come. `slowMs` is the breaker's limit for a slow answer. */
  count(outcome: Outcome, durationMs: number, slowMs: number): void {
    if (outcome === "ok") this.#ok++;
    else if (outcome === "failed") this.#failed++;
    else if (outcome === "limited") this.#limited++;
    else return;
    if (durationMs >= slowMs) this.#slow++;
    record(this.#times, durationMs);
  }

  /** Counts since the last drain, or undefined when there is neither news nor a request in flight. */
  drain(now: number, breaker: BreakerOptions): InstanceDelta | undefined {
    const coveredMs = this.#drainedAt === 0 ? 0 : now - this.#drainedAt;
    this.#drainedAt = now;
    const open = votesOpen(this.gate);
    const turned = open !== this.#voted;
    const answered = this.#ok + this.#failed + this.#limited;
    if (answered === 0 && this.candidate.inFlight === 0 && !turned) return undefined;
    const delta: InstanceDelta = {
      ok: this.#ok,
      failed: this.#failed,
      limited: this.#limited,
      slow: this.#slow,
      inFlight: this.candidate.inFlight,
      ewmaMs: this.known.time.weight > 0 ? this.known.time.value : 0,
      times: flatten(this.#times),
    };
    // Opening has cleared the window, and what it opened on is fresh.
    if (coveredMs > RECENT_MS && !(turned && open)) delta.recent = freshCalls(this.gate.local, now, breaker);
    if (turned) delta.vote = open ? "open" : "closed";
    this.#voted = open;
    this.#ok = this.#failed = this.#limited = this.#slow = 0;
    clearSketch(this.#times);
    return delta;
  }
}

/** A breaker's window is cut to the policy's length; all else it is told with each call. */
const fits = ({ local: { window } }: Gate, { windowMs }: BreakerOptions): boolean =>
  window.bucketMs * window.buckets === windowMs;

/** Whether everything that its state depends on is the same: then a new policy does not begin it anew. */
export function sameInstance(a: CompiledInstance, b: CompiledInstance): boolean {
  return (
    a.origin === b.origin &&
    a.basePath === b.basePath &&
    a.via === b.via &&
    a.region === b.region &&
    a.weight === b.weight &&
    a.priority === b.priority &&
    a.capacity === b.capacity &&
    JSON.stringify(a.metadata) === JSON.stringify(b.metadata)
  );
}

/** The service whose attempt it is. */
export interface AttemptKeeper {
  /** Headers are there, or will not come. */
  settle(attempt: Attempt, how: AttemptOutcome, ms: number, retryAfterMs: number, now: number): void;
  /** The exchange is over, body included; `ms` is the time to its headers all the same. */
  end(attempt: Attempt, outcome: Outcome, ms: number): void;
}

/** One request sent to one instance. Settled when its headers are there or will not come, ended when its body is over. */
export class Attempt {
  readonly keeper: AttemptKeeper;
  readonly instance: InstanceState;
  readonly admission: Admission;
  readonly ticket: number;
  readonly like: number;
  /** Bits of the ways of looking that would have taken this instance, and of those that would have taken the other one. */
  agreed = 0;
  opposed = 0;
  readonly startedAt = performance.now();
  /** Epoch ms after which it cannot be under way any more: its request was ended by the runtime. */
  expiresAt: number;
  /** Its place among those that the fleet keeps. */
  keptAt = -1;
  /** Until the exchange is over. */
  open = true;
  #outcome: Outcome | undefined = undefined;
  #ms = 0;

  constructor(
    keeper: AttemptKeeper,
    instance: InstanceState,
    admission: Admission,
    ticket: number,
    like: number,
    expiresAt: number,
  ) {
    this.keeper = keeper;
    this.instance = instance;
    this.admission = admission;
    this.ticket = ticket;
    this.like = like;
    this.expiresAt = expiresAt;
  }

  /** Its result decides over the instance's breaker. */
  get isProbe(): boolean {
    return this.admission === "probe" || this.admission === "lease";
  }

  /** `retryAfterMs`: of a 429, else -1. */
  settle(how: AttemptOutcome, ms: number, retryAfterMs: number, now: number): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = how === "timeout" ? "failed" : how;
    this.#ms = ms;
    this.keeper.settle(this, how, ms, retryAfterMs, now);
  }

  end(): void {
    if (!this.open) return;
    this.open = false;
    this.keeper.end(this, this.#outcome ?? "cancelled", this.#ms);
  }

  /** Its client left, or it was given up for a faster one. */
  leave(): void {
    this.settle("cancelled", performance.now() - this.startedAt, -1, Date.now());
    this.end();
  }
}

/** Two under one name, one after the other. */
export const addDeltas = (a: InstanceDelta, b: InstanceDelta): InstanceDelta => ({
  ...a,
  ...addOutcomes(a, b),
  ...(a.recent === undefined && b.recent === undefined ? {} : { recent: addOutcomes(a.recent ?? a, b.recent ?? b) }),
  inFlight: a.inFlight + b.inFlight,
  times: mergeTimes(a.times, b.times),
});
