// What this isolate's AI calls used, by provider and model: for metrics, and as slices for rollups and alerts. Names come from the
// policy: models that only clients have named are counted together.
import type { Usage } from "../core/providers/chat.ts";
import { promptTokens } from "../core/providers/chat.ts";
import type { SliceRow } from "../core/protocol/rollups.ts";
import { clearSketch, flatten, record, sketch, type Sketch } from "../core/stats/sketch.ts";

const MOST_MODELS = 500;
const OTHER = "other";

export interface AiCount {
  readonly provider: string;
  readonly model: string;
  answered: number;
  failed: number;
  uncached: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
  dollars: number;
  readonly untold: {
    requests: number;
    failed: number;
    inputTokens: number;
    outputTokens: number;
    microdollars: number;
    streamedTokens: number;
    streamedMs: number;
    readonly times: Sketch;
    readonly firstTimes: Sketch;
  };
}

export class AiCounts {
  #counts = new Map<string, AiCount>();

  get all(): Iterable<AiCount> {
    return this.#counts.values();
  }

  /** A call that was answered: when its answer began, and how long it went on after that, 0 for one that came whole. */
  answered(provider: string, model: string, usage: Usage, dollars: number, firstMs: number, onMs: number): void {
    const count = this.#of(provider, model);
    count.answered++;
    count.uncached += usage.uncached;
    count.cacheRead += usage.cacheRead;
    count.cacheWrite += usage.cacheWrite;
    count.output += usage.output;
    count.reasoning += usage.reasoning;
    count.dollars += dollars;
    const { untold } = count;
    untold.requests++;
    untold.inputTokens += promptTokens(usage);
    untold.outputTokens += usage.output;
    untold.microdollars += dollars * 1e6;
    record(untold.times, firstMs + onMs);
    if (onMs <= 0) return;
    record(untold.firstTimes, firstMs);
    untold.streamedTokens += Math.max(0, usage.output - 1);
    untold.streamedMs += onMs;
  }

  /** An attempt that brought nothing, by the provider's fault. */
  failed(provider: string, model: string): void {
    const count = this.#of(provider, model);
    count.failed++;
    count.untold.requests++;
    count.untold.failed++;
  }

  /** Since the last call. */
  slices(): SliceRow[] {
    const rows: SliceRow[] = [];
    for (const { provider, model, untold } of this.#counts.values()) {
      if (untold.requests === 0) continue;
      const { times, firstTimes, ...counts } = untold;
      rows.push({ provider, model, ...counts, times: flatten(times), firstTimes: flatten(firstTimes) });
      untold.requests = untold.failed = untold.inputTokens = untold.outputTokens = untold.microdollars = 0;
      untold.streamedTokens = untold.streamedMs = 0;
      clearSketch(times);
      clearSketch(firstTimes);
    }
    return rows;
  }

  #of(provider: string, model: string): AiCount {
    const key = `${provider}/${model}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= MOST_MODELS && model !== OTHER) return this.#of(provider, OTHER);
    const made: AiCount = {
      ...{ provider, model, answered: 0, failed: 0, uncached: 0, cacheRead: 0, cacheWrite: 0 },
      ...{ output: 0, reasoning: 0, dollars: 0 },
      untold: {
        ...{ requests: 0, failed: 0, inputTokens: 0, outputTokens: 0, microdollars: 0 },
        ...{ streamedTokens: 0, streamedMs: 0, times: sketch(), firstTimes: sketch() },
      },
    };
    this.#counts.set(key, made);
    return made;
  }
}
