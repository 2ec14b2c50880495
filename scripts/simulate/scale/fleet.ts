// What a region's isolates ask of its object, second by second: reports at the pace the region tells them, and control news where their last is too
// old for a request. Pace, merging and stretching are the product's own (core/protocol); only time and transport are simulated, and isolates
// are many. A request finds its isolate as traffic would: at a mean rate, at random moments.
import {
  asksColoFirst,
  COLO_WORD_MS,
  LONGEST_WAIT_MS,
  NEWS_GOOD_MS,
  reportWaitMs,
} from "../../../worker/core/protocol/pace.ts";
import { beat, checkpointOf, emptyRegion, liveIsolates, takeReport } from "../../../worker/core/protocol/region.ts";
import type { InstanceDelta, Report } from "../../../worker/core/protocol/reports.ts";
import { seededChance, type Chance } from "../../../worker/core/stats/chance.ts";
import { BEGINNING, Clock } from "../clock.ts";

export interface ScaleSettings {
  readonly isolates: number;
  /** That share the isolates: those of one tell each other what the region said. 0: nobody tells anybody. */
  readonly colos: number;
  readonly services: number;
  /** Of each service. */
  readonly instances: number;
  /** Of each isolate. */
  readonly requestsPerSecond: number;
  /** How long isolates are given to find their pace, and how long is measured. */
  readonly settleSeconds: number;
  readonly seconds: number;
  readonly seed: number;
}

/** Of one region, over the measured time. */
export interface Load {
  readonly reportsPerSecond: number;
  readonly newsPerSecond: number;
  /** Questions that another isolate of the colo had just asked. */
  readonly sparedPerSecond: number;
  /** Reports and questions in the busiest second, the start left out, and in it. */
  readonly peak: number;
  readonly startPeak: number;
  /** As the region tells it at the end. */
  readonly intervalMs: number;
  readonly knownIsolates: number;
  readonly reportBytes: number;
  /** What is written every ten seconds. */
  readonly checkpointBytes: number;
  /** Of deciding alone, without transport: µs of CPU a report, and ms a beat. */
  readonly reportMicros: number;
  readonly beatMs: number;
}

const FIRST_INTERVAL_MS = 1_000;
const TIMED_ONE_IN = 16;
/** There and back, with the object's own time. */
const CALL_MS = 20;

export function simulateRegion(settings: ScaleSettings): Load {
  return new Region(settings).run();
}

class Region {
  readonly #of: ScaleSettings;
  readonly #clock = new Clock();
  readonly #chance: Chance;
  readonly #state = emptyRegion(BEGINNING);
  readonly #perSecond: { reports: number; news: number; spared: number }[];
  /** By colo, when what was told there last was true. */
  readonly #words = new Map<number, number>();
  #decidingMicros = 0;
  #taken = 0;
  #beatingMicros = 0;
  #beats = 0;

  constructor(settings: ScaleSettings) {
    this.#of = settings;
    this.#chance = seededChance(settings.seed);
    const seconds = settings.settleSeconds + settings.seconds;
    this.#perSecond = Array.from({ length: seconds + 2 }, () => ({ reports: 0, news: 0, spared: 0 }));
  }

  run(): Load {
    const { isolates, settleSeconds, seconds } = this.#of;
    for (let index = 0; index < isolates; index++) this.#isolate(index);
    this.#beat();
    this.#clock.runUntil(BEGINNING + (settleSeconds + seconds) * 1_000);
    const measured = this.#perSecond.slice(settleSeconds, settleSeconds + seconds);
    const mean = (of: "reports" | "news" | "spared"): number =>
      measured.reduce((sum, second) => sum + second[of], 0) / seconds;
    const busiest = (some: typeof measured): number => Math.max(...some.map(({ reports, news }) => reports + news));
    return {
      reportsPerSecond: mean("reports"),
      newsPerSecond: mean("news"),
      sparedPerSecond: mean("spared"),
      peak: busiest(measured),
      startPeak: busiest(this.#perSecond.slice(0, settleSeconds)),
      intervalMs: this.#state.nextReportMs,
      knownIsolates: liveIsolates(this.#state, this.#clock.now),
      reportBytes: JSON.stringify(this.#report("0".repeat(36), 1, 1_000)).length,
      checkpointBytes: JSON.stringify(checkpointOf(this.#state)).length,
      reportMicros: this.#decidingMicros / Math.max(1, this.#taken),
      beatMs: this.#beatingMicros / Math.max(1, this.#beats) / 1_000,
    };
  }

  #count(of: "reports" | "news" | "spared"): void {
    const second = this.#perSecond[Math.floor((this.#clock.time - BEGINNING) / 1_000)];
    if (second !== undefined) second[of]++;
  }

  /** Its first request comes within its first second; from then on it reports, and asks where its news is old. */
  #isolate(index: number): void {
    const clock = this.#clock;
    const id = `${index}`.padStart(36, "0");
    let sequence = 0;
    let sentAt = Number.NEGATIVE_INFINITY;
    let newsGoodUntil = 0;
    let intervalMs = FIRST_INTERVAL_MS;
    const nextRequest = (): number => (-Math.log(1 - this.#chance()) * 1_000) / this.#of.requestsPerSecond;
    const colo = this.#of.colos === 0 ? undefined : index % this.#of.colos;
    const heard = (at: number): void => {
      newsGoodUntil = at + NEWS_GOOD_MS;
      // The first request past that asks, unless a report was answered meanwhile.
      const goodUntil = newsGoodUntil;
      clock.at(goodUntil + nextRequest(), () => {
        if (newsGoodUntil === goodUntil) ask();
      });
    };
    const answered = (): void => {
      if (colo !== undefined && asksColoFirst(intervalMs)) this.#words.set(colo, clock.now);
      heard(clock.now);
    };
    const ask = (): void => {
      const word = colo !== undefined && asksColoFirst(intervalMs) ? this.#words.get(colo) : undefined;
      if (word !== undefined && clock.now - word <= COLO_WORD_MS) {
        this.#count("spared");
        return heard(word);
      }
      this.#count("news");
      clock.after(CALL_MS, answered);
    };
    const report = (): void => {
      this.#count("reports");
      const spanMs = Number.isFinite(sentAt) ? clock.now - sentAt : intervalMs;
      sentAt = clock.now;
      const told = this.#report(id, ++sequence, spanMs);
      clock.after(CALL_MS, () => {
        this.#take(told);
        intervalMs = this.#state.nextReportMs;
        answered();
        // As the reporter does: a pause in which nothing is due, then a request that waits its turn.
        const pauseMs = Math.max(0, intervalMs - LONGEST_WAIT_MS);
        clock.after(pauseMs + nextRequest(), () =>
          clock.after(reportWaitMs(clock.now - sentAt, intervalMs, this.#chance), report),
        );
      });
    };
    clock.after(this.#chance() * 1_000, report);
  }

  #arrived = 0;

  #take(report: Report): void {
    // Reading the clock costs as much as what is timed: one of a few is.
    if (this.#arrived++ % TIMED_ONE_IN !== 0) {
      takeReport(this.#state, report, this.#clock.now);
      return;
    }
    const before = process.threadCpuUsage();
    takeReport(this.#state, report, this.#clock.now);
    const { user, system } = process.threadCpuUsage(before);
    this.#decidingMicros += user + system;
    this.#taken++;
  }

  /** The object's beat, once a second. */
  #beat(): void {
    this.#clock.after(1_000, () => {
      const before = process.threadCpuUsage();
      beat(this.#state, this.#clock.now);
      const { user, system } = process.threadCpuUsage(before);
      this.#beatingMicros += user + system;
      this.#beats++;
      // Batches of services leave with every beat.
      this.#state.pending.clear();
      this.#beat();
    });
  }

  /** Of an isolate that has asked every service's every instance for a share of its requests. */
  #report(isolate: string, sequence: number, spanMs: number): Report {
    const { services, instances, requestsPerSecond } = this.#of;
    const requests = Math.max(1, Math.round((requestsPerSecond * spanMs) / 1_000));
    const each = Math.max(1, Math.round(requests / (services * instances)));
    return {
      isolate,
      region: "here",
      sequence,
      spanMs,
      urgent: false,
      generation: 1,
      services: this.#toldOf(each),
      requests: { total: requests, failed: 0, refused: 0 },
    };
  }

  readonly #told = new Map<number, Report["services"]>();

  /** Of all services, each instance having answered so many; made once for each number, for there are millions of reports. */
  #toldOf(answered: number): Report["services"] {
    const known = this.#told.get(answered);
    if (known !== undefined) return known;
    const delta: InstanceDelta = {
      ...{ ok: answered, failed: 0, limited: 0, slow: 0 },
      ewmaMs: 40,
      inFlight: 1,
      times: [20, answered],
    };
    const { services, instances } = this.#of;
    const service = Object.fromEntries(Array.from({ length: instances }, (_, index) => [`i${index}`, delta]));
    const told = Object.fromEntries(Array.from({ length: services }, (_, index) => [`service-${index}`, service]));
    this.#told.set(answered, told);
    return told;
  }
}
