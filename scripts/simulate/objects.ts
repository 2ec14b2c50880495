// The objects of one region as the simulator has them: reports come in over the network, merged counts go to the shared
// breakers once a second or at once when urgent, and every answer carries the verdicts. The thinking is the product's own
// (core/protocol/region, core/resilience/judge); only transport and timers are simulated.
import { beat, drainBatch, emptyRegion, liveIsolates, takeReport } from "../../worker/core/protocol/region.ts";
import type { RegionState } from "../../worker/core/protocol/region.ts";
import type { Report, Verdict } from "../../worker/core/protocol/reports.ts";
import { judge, verdictsOf } from "../../worker/core/resilience/judge.ts";
import type { SharedBreaker, SharedOptions } from "../../worker/core/resilience/shared.ts";
import type { Chance } from "../../worker/core/stats/chance.ts";
import type { Clock } from "./clock.ts";

export const SERVICE = "upstream";
const BEAT_MS = 1000;
/** From a region's object to the service's and back, with its work. */
const BETWEEN_OBJECTS_MS = 4;
/** An object's own time to answer: mostly a few milliseconds, once in a hundred times many. */
const WORK_MS = 3;
const SELDOM_MS = 60;
const SELDOM = 0.01;

export interface Answer {
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** By instance id, epoch ms. */
  readonly leases: Readonly<Record<string, number>>;
  readonly nextReportMs: number;
}

/** A region's `RegionObject` and the `ServiceObject` behind it. */
export class RegionObjects {
  /** Calls taken, those between the two objects included. */
  calls = 0;
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #options: SharedOptions;
  readonly #region: RegionState;
  readonly #breakers = new Map<string, SharedBreaker>();
  #verdicts: Readonly<Record<string, Verdict>> = {};
  /** Granted and not told yet, by isolate. */
  readonly #leases = new Map<string, Record<string, number>>();
  #beating = false;
  #beatAt = Number.NEGATIVE_INFINITY;
  /** At the last beat no more than one isolate reported: then what it reports is passed on at once. */
  #alone = true;
  /** Who waits for the exchange under way, and for the one after it; undefined when there is none. */
  #under: (() => void)[] | undefined;
  #next: (() => void)[] | undefined;

  constructor(clock: Clock, chance: Chance, options: SharedOptions) {
    this.#clock = clock;
    this.#chance = chance;
    this.#options = options;
    this.#region = emptyRegion(clock.now);
  }

  /** A report has arrived; `reply` is called when the answer leaves. The urgent ones wait for what the service's object says. */
  report(report: Report, reply: (answer: Answer) => void): void {
    this.calls++;
    this.#clock.after(this.#workMs(), () => {
      takeReport(this.#region, report, this.#clock.now);
      this.#keepBeating();
      const answer = (): void => reply(this.#answer(report.isolate));
      if (report.urgent || report.leases !== undefined) this.#exchange(answer);
      else answer();
    });
  }

  /** What an isolate asks that was idle. */
  news(reply: (answer: Answer) => void): void {
    this.calls++;
    this.#clock.after(this.#workMs(), () => reply(this.#answer("")));
  }

  #workMs(): number {
    return WORK_MS + (this.#chance() < SELDOM ? SELDOM_MS * this.#chance() : 0);
  }

  #answer(isolate: string): Answer {
    const leases = this.#leases.get(isolate) ?? {};
    this.#leases.delete(isolate);
    return { verdicts: this.#verdicts, leases, nextReportMs: this.#region.nextReportMs };
  }

  /** Once a second while reports come. */
  #keepBeating(): void {
    if (this.#beating) return;
    this.#beating = true;
    const { now } = this.#clock;
    const atOnce = this.#alone && now - this.#beatAt >= BEAT_MS / 2;
    this.#clock.after(atOnce ? 0 : BEAT_MS, () => {
      this.#beating = false;
      this.#beatAt = this.#clock.now;
      beat(this.#region, this.#clock.now);
      this.#alone = liveIsolates(this.#region, this.#clock.now) <= 1;
      this.#exchange(() => {});
    });
  }

  /** One call at a time with all that waits; what comes meanwhile goes with the next one. */
  #exchange(done: () => void): void {
    if (this.#under === undefined) {
      this.#under = [done];
      this.#call();
    } else if (this.#next === undefined) this.#next = [done];
    else this.#next.push(done);
  }

  #call(): void {
    this.calls++;
    const batch = drainBatch(this.#region, "here", SERVICE, this.#clock.now);
    this.#clock.after(BETWEEN_OBJECTS_MS, () => {
      const { now } = this.#clock;
      const { leases } = judge(this.#breakers, batch, this.#options, now, this.#chance);
      for (const [isolate, granted] of Object.entries(leases)) this.#leases.set(isolate, granted);
      this.#verdicts = verdictsOf(this.#breakers, now);
      const waiting = this.#under!;
      this.#under = this.#next;
      this.#next = undefined;
      if (this.#under !== undefined) this.#call();
      for (const done of waiting) done();
    });
  }
}
