// Rate limits as this isolate keeps them. Most requests pass on a lease, by taking one from a number; `LimiterObject` is asked
// when the lease is spent, once for all that wait, and a little earlier in the background where a lease is large. A refusal
// is remembered until it ends. Nobody waits longer than the limit's `leaseTimeoutMs`; when the object is away, the policy
// says whether the request passes (open) or is answered 503 (closed).
import type { LeaseAnswer } from "../core/protocol/limiter.ts";
import { counted, storedAs, type Caller } from "../core/security/counted.ts";
import { APART_MS } from "../core/security/gcra.ts";
import type { Limit, Standing } from "../core/security/limits.ts";
import { patience, type LimiterLink } from "./limiter-link.ts";
import type { Background } from "./news.ts";
import { share } from "./share.ts";

/** What a limit says of one request. */
export interface Taken {
  readonly outcome: "passed" | "spent" | "blocked" | "away";
  /** For a refusal: until it is worth coming again. */
  readonly retryAfterMs: number;
  /** For `RateLimit`; undefined where nothing is known. */
  readonly standing: Standing | undefined;
}

export type LimitCounts = Record<Taken["outcome"], number> & { shadowed: number };

const MOST_ENTRIES = 50_000;
const MOST_NAMES = 300;
const OTHER = "other";
/** A lease is to last for so many requests, if they come within `LONGEST_SPAN_MS`. */
const WORTH_A_CALL = 192;
const LONGEST_SPAN_MS = 30_000;
/** From one lease to the next. */
const GROWTH = 8;
/** Leases as large as this are renewed before they are spent. */
const RENEWED_FROM = 16;
const RENEW_AT = 0.25;
/** Requests that were waited for by others are gone soon; their tokens too. */
const READY_MS = 250;
/** When an answer is overdue by this, the request that asked was ended by the runtime. */
const GRACE_MS = 2_000;
/** Refusals are counted as far apart as the object counts them, and a little more. */
const LATER_MS = 100;
const AWAY_RETRY_MS = 1_000;
const NONE: readonly number[] = [];

class Entry {
  limit: Limit;
  readonly who: string;
  /** As the object knows it; "" before it was asked. */
  stored = "";
  /** Of the lease: requests left, when it ends, and those let pass that the object has not heard of. */
  free = 0;
  endsAt = 0;
  used = 0;
  granted = 0;
  /** Taken for requests that wait now. */
  ready = 0;
  readyUntil = 0;
  refusedUntil = 0;
  blocked = false;
  spent: readonly number[] = NONE;
  /** Refusals that may still be made without telling, a second apart, and those made. */
  patience = 0;
  refusals = 0;
  refusedAt = 0;
  left: readonly number[] = NONE;
  resetAt: readonly number[] = NONE;
  waiting = 0;
  asking: Promise<boolean> | undefined = undefined;
  askingUntil = 0;
  /** Requests since the object was asked last: the demand. */
  arrived = 0;
  askedAt = 0;
  /** Charged by the object for requests that did not pass after all, and the oldest of these. */
  back = 0;
  backSince = 0;

  constructor(limit: Limit, who: string) {
    this.limit = limit;
    this.who = who;
  }
}

export class Limiter {
  /** By name of the limit. */
  readonly counts = new Map<string, LimitCounts>();
  #link: LimiterLink;
  #isolate: string;
  #now: () => number;
  #entries = new Map<string, Entry>();

  constructor(link: LimiterLink, isolate: string, now: () => number) {
    this.#link = link;
    this.#isolate = isolate;
    this.#now = now;
  }

  /** Whether one more request may pass. Decided at once wherever the isolate knows; never rejects. */
  take(limit: Limit, caller: Caller, background: Background): Taken | Promise<Taken> {
    if (limit.rule === undefined) return { outcome: "passed", retryAfterMs: 0, standing: undefined };
    const entry = this.#entry(limit, counted(limit.by, caller));
    entry.arrived++;
    return this.#atOnce(entry, this.#now(), background) ?? this.#wait(entry, background);
  }

  /** A request that passed was refused for another reason: what it took is the next one's, or the object's with the next question. */
  giveBack(limit: Limit, caller: Caller): void {
    const entry = this.#entries.get(`${limit.name}|${counted(limit.by, caller)}`);
    if (entry === undefined || entry.limit !== limit) return;
    const now = this.#now();
    if (entry.used > 0 && now < entry.endsAt) {
      entry.used--;
      entry.free++;
      return;
    }
    if (entry.back === 0) entry.backSince = entry.askedAt;
    entry.back++;
    // There may be something to be had after all.
    entry.refusedUntil = 0;
  }

  #entry(limit: Limit, who: string): Entry {
    const key = `${limit.name}|${who}`;
    let entry = this.#entries.get(key);
    if (entry !== undefined && entry.limit !== limit) {
      // Another generation: what is known holds as long as the rule is the same.
      if (JSON.stringify(entry.limit.rule) === JSON.stringify(limit.rule)) entry.limit = limit;
      else entry = undefined;
    }
    if (entry === undefined) {
      this.#entries.delete(key);
      if (this.#entries.size >= MOST_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!);
      this.#entries.set(key, (entry = new Entry(limit, who)));
    }
    return entry;
  }

  /** What the isolate can say by itself; undefined where the object must be asked. */
  #atOnce(entry: Entry, now: number, background: Background): Taken | undefined {
    if (entry.ready > 0 && now < entry.readyUntil) {
      entry.ready--;
      return this.#passed(entry, now);
    }
    if (entry.free > 0 && now < entry.endsAt) {
      entry.free--;
      entry.used++;
      if (entry.granted >= RENEWED_FROM && entry.free <= entry.granted * RENEW_AT && entry.asking === undefined) {
        // Once a lease: the next one says anew how large it is.
        entry.granted = 0;
        background.waitUntil(this.#start(entry, background));
      }
      return this.#passed(entry, now);
    }
    if (now >= entry.refusedUntil) return undefined;
    if (now - entry.refusedAt >= APART_MS + LATER_MS) {
      if (entry.patience > 0 && entry.refusals + 1 >= entry.patience) return undefined;
      entry.refusals++;
      entry.refusedAt = now;
    }
    return this.#refused(entry, now);
  }

  async #wait(entry: Entry, background: Background): Promise<Taken> {
    const waiting = patience(entry.limit.timeoutMs);
    while (!waiting.over) {
      entry.waiting++;
      // What was asked by a request that the runtime has ended is never answered.
      const asking = entry.asking !== undefined && this.#now() < entry.askingUntil ? entry.asking : undefined;
      const answered = await waiting.wait(asking ?? this.#start(entry, background));
      entry.waiting--;
      if (answered !== true) break;
      const taken = this.#atOnce(entry, this.#now(), background);
      if (taken !== undefined) return taken;
    }
    return this.#away(entry);
  }

  /** Asks the object; whether it answered. The answer is for all that wait. */
  #start(entry: Entry, background: Background): Promise<boolean> {
    const asking = share(this.#ask(entry));
    entry.asking = asking;
    entry.askingUntil = this.#now() + entry.limit.timeoutMs + GRACE_MS;
    background.waitUntil(asking);
    return asking;
  }

  async #ask(entry: Entry): Promise<boolean> {
    const { limit } = entry;
    entry.stored ||= await storedAs(entry.who);
    const askedAt = this.#now();
    const { want, spanMs } = demand(entry, askedAt);
    // What is over, and what is not likely to be used, is given back.
    entry.free = askedAt >= entry.endsAt ? 0 : Math.min(entry.free, want);
    const { used, refusals, free: keep } = entry;
    entry.used = 0;
    entry.refusals = 0;
    entry.arrived = 0;
    entry.askedAt = askedAt;
    // Said once: heard twice, it would be given back twice.
    const back = entry.back === 0 ? {} : { back: { count: entry.back, ageMs: askedAt - entry.backSince } };
    entry.back = 0;
    const question = {
      ...{ limit: limit.name, who: entry.stored, rule: limit.rule!, isolate: this.#isolate },
      ...{ need: entry.waiting, want: want - keep, spanMs, used, keep, refusals, ...back },
    };
    const answer = await this.#link.ask(entry.stored, (limiter) => limiter.lease(question), limit.timeoutMs);
    entry.asking = undefined;
    if (answer.ok) hear(entry, answer.value, askedAt, this.#now());
    // Perhaps it was heard: then it is told twice, which errs on the safe side.
    else entry.used += used;
    return answer.ok;
  }

  #passed(entry: Entry, now: number): Taken {
    this.#count(entry.limit.name).passed++;
    return { outcome: "passed", retryAfterMs: 0, standing: standingOf(entry, now, NONE) };
  }

  #refused(entry: Entry, now: number): Taken {
    const outcome = entry.blocked ? "blocked" : "spent";
    this.#tell(entry.limit, outcome);
    return { outcome, retryAfterMs: entry.refusedUntil - now, standing: standingOf(entry, now, entry.spent) };
  }

  #away({ limit }: Entry): Taken {
    this.#tell(limit, "away");
    return { outcome: "away", retryAfterMs: AWAY_RETRY_MS, standing: undefined };
  }

  #tell(limit: Limit, outcome: Taken["outcome"]): void {
    const counts = this.#count(limit.name);
    counts[outcome]++;
    if (limit.shadow && outcome !== "away") counts.shadowed++;
  }

  #count(name: string): LimitCounts {
    let counts = this.counts.get(name);
    if (counts === undefined) {
      // Names come from the policy, but there may be many generations of it.
      if (this.counts.size >= MOST_NAMES && name !== OTHER) return this.#count(OTHER);
      this.counts.set(name, (counts = { passed: 0, spent: 0, blocked: 0, away: 0, shadowed: 0 }));
    }
    return counts;
  }
}

/** How many requests are likely to come, and within what time, judged by those since the last question. */
function demand(entry: Entry, now: number): { want: number; spanMs: number } {
  if (entry.askedAt === 0) return { want: 0, spanMs: 1_000 };
  const perMs = entry.arrived / Math.max(1, now - entry.askedAt);
  const spanMs = Math.min(Math.max(1_000, WORTH_A_CALL / Math.max(perMs, 1e-9)), LONGEST_SPAN_MS);
  const most = GROWTH * Math.max(entry.arrived, GROWTH);
  return { want: Math.min(Math.ceil(perMs * spanMs), most), spanMs: Math.round(spanMs) };
}

/** Lives count from before the question, refusals from after the answer: never longer, never shorter than the object means. */
function hear(entry: Entry, answer: LeaseAnswer, askedAt: number, now: number): void {
  entry.ready = (now < entry.readyUntil ? entry.ready : 0) + answer.taken;
  entry.readyUntil = now + READY_MS;
  if (answer.leased > 0) {
    entry.free += answer.leased;
    entry.granted = entry.free;
    entry.endsAt = askedAt + answer.lifeMs;
  }
  entry.refusedUntil = answer.refusedMs === 0 ? 0 : now + answer.refusedMs;
  if (answer.refusedMs > 0) entry.refusedAt = now;
  entry.blocked = answer.blocked;
  entry.spent = answer.spent;
  entry.patience = answer.patience;
  entry.left = answer.left;
  entry.resetAt = answer.resetMs.map((ms) => now + ms);
}

function standingOf(entry: Entry, now: number, spent: readonly number[]): Standing {
  const own = entry.free + entry.ready;
  const { limit, left, resetAt, refusedUntil } = entry;
  return {
    limit,
    left: spent.length > 0 ? left : left.map((each) => each + own),
    resetMs: resetAt.map((at, index) => Math.max(0, (spent.includes(index) ? refusedUntil : at) - now)),
    spent,
  };
}
