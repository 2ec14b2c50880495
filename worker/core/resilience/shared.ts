// The region's breaker of one instance, kept by its `ServiceObject`. It opens on a window of all isolates' calls (ten
// seconds, or the newest two), or when isolates that opened on their own carry half of the load; opens for 2 s doubling
// to 10 s, or as long as it takes to refuse a thousand requests, for a probe spoils three; then hands out at most three probe leases at a time across the region, at most one an isolate; three
// successes close it into a ramp. (Numbers: defaults of the policy.)
//
// Laws: only the result of a lease that still stands moves a half-open breaker; one failure re-opens it; a lease ends
// by itself; nothing keeps it open longer than the cap without a fresh failure, but an operator. State is plain JSON,
// `step` returns the next one and leaves the old as it was, and every time-driven change is made by whoever looks next.
import type { Verdict } from "../protocol/reports.ts";
import type { Chance } from "../stats/chance.ts";
import { advance, copyWindow, count, total, type RollingWindow } from "../stats/window.ts";
import {
  breakerWindow,
  CALLS,
  doubled,
  FAILING,
  SLOW,
  tripReason,
  type BreakerOptions,
  type OpenReason,
} from "./breaker.ts";
import { MAX_RETRY_AFTER_MS } from "../http/retry-after.ts";

export interface SharedOptions extends BreakerOptions {
  /** How long a lease lasts: longer than a probe may take. */
  readonly leaseMs: number;
}

export interface Lease {
  readonly isolate: string;
  readonly until: number;
}

export interface SharedBreaker {
  readonly state: Verdict["state"];
  readonly reason: OpenReason;
  /** Open: when probes may start, 0 for never. Ramp: when it is over. Else 0. Epoch ms. */
  readonly until: number;
  /** Open: the soonest that refused requests may bring `until` forward to, epoch ms; and how many there were so far. */
  readonly soonest: number;
  readonly refused: number;
  /** Rises with every change of state. */
  readonly generation: number;
  /** Times it opened since it last came through a whole ramp. */
  readonly opens: number;
  /** Probes that went well since it last opened. */
  readonly successes: number;
  readonly leases: readonly Lease[];
  /** An operator takes it out of service; shown beside the state, which is open. */
  readonly drained: boolean;
  readonly window: RollingWindow;
}

export type SharedCommand = "open" | "close" | "reset" | "drain";

export type SharedEvent =
  /** Merged counts of the region's isolates, and the share of the offered load whose isolates hold it open. */
  | { kind: "calls"; ok: number; failed: number; limited: number; slow: number; openShare: number }
  | { kind: "want"; isolate: string }
  /** Requests that the region's isolates refused because nobody of the service could be asked. */
  | { kind: "refused"; count: number }
  /** The leased probe did not happen, or its client left. */
  | { kind: "back"; isolate: string }
  /** `retryAfterMs`: of a 429, or 0. */
  | { kind: "probe"; isolate: string; passed: boolean; retryAfterMs: number }
  | { kind: "command"; command: SharedCommand }
  /** Time passed. */
  | { kind: "tick" };

export interface SharedStep {
  readonly state: SharedBreaker;
  /** End of the lease that this event was given; 0 for none. */
  readonly leaseEnd: number;
  /** The verdict changed: store it, tell everybody. */
  readonly changed: boolean;
}

export const sharedBreaker = (options: SharedOptions): SharedBreaker => ({
  state: "closed",
  reason: "",
  until: 0,
  soonest: 0,
  refused: 0,
  generation: 0,
  opens: 0,
  successes: 0,
  leases: [],
  drained: false,
  window: breakerWindow(options),
});

export function step(
  state: SharedBreaker,
  event: SharedEvent,
  options: SharedOptions,
  now: number,
  chance: Chance,
): SharedStep {
  const settled = settle(state, now);
  let next = settled;
  let leaseEnd = 0;
  switch (event.kind) {
    case "calls":
      next = counted(settled, event, options, now, chance);
      break;
    case "refused":
      next = refused(settled, event.count, options, now);
      break;
    case "want": {
      const lease = leaseFor(settled, event.isolate, options, now);
      if (lease !== undefined) {
        leaseEnd = lease.until;
        if (!settled.leases.includes(lease)) next = { ...settled, leases: [...settled.leases, lease] };
      }
      break;
    }
    case "back":
      next = withoutLease(settled, event.isolate);
      break;
    case "probe":
      next = probed(settled, event, options, now, chance);
      break;
    case "command":
      next = commanded(settled, event.command, options);
      break;
    case "tick":
      break;
  }
  return { state: next, leaseEnd, changed: next.generation !== state.generation };
}

/** Makes the changes that time alone has brought: open to half open, ramp to closed, leases that ended. */
export function settle(state: SharedBreaker, now: number): SharedBreaker {
  const due = state.until !== 0 && now >= state.until;
  if (state.state === "open" && due) {
    return { ...state, state: "half_open", until: 0, generation: state.generation + 1, successes: 0, leases: [] };
  }
  if (state.state === "ramp" && due) {
    return { ...state, state: "closed", until: 0, generation: state.generation + 1, opens: 0 };
  }
  if (state.leases.some((lease) => now >= lease.until)) {
    return { ...state, leases: state.leases.filter((lease) => now < lease.until) };
  }
  return state;
}

function counted(
  state: SharedBreaker,
  calls: Extract<SharedEvent, { kind: "calls" }>,
  options: SharedOptions,
  now: number,
  chance: Chance,
): SharedBreaker {
  // What comes in while it is shut was sent before it opened, or by isolates that had not heard.
  if (state.state === "open" || state.state === "half_open") return state;
  const window = copyWindow(state.window);
  advance(window, now);
  const failing = calls.failed + calls.limited;
  const all = calls.ok + failing;
  count(window, CALLS, all);
  count(window, FAILING, failing);
  count(window, SLOW, calls.slow);
  // A batch of no calls must not open it just because good ones have grown too old to count.
  const reason = (all > 0 ? tripReason(window, options) : "") || votedReason(window, calls.openShare, options);
  const next = { ...state, window };
  return reason === "" ? next : opened(next, reason, 0, options, now, chance);
}

/**
 * While nobody stands, waiting costs every request that comes, and looking costs three. What an operator opened, and what
 * asked to be left alone (429), stays so.
 */
function refused(state: SharedBreaker, count: number, options: SharedOptions, now: number): SharedBreaker {
  if (state.state !== "open" || state.until === 0) return state;
  const sum = state.refused + count;
  const until = sum < options.refusalsPerProbe ? state.until : Math.min(state.until, Math.max(now, state.soonest));
  const generation = until === state.until ? state.generation : state.generation + 1;
  return settle({ ...state, refused: sum, until, generation }, now);
}

/**
 * The vote. It needs evidence that has come in since the window began: the votes of isolates that fell asleep while the
 * breaker was open still stand when it has just closed, and must not open it again.
 */
function votedReason(window: RollingWindow, openShare: number, options: SharedOptions): OpenReason {
  if (openShare < options.voteShare) return "";
  if (total(window, FAILING) >= options.consecutiveFailures) return "consecutive";
  return total(window, SLOW) >= options.minimumRequests * options.slowRate ? "slow" : "";
}

function leaseFor(state: SharedBreaker, isolate: string, options: SharedOptions, now: number): Lease | undefined {
  if (state.state !== "half_open") return undefined;
  const held = state.leases.find((lease) => lease.isolate === isolate);
  if (held !== undefined) return held;
  return state.leases.length < options.halfOpenProbes ? { isolate, until: now + options.leaseMs } : undefined;
}

function withoutLease(state: SharedBreaker, isolate: string): SharedBreaker {
  const leases = state.leases.filter((lease) => lease.isolate !== isolate);
  return leases.length === state.leases.length ? state : { ...state, leases };
}

function probed(
  state: SharedBreaker,
  probe: Extract<SharedEvent, { kind: "probe" }>,
  options: SharedOptions,
  now: number,
  chance: Chance,
): SharedBreaker {
  const rest = withoutLease(state, probe.isolate);
  if (rest === state || state.state !== "half_open") return state;
  if (!probe.passed) return opened(rest, state.reason, probe.retryAfterMs, options, now, chance);
  const successes = state.successes + 1;
  if (successes < options.successesToClose) return { ...rest, successes };
  return {
    ...rest,
    state: "ramp",
    reason: "",
    until: now + options.rampMs,
    generation: state.generation + 1,
    successes: 0,
    leases: [],
    window: breakerWindow(options),
  };
}

function opened(
  state: SharedBreaker,
  reason: OpenReason,
  retryAfterMs: number,
  options: SharedOptions,
  now: number,
  chance: Chance,
): SharedBreaker {
  // Up to `jitter` less or more. Half of that the first time: what is seen of an open is longer, for a lease is asked for
  // afterwards and a request has to come, and a shorter one is no time to tell who asks seldom. The cap is a promise: nobody
  // waits longer for the first probe of what is well again.
  const nominalMs = doubled(options.openMs, state.opens, options.maxOpenMs);
  const jitter = state.opens === 0 ? options.jitter / 2 : options.jitter;
  const shortestMs = nominalMs * (1 - jitter);
  const longestMs = Math.min(options.maxOpenMs, nominalMs * (1 + jitter));
  const drawnMs = shortestMs + chance() * (longestMs - shortestMs);
  const askedMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return {
    ...state,
    state: "open",
    reason,
    until: now + Math.round(Math.max(drawnMs, askedMs)),
    soonest: now + Math.round(Math.max(options.openMs * (1 - options.jitter), askedMs)),
    refused: 0,
    generation: state.generation + 1,
    opens: state.opens + 1,
    successes: 0,
    leases: [],
    window: breakerWindow(options),
  };
}

/**
 * `open` and `drain` stand until an operator says `close` or `reset`. These put it back into service at once, without a
 * ramp; it may trip again, and after `close` it opens for as long as it would have. Windows and leases start anew.
 */
function commanded(state: SharedBreaker, command: SharedCommand, options: SharedOptions): SharedBreaker {
  const fresh = { ...sharedBreaker(options), generation: state.generation + 1 };
  switch (command) {
    case "open":
      return { ...fresh, state: "open", reason: "manual", opens: state.opens };
    case "drain":
      return { ...fresh, state: "open", reason: "manual", opens: state.opens, drained: true };
    case "close":
      return { ...fresh, opens: state.opens };
    case "reset":
      return fresh;
  }
}

/** What isolates are told; undefined when it is plainly closed. `state` as `settle` or `step` gave it. */
export function verdictOf(state: SharedBreaker): Verdict | undefined {
  if (state.state === "closed") return undefined;
  return { state: state.state, reason: state.reason, until: state.until, generation: state.generation };
}

/** What an operator reads. */
export const reading = (state: SharedBreaker) => ({
  state: state.state,
  reason: state.reason,
  until: state.until,
  probes: state.leases.length,
  probing: state.leases.map((lease) => lease.isolate),
  drained: state.drained,
});
