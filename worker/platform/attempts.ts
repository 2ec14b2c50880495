// Takes one request through its attempts, for HTTP and AI alike: core/resilience says what next, services say who, the
// exchange sends. The first attempt costs one fetch and one timer; all else is paid for by the requests that need it.
//
// Laws: a loser is aborted at once and its body never read; what is held (a place, a probe) is given back when the client
// leaves, by the request's signal, for the runtime ends such a request without a word; a probe that a hedge has overtaken
// goes on to its end, for otherwise nobody would ever learn what it was sent to find out.
// Length: one request's attempts, alone and two at once, read in one place.
import type { Refusal } from "../core/http/problem.ts";
import { parseRetryAfter } from "../core/http/retry-after.ts";
import {
  EXPIRED,
  START,
  WAITED,
  attemptMs,
  attempts,
  next,
  sent,
  worthAnother,
  type AttemptEvent,
  type AttemptOptions,
  type Attempts as State,
  type Next,
} from "../core/resilience/attempts.ts";
import type { Limiter } from "../core/resilience/concurrency.ts";
import { hedgeDelayMs, observeAnswer } from "../core/resilience/hedge.ts";
import { outcomeOf } from "../core/resilience/outcome.ts";
import { after } from "./after.ts";
import { drop, type Answer, type Exchange, type Flight } from "./exchange.ts";
import type { Fleet } from "./fleet.ts";
import type { Attempt } from "./instances.ts";
import { Waiter } from "./limits.ts";
import { CODES, refusalOf, whyOf } from "./refusals.ts";
import { NEEDS_LEASE, NEEDS_NEWS, NO_PLACE_FREE, type ServiceState } from "./services.ts";
import { Unwatched, type NoAnswer } from "./upstream.ts";

/** After the deadline by which an attempt must be over, until it counts as ended by the runtime. */
const GRACE_MS = 1_000;
/** Without a deadline it counts as under way this long. */
const LONGEST_MS = 3_600_000;
/** How long a request waits for a probe's lease, and for news that it could do without. */
const LEASE_PATIENCE_MS = 250;
const NEWS_PATIENCE_MS = 50;
/** After an upload was lost, for so long it matters by whose fault the next ones are. */
const WARY_MS = 10_000;

export class Attempts<A extends Answer> {
  /** Who was asked last: the service itself or one that stands in, and which instance of it. */
  service: ServiceState;
  attempt: Attempt | undefined = undefined;
  /** From sending the last attempt to its end. */
  upstreamMs = 0;
  /** An attempt lost the race against its deadline: its fetch ends with this request, which must not be held open. */
  abandoned = false;
  /** The time as of the last wait: within a Worker the clock stands still in between. */
  #now: number;
  #fleet: Fleet;
  #own: ServiceState;
  /** Who stands in for it, in this order. */
  #alternatives: readonly ServiceState[];
  #options: AttemptOptions;
  #exchange: Exchange<A>;
  #state: State;
  #like = -1;
  /** The newest answer, who gave it, and what went wrong last. */
  #answer: A | undefined = undefined;
  #answered: Attempt | undefined = undefined;
  #answeredBy: ServiceState;
  #refused: Refusal | undefined = undefined;
  #wrong: NoAnswer = "unreachable";
  /** The first attempt, where nothing came before it, and what ends its fetch. */
  #first: Attempt | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  /** A place that was kept for it. */
  #held: Limiter | undefined = undefined;

  constructor(
    fleet: Fleet,
    service: ServiceState,
    exchange: Exchange<A>,
    alternatives: readonly ServiceState[] = service.fallbacks,
    options: AttemptOptions = service.attempts,
  ) {
    this.#fleet = fleet;
    this.#own = service;
    this.#alternatives = alternatives;
    this.#options = options;
    this.#exchange = exchange;
    this.#now = exchange.now;
    this.service = service;
    this.#answeredBy = service;
    this.#state = attempts(exchange.repeatable, exchange.deadlineAt, alternatives.length);
  }

  /** Attempts made. */
  get sent(): number {
    return this.#state.sent;
  }

  /** The answer, its attempt still open in `attempt`; or why there is none. */
  async answer(): Promise<A | Refusal> {
    return this.finish(await this.begin());
  }

  /**
   * What the first attempt brings, for `finish`: who waits for it waits for `fetch` itself. Where anything else comes first (a
   * wait, a second attempt beside it, nobody to send to), all that there is to do.
   */
  begin(): Promise<A | NoAnswer | Refusal | Unwatched<A>> {
    const hedgeMs = this.#hedgeMs();
    const what = this.#tell(START);
    if (what.do !== "send" || hedgeMs !== Infinity) return this.#goOn(what, hedgeMs);
    const index = this.#take(false);
    if (index < 0) return this.#goOn(what, hedgeMs, index);
    this.#abort = this.#mustBeAborted(index) ? new AbortController() : undefined;
    this.#first = this.#begin(index, this.#abort);
    return this.#send(this.#first, this.#abort);
  }

  /** What `begin` brought, and all that follows from it. */
  finish(brought: A | NoAnswer | Refusal | Unwatched<A>): A | Refusal | Promise<A | Refusal> {
    const first = this.#first;
    if (first === undefined) return brought as A | Refusal;
    if (brought instanceof Unwatched) return brought.rest().then((given) => this.finish(given));
    const what = this.#judge(first, this.#abort, brought);
    return what === undefined ? this.#give() : this.#goOn(what, Infinity);
  }

  /** `chosen`: who takes it, where that was asked already. */
  async #goOn(next: Next, hedgeMs: number, chosen?: number): Promise<A | Refusal> {
    let what: Next | undefined = next;
    let taken = chosen;
    for (;;) {
      switch (what.do) {
        case "fallback":
        case "send": {
          if (what.do === "fallback") {
            this.service = this.#alternatives[what.to]!;
            if (this.#exchange.turn?.(what.to) === false) {
              what = this.#tell({ kind: "unavailable", why: "open" });
              break;
            }
          }
          this.attempt?.end();
          let index: number = taken ?? this.#take(false);
          taken = undefined;
          if (index < 0) index = await this.#takeLater(index);
          if (index < 0) {
            const late = this.#now >= this.#state.deadlineAt;
            what = this.#tell(late ? EXPIRED : { kind: "unavailable", why: whyOf(index) });
            break;
          }
          if (hedgeMs !== Infinity && this.#state.sent === 0) what = await this.#race(index, hedgeMs);
          else {
            const abort = this.#mustBeAborted(index) ? new AbortController() : undefined;
            const attempt = this.#begin(index, abort);
            let given = await this.#send(attempt, abort);
            if (given instanceof Unwatched) given = await given.rest();
            what = this.#judge(attempt, abort, given);
          }
          if (what === undefined) return this.#give();
          break;
        }
        case "wait":
          this.attempt?.end();
          await after(what.ms);
          this.#now = Date.now();
          what = this.#tell(WAITED);
          break;
        case "give":
          return this.#give();
        case "refuse":
          return refusalOf(what.why, this.service, this.#now, this.#fleet.chance);
        case "hedge":
        case "hold":
          throw new Error(`${what.do} with nothing under way`);
      }
    }
  }

  #give(): A | Refusal {
    if (this.#refused !== undefined) return this.#refused;
    if (this.#answer === undefined) return { code: CODES[this.#wrong] };
    this.attempt = this.#answered;
    this.service = this.#answeredBy;
    return this.#answer;
  }

  #tell(event: AttemptEvent): Next {
    const what = next(this.#state, event, this.#own.budget, this.#options, this.#now, this.#fleet.chance);
    if (event !== START && event !== WAITED) this.#count(what);
    return what;
  }

  #count(what: Next): void {
    const { name } = this.#own.compiled;
    if (what.do === "wait" || what.do === "send") this.#fleet.tried(name, "retry");
    else if (what.do === "hedge" || what.do === "fallback") this.#fleet.tried(name, what.do);
    else if (what.do === "give" && what.because === "budget") this.#fleet.tried(name, "unpaid");
  }

  // --- who ---

  #take(asked: boolean): number {
    const { service } = this;
    const { repeatable } = this.#exchange;
    const state = this.#state;
    this.#like = this.#exchange.describe(service);
    const mayProbe = repeatable && state.allowed < this.#options.max;
    return service.take(state.tried, mayProbe, asked, this.#held, this.#now);
  }

  /** The same, after the bounded waits that may help: for the region's word, and for a place. */
  async #takeLater(index: number): Promise<number> {
    let asked = false;
    for (;;) {
      if ((index === NEEDS_LEASE || index === NEEDS_NEWS) && !asked) {
        asked = true;
        await this.#fleet.ask(this.#exchange.background, index === NEEDS_LEASE ? LEASE_PATIENCE_MS : NEWS_PATIENCE_MS);
        this.#now = Date.now();
      } else if (index !== NO_PLACE_FREE || !(await this.#queue())) return index;
      index = this.#take(asked);
      if (index >= 0) return index;
      this.#giveBack();
    }
  }

  /** Waits for a place; true when one is kept for this request. */
  async #queue(): Promise<boolean> {
    const { service } = this;
    const { priority, client, deadlineAt } = this.#exchange;
    const now = this.#now;
    const waiter = new Waiter();
    const ticket = service.limits.wait(waiter, priority, now);
    if (ticket === undefined) return false;
    const left = (): void => service.limits.quit(ticket);
    client.addEventListener("abort", left);
    await Promise.race([waiter.woken, after(Math.min(ticket.until, deadlineAt) - now)]);
    client.removeEventListener("abort", left);
    this.#now = Date.now();
    if (waiter.held === undefined) service.limits.quit(ticket);
    this.#held = waiter.held;
    return waiter.held !== undefined;
  }

  #giveBack(): void {
    if (this.#held !== undefined) this.service.limits.release(this.#held);
    this.#held = undefined;
  }

  // --- one attempt ---

  /**
   * Whether its fetch must end before the request does: when another attempt may follow it. An AbortController costs as
   * much as routing, so nearly all go without.
   */
  #mustBeAborted(index: number): boolean {
    const { repeatable, headersMs, deadlineAt } = this.#exchange;
    if (this.service.gates[index]!.probeEnd > 0) return true;
    return repeatable && this.#state.allowed < this.#options.max && this.#now + headersMs < deadlineAt;
  }

  #begin(index: number, abort: AbortController | undefined): Attempt {
    const { service } = this;
    const { deadlineAt, headersMs } = this.#exchange;
    const now = this.#now;
    const endsAt = now + Math.min(headersMs, deadlineAt - now, LONGEST_MS) + GRACE_MS;
    const attempt = service.begin(index, this.#like, this.#held, now, endsAt);
    this.#held = undefined;
    this.attempt = attempt;
    sent(this.#state, index);
    if (service.limits.any || attempt.isProbe) {
      this.#exchange.client.addEventListener("abort", () => {
        abort?.abort();
        attempt.leave();
      });
    }
    return attempt;
  }

  #send(attempt: Attempt, abort: AbortController | undefined): Promise<A | NoAnswer | Refusal | Unwatched<A>> {
    const { instance, admission } = attempt;
    const now = this.#now;
    let ms = attemptMs(this.#state, this.#exchange.headersMs, now);
    // A probe does not outlive its lease: the region would let another one go beside it.
    if (admission === "lease") ms = Math.min(ms, Math.max(0, instance.gate.probeEnd - now));
    return this.#exchange.send(instance, ms, abort, now);
  }

  /** What came of an attempt, and what next; undefined when it is the answer. */
  #judge(attempt: Attempt, abort: AbortController | undefined, given: A | NoAnswer | Refusal): Next | undefined {
    const now = (this.#now = Date.now());
    const ms = performance.now() - attempt.startedAt;
    this.attempt = attempt;
    this.upstreamMs = ms;
    if (typeof given === "string") {
      const how = given === "timeout" ? "timeout" : "failed";
      const blameless = this.#exchange.streams && given !== "invalid";
      if (blameless) this.service.waryUntil = now + WARY_MS;
      attempt.settle(blameless || this.#isStaged(attempt) ? "cancelled" : how, ms, -1, now);
      attempt.end();
      abort?.abort();
      if (given === "timeout" && abort === undefined) this.abandoned = true;
      this.#wrong = given;
      return this.#tell({ kind: given === "timeout" ? "timeout" : "lost", ...this.#standing(attempt, now) });
    }
    if ("code" in given) {
      attempt.leave();
      this.#refused = given;
      return undefined;
    }
    const { status } = given;
    const { loadHeader } = this.service;
    // Its fields are asked for only where they are needed: an object more, which lives until V8 clears up.
    if (loadHeader !== "") this.service.hearLoad(attempt.instance, given.headers.get(loadHeader), now);
    const outcome = outcomeOf(status);
    const remedy = this.#exchange.remedy?.(given);
    const retries = remedy === undefined ? worthAnother(status, this.#options) : remedy === "again";
    const waitMs = retries || outcome === "limited" ? this.#retryAfterMs(given.headers, now) : -1;
    if (this.#isStaged(attempt)) attempt.settle("cancelled", ms, -1, now);
    else attempt.settle(outcome, ms, outcome === "limited" ? waitMs : -1, now);
    if (this.#answer !== undefined) drop(this.#answer);
    this.#answer = given;
    this.#answered = attempt;
    this.#answeredBy = this.service;
    if (remedy === "elsewhere") return this.#tell(UNFIT);
    if (!retries) return undefined;
    return this.#tell({ kind: "status", retryAfterMs: waitMs, ...this.#standing(attempt, now) });
  }

  #isStaged({ instance }: Attempt): boolean {
    const { staged } = this.#exchange;
    return staged !== undefined && staged.has(instance);
  }

  #retryAfterMs(headers: Headers, now: number): number {
    const said = parseRetryAfter(headers.get("retry-after"), headers.get("retry-after-ms"), now);
    return Math.min(said, this.#own.maxRetryAfterMs);
  }

  /** Whom a further try could go to. */
  #standing({ instance }: Attempt, now: number): { others: boolean; same: boolean } {
    if (!this.#exchange.repeatable) return NOBODY;
    const { service } = this;
    this.#exchange.describe(service);
    return service.standing([...this.#state.tried, service.instances.indexOf(instance)], now);
  }

  // --- two at once ---

  #hedgeMs(): number {
    const { hedges, hedgeAfter } = this.#own;
    if (hedgeAfter === false || !this.#exchange.repeatable || this.#options.max < 2) return Infinity;
    return hedgeDelayMs(hedges, hedgeAfter, this.#now);
  }

  /** The first try, and beside it a second one when it takes long: the first good answer wins. */
  async #race(index: number, hedgeMs: number): Promise<Next | undefined> {
    const flights = [this.#launch(index)];
    let patience: Promise<void> | undefined = after(hedgeMs);
    for (;;) {
      const over: Flight<A> | void = await Promise.race<Flight<A> | void>([
        ...flights.map(({ done }) => done),
        ...(patience === undefined ? [] : [patience]),
      ]);
      if (over === undefined) {
        patience = undefined;
        this.#now = Date.now();
        const second = this.#hedge(flights[0]!.attempt);
        if (second !== undefined) flights.push(second);
        continue;
      }
      flights.splice(flights.indexOf(over), 1);
      const what = this.#judge(over.attempt, over.abort, over.given);
      if (what === undefined) for (const flight of flights) this.#giveUp(flight);
      if (what?.do !== "hold") return what;
    }
  }

  #launch(index: number): Flight<A> {
    const abort = new AbortController();
    const attempt = this.#begin(index, abort);
    const flight = { attempt, abort, given: "unreachable" } as Flight<A>;
    flight.done = this.#land(flight);
    return flight;
  }

  async #land(flight: Flight<A>): Promise<Flight<A>> {
    const given = await this.#send(flight.attempt, flight.abort);
    flight.given = given instanceof Unwatched ? await given.rest() : given;
    return flight;
  }

  #hedge(first: Attempt): Flight<A> | undefined {
    const what = this.#tell({ kind: "slow", ...this.#standing(first, this.#now) });
    if (what.do !== "hedge") return undefined;
    const index = this.#take(false);
    if (index >= 0) return this.#launch(index);
    this.#tell({ kind: "unavailable", why: whyOf(index) });
    return undefined;
  }

  #giveUp(flight: Flight<A>): void {
    const { attempt, abort } = flight;
    if (attempt.isProbe) {
      this.#exchange.background.waitUntil(flight.done.then(() => settleAlone(flight)));
      return;
    }
    observeAnswer(this.#own.hedges, performance.now() - attempt.startedAt, this.#now);
    attempt.leave();
    abort.abort();
    void flight.done.then(() => drop(flight.given));
  }
}

const NOBODY = { others: false, same: false };
const UNFIT: AttemptEvent = Object.freeze({ kind: "unfit" });

/** The end of a probe that nobody waits for. */
function settleAlone({ attempt, abort, given }: Flight<Answer>): void {
  const ms = performance.now() - attempt.startedAt;
  if (typeof given === "string") {
    attempt.settle(given === "timeout" ? "timeout" : "failed", ms, -1, Date.now());
    abort.abort();
  } else if (!("code" in given)) attempt.settle(outcomeOf(given.status), ms, -1, Date.now());
  attempt.leave();
  drop(given);
}
