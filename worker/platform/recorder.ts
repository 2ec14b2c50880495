// Where records go: to Analytics Engine and the log at once, to OpenTelemetry in batches of a second or a hundred, in the background of a
// request. Nothing waits for it; a collector that is away costs its spans and is left alone for a while. What a crash loses
// is the batch.
import { dataPoint, logLine, type RequestRecord } from "../core/insight/record.ts";
import { traces } from "../core/insight/otlp.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Chance } from "../core/stats/chance.ts";
import { after } from "./after.ts";
import type { Env } from "./env.ts";
import type { Background } from "./news.ts";
import { OffPath } from "./offpath.ts";
import { postOtlp } from "./otlp-post.ts";

const BATCH_MS = 1_000;
const MOST_SPANS = 100;

type Telemetry = Policy["telemetry"];

export class Recorder {
  readonly otlp: OffPath;
  /** Spans that found no room, or that the collector did not take. */
  lost = 0;
  #env: Env;
  #now: () => number;
  #chance: Chance;
  #telemetry: Telemetry | undefined;
  #wants = false;
  #spans: RequestRecord[] = [];
  #sentAt = 0;

  constructor(env: Env, now: () => number = Date.now, chance: Chance = Math.random) {
    this.#env = env;
    this.#now = now;
    this.#chance = chance;
    this.otlp = new OffPath("OTLP collector", now);
  }

  /** Whether a record should be made: a comparison where the policy records nothing. */
  wants(telemetry: Telemetry, status: number, tookMs: number): boolean {
    if (telemetry !== this.#telemetry) this.#configure(telemetry);
    if (!this.#wants) return false;
    const { logs, sampleRate } = telemetry;
    if (logs !== false && (status >= 500 || tookMs > logs.slowMs)) return true;
    return sampleRate >= 1 || this.#chance() < sampleRate;
  }

  #configure(telemetry: Telemetry): void {
    this.#telemetry = telemetry;
    const { analyticsEngine, logs, otlp } = telemetry;
    const analyses = analyticsEngine && this.#env.ANALYTICS !== undefined;
    this.#wants = analyses || logs !== false || (otlp !== false && otlp.traces);
  }

  record(record: RequestRecord, background: Background): void {
    const { analyticsEngine, logs, otlp } = this.#telemetry!;
    if (analyticsEngine) this.#env.ANALYTICS?.writeDataPoint(dataPoint(record));
    if (logs !== false && this.#logs(record, logs)) console.log(logLine(record));
    if (otlp === false || !otlp.traces) return;
    if (otlp.sampleRate < 1 && this.#chance() >= otlp.sampleRate) return;
    // W3C Trace Context §3.2.2.5.1: who began the trace has decided whether it is recorded.
    if (!record.traceparent.endsWith("1")) return;
    if (this.#spans.length >= 2 * MOST_SPANS) {
      this.lost++;
      return;
    }
    this.#spans.push(record);
    if (this.#spans.length >= MOST_SPANS || this.#now() - this.#sentAt >= BATCH_MS) {
      this.#sentAt = this.#now();
      background.waitUntil(this.#send(otlp));
    }
  }

  #logs({ status, tookMs }: RequestRecord, logs: Exclude<Telemetry["logs"], false>): boolean {
    return status >= 500 || tookMs > logs.slowMs || logs.sampleRate >= 1 || this.#chance() < logs.sampleRate;
  }

  /** What gathers in a second goes together: the request that begins it waits for the others, behind its answer. */
  async #send(otlp: Exclude<Telemetry["otlp"], false>): Promise<void> {
    if (this.#spans.length < MOST_SPANS) await after(BATCH_MS);
    const records = this.#spans;
    this.#spans = [];
    if (records.length === 0) return;
    const sent = await this.otlp.call(() => postOtlp(otlp, "traces", traces(records, otlp), this.#env), otlp.timeoutMs);
    if (!sent.ok) this.lost += records.length;
  }
}
