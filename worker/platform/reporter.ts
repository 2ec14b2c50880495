// One report a second (±20 % jitter) from this isolate to its region, in the background of a request and only while
// there are any. The request that finds a report due waits in its `waitUntil` until a second has passed since the last
// one, a tenth of it at least, and then tells all that happened meanwhile: the last requests before a pause are told too,
// and an isolate with a request a second hears verdicts once a second. Where requests follow closely, one that was just
// answered takes the report over: then nobody is likely to wait for the thread. A report that may have been lost is sent again
// under its own number, which the region counts once; what happens meanwhile stays with its counters.
import { AFTER_ANSWER_MS, LONGEST_WAIT_MS, reportWaitMs, TAKE_OVER_MS } from "../core/protocol/pace.ts";
import type { Reply, Report } from "../core/protocol/reports.ts";
import type { Result } from "../core/result/result.ts";
import { after } from "./after.ts";
import type { Background } from "./news.ts";
import { CALL_TIMEOUT_MS, type CallFailure } from "./offpath.ts";

const FIRST_INTERVAL_MS = 1_000;
const FORGET_REPLY_MS = CALL_TIMEOUT_MS + 500;

/** What a report tells, gathered anew each time: counts since the last gathering. */
export type Findings = Pick<
  Report,
  | "generation"
  | "services"
  | "requests"
  | "leases"
  | "discovered"
  | "choices"
  | "refused"
  | "policyError"
  | "ledgers"
  | "slices"
  | "security"
  | "cache"
  | "evidence"
>;

export interface ReporterLinks {
  gather(): Findings;
  send(report: Report): Promise<Result<Reply, CallFailure>>;
  /** Applies a reply; awaited, so that it may fetch what the reply tells of. */
  heard(reply: Reply): Promise<void> | void;
  /** Epoch ms before which the region is not asked. */
  readonly restUntil: number;
}

export class Reporter {
  sent = 0;
  failed = 0;
  #isolate: string;
  #region: () => string;
  #links: ReporterLinks;
  #now: () => number;
  #random: () => number;
  #dueAt = 0;
  #intervalMs = FIRST_INTERVAL_MS;
  #gatheredAt: number;
  #sequence = 0;
  /** Calls that were begun, those that tell a report again among them. */
  #begun = 0;
  #unconfirmed: { readonly report: Report; readonly since: number; readonly sentAt: number } | undefined;
  #urgent = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Those who wait for the reply to a report that is not made yet. */
  #asked: PromiseWithResolvers<void> | undefined;
  /** A request waits for its report's turn, until this, epoch ms; Infinity: none does. */
  #waitsUntil = Number.POSITIVE_INFINITY;
  /** Epoch ms at which the call under way is over for sure; 0 when there is none. */
  #callEndsAt = 0;

  constructor(
    isolate: string,
    region: () => string,
    links: ReporterLinks,
    now: () => number = Date.now,
    random: () => number = Math.random,
  ) {
    this.#isolate = isolate;
    this.#region = region;
    this.#links = links;
    this.#now = now;
    this.#random = random;
    this.#gatheredAt = now();
  }

  /** Whether this request should carry a report: `if (due(now)) ctx.waitUntil(send())`. */
  due(now: number): boolean {
    return now >= this.#dueAt;
  }

  /** A local breaker tripped: the next `due` is true, and its report waits for nothing. */
  hurry(): void {
    this.#urgent = true;
    if (this.#links.restUntil <= this.#now()) this.#dueAt = 0;
  }

  /** A local trip is to be told: its report does not wait its turn. */
  get isUrgent(): boolean {
    return this.#urgent;
  }

  /**
   * Reports at once, for requests that wait for news or a lease. Settles when a report made after this call was answered
   * or failed; should the request that carries it be killed, it never does, so callers wait on a timer of their own.
   */
  ask(background: Background): Promise<void> {
    const now = this.#now();
    if (now < this.#links.restUntil) return Promise.resolve();
    this.#urgent = true;
    const { promise } = (this.#asked ??= Promise.withResolvers<void>());
    // The call under way, if there is one, is followed by ours.
    if (now >= this.#callEndsAt) background.waitUntil(this.send());
    return promise;
  }

  /** Waits its turn and reports. Never rejects for a region that is away. */
  async send(): Promise<void> {
    const now = this.#now();
    if (now < this.#callEndsAt) {
      // Reports go one by one, for a later number would make an earlier one a repeat. The one under way goes on for us.
      this.#dueAt = this.#callEndsAt;
      return;
    }
    // Whoever waits for the turn is nearly done waiting, or was killed: this request goes first, when it is answered.
    const takesOver = now >= this.#waitsUntil - TAKE_OVER_MS;
    const waits = !this.#urgent && !takesOver;
    const waitMs = waits ? reportWaitMs(now - this.#sentAt, this.#intervalMs, this.#random) : 0;
    this.#dueAt = now + (waits ? waitMs - TAKE_OVER_MS : FORGET_REPLY_MS);
    if (waits) this.#waitsUntil = now + waitMs;
    if (!this.#urgent) {
      const begun = this.#begun;
      await after(waits ? waitMs : AFTER_ANSWER_MS);
      // Another report has overtaken this one and told everything.
      if (this.#begun !== begun) return;
    }
    let confirmed: boolean;
    do confirmed = await this.#exchange();
    while (confirmed && this.#urgent);
    const pauseMs = Math.max(0, this.#intervalMs - LONGEST_WAIT_MS);
    this.#dueAt = Math.max(this.#links.restUntil, this.#now() + (confirmed ? pauseMs : this.#intervalMs));
  }

  async #exchange(): Promise<boolean> {
    const now = this.#now();
    const asked = this.#unconfirmed === undefined ? this.#asked : undefined;
    if (asked !== undefined) this.#asked = undefined;
    const report = this.#next(now);
    this.#begun++;
    this.#waitsUntil = Number.POSITIVE_INFINITY;
    this.#sentAt = now;
    this.#callEndsAt = now + FORGET_REPLY_MS;
    const answer = await this.#links.send(report);
    this.#callEndsAt = 0;
    if (!answer.ok) {
      this.failed++;
      asked?.resolve();
      this.#asked?.resolve();
      this.#asked = undefined;
      return false;
    }
    this.sent++;
    this.#unconfirmed = undefined;
    this.#intervalMs = answer.value.nextReportMs;
    const hearing = this.#links.heard(answer.value);
    // Verdicts and leases are in force as soon as they are heard; what else the reply tells of is fetched meanwhile.
    asked?.resolve();
    await hearing;
    return true;
  }

  /** The report that was not confirmed, with the time it covers drawn out to now, or a new one. */
  #next(now: number): Report {
    const urgent = this.#urgent;
    if (this.#unconfirmed === undefined) {
      this.#urgent = false;
      const report: Report = {
        isolate: this.#isolate,
        region: this.#region(),
        sequence: ++this.#sequence,
        spanMs: 0,
        urgent,
        ...this.#links.gather(),
      };
      this.#unconfirmed = { report, since: this.#gatheredAt, sentAt: now };
      this.#gatheredAt = now;
    } else this.#unconfirmed.report.againAfterMs = now - this.#unconfirmed.sentAt;
    const { report, since } = this.#unconfirmed;
    report.spanMs = now - since;
    return report;
  }
}
