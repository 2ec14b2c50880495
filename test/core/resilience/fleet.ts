// A small fleet in simulated time: isolates with their gates, one shared breaker, an upstream, reports with a delay.
// It does with the pure machines what platform and objects do, so that both tiers can be tested together by the
// numbers of the acceptance list, and asserts on the way what must never happen.
import { expect } from "vitest";
import type { BreakerOptions } from "../../../worker/core/resilience/breaker.ts";
import {
  admit,
  finish,
  gate,
  givesLeaseBack,
  hear,
  votesOpen,
  wantsLease,
  type Admission,
  type Gate,
  type NewsState,
} from "../../../worker/core/resilience/gate.ts";
import type { Outcome } from "../../../worker/core/resilience/outcome.ts";
import { settle, sharedBreaker, step, verdictOf, type SharedBreaker } from "../../../worker/core/resilience/shared.ts";
import { restore } from "../../../worker/core/resilience/restore.ts";
import type { Chance } from "../../../worker/core/stats/chance.ts";

export const BREAKER: BreakerOptions = {
  consecutiveFailures: 5,
  minimumRequests: 20,
  failureRate: 0.5,
  slowMs: 2000,
  slowRate: 0.8,
  windowMs: 10_000,
  fastWindowMs: 2000,
  openMs: 2000,
  maxOpenMs: 10_000,
  jitter: 0.2,
  refusalsPerProbe: 1000,
  localOpenMs: 1000,
  halfOpenProbes: 3,
  successesToClose: 3,
  rampMs: 5000,
  rampFrom: 0.1,
  voteShare: 0.5,
};

export interface Isolate {
  name: string;
  gate: Gate;
  news: NewsState;
  counts: { ok: number; failed: number; limited: number; slow: number };
  /** Calls a second, as of the last report that had any. */
  load: number;
  reportedAt: number;
  /** Number of the last report, and of the newest that was answered: an answer that was overtaken is none. */
  reported: number;
  heard: number;
  open: boolean;
  passed: number;
  failed: number;
  back: number;
  waiting: (() => void)[];
}

export interface Answer {
  outcome: Outcome;
  ms: number;
  retryAfterMs?: number;
}

/** What became of a request: refused at once or later, or answered. */
export type Ending = "refused" | Outcome;

export class Fleet {
  now = 1_700_000_000_000;
  readonly options: BreakerOptions;
  readonly isolates: Isolate[];
  shared: SharedBreaker;
  upstream: (isolate: Isolate, now: number) => Answer = () => ({ outcome: "ok", ms: 5 });
  /** The object answers after this; Infinity: never. */
  objectMs = 2;
  leaseMs = 10_000;
  /** Requests the upstream saw, with their time. */
  seen: { at: number; isolate: string; admission: Admission }[] = [];
  objectCalls = 0;
  inFlight = 0;
  mostInFlight = 0;
  leasedInFlight = 0;
  #chance: Chance;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  constructor(isolates: number, chance: Chance, options: BreakerOptions = BREAKER) {
    this.options = options;
    this.#chance = chance;
    this.shared = sharedBreaker({ ...options, leaseMs: this.leaseMs });
    this.isolates = Array.from({ length: isolates }, (_, n) => ({
      name: `g${n + 1}`,
      gate: gate(options),
      news: { at: 0, freshMs: 2000, away: false },
      counts: { ok: 0, failed: 0, limited: 0, slow: 0 },
      load: 0,
      reportedAt: 0,
      reported: 0,
      heard: 0,
      open: false,
      passed: 0,
      failed: 0,
      back: 0,
      waiting: [],
    }));
  }

  at(delayMs: number, run: () => void): void {
    this.#queue.push({ at: this.now + delayMs, order: this.#order++, run });
  }

  /** Runs everything that is due within the next `ms`. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      let first = -1;
      for (let n = 0; n < this.#queue.length; n++) {
        const one = this.#queue[n]!;
        const best = this.#queue[first];
        if (one.at <= end && (best === undefined || one.at < best.at || (one.at === best.at && one.order < best.order)))
          first = n;
      }
      if (first < 0) break;
      const [due] = this.#queue.splice(first, 1);
      this.now = Math.max(this.now, due!.at);
      due!.run();
    }
    this.now = end;
  }

  /** One request, as the driver does it; `ended` hears what became of it. */
  request(isolate: Isolate, ended: (how: Ending) => void = () => {}): void {
    const tryNow = (asked: boolean): void => {
      const admission = admit(isolate.gate, isolate.news, asked, this.now);
      if (admission === "no") ended("refused");
      else if (admission === "ask") {
        expect(asked).toBe(false);
        this.#ask(isolate, () => tryNow(true));
      } else this.#send(isolate, admission, ended);
      this.#report(isolate, false);
    };
    tryNow(false);
  }

  /** One after another, `count` times; what became of each. */
  sequence(isolate: Isolate, count: number): Ending[] {
    const endings: Ending[] = [];
    for (let n = 0; n < count; n++) {
      const before = endings.length;
      this.request(isolate, (how) => endings.push(how));
      while (endings.length === before) this.run(1);
    }
    return endings;
  }

  #send(isolate: Isolate, admission: Admission, ended: (how: Ending) => void): void {
    const ticket = isolate.gate.ticket;
    this.seen.push({ at: this.now, isolate: isolate.name, admission });
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    if (admission === "lease") expect(++this.leasedInFlight).toBeLessThanOrEqual(this.options.halfOpenProbes);
    const answer = this.upstream(isolate, this.now);
    this.at(answer.ms, () => {
      this.inFlight--;
      if (admission === "lease") this.leasedInFlight--;
      const counts = isolate.counts;
      if (answer.outcome !== "cancelled") {
        counts[answer.outcome]++;
        if (answer.ms >= this.options.slowMs) counts.slow++;
      }
      const news = finish(
        isolate.gate,
        admission,
        ticket,
        answer.outcome,
        answer.ms,
        answer.retryAfterMs ?? -1,
        this.now,
        this.options,
        this.#chance,
      );
      if (news === "passed") isolate.passed++;
      if (news === "failed") isolate.failed++;
      if (news === "back") isolate.back++;
      ended(answer.outcome);
      this.#report(isolate, news !== "");
    });
  }

  /** Waits for the object, at most 50 ms, together with whoever else waits. */
  #ask(isolate: Isolate, then: () => void): void {
    isolate.waiting.push(then);
    if (isolate.waiting.length > 1) return;
    let woken = false;
    const wake = (): void => {
      if (woken) return;
      woken = true;
      for (const waiter of isolate.waiting.splice(0)) waiter();
    };
    this.#report(isolate, true, wake);
    this.at(50, () => {
      if (!woken) isolate.news.away = true;
      wake();
    });
  }

  #report(isolate: Isolate, urgent: boolean, done: () => void = () => {}): void {
    if (!urgent && this.now - isolate.reportedAt < 1000) return;
    const spanMs = Math.min(10_000, Math.max(1000, this.now - isolate.reportedAt));
    isolate.reportedAt = this.now;
    const number = ++isolate.reported;
    const { counts } = isolate;
    isolate.counts = { ok: 0, failed: 0, limited: 0, slow: 0 };
    const calls = counts.ok + counts.failed + counts.limited;
    if (calls > 0) isolate.load = (calls * 1000) / spanMs;
    const { passed, failed } = isolate;
    const back = isolate.back + (givesLeaseBack(isolate.gate, this.now) ? 1 : 0);
    isolate.passed = isolate.failed = isolate.back = 0;
    const want = wantsLease(isolate.gate, isolate.news, this.now);
    const open = votesOpen(isolate.gate);
    if (this.objectMs === Number.POSITIVE_INFINITY) return;
    this.objectCalls++;
    this.at(this.objectMs / 2, () => {
      isolate.open = open;
      const whole = this.isolates.reduce((sum, one) => sum + one.load, 0);
      const opened = this.isolates.reduce((sum, one) => sum + (one.open ? one.load : 0), 0);
      const options = { ...this.options, leaseMs: this.leaseMs };
      const tell = (event: Parameters<typeof step>[1]): number => {
        const told = step(this.shared, event, options, this.now, this.#chance);
        this.shared = told.state;
        return told.leaseEnd;
      };
      for (let n = 0; n < back; n++) tell({ kind: "back", isolate: isolate.name });
      for (let n = 0; n < passed; n++) tell({ kind: "probe", isolate: isolate.name, passed: true, retryAfterMs: 0 });
      for (let n = 0; n < failed; n++) tell({ kind: "probe", isolate: isolate.name, passed: false, retryAfterMs: 0 });
      tell({ kind: "calls", ...counts, openShare: whole === 0 ? 0 : opened / whole });
      const leaseEnd = want ? tell({ kind: "want", isolate: isolate.name }) : 0;
      this.shared = settle(this.shared, this.now);
      const verdict = verdictOf(this.shared);
      this.at(this.objectMs / 2, () => {
        // As the platform does it: what an overtaken answer grants was used, or given back, meanwhile.
        if (number < isolate.heard) return done();
        isolate.heard = number;
        isolate.news.at = this.now;
        isolate.news.away = false;
        hear(isolate.gate, verdict, leaseEnd, this.now, this.options, this.#chance);
        done();
      });
    });
  }

  /** The object dies and comes back from its storage. */
  restart(): void {
    const stored: unknown = JSON.parse(JSON.stringify(this.shared));
    this.shared = restore(stored, { ...this.options, leaseMs: this.leaseMs }, this.now);
  }
}
