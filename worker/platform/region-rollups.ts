// What happened in a region, on its way to the one `InsightObject`: slices of all isolates' reports, merged and told once a second of
// traffic. A batch that may have been lost is told again under its own number, which is counted once; meanwhile what comes is
// kept for the next. While `InsightObject` is away, slices merge and nothing grows.
import { takeKinds, type Kind } from "../core/insight/kinds.ts";
import { INSIGHT_NAME } from "../core/protocol/names.ts";
import { MOST_SERIES } from "../core/insight/rollup.ts";
import type { InstanceDelta, Report } from "../core/protocol/reports.ts";
import {
  addSlice,
  seriesName,
  type RollupBatch,
  type SeriesName,
  type Slice,
  type SliceRow,
  type Slices,
} from "../core/protocol/rollups.ts";
import type { EvidenceNews, RepeatRow } from "../core/protocol/suggestions.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

const TIMEOUT_MS = 1_000;
const MOST_REPEATS = 500;

export class RegionRollups {
  readonly offPath = new OffPath("InsightObject");
  /** Slices of series that had no room. */
  leftOut = 0;
  #env: Pick<Env, "INSIGHT">;
  #slices: Slices = {};
  /** Of kinds of requests, by name, and of answers that were looked at. */
  #kinds = new Map<string, Kind>();
  #repeats: RepeatRow[] = [];
  #series = 0;
  #number = 0;
  #unconfirmed: RollupBatch | undefined;
  #telling = false;

  constructor(env: Pick<Env, "INSIGHT">) {
    this.#env = env;
  }

  take(report: Report): void {
    for (const row of report.slices ?? []) {
      for (const series of seriesOf(row, report.region)) this.#add(series, row);
      // A model's calls are part of requests that are counted already; what they use and cost is not.
      const spent = row.provider === undefined ? undefined : spentOf(row);
      if (spent !== undefined) {
        this.#add("fleet", spent);
        this.#add(seriesName("region", report.region), spent);
      }
    }
    for (const [service, instances] of Object.entries(report.services)) {
      for (const [id, delta] of Object.entries(instances)) {
        const slice = sliceOf(delta);
        if (slice !== undefined) this.#add(seriesName("instance", `${service}/${id}`), slice);
      }
    }
    if (report.evidence === undefined) return;
    this.leftOut += takeKinds(this.#kinds, report.evidence.kinds, report.region);
    const room = MOST_REPEATS - this.#repeats.length;
    this.#repeats.push(...report.evidence.repeats.slice(0, Math.max(0, room)));
  }

  #evidence(region: string): EvidenceNews | undefined {
    if (this.#kinds.size + this.#repeats.length === 0) return undefined;
    const kinds = [...this.#kinds.values()];
    const repeats = this.#repeats;
    this.#kinds = new Map();
    this.#repeats = [];
    return { region, kinds, repeats };
  }

  #add(series: SeriesName, slice: Slice): void {
    const own = this.#slices[series];
    if (own !== undefined) addSlice(own, slice);
    else if (this.#series < MOST_SERIES) {
      this.#slices[series] = addSlice({}, slice);
      this.#series++;
    } else this.leftOut++;
  }

  /** Tells what there is; the batch that was not confirmed goes first. */
  async tell(region: string): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    try {
      let confirmed = true;
      if (this.#unconfirmed !== undefined) confirmed = await this.#exchange(this.#unconfirmed);
      if (!confirmed || this.#series === 0) return;
      this.#number = Math.max(Date.now(), this.#number + 1);
      const evidence = this.#evidence(region);
      this.#unconfirmed = {
        ...{ region, number: this.#number, slices: this.#slices },
        ...(evidence === undefined ? {} : { evidence }),
      };
      this.#slices = {};
      this.#series = 0;
      await this.#exchange(this.#unconfirmed);
    } finally {
      this.#telling = false;
    }
  }

  async #exchange(batch: RollupBatch): Promise<boolean> {
    const answer = await this.offPath.call(() => this.#env.INSIGHT.getByName(INSIGHT_NAME).rollup(batch), TIMEOUT_MS);
    if (answer.ok) this.#unconfirmed = undefined;
    return answer.ok;
  }
}

/** Whose series a row counts for. */
function seriesOf(row: SliceRow, region: string): SeriesName[] {
  const { route, service, provider, model, level, experiment, group, trial, arm } = row;
  if (trial !== undefined) return arm === undefined ? [] : [seriesName(arm, trial)];
  const series: SeriesName[] = [];
  if (experiment !== undefined) {
    if (group === "faulted" || group === "control") series.push(seriesName(group, experiment));
    return [...series, seriesName("experiment", experiment)];
  }
  // Its hits are those of requests that are counted already.
  if (level !== undefined) return [seriesName("level", level)];
  // A row of a model tells of calls within requests, which have a row of their own.
  if (provider === undefined) series.push("fleet", seriesName("region", region));
  if (route !== undefined && route !== "") series.push(seriesName("route", route));
  if (service !== undefined && service !== "") series.push(seriesName("service", service));
  if (provider !== undefined) series.push(seriesName("provider", provider));
  if (provider !== undefined && model !== undefined) series.push(seriesName("model", `${provider}/${model}`));
  return series;
}

function spentOf({ inputTokens = 0, outputTokens = 0, microdollars = 0 }: SliceRow): Slice | undefined {
  return inputTokens + outputTokens + microdollars > 0 ? { inputTokens, outputTokens, microdollars } : undefined;
}

function sliceOf({ ok, failed, limited, times }: InstanceDelta): Slice | undefined {
  const requests = ok + failed + limited;
  return requests === 0 ? undefined : { requests, failed, limited, rejected: limited, times };
}
