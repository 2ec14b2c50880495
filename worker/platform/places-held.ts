// Requests of a caller under way at once, as this isolate keeps them: so many places held for everybody's requests here, told to
// `LimiterObject` whenever more are needed or some are free again. A place ends within a minute unless it is held on: an isolate
// that is gone takes none along for long. What is free and could not be said is said again: nobody else can give it back.
import type { Caller } from "../core/security/counted.ts";
import { counted, storedAs } from "../core/security/counted.ts";
import type { Limit } from "../core/security/limits.ts";
import { after } from "./after.ts";
import { patience, type LimiterLink } from "./limiter-link.ts";
import type { Background } from "./news.ts";
import { CALL_TIMEOUT_MS } from "./offpath.ts";
import { share } from "./share.ts";

const LIFE_MS = 60_000;
/** A place whose time is more than half over is held on by whoever moves. */
const RENEW_MS = LIFE_MS / 2;
/** Where there are many places, this part of them is kept for the next request. */
const SPARE_PART = 32;
/** When all were taken, it is not asked again sooner, unless a place here gets free. */
const FULL_MS = 250;
const MOST_ENTRIES = 10_000;
const GRACE_MS = 2_000;
/** Before each try to give places back; over the while for which an object that failed is left alone. */
const GIVE_BACK_AFTER_MS = [0, 250, 1_000, 3_000, 8_000];

interface Entry {
  limit: Limit;
  readonly who: string;
  stored: string;
  inUse: number;
  /** As the object last said, and until when. */
  held: number;
  endsAt: number;
  fullUntil: number;
  waiting: number;
  telling: Promise<boolean> | undefined;
  tellingUntil: number;
  /** Until when somebody sees to it that free places are given back. */
  givingUntil: number;
}

/** A request's place; to be left once. */
export interface HeldPlace {
  /** The request goes on: its place is held on when it is time. */
  moved(): void;
  leave(): void;
}

export class HeldPlaces {
  #link: LimiterLink;
  #isolate: string;
  #now: () => number;
  #entries = new Map<string, Entry>();

  constructor(link: LimiterLink, isolate: string, now: () => number) {
    this.#link = link;
    this.#isolate = isolate;
    this.#now = now;
  }

  /** A place, "full" when all are taken, "away" when nobody can say. */
  enter(limit: Limit, caller: Caller, background: Background): Entered | Promise<Entered> {
    const entry = this.#entry(limit, counted(limit.by, caller));
    return this.#atOnce(entry, this.#now(), background) ?? this.#wait(entry, background);
  }

  /** All were taken a moment ago, and none here got free since. */
  isFull(limit: Limit, caller: Caller): boolean {
    const entry = this.#entries.get(`${limit.name}|${counted(limit.by, caller)}`);
    if (entry === undefined) return false;
    const now = this.#now();
    return now < entry.fullUntil && !(entry.inUse < entry.held && now < entry.endsAt);
  }

  #entry(limit: Limit, who: string): Entry {
    const key = `${limit.name}|${who}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= MOST_ENTRIES) this.#forget();
      entry = { limit, who, stored: "", inUse: 0, held: 0, endsAt: 0, fullUntil: 0, waiting: 0, ...IDLE };
      this.#entries.set(key, entry);
    }
    entry.limit = limit;
    return entry;
  }

  /** Those without a request here hold nothing worth remembering. */
  #forget(): void {
    for (const [key, entry] of this.#entries) if (entry.inUse === 0) this.#entries.delete(key);
  }

  #atOnce(entry: Entry, now: number, background: Background): Entered | undefined {
    if (entry.inUse < entry.held && now < entry.endsAt) {
      entry.inUse++;
      return this.#place(entry, background);
    }
    return now < entry.fullUntil ? "full" : undefined;
  }

  async #wait(entry: Entry, background: Background): Promise<Entered> {
    const waiting = patience(entry.limit.timeoutMs);
    while (!waiting.over) {
      entry.waiting++;
      // What was said by a request that the runtime has ended is never answered.
      const told = this.#isTelling(entry) ? entry.telling! : this.#tell(entry, entry.limit.timeoutMs, background);
      const answered = await waiting.wait(told);
      entry.waiting--;
      if (answered !== true) break;
      const entered = this.#atOnce(entry, this.#now(), background);
      if (entered !== undefined) return entered;
    }
    return "away";
  }

  #place(entry: Entry, background: Background): HeldPlace {
    let left = false;
    return {
      moved: () => {
        const now = this.#now();
        if (entry.endsAt - now < RENEW_MS && !this.#isTelling(entry))
          void this.#tell(entry, CALL_TIMEOUT_MS, background);
      },
      leave: () => {
        if (left) return;
        left = true;
        entry.inUse--;
        entry.fullUntil = 0;
        if (holdsTooMany(entry) && this.#now() >= entry.givingUntil)
          background.waitUntil(this.#giveBack(entry, background));
      },
    };
  }

  #isTelling({ telling, tellingUntil }: Entry): boolean {
    return telling !== undefined && this.#now() < tellingUntil;
  }

  async #giveBack(entry: Entry, background: Background): Promise<void> {
    for (const pauseMs of GIVE_BACK_AFTER_MS) {
      entry.givingUntil = this.#now() + CALL_TIMEOUT_MS + pauseMs + GRACE_MS;
      if (pauseMs > 0) await after(pauseMs);
      if (!holdsTooMany(entry)) break;
      // Who is telling already says this too, unless that fails.
      if (!this.#isTelling(entry)) await this.#tell(entry, CALL_TIMEOUT_MS, background);
      if (!holdsTooMany(entry)) break;
    }
    entry.givingUntil = 0;
  }

  /** Says how many places are needed from now on; whether that was heard. */
  #tell(entry: Entry, timeoutMs: number, background: Background): Promise<boolean> {
    const telling = share(this.#say(entry, timeoutMs));
    entry.telling = telling;
    entry.tellingUntil = this.#now() + timeoutMs + GRACE_MS;
    background.waitUntil(telling);
    return telling;
  }

  async #say(entry: Entry, timeoutMs: number): Promise<boolean> {
    const { limit } = entry;
    entry.stored ||= await storedAs(entry.who);
    for (;;) {
      const askedAt = this.#now();
      const needed = entry.inUse + entry.waiting;
      const question = {
        ...{ limit: limit.name, who: entry.stored, isolate: this.#isolate, most: limit.concurrent },
        ...{ places: needed === 0 ? 0 : needed + spare(limit), lifeMs: LIFE_MS },
      };
      const answer = await this.#link.ask(entry.stored, (limiter) => limiter.hold(question), timeoutMs);
      if (!answer.ok) {
        entry.telling = undefined;
        return false;
      }
      entry.held = answer.value.places;
      entry.endsAt = askedAt + LIFE_MS;
      const now = entry.inUse + entry.waiting;
      entry.fullUntil = entry.held < now ? this.#now() + FULL_MS : 0;
      // Some may have been left meanwhile.
      if (!holdsTooMany(entry)) break;
    }
    entry.telling = undefined;
    return true;
  }
}

export type Entered = HeldPlace | "full" | "away";

const IDLE: Pick<Entry, "telling" | "tellingUntil" | "givingUntil"> = {
  telling: undefined,
  tellingUntil: 0,
  givingUntil: 0,
};

const holdsTooMany = ({ held, inUse, waiting, limit }: Entry): boolean => held > inUse + waiting + spare(limit);

const spare = (limit: Limit): number => Math.floor(limit.concurrent / SPARE_PART);
