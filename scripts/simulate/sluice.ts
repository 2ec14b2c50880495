// Sluice as a contestant: the gateway's own choice, breakers and reports, put together as the platform does it. One isolate
// asks its region's objects in the background, over a network with their distance; three variants differ in whether those
// objects answer, hang, or are not there at all.
// Length: one isolate's choice, news and reports read as they stand in the platform.
import { NOBODY as NONE, lonely, survey, suspect, suspectFrom } from "../../worker/core/resilience/available.ts";
import {
  gate,
  hear,
  admit,
  finish,
  givesLeaseBack,
  standing,
  votesOpen,
  wantsLease,
} from "../../worker/core/resilience/gate.ts";
import type { Admission, Gate, NewsState } from "../../worker/core/resilience/gate.ts";
import { freshCalls } from "../../worker/core/resilience/local.ts";
import type { BreakerOptions } from "../../worker/core/resilience/breaker.ts";
import type { Outcome } from "../../worker/core/resilience/outcome.ts";
import {
  AFTER_ANSWER_MS,
  COLO_SILENCE_MS,
  COLO_WORD_MS,
  LONGEST_WAIT_MS,
  NEWS_GOOD_MS,
  RECENT_MS,
  TAKE_OVER_MS,
  asksColoFirst,
  asksOfSilence,
  hasAnswered,
  hasFailed,
  isProven,
  longestNewsRestMs,
  newsPatienceMs,
  reliability,
  reportWaitMs,
} from "../../worker/core/protocol/pace.ts";
import type { Reliability } from "../../worker/core/protocol/pace.ts";
import type { InstanceDelta, Report } from "../../worker/core/protocol/reports.ts";
import { REFUSED, anyEligible, chooseInstance } from "../../worker/core/routing/choice.ts";
import { ended, experience, refresh, sent, serviceExperience, settle } from "../../worker/core/routing/experience.ts";
import type { Experience } from "../../worker/core/routing/experience.ts";
import { pace } from "../../worker/core/routing/pace.ts";
import {
  distanceKm,
  estimateUnmeasured,
  nearnessOf,
  observeLatency,
  orderRegions,
  regionOrderFor,
  regionStands,
} from "../../worker/core/routing/regions.ts";
import type { Region, RegionOrder } from "../../worker/core/routing/regions.ts";
import { strategies } from "../../worker/core/routing/strategies.ts";
import { candidate, choiceInput } from "../../worker/core/routing/strategy.ts";
import type { Candidate, ChoiceInput } from "../../worker/core/routing/strategy.ts";
import type { Chance } from "../../worker/core/stats/chance.ts";
import * as v from "valibot";
import { breakerOptions } from "../../worker/core/resilience/options.ts";
import { routingOptions } from "../../worker/core/routing/options.ts";
import { NOBODY, SHED, WAIT } from "./gateway.ts";
import type { Balancer, Contestant, Run, Surroundings } from "./gateway.ts";
import type { Clock } from "./clock.ts";
import { CITIES, nearestOf, roundTripMs } from "./places.ts";
import type { City } from "./places.ts";
import { RegionObjects, SERVICE } from "./objects.ts";
import type { Answer } from "./objects.ts";

const ROUTING = v.parse(routingOptions, {});
const BREAKER: BreakerOptions = v.parse(breakerOptions, {});
/** The platform's own: a lease is waited for at most this long, a call at most that long. */
const LEASE_TIMEOUT_MS = 250;
const CALL_TIMEOUT_MS = 2000;
/** A probe waits this long for a request that could be tried again should the probe fail; then anybody goes. */
const ANYONE_PROBES_MS = 500;
const MOST_ATTEMPTS = 3;
/** A closed verdict is believed at least this long without a reply. */
const BELIEVED_MS = 1500;

/** `alive`: they answer. `dead`: every call hangs. `absent`: nobody ever asks. */
export type Objects = "alive" | "dead" | "absent";

/** Everything counted for one instance since the last report. */
interface Counts {
  ok: number;
  failed: number;
  limited: number;
  slow: number;
}

/** One region's way to its objects, for one isolate. */
interface Link {
  readonly objects: RegionObjects | undefined;
  readonly oneWayMs: number;
  readonly mode: Objects;
  readonly colo: Colo;
  call(): void;
}

/** What isolates of one city tell each other through its cache. */
interface Colo {
  /** The newest of what their region said, and when it was true, epoch ms. */
  word: Answer | undefined;
  wordAt: number;
  /** Epoch ms until which their region is taken to be silent. */
  silentUntil: number;
}

/** A look into the colo's cache. */
const COLO_READ_MS = 2;

class Isolate implements Balancer {
  patienceMs: number = LEASE_TIMEOUT_MS;
  readonly #around: Surroundings;
  readonly #clock: Clock;
  readonly #id: string;
  readonly #link: Link;
  readonly #candidates: Candidate[];
  readonly #gates: Gate[];
  readonly #known: Experience[];
  readonly #service = serviceExperience();
  readonly #input: ChoiceInput;
  readonly #news: NewsState;
  readonly #regions: Region[];
  #order: RegionOrder | undefined;
  #dueSince = 0;
  #refreshedAt = 0;
  /** Admission of the attempt that `pick` has just found, and of those under way by ticket. */
  #admitted: Admission = "yes";
  readonly #underWay = new Map<number, { admission: Admission; ticket: number }>();
  #tickets = 0;
  readonly #counts: Counts[];
  readonly #voted: boolean[];
  #requests = 0;
  #refused = 0;
  /** Of probes since the last report, as `service/instance`. */
  #passed: string[] = [];
  #failed: Record<string, number> = {};
  #back: string[] = [];
  #urgent = false;
  #sequence = 0;
  #reportedAt: number;
  #reportDueAt = 0;
  /** A request waits for its report's turn, until this; Infinity: none does. */
  #waitsUntil = Number.POSITIVE_INFINITY;
  #nextReportMs = 1000;
  #sentAt = Number.NEGATIVE_INFINITY;
  #calling = 0;
  readonly #region: Reliability = reliability();
  /** News is asked for from here on; since when an answer is under way, 0 when none is. */
  #newsAskAt = 0;
  #askingSince = 0;
  /** Whom to call when a report, or news, is answered or given up. */
  #waiting: (() => void)[] = [];

  constructor(around: Surroundings, link: Link, id: string) {
    const { clock, instances } = around;
    this.#around = around;
    this.#clock = clock;
    this.#id = id;
    this.#link = link;
    const cities = [...new Set(instances.map(({ city }) => city))];
    const here = CITIES[around.city];
    this.#candidates = instances.map(({ id: name, weight, city }) => {
      const c = candidate({ id: name, weight, region: city });
      c.regionIndex = cities.length > 1 ? cities.indexOf(city) : -1;
      c.nearness = nearnessOf(distanceKm(here, CITIES[city]));
      return c;
    });
    this.#gates = instances.map(() => gate(BREAKER));
    this.#known = instances.map(() => experience(ROUTING.scoring));
    for (const known of this.#known) known.nearnessKnown = cities.length > 1;
    this.#counts = instances.map(() => ({ ok: 0, failed: 0, limited: 0, slow: 0 }));
    this.#voted = instances.map(() => false);
    this.#input = choiceInput(around.chance);
    this.#input.explore = ROUTING.exploreShare;
    this.#regions =
      cities.length > 1
        ? cities.map((city) => ({
            name: city,
            place: CITIES[city],
            capacity: Number.POSITIVE_INFINITY,
            inFlight: 0,
            latencyMs: 0,
            leastMs: 0,
            healthy: true,
          }))
        : [];
    this.#reportedAt = clock.now;
    this.#news = { at: 0, freshMs: BELIEVED_MS, away: link.mode === "absent" };
  }

  pick(tried: readonly number[], waited: boolean): number {
    const picked = this.#pick(tried, waited);
    // Nobody is asked: it is over already.
    if (picked === NOBODY || picked === SHED) this.#reportWhenDue();
    return picked;
  }

  #pick(tried: readonly number[], waited: boolean): number {
    const { now } = this.#clock;
    const input = this.#input;
    if (tried.length === 0 && !waited) this.#requests++;
    if (!waited && tried.length === 0) {
      this.patienceMs = this.#newsPatience(now);
      if (this.patienceMs > 0) return WAIT;
    }
    const due = survey(this.#gates, this.#candidates, this.#news, now, BREAKER);
    for (const one of this.#candidates) pace(one, now, BREAKER);
    if (due === NONE) this.#dueSince = 0;
    else if (this.#dueSince === 0) this.#dueSince = now;
    if (now - this.#refreshedAt >= 1000) this.#refresh(now);
    // A request that finds a probe due is the probe: the driver tries another instance should it fail.
    const mayProbe = tried.length + 1 < MOST_ATTEMPTS || now - this.#dueSince >= ANYONE_PROBES_MS;
    if (due !== NONE && mayProbe && !tried.includes(due) && this.#isLetThrough(due, waited, now)) return due;
    const alone = waited || !mayProbe ? NONE : lonely(this.#gates, tried, this.#news, this.#around.chance);
    if (alone !== NONE) {
      if (this.#isLetThrough(alone, waited, now)) return alone;
      if (this.#admitted === "ask") return this.#waitForLease();
    }
    const from = suspectFrom(this.#gates, this.#candidates, BREAKER);
    if (from > 0) {
      const suspected = suspect(this.#gates, this.#candidates, from, tried, BREAKER);
      if (suspected !== NONE && this.#isLetThrough(suspected, waited, now)) return suspected;
    }

    input.now = now;
    input.like = 0;
    input.exclude = tried;
    if (this.#order !== undefined) {
      input.regionOrder = regionOrderFor(this.#order, this.#around.chance);
      input.elsewhereMs = this.#order.elsewhereMs;
    }
    let mayWait = false;
    for (;;) {
      const chosen = chooseInstance(strategies.intelligent_adaptive, this.#candidates, input);
      if (chosen === REFUSED) return SHED;
      if (chosen < 0) break;
      if (this.#isLetThrough(chosen, waited, now)) return chosen;
      if (this.#admitted === "ask") mayWait = true;
      input.exclude = [...input.exclude, chosen];
    }
    // Nobody is open to ordinary traffic: it is worth a probe, or a wait for the lease of one.
    for (let index = 0; index < this.#gates.length; index++) {
      if (tried.includes(index)) continue;
      const stands = standing(this.#gates[index]!, this.#news, now);
      if (stands !== "due" && stands !== "needs") continue;
      if (this.#isLetThrough(index, waited, now)) return index;
      if (this.#admitted === "ask") mayWait = true;
    }
    if (!waited && !this.#news.away && mayWait) return this.#waitForLease();
    if (tried.length === 0) this.#refused++;
    return NOBODY;
  }

  #waitForLease(): number {
    this.patienceMs = LEASE_TIMEOUT_MS;
    this.#hurry();
    return WAIT;
  }

  hasOthers(tried: readonly number[]): boolean {
    survey(this.#gates, this.#candidates, this.#news, this.#clock.now, BREAKER);
    this.#input.exclude = tried;
    return anyEligible(this.#candidates, this.#input);
  }

  sent(instance: number): number {
    sent(this.#candidates[instance]!, this.#clock.now);
    const ticket = ++this.#tickets;
    this.#underWay.set(ticket, { admission: this.#admitted, ticket: this.#gates[instance]!.ticket });
    return ticket;
  }

  ended(instance: number, ticket: number, outcome: Outcome, tookMs: number): void {
    const { now } = this.#clock;
    const c = this.#candidates[instance]!;
    ended(c);
    const under = this.#underWay.get(ticket)!;
    this.#underWay.delete(ticket);
    if (outcome !== "cancelled") {
      const counts = this.#counts[instance]!;
      counts[outcome]++;
      if (tookMs >= BREAKER.slowMs) counts.slow++;
    }
    settle(c, this.#known[instance]!, this.#service, outcome, tookMs, 0, now, ROUTING.scoring);
    const of = this.#gates[instance]!;
    const news = finish(of, under.admission, under.ticket, outcome, tookMs, -1, now, BREAKER, this.#around.chance);
    if (news === "passed") this.#passed.push(keyOf(c));
    if (news === "failed") this.#failed[keyOf(c)] = 0;
    if (news === "back") this.#back.push(keyOf(c));
    if (news !== "") this.#hurry();
    this.#reportWhenDue();
  }

  whenSettled(call: () => void): void {
    if (this.#calling === 0 && this.#askingSince === 0) return this.#clock.after(0, call);
    this.#waiting.push(call);
  }

  #isLetThrough(instance: number, waited: boolean, now: number): boolean {
    this.#admitted = admit(this.#gates[instance]!, this.#news, waited, now);
    return this.#admitted !== "ask" && this.#admitted !== "no";
  }

  #refresh(now: number): void {
    this.#refreshedAt = now;
    const here = CITIES[this.#around.city];
    this.#regions.forEach((region, index) => {
      const members = this.#candidates.filter((c) => c.regionIndex === index);
      const standingOnes = members.filter((c) => c.available);
      region.healthy = regionStands(region.healthy, standingOnes.length / members.length, undefined);
      const measured = standingOnes.filter((c) => this.#known[this.#candidates.indexOf(c)]!.time.weight > 0);
      if (measured.length > 0) {
        observeLatency(region, measured.reduce((sum, c) => sum + c.ewmaMs, 0) / measured.length, ROUTING.regions);
      }
    });
    estimateUnmeasured(this.#regions, here);
    this.#candidates.forEach((c, i) => {
      const known = this.#known[i]!;
      known.priorMs = c.regionIndex < 0 ? 0 : this.#regions[c.regionIndex]!.leastMs;
      refresh(c, known, this.#service, ROUTING.adaptive, now, ROUTING);
    });
    if (this.#regions.length > 0) this.#order = orderRegions(this.#regions, here, -1, ROUTING.regions);
  }

  // --- news and reports ---

  /**
   * Old news is asked for by the first request that finds it so; those that come meanwhile wait for the same answer. How long
   * this one waits, 0 for not at all.
   */
  #newsPatience(now: number): number {
    const { mode } = this.#link;
    if (mode === "absent" || now < this.#newsAskAt) return 0;
    const proven = isProven(this.#region);
    const { failuresInARow } = this.#region;
    if (this.#askingSince > 0) {
      return Math.max(0, this.#askingSince + newsPatienceMs(false, proven, failuresInARow) - now);
    }
    if (now < this.#region.restUntil) {
      this.#newsAskAt = now + NEWS_GOOD_MS;
      return 0;
    }
    this.#askingSince = now;
    if (asksColoFirst(this.#nextReportMs)) {
      this.#clock.after(COLO_READ_MS, () => {
        const { word, wordAt } = this.#link.colo;
        if (word === undefined || this.#clock.now - wordAt > COLO_WORD_MS) return this.#askRegion();
        this.#askingSince = 0;
        this.#hear(word, wordAt);
      });
    } else this.#askRegion();
    const patienceMs = newsPatienceMs(true, proven, failuresInARow);
    if (!asksOfSilence(this.#region) || now >= this.#link.colo.silentUntil) return patienceMs;
    this.#newsAskAt = now + CALL_TIMEOUT_MS; // as of a leader who waited in vain: the others need not
    return Math.min(patienceMs, COLO_READ_MS);
  }

  #askRegion(): void {
    const { mode, objects, oneWayMs } = this.#link;
    this.#link.call();
    let over = false;
    this.#clock.after(CALL_TIMEOUT_MS, () => {
      if (over) return;
      over = true;
      this.#askingSince = 0;
      this.#newsAskAt = this.#clock.now + NEWS_GOOD_MS;
      this.#missed();
    });
    if (mode !== "alive") return;
    this.#clock.after(oneWayMs, () =>
      objects!.news((answer) =>
        this.#clock.after(oneWayMs, () => {
          if (over) return;
          over = true;
          this.#askingSince = 0;
          this.#answered(answer);
        }),
      ),
    );
  }

  /**
   * A request that is over and finds a report due waits the interval out in the background and then tells what happened meanwhile,
   * unless one that is over just before takes the report along.
   */
  #reportWhenDue(): void {
    const { now } = this.#clock;
    if (this.#link.mode === "absent" || now < this.#reportDueAt || now < this.#region.restUntil) return;
    if (this.#calling > 0) return;
    const takesOver = now >= this.#waitsUntil - TAKE_OVER_MS;
    const waitMs = takesOver
      ? AFTER_ANSWER_MS
      : reportWaitMs(now - this.#sentAt, this.#nextReportMs, this.#around.chance);
    this.#reportDueAt = takesOver ? now + CALL_TIMEOUT_MS : now + waitMs - TAKE_OVER_MS;
    if (!takesOver) this.#waitsUntil = now + waitMs;
    const sequence = this.#sequence;
    this.#clock.after(waitMs, () => {
      if (this.#sequence === sequence) this.#report();
    });
  }

  #hurry(): void {
    this.#urgent = true;
    this.#report();
  }

  #report(): void {
    const { now } = this.#clock;
    const { mode, objects, oneWayMs } = this.#link;
    if (mode === "absent" || now < this.#region.restUntil || this.#calling > 0) return;
    this.#link.call();
    this.#sentAt = now;
    this.#waitsUntil = Number.POSITIVE_INFINITY;
    const report = this.#gather();
    const call = (this.#calling = this.#sequence);
    this.#clock.after(CALL_TIMEOUT_MS, () => {
      if (this.#calling !== call) return;
      this.#calling = 0;
      this.#reportDueAt = this.#clock.now;
      this.#missed();
    });
    if (mode === "dead") return;
    this.#clock.after(oneWayMs, () =>
      objects!.report(report, (answer) =>
        this.#clock.after(oneWayMs, () => {
          if (this.#calling !== call) return;
          this.#calling = 0;
          this.#reportDueAt = this.#clock.now + Math.max(0, answer.nextReportMs - LONGEST_WAIT_MS);
          this.#answered(answer);
          if (this.#urgent) this.#report(); // what came to be told while this one was under way
        }),
      ),
    );
  }

  #gather(): Report {
    const { now } = this.#clock;
    const instances: Record<string, InstanceDelta> = {};
    const want: string[] = [];
    this.#candidates.forEach((c, i) => {
      const counts = this.#counts[i]!;
      const of = this.#gates[i]!;
      if (wantsLease(of, this.#news, now)) want.push(keyOf(c));
      if (givesLeaseBack(of, now)) this.#back.push(keyOf(c));
      const open = votesOpen(of);
      const turned = open !== this.#voted[i];
      if (counts.ok + counts.failed + counts.limited + c.inFlight === 0 && !turned) return;
      instances[c.id] = { ...counts, inFlight: c.inFlight, ewmaMs: c.ewmaMs, times: [] };
      if (now - this.#reportedAt > RECENT_MS && !(turned && open))
        instances[c.id]!.recent = freshCalls(of.local, now, BREAKER);
      if (turned) instances[c.id]!.vote = open ? "open" : "closed";
      this.#voted[i] = open;
      this.#counts[i] = { ok: 0, failed: 0, limited: 0, slow: 0 };
    });
    const report: Report = {
      isolate: this.#id,
      region: "here",
      sequence: ++this.#sequence,
      generation: 1,
      spanMs: now - this.#reportedAt,
      urgent: this.#urgent,
      services: { [SERVICE]: instances },
      requests: { total: this.#requests, failed: 0, refused: 0 },
    };
    const leases = { want, back: this.#back, passed: this.#passed, failed: this.#failed };
    const said = want.length + leases.back.length + leases.passed.length + Object.keys(leases.failed).length;
    if (said > 0) report.leases = leases;
    if (this.#refused > 0) report.refused = { [SERVICE]: this.#refused };
    this.#reportedAt = now;
    this.#requests = 0;
    this.#refused = 0;
    this.#urgent = false;
    this.#back = [];
    this.#passed = [];
    this.#failed = {};
    return report;
  }

  #answered(answer: Answer): void {
    hasAnswered(this.#region);
    const { now } = this.#clock;
    if (asksColoFirst(answer.nextReportMs)) {
      this.#link.colo.word = { ...answer, leases: {} };
      this.#link.colo.wordAt = now;
    }
    this.#hear(answer, now);
  }

  /** What was true at `at`, epoch ms. */
  #hear(answer: Answer, at: number): void {
    const { now } = this.#clock;
    this.#news.at = now;
    this.#news.away = false;
    this.#news.freshMs = Math.max(BELIEVED_MS, 1.5 * answer.nextReportMs);
    this.#newsAskAt = Math.max(at + NEWS_GOOD_MS, now + 1000);
    this.#nextReportMs = answer.nextReportMs;
    this.#gates.forEach((of, i) => {
      const { id } = this.#candidates[i]!;
      hear(of, answer.verdicts[id], answer.leases[id] ?? 0, now, BREAKER, this.#around.chance);
    });
    this.#wake();
  }

  #missed(): void {
    this.#news.away = true;
    hasFailed(this.#region, this.#clock.now, undefined, longestNewsRestMs(this.#nextReportMs));
    this.#link.colo.silentUntil = this.#clock.now + COLO_SILENCE_MS;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call();
  }
}

const keyOf = (c: Candidate): string => `${SERVICE}/${c.id}`;

class SluiceRun implements Run {
  #ownCalls = 0;
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #mode: Objects;
  readonly #regions = new Map<City, RegionObjects>();
  /** By the city of those who tell. */
  readonly #colos = new Map<City, Colo>();
  #made = 0;

  constructor(clock: Clock, chance: Chance, mode: Objects) {
    this.#clock = clock;
    this.#chance = chance;
    this.#mode = mode;
  }

  /** Calls that isolates make; one that hangs is a call. */
  get objectCalls(): number {
    return this.#ownCalls;
  }

  balancer(around: Surroundings): Balancer {
    const cities = [...new Set(around.instances.map(({ city }) => city))];
    const city =
      cities[
        nearestOf(
          CITIES[around.city],
          cities.map((one) => CITIES[one]),
        )
      ]!;
    let objects = this.#regions.get(city);
    if (objects === undefined && this.#mode === "alive") {
      const leaseMs = 5000; // longer than a probe may take: its deadline and the way back
      objects = new RegionObjects(this.#clock, this.#chance, { ...BREAKER, leaseMs });
      this.#regions.set(city, objects);
    }
    let colo = this.#colos.get(around.city);
    if (colo === undefined) {
      colo = { word: undefined, wordAt: 0, silentUntil: 0 };
      this.#colos.set(around.city, colo);
    }
    const link: Link = {
      colo,
      objects,
      oneWayMs: roundTripMs(CITIES[around.city], CITIES[city]) / 2,
      mode: this.#mode,
      call: () => void this.#ownCalls++,
    };
    return new Isolate(around, link, `isolate-${this.#made++}`);
  }
}

const variant = (name: string, source: string, mode: Objects): Contestant => ({
  name,
  source,
  begin: (clock, chance) => new SluiceRun(clock, chance, mode),
});

export const SLUICE = variant("Sluice", "intelligent_adaptive with both breaker tiers", "alive");
export const SLUICE_DEAD = variant("Sluice, objects dead", "the same while every call to an object hangs", "dead");
export const SLUICE_LOCAL = variant("Sluice, local only", "the same without any object", "absent");
