// Control news in this isolate: what has changed in `ControlObject`, good for five seconds. Reports keep it fresh
// while there is traffic; after an idle gap the first request asks, once for all that come meanwhile, and waits at
// most 100 ms; not even that where others of the colo have just waited in vain. When the region does not answer, the last
// known stands, nobody waits again for five seconds, and whoever asks then waits less.
import type { Epochs } from "../core/protocol/reports.ts";
import type { News as ControlNews } from "../core/protocol/objects.ts";
import {
  NEWS_GOOD_MS,
  UNPROVEN_WAITING,
  asksOfSilence,
  isProven,
  newsPatienceMs,
  type Answering,
} from "../core/protocol/pace.ts";
import type { Result } from "../core/result/result.ts";
import { CALL_TIMEOUT_MS, waitAtMost, type CallFailure } from "./offpath.ts";
import { share } from "./share.ts";

/** Only what is needed of the execution context; a context of the runtime fits. */
export interface Background {
  waitUntil(promise: Promise<unknown>): void;
}

interface Flight {
  readonly startedAt: number;
  readonly done: Promise<void>;
  /** Settles with it, or as soon as others are known to wait for this region in vain. */
  readonly worth: Promise<void>;
  waiting: number;
}

/** Of the region: whether it has ever answered, and its failures since. */
export interface NewsSource extends Answering {
  /** Asks the region, or who has just asked it; the answer has been heard when the promise settles. */
  ask(): Promise<Result<Pick<ControlNews, "epochs" | "ageMs">, CallFailure>>;
  /** Others have just waited for the region in vain; never rejects. */
  isSilent(): Promise<boolean>;
}

export class News {
  epochs: Epochs = { policy: 0, purge: 0, keys: 0, chaos: 0, trials: 0 };
  /** When the epochs were true, epoch ms; 0 for never. */
  asOf = 0;
  /** Requests that waited for news, and how long together, ms: the one wait of the hot path, so it is counted. */
  waits = 0;
  waitedMs = 0;
  #source: NewsSource;
  #now: () => number;
  #askAt = 0;
  #flight: Flight | undefined;

  constructor(source: NewsSource, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
  }

  /** True while the news is good, and while asking again would not help: a failed answer rests too. */
  fresh(now: number): boolean {
    return now < this.#askAt;
  }

  /** Epochs only rise: an answer that was overtaken by a later one changes nothing. */
  hear(epochs: Epochs, ageMs: number): void {
    const mine = this.epochs;
    this.epochs = {
      policy: Math.max(mine.policy, epochs.policy),
      purge: Math.max(mine.purge, epochs.purge),
      keys: Math.max(mine.keys, epochs.keys),
      chaos: Math.max(mine.chaos, epochs.chaos),
      trials: Math.max(mine.trials, epochs.trials),
    };
    this.asOf = Math.max(this.asOf, this.#now() - ageMs);
    // News that came in old is asked for again, but not at once by every request: its source is asking already.
    this.#askAt = Math.max(this.asOf + NEWS_GOOD_MS, this.#now() + 1_000);
  }

  /** Asks when the news is not fresh, or in any case when told to; returns within 100 ms. */
  async refresh(background: Background, anyway = false): Promise<void> {
    const now = this.#now();
    if (!anyway && this.fresh(now)) return;
    const leads = this.#flight === undefined || now - this.#flight.startedAt > CALL_TIMEOUT_MS + 500;
    // A flight whose request was killed never settles: past its time it is replaced.
    if (leads) {
      const done = share(this.#fly(now));
      const worth = asksOfSilence(this.#source) ? share(this.#worthWaiting(done)) : done;
      this.#flight = { startedAt: now, waiting: 0, done, worth };
      // Others wait for this answer: it must not die with the request that asked.
      background.waitUntil(this.#flight.done);
    }
    const flight = this.#flight!;
    const { failuresInARow } = this.#source;
    const proven = isProven(this.#source);
    if (!leads && !proven && ++flight.waiting > UNPROVEN_WAITING) return;
    const leftMs = flight.startedAt + newsPatienceMs(leads, proven, failuresInARow) - now;
    if (leftMs <= 0) return;
    this.waits++;
    await waitAtMost(flight.worth, leftMs);
    this.waitedMs += this.#now() - now;
    if (this.#flight === flight && (leads || proven))
      this.#askAt = Math.max(this.#askAt, flight.startedAt + CALL_TIMEOUT_MS);
  }

  /** Until the answer under way is there or has failed; for those who cannot go on without it. */
  async settled(): Promise<void> {
    if (this.#flight !== undefined) await waitAtMost(this.#flight.done, CALL_TIMEOUT_MS + 100);
  }

  async #worthWaiting(done: Promise<void>): Promise<void> {
    if (!(await this.#source.isSilent())) await done;
  }

  async #fly(startedAt: number): Promise<void> {
    const answer = await this.#source.ask();
    if (answer.ok) this.hear(answer.value.epochs, answer.value.ageMs);
    else this.#askAt = this.#now() + NEWS_GOOD_MS;
    if (this.#flight?.startedAt === startedAt) this.#flight = undefined;
  }
}
