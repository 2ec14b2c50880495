// Every call to an object or to KV goes through here: at most two seconds each, counted, and given up for a while
// after five failures in a row (5 s, doubling to a minute at most), then tried by one call alone, so that a dead dependency costs a
// bounded number of waits.
// A call that hangs, throws, or whose object dies while being made all look the same: a refusal. `.overloaded` is
// such a failure too: nothing is ever tried a second time here.
import { hasAnswered, hasFailed, isProven, reliability, type Reliability } from "../core/protocol/pace.ts";
import { ok, refuse, type Result } from "../core/result/result.ts";

export const CALL_TIMEOUT_MS = 2_000;
/** A call whose request was killed never ends: so long after its time it is over. */
const LOST_MS = 500;

/** `resting`: not asked at all. The message is for the record, never for a client. */
export interface CallFailure {
  readonly kind: "timeout" | "failed" | "resting";
  readonly message: string;
}

export class OffPath {
  readonly name: string;
  calls = 0;
  timeouts = 0;
  failures = 0;
  /** Calls not made because the dependency was resting. */
  skipped = 0;
  /** Ms; left out, a minute. */
  longestRestMs: number | undefined = undefined;
  /** Of the last call that failed; empty when the last one succeeded. */
  lastFailure = "";
  #now: () => number;
  #failuresToRest: number | undefined;
  #reliability: Reliability = reliability();
  /** Until the call that tries whether it is back is over for sure, epoch ms. */
  #tryingUntil = 0;

  /** Who asks for an operator, once, gives `Infinity`: it never rests. */
  constructor(name: string, now: () => number = Date.now, failuresToRest?: number) {
    this.name = name;
    this.#now = now;
    this.#failuresToRest = failuresToRest;
  }

  /** Epoch ms until which nobody asks; in the past when asking is allowed. */
  get restUntil(): number {
    return this.#reliability.restUntil;
  }

  /** It has answered before. */
  get answered(): boolean {
    return this.#reliability.answered;
  }

  /** It has answered before, and did not fail when last asked. */
  get proven(): boolean {
    return isProven(this.#reliability);
  }

  /** Failures since its last answer. */
  get failuresInARow(): number {
    return this.#reliability.failuresInARow;
  }

  /**
   * The call's answer, or why there is none. The timer belongs to the request that calls, so the caller keeps that
   * request alive (`waitUntil`) when others wait for the same answer. `ticks`: as of `Patience`.
   */
  async call<T>(
    work: () => PromiseLike<T>,
    timeoutMs: number = CALL_TIMEOUT_MS,
    ticks = 1,
  ): Promise<Result<T, CallFailure>> {
    const now = this.#now();
    if (now < this.restUntil || now < this.#tryingUntil) {
      this.skipped++;
      return refuse({ kind: "resting", message: `${this.name} is left alone after repeated failures` });
    }
    if (this.#reliability.rests > 0) this.#tryingUntil = now + timeoutMs + LOST_MS;
    this.calls++;
    const patience = new Patience(timeoutMs, ticks);
    try {
      // A missing binding throws here and not in a promise; the async wrapper makes them one.
      const answer = await patience.wait((async () => await work())());
      if (answer === LATE) return this.#fail("timeout", `${this.name} did not answer within ${timeoutMs} ms`);
      this.#tryingUntil = 0;
      hasAnswered(this.#reliability);
      this.lastFailure = "";
      return ok(answer);
    } catch (error) {
      return this.#fail("failed", `${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #fail(kind: "timeout" | "failed", message: string): Result<never, CallFailure> {
    if (kind === "timeout") this.timeouts++;
    else this.failures++;
    this.lastFailure = message;
    this.#tryingUntil = 0;
    hasFailed(this.#reliability, this.#now(), this.#failuresToRest, this.longestRestMs);
    return refuse({ kind, message });
  }
}

export const LATE = Symbol("late");

/**
 * How long somebody waits, perhaps for several things in turn: `ms`, counted in ticks. An isolate that is busy gets its timers
 * late, and answers that arrived meanwhile later still; each tick lets it catch up, so that it does not take its own
 * slowness for another's.
 */
export class Patience {
  #left: number;
  readonly #tickMs: number;

  constructor(ms: number, ticks: number) {
    this.#left = ticks;
    this.#tickMs = ms / ticks;
  }

  get over(): boolean {
    return this.#left <= 0;
  }

  /** What comes of the promise, or LATE. Rejects as it does. */
  async wait<T>(promise: Promise<T>): Promise<T | typeof LATE> {
    while (this.#left > 0) {
      const tick = Promise.withResolvers<typeof LATE>();
      const timer = setTimeout(tick.resolve, this.#tickMs, LATE);
      try {
        const first = await Promise.race([promise, tick.promise]);
        if (first !== LATE) return first;
      } finally {
        clearTimeout(timer);
      }
      this.#left--;
    }
    return LATE;
  }
}

/** Waits for a promise of another request no longer than `ms`, on this request's own timer. Rejections count as an end. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<"settled" | "late"> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(late.resolve, ms, "late");
  const settled = promise.then(
    () => "settled" as const,
    () => "settled" as const,
  );
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
