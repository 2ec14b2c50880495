// The isolate's own breaker of one instance: what it does when nobody else can be asked. It opens on 5 failures in a
// row, or on a window of at least 20 calls of which half fail or four fifths are slow; opens for half a second to a
// second, doubling to 10 s; then lets one call through to see. (Numbers: defaults of the policy.)
//
// Laws: a result that belongs to an earlier generation is dropped, so calls sent before it opened cannot close or
// re-open it; an idle gap clears the window and the run of failures; no state is without a way out.
// Changed in place and without allocation: `allow` and `record` run on every request.
import type { Chance } from "../stats/chance.ts";
import type { Outcomes } from "../protocol/reports.ts";
import { advance, clear, count, recentAt, type RollingWindow } from "../stats/window.ts";
import {
  breakerWindow,
  CALLS,
  doubled,
  FAILING,
  rampShare,
  SLOW,
  tripReason,
  type BreakerOptions,
  type BreakerState,
  type OpenReason,
} from "./breaker.ts";
import type { Outcome } from "./outcome.ts";
import { MAX_RETRY_AFTER_MS } from "../http/retry-after.ts";

/** A probe that nobody ever reported on is given up after this, so that another may go. */
export const LOST_PROBE_MS = 60_000;

export interface LocalBreaker {
  state: BreakerState;
  /** Why it opened; "" while closed. */
  reason: OpenReason;
  /** Open: when the probe may go. Half open: when the probe counts as lost. */
  until: number;
  /** Rises with every change of state and every probe. Keep it with a call, and hand it back with the result. */
  generation: number;
  /** Times it opened since it last stood closed for a whole window. */
  opens: number;
  /** Failures in a row; 429 neither adds to them nor ends them. */
  consecutive: number;
  /** When it last closed again; 0 when it never opened. */
  closedAt: number;
  /** Latest moment that a 429's Retry-After asked to wait for. */
  retryAt: number;
  /** It opened on this isolate's own evidence and has not closed since: its vote. */
  tripped: boolean;
  readonly window: RollingWindow;
}

export const localBreaker = (options: BreakerOptions): LocalBreaker => ({
  state: "closed",
  reason: "",
  until: 0,
  generation: 0,
  opens: 0,
  consecutive: 0,
  closedAt: 0,
  retryAt: 0,
  tripped: false,
  window: breakerWindow(options),
});

/** Whether a call may go. "probe": this one, alone, decides how it goes on; its end must be recorded. */
export function allow(breaker: LocalBreaker, now: number): "yes" | "probe" | "no" {
  if (breaker.state === "closed") return "yes";
  if (now < breaker.until) return "no";
  breaker.state = "half_open";
  breaker.until = now + LOST_PROBE_MS;
  breaker.generation++;
  return "probe";
}

/** Whether `allow` would say anything but "no", without changing anything. */
export const allows = (breaker: LocalBreaker, now: number): boolean =>
  breaker.state === "closed" || now >= breaker.until;

/**
 * Counts a call's end and says what it changed. `generation` is the breaker's when the call was allowed; `retryAfterMs`
 * that of a 429, or -1. A probe must be well and, where slowness opened the breaker, not slow.
 */
export function record(
  breaker: LocalBreaker,
  outcome: Outcome,
  durationMs: number,
  retryAfterMs: number,
  generation: number,
  now: number,
  options: BreakerOptions,
  chance: Chance,
): "opened" | "closed" | "" {
  if (generation !== breaker.generation) return "";
  const slow = durationMs >= options.slowMs;
  if (breaker.state === "half_open") {
    if (outcome === "cancelled") return passOn(breaker, now);
    if (outcome === "limited") believe(breaker, retryAfterMs, now);
    if (outcome === "ok" && !(slow && breaker.reason === "slow")) return close(breaker, now);
    return open(breaker, outcome === "limited" ? "rate" : breaker.reason, now, options, chance);
  }
  if (breaker.state === "open" || outcome === "cancelled") return "";

  if (advance(breaker.window, now)) {
    breaker.consecutive = 0;
    breaker.retryAt = 0;
  }
  count(breaker.window, CALLS);
  if (slow) count(breaker.window, SLOW);
  if (outcome === "ok") breaker.consecutive = 0;
  else {
    count(breaker.window, FAILING);
    if (outcome === "limited") believe(breaker, retryAfterMs, now);
    else if (++breaker.consecutive >= options.consecutiveFailures)
      return open(breaker, "consecutive", now, options, chance);
  }
  const reason = tripReason(breaker.window, options);
  return reason === "" ? "" : open(breaker, reason, now, options, chance);
}

/** The probe's client left: the next call is the probe. */
function passOn(breaker: LocalBreaker, now: number): "" {
  breaker.state = "open";
  breaker.until = now;
  return "";
}

/** Remembers how long a 429 asked to be left alone; it counts once the breaker opens. */
export function believe(breaker: LocalBreaker, retryAfterMs: number, now: number): void {
  if (retryAfterMs > 0)
    breaker.retryAt = Math.max(breaker.retryAt, now + Math.ceil(Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)));
}

/** Opens for half to all of the nominal time; longer only where 429s took part and said how long. */
function open(
  breaker: LocalBreaker,
  reason: OpenReason,
  now: number,
  options: BreakerOptions,
  chance: Chance,
): "opened" {
  if (breaker.state === "closed" && now - breaker.closedAt >= options.windowMs) breaker.opens = 0;
  const nominalMs = doubled(options.localOpenMs, breaker.opens, options.maxOpenMs);
  breaker.until = now + Math.round(nominalMs * (0.5 + 0.5 * chance()));
  if (reason === "rate" && breaker.retryAt > breaker.until) breaker.until = breaker.retryAt;
  breaker.state = "open";
  breaker.reason = reason;
  breaker.opens++;
  breaker.generation++;
  breaker.consecutive = 0;
  breaker.retryAt = 0;
  breaker.tripped = true;
  clear(breaker.window);
  return "opened";
}

function close(breaker: LocalBreaker, now: number): "closed" {
  breaker.state = "closed";
  breaker.reason = "";
  breaker.until = 0;
  breaker.generation++;
  breaker.closedAt = now;
  breaker.retryAt = 0;
  breaker.tripped = false;
  return "closed";
}

/** Opens it on the shared verdict's word, until the shared verdict's time; it goes on alone from there if need be. */
export function follow(breaker: LocalBreaker, reason: OpenReason, until: number): void {
  breaker.state = "open";
  breaker.reason = reason;
  breaker.until = until;
  breaker.generation++;
  breaker.consecutive = 0;
  clear(breaker.window);
}

/** Closes it on the shared verdict's word, with nothing held against the instance: the shared verdict does the ramp. */
export function forget(breaker: LocalBreaker): void {
  breaker.state = "closed";
  breaker.reason = "";
  breaker.until = 0;
  breaker.generation++;
  breaker.opens = 0;
  breaker.consecutive = 0;
  breaker.closedAt = 0;
  breaker.retryAt = 0;
  breaker.tripped = false;
  clear(breaker.window);
}

/**
 * Calls of the fast window, for a report that covers a longer time: what is older says nothing of now, and in a large, sparse
 * fleet would hide an outage for as long as reports are apart. 429s stand among the failed.
 */
export function freshCalls(breaker: LocalBreaker, now: number, options: BreakerOptions): Outcomes {
  const { window } = breaker;
  const buckets = Math.max(1, Math.round(options.fastWindowMs / window.bucketMs));
  const failed = recentAt(window, FAILING, buckets, now);
  const ok = recentAt(window, CALLS, buckets, now) - failed;
  return { ok, failed, limited: 0, slow: recentAt(window, SLOW, buckets, now) };
}

/** Share of its traffic the instance may take after this isolate alone found it well again. */
export const localRamp = (breaker: LocalBreaker, now: number, options: BreakerOptions): number =>
  breaker.closedAt === 0 ? 1 : rampShare(now - breaker.closedAt, options);
