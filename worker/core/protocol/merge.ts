// Adding up what isolates report. Counts and sketch buckets are summed, so the order of reports never matters;
// the response time is weighted by the answers behind it, so that an idle isolate's old figure carries no weight.
import { mergeTimes } from "../stats/sketch.ts";
import type { InstanceDelta, Outcomes } from "./reports.ts";

/** Counts of one instance on their way through the region; `times` as in `InstanceDelta`. */
export interface Tally extends Outcomes {
  /** Answers whose isolate knew a response time, and the sum of those times, ms. */
  timed: number;
  timeMs: number;
  times: number[];
  /** What of it is fresh. */
  recent: Outcomes;
}

const NONE: Outcomes = Object.freeze({ ok: 0, failed: 0, limited: 0, slow: 0 });

export const emptyTally = (): Tally => ({ ...NONE, timed: 0, timeMs: 0, times: [], recent: NONE });

/** Answers counted: slow ones are also ok or failed. */
export const answers = (counts: Outcomes): number => counts.ok + counts.failed + counts.limited;

/** The tally with this delta counted in. */
export function addDelta(tally: Tally, delta: InstanceDelta): Tally {
  const timed = delta.ewmaMs > 0 ? answers(delta) : 0;
  return {
    ...addOutcomes(tally, delta),
    recent: addOutcomes(tally.recent, delta.recent ?? delta),
    timed: tally.timed + timed,
    timeMs: tally.timeMs + timed * delta.ewmaMs,
    times: delta.times.length === 0 ? tally.times : mergeTimes(tally.times, delta.times),
  };
}

/** Mean response time of the tally, ms; 0 when nothing was measured. */
export const meanMs = ({ timed, timeMs }: Tally): number => (timed === 0 ? 0 : timeMs / timed);

export const addOutcomes = (total: Outcomes, more: Outcomes): Outcomes => ({
  ok: total.ok + more.ok,
  failed: total.failed + more.failed,
  limited: total.limited + more.limited,
  slow: total.slow + more.slow,
});

/** EWMA (A16) of samples that come once a second; the first one stands for itself. */
const ALPHA = 0.1;
export const smooth = (before: number | undefined, sample: number): number =>
  before === undefined ? sample : before + ALPHA * (sample - before);

/** What one region's object takes a second, and how far apart one isolate's reports may get. */
export const REPORT_RATES = { perSecond: 200, minimumMs: 1_000, maximumMs: 60_000 } as const;

/** How long an isolate waits for its next report, so that all of them together keep to the rate. */
export const reportInterval = (isolates: number, rates: typeof REPORT_RATES = REPORT_RATES): number =>
  Math.min(rates.maximumMs, Math.max(rates.minimumMs, Math.ceil((isolates * 1_000) / rates.perSecond)));
