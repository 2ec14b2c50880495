// One service in this isolate: who of its instances takes the next request, and what became of those that were sent.
// Choice (core/routing) says who should; the gate and the limit of the one chosen say whether it may; if not, the next
// one is asked. Everything is decided in one tick on what this isolate knows: nothing is waited for here, and a request
// that may wait (for a lease, for a place) is told so by a negative answer.
// Length: a request's way through a service, from the choice to what is learned from its end, reads in one place.
import type { CompiledService } from "../core/policy/compiled.ts";
import type { ChoiceTally, Mix, Reply } from "../core/protocol/reports.ts";
import { NOBODY, lonely, soonestMs, survey, suspect, suspectFrom } from "../core/resilience/available.ts";
import { SINGLE_ATTEMPT, type AttemptOptions } from "../core/resilience/attempts.ts";
import { NEVER_OPENS, type BreakerOptions } from "../core/resilience/breaker.ts";
import { retryBudget, type RetryBudget } from "../core/resilience/budget.ts";
import { enter, hasRoom, type Limiter } from "../core/resilience/concurrency.ts";
import { admit, finish, hear, standing, type Admission, type Gate } from "../core/resilience/gate.ts";
import { hedgeTimes, observeAnswer, type HedgeTimes } from "../core/resilience/hedge.ts";
import type { Outcome } from "../core/resilience/outcome.ts";
import { REFUSED, chooseInstance } from "../core/routing/choice.ts";
import { pace } from "../core/routing/pace.ts";
import { ended, refresh, sent, serviceExperience, settle, type ServiceExperience } from "../core/routing/experience.ts";
import { slowStart } from "../core/routing/health.ts";
import { observe, rewardOf, tally } from "../core/routing/learn.ts";
import { parseLoadReport } from "../core/routing/load-report.ts";
import { strategies } from "../core/routing/strategies.ts";
import { choiceInput, eligible, type Candidate, type ChoiceInput, type Strategy } from "../core/routing/strategy.ts";
import type { Around } from "./around.ts";
import { Decisions, RECORD_EVERY } from "./decisions.ts";
import { Attempt, type AttemptKeeper, type InstanceState } from "./instances.ts";
import { Limits } from "./limits.ts";
import type { AttemptOutcome } from "./metrics.ts";
import type { ServicePlaces } from "./places.ts";

/** Why nobody takes a request: below 0, where the indexes of instances end. */
const NOBODY_STANDS = -1;
/** Panic: those that stand have their share. */
export const NO_SHARE_LEFT = -2;
export const NO_PLACE_FREE = -3;
/** Somebody might, once the region has been asked; the second asks for news, the first for a lease too. */
export const NEEDS_LEASE = -4;
export const NEEDS_NEWS = -5;

/** A probe waits this long for a request that could be tried again should the probe fail; then anybody goes. */
const ANYONE_PROBES_MS = 500;
const SCORES_GOOD_MS = 1_000;
const SLOW_START_FROM = 0.1;
/** Load that an upstream told longer ago says nothing about now. */
const LOAD_GOOD_MS = 10_000;
const LENT_MS = 1_000;
const NONE: readonly number[] = [];

export class ServiceState implements AttemptKeeper {
  readonly compiled: CompiledService;
  readonly instances: readonly InstanceState[];
  /** Beside `instances`, index by index. */
  readonly candidates: readonly Candidate[];
  readonly gates: readonly Gate[];
  readonly strategy: Strategy;
  /** Filled anew before each choice. */
  readonly input: ChoiceInput;
  /** The policy's, or for a moment what a suggestion that is tried makes of it. */
  breaker: BreakerOptions;
  readonly #ownBreaker: BreakerOptions;
  #lentUntil = Infinity;
  /** Indexes of instances that the request at hand is rather not sent to. */
  #avoided: readonly number[] = NONE;
  readonly attempts: AttemptOptions;
  readonly hedgeAfter: number | "p95" | false;
  /** Request bodies up to this are kept for a second try. */
  readonly bufferBytes: number;
  /** Retry-After is believed up to this. */
  readonly maxRetryAfterMs: number;
  /** The field in which upstreams tell their load, "" for none. */
  readonly loadHeader: string;
  readonly budget: RetryBudget;
  readonly hedges: HedgeTimes;
  readonly limits: Limits;
  /** Region by region, where the instances stand in several. */
  readonly places: ServicePlaces | undefined;
  /** It has nobody yet, and a registry that has not answered yet might name some. */
  awaitsRegistry = false;
  /** Services that stand in, in the policy's order; known once all services are. */
  fallbacks: readonly ServiceState[] = [];
  /** Until when an upload was lost of late and nobody knows by whose fault, epoch ms. */
  waryUntil = 0;
  /** Requests that found nobody to be sent to since the last report. */
  refused = 0;
  /** Some instance's metadata say what it can take. */
  readonly demanding: boolean;
  /** A sample of its choices. */
  readonly decisions: Decisions;
  #untilRecord = 1;
  /** As what the last `take` let its request through, what to hand back with the result, and who was of that opinion. */
  #admission: Admission = "yes";
  #ticket = 0;
  #agreed = 0;
  #opposed = 0;
  /** The mix in force: the policy's, or what was learned from it. */
  mix: Mix;
  /** How choices turned out; undefined where nothing is learned from them. */
  #choices: ChoiceTally | undefined;
  #around: Around;
  #experience: ServiceExperience;
  /** Every breaker is closed and nothing ramps: candidates are as the last look left them. */
  #calm = false;
  /** Failures in a row from which on an instance is asked before others; 0 for never. */
  #suspectFrom = 0;
  #due = NOBODY;
  #dueSince = 0;
  #refreshAt = 0;
  #sawFull = false;
  #needs = 0;

  constructor(
    compiled: CompiledService,
    instances: readonly InstanceState[],
    places: ServicePlaces | undefined,
    around: Around,
    former: ServiceState | undefined,
  ) {
    const { breaker, attempts, concurrency, routing, loadReport } = compiled.options;
    this.compiled = compiled;
    this.instances = instances;
    this.candidates = instances.map((instance) => instance.candidate);
    this.gates = instances.map((instance) => instance.gate);
    this.places = places;
    this.strategy = strategies[routing.algorithm];
    this.mix = routing.adaptive;
    this.#choices = this.strategy.name === "intelligent_adaptive" && routing.adaptive.learn ? tally() : undefined;
    this.input = choiceInput(around.chance);
    this.input.explore = routing.exploreShare;
    this.breaker = this.#ownBreaker = breaker === false ? NEVER_OPENS : breaker;
    this.attempts = attempts === false ? SINGLE_ATTEMPT : attempts;
    this.hedgeAfter = attempts === false ? false : attempts.hedgeAfter;
    this.bufferBytes = attempts === false ? 0 : attempts.bufferBytes;
    this.maxRetryAfterMs = attempts === false ? 0 : attempts.maxRetryAfterMs;
    this.loadHeader = loadReport === false ? "" : loadReport.header;
    this.budget = former?.budget ?? retryBudget(this.attempts);
    this.hedges = former?.hedges ?? hedgeTimes();
    this.demanding = this.candidates.some((one) => one.demands !== undefined);
    this.#around = around;
    this.#experience = former === undefined ? serviceExperience() : former.#experience;
    this.decisions = former?.decisions ?? new Decisions();
    this.limits = Limits.from(concurrency, former?.limits);
  }

  // --- what suggestions that are tried do ---

  /** Another threshold for what is slow, until somebody says otherwise or for a second. */
  lend(lent: { readonly service: string; readonly slowMs: number } | undefined, now: number): void {
    const isMeant = lent !== undefined && lent.service === this.compiled.name && this.#ownBreaker !== NEVER_OPENS;
    this.#lentUntil = isMeant ? now + LENT_MS : Infinity;
    if (!isMeant) this.breaker = this.#ownBreaker;
    else if (this.breaker.slowMs !== lent.slowMs) this.breaker = { ...this.#ownBreaker, slowMs: lent.slowMs };
  }

  /** The next choice prefers others to this instance. */
  avoid(avoided: { readonly service: string; readonly instance: string } | undefined): void {
    if (avoided === undefined || avoided.service !== this.compiled.name) this.#avoided = NONE;
    else this.#avoided = [this.instances.findIndex(({ compiled }) => compiled.id === avoided.instance)];
  }

  // --- who takes the next request ---

  /**
   * The index of the instance that takes a request now, or why nobody does. Follow it by `begin` in the same tick.
   * `tried`: not these. `mayProbe`: it could be tried again should the instance turn out to be broken still. `asked`: the
   * region was just asked. `held`: the place that was kept for it in the queue.
   */
  take(tried: readonly number[], mayProbe: boolean, asked: boolean, held: Limiter | undefined, now: number): number {
    if (!this.#calm) this.#look(now);
    if (now >= this.#refreshAt) this.#refresh(now);
    if (now >= this.#lentUntil) this.lend(undefined, now);
    const { whole } = this.limits;
    if (whole !== undefined && whole !== held && !hasRoom(whole)) return NO_PLACE_FREE;
    this.#sawFull = false;
    this.#needs = 0;
    this.#agreed = this.#opposed = 0;
    const due = this.#calm ? NOBODY : this.#due;
    if (due !== NOBODY && (mayProbe || now - this.#dueSince >= ANYONE_PROBES_MS) && !tried.includes(due)) {
      if (this.#lets(due, asked, held, now)) return due;
    }
    if (!this.#calm && mayProbe && !asked) {
      const alone = lonely(this.gates, tried, this.#around.news, this.#around.chance);
      if (alone !== NOBODY && this.#lets(alone, asked, held, now)) return alone;
      if (this.#needs < 0) return this.#needs;
    }
    if (!this.#calm && this.#suspectFrom > 0) {
      const suspected = suspect(this.gates, this.candidates, this.#suspectFrom, tried, this.breaker);
      if (suspected !== NOBODY && this.#lets(suspected, asked, held, now)) return suspected;
    }
    const { input, candidates } = this;
    input.now = now;
    let avoided = this.#avoided;
    input.exclude = avoided.length === 0 ? tried : [...tried, ...avoided];
    const recorded = --this.#untilRecord <= 0;
    const beganMs = recorded ? performance.now() : 0;
    for (;;) {
      let chosen = chooseInstance(this.strategy, candidates, input);
      if (chosen < 0 && avoided.length > 0) {
        // Nobody else is there: rather this one than none.
        input.exclude = input.exclude.filter((index) => !avoided.includes(index) || tried.includes(index));
        avoided = NONE;
        chosen = chooseInstance(this.strategy, candidates, input);
      }
      if (input.state.last.panic) this.#around.panicked(this.compiled.name);
      if (chosen === REFUSED && !this.#sawFull && this.#needs === 0) return NO_SHARE_LEFT;
      if (chosen < 0) break;
      if (this.#lets(chosen, asked, held, now)) {
        ({ agreed: this.#agreed, opposed: this.#opposed } = input.state.last);
        if (recorded) this.#record(chosen, performance.now() - beganMs);
        return chosen;
      }
      input.exclude = [...input.exclude, chosen];
    }
    const index = this.#calm ? this.#why() : this.#takeProbe(tried, asked, held, now);
    if (index === NOBODY_STANDS && tried.length === 0) this.refused++;
    return index;
  }

  #record(chosen: number, tookMs: number): void {
    this.#untilRecord = RECORD_EVERY;
    this.decisions.record(this, chosen, tookMs);
  }

  /** Nobody takes it in the ordinary way: it is worth a probe, or a wait for the lease of one. */
  #takeProbe(tried: readonly number[], asked: boolean, held: Limiter | undefined, now: number): number {
    for (let index = 0; index < this.gates.length; index++) {
      if (tried.includes(index)) continue;
      const stands = standing(this.gates[index]!, this.#around.news, now);
      if ((stands === "due" || stands === "needs") && this.#lets(index, asked, held, now)) return index;
    }
    return this.#why();
  }

  #why(): number {
    if (this.#needs < 0) return this.#needs;
    return this.#sawFull ? NO_PLACE_FREE : NOBODY_STANDS;
  }

  #lets(index: number, asked: boolean, held: Limiter | undefined, now: number): boolean {
    const { gate, limiter: own } = this.instances[index]!;
    if (own !== undefined && own !== held && !hasRoom(own)) {
      this.#sawFull = true;
      return false;
    }
    // Without a breaker there is nothing to find out before sending: only what an operator shut stays shut.
    const admission = admit(gate, this.#around.news, asked || this.breaker === NEVER_OPENS, now);
    if (admission === "no") return false;
    if (admission === "ask") {
      const leased = gate.state === "open" || gate.state === "half_open";
      this.#needs = leased || this.#needs === NEEDS_LEASE ? NEEDS_LEASE : NEEDS_NEWS;
      return false;
    }
    this.#admission = admission;
    this.#ticket = gate.ticket;
    return true;
  }

  /** Whether an instance not in `tried`, and whether one that is, could be sent to now. `input` describes the request. */
  standing(tried: readonly number[], now: number): { readonly others: boolean; readonly same: boolean } {
    if (!this.#calm) this.#look(now);
    const { input, candidates, instances } = this;
    input.exclude = tried;
    let others = false;
    let same = false;
    for (let index = 0; index < candidates.length; index++) {
      const own = instances[index]!.limiter;
      if (tried.includes(index)) same ||= candidates[index]!.available;
      else others ||= eligible(candidates[index]!, index, input) && (own === undefined || hasRoom(own));
    }
    return { others, same };
  }

  /** Takes over what a reply says of its instances. */
  hear(reply: Reply, now: number): void {
    const { name, options } = this.compiled;
    this.mix = reply.mixes?.[name] ?? options.routing.adaptive;
    const verdicts = reply.verdicts[name];
    const health = reply.health[name];
    if (this.#calm && verdicts === undefined && health === undefined) return;
    for (const { gate, known, compiled } of this.instances) {
      const leaseEnd = reply.leases[compiled.key] ?? 0;
      hear(gate, verdicts?.[compiled.id], leaseEnd, now, this.breaker, this.#around.chance);
      const status = health?.except[compiled.id] ?? "healthy";
      known.health = health === undefined ? undefined : { status, checkedAt: now - health.ageMs, streak: 0 };
      gate.healthy = health === undefined || status !== "unhealthy";
    }
    this.#calm = false;
  }

  /** How long until somebody might, ms from now. */
  soonestMs(now: number): number {
    return soonestMs(this.gates, this.#around.news, now);
  }

  #look(now: number): void {
    const { candidates, instances } = this;
    this.#due = survey(this.gates, candidates, this.#around.news, now, this.breaker);
    if (this.#due === NOBODY) this.#dueSince = 0;
    else if (this.#dueSince === 0) this.#dueSince = now;
    const { slowStartMs } = this.compiled.options.routing;
    let calm = true;
    for (let index = 0; index < candidates.length; index++) {
      const one = candidates[index]!;
      const { joinedAt, known } = instances[index]!;
      // What it was like while it was shut is to be forgotten at once, not at the next refresh.
      if (known.wasOpen && !one.open) this.#refreshAt = 0;
      if (one.ramp < 1 || one.rampStart > 0) pace(one, now, this.breaker);
      if (joinedAt > 0) one.ramp *= slowStart(now - joinedAt, slowStartMs, SLOW_START_FROM);
      calm &&= one.available && one.ramp >= 1;
    }
    this.#suspectFrom = suspectFrom(this.gates, candidates, this.breaker);
    this.#calm = calm && this.#suspectFrom === 0;
  }

  #refresh(now: number): void {
    this.#refreshAt = now + SCORES_GOOD_MS;
    const { routing } = this.compiled.options;
    this.places?.refresh(this.instances, routing.regions, this.#around.regions);
    for (const { candidate, known, loadAt } of this.instances) {
      if (now - loadAt > LOAD_GOOD_MS) known.load = undefined;
      if (this.places !== undefined) known.priorMs = this.places.leastMs(candidate.regionIndex);
      refresh(candidate, known, this.#experience, this.mix, now, routing);
    }
  }

  // --- what became of it ---

  /** Sends to the instance that `take` has just said. `like` is the request's class, for the score. */
  begin(index: number, like: number, held: Limiter | undefined, now: number, expiresAt: number): Attempt {
    const instance = this.instances[index]!;
    sent(instance.candidate, now);
    const { whole } = this.limits;
    if (whole !== undefined && whole !== held) enter(whole);
    if (instance.limiter !== undefined && instance.limiter !== held) enter(instance.limiter);
    // A place was kept at one instance, and another has taken the request.
    if (held !== undefined && held !== whole && held !== instance.limiter) this.limits.release(held);
    const attempt = new Attempt(this, instance, this.#admission, this.#ticket, like, expiresAt);
    attempt.agreed = this.#agreed;
    attempt.opposed = this.#opposed;
    this.#around.keep(attempt);
    return attempt;
  }

  settle(attempt: Attempt, how: AttemptOutcome, ms: number, retryAfterMs: number, now: number): void {
    const { instance, admission, ticket, like } = attempt;
    const { gate, candidate, known, compiled } = instance;
    const outcome: Outcome = how === "timeout" ? "failed" : how;
    const { breaker } = this;
    if (this.#choices !== undefined && outcome !== "cancelled" && attempt.agreed + attempt.opposed > 0) {
      const reward = rewardOf(outcome === "ok", ms, this.#experience.typical.value);
      observe(this.#choices, attempt.agreed, attempt.opposed, reward);
    }
    instance.count(outcome, ms, breaker.slowMs);
    this.#around.ended(compiled.key, how, ms);
    if (this.hedgeAfter === "p95" && outcome !== "cancelled") observeAnswer(this.hedges, ms, now);
    settle(candidate, known, this.#experience, outcome, ms, like, now, this.compiled.options.routing.scoring);
    const news = finish(gate, admission, ticket, outcome, ms, retryAfterMs, now, breaker, this.#around.chance);
    if (outcome === "failed") this.#calm = false;
    if (news === "") return;
    this.#calm = false;
    if (news !== "opened" && news !== "closed") {
      instance.probe = news;
      instance.probeRetryAfterMs = Math.max(0, retryAfterMs);
    }
    this.#around.hurry();
  }

  /** What the instance tells of its own load, with an answer that has such a field. */
  hearLoad(instance: InstanceState, field: string | null, now: number): void {
    const load = field === null ? undefined : parseLoadReport(field);
    if (load === undefined) return;
    instance.known.load = load;
    instance.loadAt = now;
  }

  /** How choices turned out since the last call; undefined when there were none. */
  drainChoices(): ChoiceTally | undefined {
    const choices = this.#choices;
    if (choices === undefined || choices.choices === 0) return undefined;
    this.#choices = tally();
    return choices;
  }

  end(attempt: Attempt, outcome: Outcome, ms: number): void {
    const { instance } = attempt;
    this.#around.release(attempt);
    ended(instance.candidate);
    if (!this.limits.any) return;
    const now = Date.now();
    if (instance.limiter !== undefined) this.limits.leave(instance.limiter, outcome, ms, now);
    if (this.limits.whole !== undefined) this.limits.leave(this.limits.whole, outcome, ms, now);
  }
}
