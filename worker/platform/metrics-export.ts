// Metrics on their way to an OpenTelemetry collector: deltas out of the rollups, from `InsightObject` alone, every few seconds of traffic. What a
// collector did not take is told again with what came since, as far back as seconds are kept; a crash loses what was not told.
import { merge, rowOf, SECOND } from "../core/insight/rollup.ts";
import { metricsBody } from "../core/insight/otlp-metrics.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";
import { postOtlp } from "./otlp-post.ts";
import type { Rollups } from "./rollups.ts";

/** A second is told when all regions have had time to tell theirs. */
const SETTLED_MS = 2_000;

type Otlp = Exclude<Policy["telemetry"]["otlp"], false>;

export class MetricsExport {
  readonly collector = new OffPath("OTLP collector (metrics)");
  #env: Env;
  #rollups: Rollups;
  /** Up to where everything is told, epoch ms. */
  #toldTo: number;
  #isTelling = false;

  constructor(env: Env, rollups: Rollups, now: number) {
    this.#env = env;
    this.#rollups = rollups;
    this.#toldTo = rowOf(now, SECOND);
  }

  /** When there is something to tell next; undefined where the policy wants nothing told. */
  dueAt({ otlp }: Policy["telemetry"], now: number): number | undefined {
    if (otlp === false || !otlp.metrics) {
      this.#toldTo = rowOf(now, SECOND);
      return undefined;
    }
    return this.#toldTo + otlp.metricsSeconds * 1_000 + SETTLED_MS;
  }

  async send(otlp: Otlp, now: number): Promise<void> {
    const to = rowOf(now - SETTLED_MS, SECOND);
    const from = Math.max(this.#toldTo, now - SECOND.keptMs);
    if (this.#isTelling || to <= from) return;
    const body = metricsBody(merge(this.#rollups.read(SECOND, from, to)), from, to);
    if (body === undefined) {
      this.#toldTo = to;
      return;
    }
    this.#isTelling = true;
    const sent = await this.collector.call(() => postOtlp(otlp, "metrics", body, this.#env), otlp.timeoutMs);
    this.#isTelling = false;
    if (sent.ok) this.#toldTo = to;
  }
}
