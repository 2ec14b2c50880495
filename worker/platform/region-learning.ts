// What a region's isolates saw of how choices turned out, on its way to the one `InsightObject`: summed here, told every few
// seconds while there is any, and the mixes that were learned from it on their way back. What cannot be told stays summed
// and is told later; while `InsightObject` is away the last mixes stand.
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { INSIGHT_NAME } from "../core/protocol/names.ts";
import type { LearnNews } from "../core/protocol/insight.ts";
import type { ChoiceTally, Report, Reply } from "../core/protocol/reports.ts";
import { addTally, tally } from "../core/routing/learn.ts";
import type { Env } from "./env.ts";
import { OffPath } from "./offpath.ts";

const TELL_EVERY_MS = 5_000;
const TIMEOUT_MS = 1_000;

export class RegionLearning {
  #env: Pick<Env, "INSIGHT">;
  #offPath = new OffPath("InsightObject");
  #policy: CompiledPolicy | undefined;
  #tallies = new Map<string, ChoiceTally>();
  #mixes = new Map<string, NonNullable<Reply["mixes"]>[string]>();
  #toldAt = 0;

  constructor(env: Pick<Env, "INSIGHT">) {
    this.#env = env;
  }

  configure(policy: CompiledPolicy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    for (const service of this.#mixes.keys()) if (!this.#learns(service)) this.#mixes.delete(service);
    for (const service of this.#tallies.keys()) if (!this.#learns(service)) this.#tallies.delete(service);
  }

  #learns(service: string): boolean {
    return this.#policy?.services.get(service)?.options.routing.adaptive.learn === true;
  }

  take(report: Report): void {
    for (const [service, choices] of Object.entries(report.choices ?? {})) {
      if (!this.#learns(service)) continue;
      const sum = this.#tallies.get(service) ?? tally();
      addTally(sum, choices);
      this.#tallies.set(service, sum);
    }
  }

  /** Tells what there is, not oftener than every few seconds unless at once. */
  async tell(atOnce = false): Promise<void> {
    const now = Date.now();
    if (!atOnce && (this.#tallies.size === 0 || now - this.#toldAt < TELL_EVERY_MS)) return;
    this.#toldAt = now;
    const services = atOnce ? new Set([...this.#tallies.keys(), ...this.#mixes.keys()]) : this.#tallies.keys();
    const news: Record<string, LearnNews> = {};
    for (const service of services) {
      const settings = this.#policy?.services.get(service)?.options.routing.adaptive;
      if (settings !== undefined) news[service] = { settings, tally: this.#tallies.get(service) ?? tally() };
    }
    const told = this.#tallies;
    this.#tallies = new Map();
    const answer = await this.#offPath.call(() => this.#env.INSIGHT.getByName(INSIGHT_NAME).learn(news), TIMEOUT_MS);
    if (!answer.ok) return this.#keep(told);
    for (const service of Object.keys(news)) {
      const mix = answer.value[service];
      if (mix === undefined) this.#mixes.delete(service);
      else this.#mixes.set(service, mix);
    }
  }

  /** What was not heard is told again, together with what came meanwhile. */
  #keep(told: ReadonlyMap<string, ChoiceTally>): void {
    for (const [service, sum] of told) {
      const since = this.#tallies.get(service);
      if (since !== undefined) addTally(sum, since);
      this.#tallies.set(service, sum);
    }
  }

  /** What isolates are told; undefined while the policy's own mixes are in force. */
  mixes(): Reply["mixes"] {
    return this.#mixes.size === 0 ? undefined : Object.fromEntries(this.#mixes);
  }
}
