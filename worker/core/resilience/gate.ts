// One instance as one isolate may use it: the local breaker and the shared verdict, joined. The shared verdict opens
// and closes the local breaker too; while its news is under 30 s old the isolate may be stricter than it, never looser.
//
//   verdict open                       nobody, until its time
//   that time over, or half open       whoever holds a probe lease; with the object away, the local breaker's probe
//   verdict ramp or closed             the local breaker decides; a ramp weighs in the choice and refuses nobody
//   no news for 30 s                   the local breaker alone, which starts from what the last verdict was
//
// An isolate that slept does not know what happened meanwhile: it lets one call through unseen ("blind"), and further
// ones wait for the news that is being fetched. So a sleeping fleet does not fall on an instance that just went down,
// and sparse traffic waits for nothing. Changed in place, nothing allocated: `admit` and `finish` run on every request.
import type { Verdict } from "../protocol/reports.ts";
import type { Chance } from "../stats/chance.ts";
import { rampShare, type BreakerOptions, type OpenReason } from "./breaker.ts";
import { allow, allows, believe, follow, forget, localBreaker, localRamp, record, type LocalBreaker } from "./local.ts";
import type { Outcome } from "./outcome.ts";

/** How long a verdict binds without being heard again. */
export const NEWS_LIFE_MS = 30_000;
/** A lease is used within this, or given back. */
export const LEASE_USE_MS = 2_000;
/** Leases are asked for at most this often by one isolate; further wishes ride on its reports. */
export const ASK_EVERY_MS = 1_000;
/** A blind call that nobody reported on stops counting after this. */
const LOST_BLIND_MS = 10_000;

/** What the isolate knows of its region's object, one for all gates. */
export interface NewsState {
  /** When the last reply came; 0 before the first. */
  at: number;
  /** A closed verdict is believed for this long without a reply; longer than the interval between reports. */
  freshMs: number;
  /** The object did not answer when last asked, or is left alone: nobody waits for it. */
  away: boolean;
}

export interface Gate {
  readonly local: LocalBreaker;
  /** The last verdict heard. */
  state: Verdict["state"];
  reason: OpenReason;
  until: number;
  verdictGeneration: number;
  /** End of the probe lease in hand, 0 for none, and by when to use it. */
  leaseEnd: number;
  leaseUseBy: number;
  /** End of the lease under which a probe is under way; 0 for none. */
  probeEnd: number;
  /** End of the lease that was used, or given back, last: an answer that was on its way meanwhile grants it again. */
  spentEnd: number;
  /** Not to be asked for before; and when a request last found that one was needed. */
  askAt: number;
  neededAt: number;
  /** No other request found that of late: nobody comes soon who could use a lease that a report asks for. */
  lonely: boolean;
  /** A call was let through on old news and has not ended; 0 for none. */
  blindUntil: number;
  /** Active checks find it well. */
  healthy: boolean;
  /** What to hand to `finish` with the call that `admit` has just let through. */
  ticket: number;
}

export const gate = (options: BreakerOptions): Gate => ({
  local: localBreaker(options),
  state: "closed",
  reason: "",
  until: 0,
  verdictGeneration: 0,
  leaseEnd: 0,
  leaseUseBy: 0,
  probeEnd: 0,
  spentEnd: 0,
  askAt: 0,
  neededAt: 0,
  lonely: false,
  blindUntil: 0,
  healthy: true,
  ticket: 0,
});

/**
 * - `yes`, `blind`, `probe` (this isolate's own), `lease` (the region's): send it, and call `finish` with the same
 * word.
 * - `ask`: ask the region's object at once (for news, or for a lease), share that among all that wait, and after its
 * answer or
 *   the bounded wait call `admit` again with `asked`. Where another instance can take the call, there is no need to wait.
 * - `no`: not now.
 */
export type Admission = "yes" | "blind" | "probe" | "lease" | "ask" | "no";

/** What the end of a call means to others: a vote, or the result of a leased probe ("back": it did not happen). */
export type GateNews = "" | "opened" | "closed" | "passed" | "failed" | "back";

const shut = (state: Verdict["state"]): boolean => state === "open" || state === "half_open";

/** The shared verdict keeps the instance shut, and its news still binds. What an operator opened stays open. */
const bound = (of: Gate, news: NewsState, now: number): boolean =>
  shut(of.state) && (of.reason === "manual" || now - news.at < NEWS_LIFE_MS);

/** The verdict's own time is not over. */
const waiting = (of: Gate, now: number): boolean => of.state === "open" && (of.until === 0 || now < of.until);

const leased = (of: Gate, now: number): boolean => now < of.leaseEnd && now < of.leaseUseBy;

/** Whether a call may go to the instance, and as what. Plain number compares; `asked`: the object was just asked. */
export function admit(of: Gate, news: NewsState, asked: boolean, now: number): Admission {
  if (bound(of, news, now)) {
    if (waiting(of, now)) return "no";
    of.neededAt = now;
    if (now < of.probeEnd || now < of.blindUntil) return "no";
    if (leased(of, now)) {
      of.probeEnd = of.spentEnd = of.leaseEnd;
      of.leaseEnd = 0;
      of.ticket = of.verdictGeneration;
      return "lease";
    }
    if (!news.away) {
      if (asked || now < of.askAt || now < of.local.retryAt) return "no";
      of.askAt = now + ASK_EVERY_MS;
      return "ask";
    }
  } else if (of.local.state === "closed" && !asked && !news.away && now - news.at >= news.freshMs) {
    if (now < of.blindUntil) return "ask";
    of.blindUntil = now + LOST_BLIND_MS;
    of.ticket = of.local.generation;
    return "blind";
  }
  const admission = allow(of.local, now);
  of.ticket = of.local.generation;
  return admission;
}

/** Counts the end of a call that `admit` let through as `admission` with `ticket`, and says what to tell the object. */
export function finish(
  of: Gate,
  admission: Admission,
  ticket: number,
  outcome: Outcome,
  durationMs: number,
  retryAfterMs: number,
  now: number,
  options: BreakerOptions,
  chance: Chance,
): GateNews {
  if (admission === "lease") {
    if (ticket !== of.verdictGeneration || of.probeEnd === 0) return "";
    of.probeEnd = 0;
    if (outcome === "cancelled") return "back";
    if (outcome === "limited") believe(of.local, retryAfterMs, now);
    const well = outcome === "ok" && !(of.reason === "slow" && durationMs >= options.slowMs);
    return well ? "passed" : "failed";
  }
  if (admission === "blind") of.blindUntil = 0;
  return record(of.local, outcome, durationMs, retryAfterMs, ticket, now, options, chance);
}

/**
 * Takes over what a reply says of the instance: its verdict (undefined: plainly closed) and the end of a lease granted,
 * or 0. The object's clock may be another one: no verdict reaches further than the cap from now.
 */
export function hear(
  of: Gate,
  verdict: Verdict | undefined,
  leaseEnd: number,
  now: number,
  options: BreakerOptions,
  chance: Chance,
): void {
  const wasShut = shut(of.state);
  const changed = verdict !== undefined && verdict.generation !== of.verdictGeneration;
  of.state = verdict?.state ?? "closed";
  of.reason = verdict === undefined || verdict.reason === "vote" ? "" : verdict.reason;
  of.until = verdict === undefined || verdict.until === 0 ? 0 : Math.min(verdict.until, now + capMs(of.state, options));
  if (verdict !== undefined) of.verdictGeneration = verdict.generation;
  if (!shut(of.state)) {
    if (wasShut) forget(of.local);
    if (wasShut || changed) dropLease(of);
    return;
  }
  if (changed || !wasShut) {
    dropLease(of);
    follow(of.local, of.reason, of.state === "open" ? of.until : now);
    // Isolates that heard the same verdict do not all ask in the same millisecond once its time is over.
    of.askAt = of.state === "open" ? of.until + chance() * Math.min(100, options.openMs / 20) : now;
  }
  if (leaseEnd > now && leaseEnd !== of.spentEnd && now >= of.probeEnd) {
    of.leaseEnd = leaseEnd;
    of.leaseUseBy = now + LEASE_USE_MS;
  }
}

const capMs = (state: Verdict["state"], options: BreakerOptions): number =>
  state === "ramp" ? options.rampMs : Math.max(options.maxOpenMs, 60_000);

function dropLease(of: Gate): void {
  of.leaseEnd = 0;
  of.leaseUseBy = 0;
  of.probeEnd = 0;
}

/** Whether the next report should ask for a lease: one is needed by requests of late, and none is here. */
export const wantsLease = (of: Gate, news: NewsState, now: number): boolean =>
  bound(of, news, now) &&
  !waiting(of, now) &&
  now >= of.probeEnd &&
  !leased(of, now) &&
  now >= of.local.retryAt &&
  now - of.neededAt < LEASE_USE_MS;

/** Whether the next report should give an unused lease back; it is out of hand then. */
export function givesLeaseBack(of: Gate, now: number): boolean {
  if (of.leaseEnd === 0 || leased(of, now)) return false;
  const lives = now < of.leaseEnd;
  of.spentEnd = of.leaseEnd;
  of.leaseEnd = 0;
  return lives;
}

/** The isolate's vote as it stands: it opened on evidence of its own. Reports carry it when it has changed. */
export const votesOpen = (of: Gate): boolean => of.local.tripped;

/**
 * How it stands before a choice, changing nothing. `due`: a probe may go, if `admit` is called. `needs`: a probe may go
 * once a lease is here. Neither is available to ordinary choice.
 */
export type Standing = "closed" | "ramp" | "open" | "due" | "needs";

export function standing(of: Gate, news: NewsState, now: number): Standing {
  if (bound(of, news, now)) {
    if (waiting(of, now) || now < of.probeEnd || now < of.blindUntil) return "open";
    if (leased(of, now)) return "due";
    if (!news.away) return now < of.local.retryAt ? "open" : "needs";
  }
  if (of.local.state !== "closed") return allows(of.local, now) ? "due" : "open";
  return of.state === "ramp" && now < of.until ? "ramp" : "closed";
}

/** Share of its traffic it may take while it recovers, up to 1: the lower of what the region and this isolate say. */
export function ramp(of: Gate, now: number, options: BreakerOptions): number {
  const own = localRamp(of.local, now, options);
  if (of.state !== "ramp" || now >= of.until) return own;
  return Math.min(own, rampShare(options.rampMs - (of.until - now), options));
}

/**
 * The soonest that the instance could answer again, ms from now, for an honest Retry-After; 0 when it may be asked now.
 */
export function readyInMs(of: Gate, news: NewsState, now: number): number {
  if (bound(of, news, now)) {
    if (of.reason === "manual") return NEWS_LIFE_MS;
    return waiting(of, now) ? of.until - now : ASK_EVERY_MS;
  }
  return of.local.state === "closed" ? 0 : Math.max(0, of.local.until - now);
}
