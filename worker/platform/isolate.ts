// Everything one isolate keeps between requests, put together once, at its first request: ids need a request's chance.
// The hot path reads `ready(now)` and `reporter.due(now)`, both a comparison of numbers; all else happens in the
// background, and what the background cannot reach leaves the last known in force.
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import { LEDGERS } from "../core/protocol/ledgers.ts";
import { asksColoFirst } from "../core/protocol/pace.ts";
import type { Epochs, Reply, Report } from "../core/protocol/reports.ts";
import { ok } from "../core/result/result.ts";
import { SecurityLog } from "../core/security/events.ts";
import type { CacheKeeper } from "./cache/keeper.ts";
import { ColoNews } from "./colo-news.ts";
import type { Env } from "./env.ts";
import { Budgets } from "./budgets.ts";
import { Evidence } from "./evidence.ts";
import { Limiter } from "./limiter.ts";
import { LimiterLink } from "./limiter-link.ts";
import { HeldPlaces } from "./places-held.ts";
import { Metrics } from "./metrics.ts";
import { News, type Background } from "./news.ts";
import { waitAtMost, type CallFailure } from "./offpath.ts";
import { Objects } from "./objects.ts";
import { Orders } from "./orders.ts";
import { Policies, readPolicy, type Compile } from "./policies.ts";
import { RegionLink } from "./region.ts";
import { Reporter, type Findings } from "./reporter.ts";

/** What the instances' keeper tells and is told. */
export interface ReportSource {
  /** Counts since the last call, gauges as of now; services with neither news nor requests in flight are left out. */
  drain(): Report["services"];
  /** Leases wanted, and what became of those it had, since the last call. */
  leases?(now: number): Report["leases"];
  /** By service, generation of the discovered instances it holds. */
  discovered?(): Report["discovered"];
  /** By service, how choices turned out since the last call. */
  choices?(): Report["choices"];
  /** By service, requests that found nobody to be sent to since the last call. */
  refused?(): Report["refused"];
  /** Verdicts, leases, health and found instances for this isolate; each reply once, and never an overtaken one. */
  hear?(reply: Reply, now: number): void;
  /** The region did not answer, or is left alone for now: nobody should wait for it. */
  away?(): void;
}

/** A reply that was overtaken is older by less than this; beyond it, the region's clock was set back. */
const OVERTAKEN_MS = 10_000;

export class Isolate {
  readonly id: string;
  readonly env: Env;
  readonly metrics = new Metrics();
  /** What suggestions are made of. */
  readonly evidence = new Evidence();
  readonly policies: Policies;
  readonly region: RegionLink;
  readonly news: News;
  readonly colo: ColoNews;
  readonly reporter: Reporter;
  readonly objects: Objects;
  readonly limiterLink: LimiterLink;
  readonly limiter: Limiter;
  readonly budgets: Budgets;
  readonly places: HeldPlaces;
  /** Purges, changes of keys, experiments: whoever obeys them subscribes. */
  readonly orders = new Orders();
  /** Who came with what he should not: told with the next report. */
  readonly security = new SecurityLog();
  /** What surrounds this isolate's cache; the gateway puts it here. */
  cache: CacheKeeper | undefined = undefined;
  readonly now: () => number;

  constructor(
    env: Env,
    source: ReportSource,
    compile: Compile = readPolicy,
    now: () => number = Date.now,
    random: () => number = Math.random,
  ) {
    this.env = env;
    this.now = now;
    this.id = crypto.randomUUID();
    const region = new RegionLink(env, now);
    const policies = new Policies(env, compile, now);
    this.region = region;
    this.policies = policies;
    this.limiterLink = new LimiterLink(env, now);
    this.limiter = new Limiter(this.limiterLink, this.id, now);
    this.budgets = new Budgets(this.limiterLink);
    this.places = new HeldPlaces(this.limiterLink, this.id, now);
    this.objects = new Objects(env, () => policies.current?.policy, now);
    const colo = new ColoNews(now);
    this.colo = colo;
    this.news = new News(
      {
        ask: async () => {
          if (asksColoFirst(this.#reportIntervalMs)) {
            const word = await colo.read(region.name);
            if (word !== undefined && !this.#isNewer(word.epochs)) {
              colo.spared++;
              this.#tell(source, word.reply);
              return ok(word);
            }
          }
          const answer = await region.news(policies.known, source.discovered?.(), this.orders.numbers);
          if (answer.ok) {
            if (answer.value.policy !== undefined) policies.take(answer.value.policy, "region");
            this.#tell(source, answer.value.reply);
            // Not waited for: requests wait for the answer.
            void this.#tellColo(answer.value.reply);
          } else await this.#isAway(source, answer.error);
          return answer;
        },
        isSilent: () => colo.isSilent(region.name),
        get answered() {
          return region.offPath.answered;
        },
        get failuresInARow() {
          return region.offPath.failuresInARow;
        },
      },
      now,
    );
    this.reporter = new Reporter(
      this.id,
      () => region.name,
      {
        gather: () => this.#gather(source),
        send: async (report) => {
          const answer = await region.report(report);
          if (!answer.ok) await this.#isAway(source, answer.error);
          return answer;
        },
        heard: (reply) => this.#hear(source, reply),
        get restUntil() {
          return region.offPath.restUntil;
        },
      },
      now,
      random,
    );
  }

  /** The policy in force, when nothing needs to be waited for. */
  ready(now: number): CompiledPolicy | undefined {
    return this.news.fresh(now) ? this.policies.current : undefined;
  }

  /**
   * The policy in force after asking for news, waiting at most 100 ms for it; without any policy yet, up to two
   * seconds for one from KV or the region. Undefined when neither has one: the answer is 503.
   */
  async refresh(background: Background, cf?: IncomingRequestCfProperties): Promise<CompiledPolicy | undefined> {
    const { policies, news, region } = this;
    const inForce = () => policies.current;
    region.settle(cf, inForce()?.policy);
    if (inForce() !== undefined) {
      await news.refresh(background);
      return inForce();
    }
    // Both at once where the region is known by name: a cold isolate pays the slower of the two.
    const asking = this.env.REGION_NAME ? news.refresh(background, this.#mayAsk()) : undefined;
    await policies.load(background);
    region.settle(cf, inForce()?.policy);
    await (asking ?? news.refresh(background, this.#mayAsk()));
    if (inForce() === undefined) await news.settled();
    region.settle(cf, inForce()?.policy);
    return inForce();
  }

  /**
   * Until the region has answered a report made for this, or `patienceMs`: for a request that waits for news of an
   * instance or for a probe lease. Any number may wait at once; together they cost a call or two.
   */
  async ask(background: Background, patienceMs: number): Promise<void> {
    await waitAtMost(this.reporter.ask(background), patienceMs);
  }

  /** Without a policy every request may ask, fresh news or not, but the region not more often than twice a second. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #mayAsk(): boolean {
    const now = this.now();
    if (now - this.#askedAt < 500) return false;
    this.#askedAt = now;
    return true;
  }

  #gather(source: ReportSource): Findings {
    const { policies } = this;
    const problem = policies.error?.problems[0];
    const leases = source.leases?.(this.now());
    const discovered = source.discovered?.();
    const choices = source.choices?.();
    const security = this.security.drain();
    const cache = this.cache?.drain();
    const refused = source.refused?.();
    const telemetry = policies.current?.policy.telemetry;
    const evidence = telemetry === undefined ? undefined : this.evidence.drain(telemetry, this.now());
    return {
      generation: policies.current?.generation ?? 0,
      services: source.drain(),
      requests: this.metrics.drain(),
      slices: this.metrics.slices(),
      ledgers: { ...this.orders.numbers },
      ...(leases === undefined ? {} : { leases }),
      ...(discovered === undefined ? {} : { discovered }),
      ...(choices === undefined ? {} : { choices }),
      ...(security === undefined ? {} : { security }),
      ...(cache === undefined ? {} : { cache }),
      ...(refused === undefined ? {} : { refused }),
      ...(evidence === undefined ? {} : { evidence }),
      ...(problem === undefined ? {} : { policyError: `${problem.path} ${problem.message}`.trim() }),
    };
  }

  /** In the background of a report: what the reply tells of is fetched here, and KV looked at again when it is time. */
  async #hear(source: ReportSource, reply: Reply): Promise<void> {
    const { policies, news } = this;
    news.hear(reply.epochs, reply.newsAgeMs);
    this.#tell(source, reply);
    const under: Promise<unknown>[] = [this.#tellColo(reply)];
    const background: Background = { waitUntil: (promise) => void under.push(promise) };
    if (reply.epochs.policy > policies.known) await news.refresh(background, true);
    if (policies.due(this.now())) await policies.load(background);
    await this.cache?.hearPresence(this.now());
    // The report's own `waitUntil` keeps these alive.
    await Promise.all(under);
  }

  /** As the region said last; 0 before it said anything. */
  #reportIntervalMs = 0;
  async #tellColo(reply: Reply): Promise<void> {
    if (asksColoFirst(reply.nextReportMs)) await this.colo.tell(this.region.name, reply.newsAgeMs, reply);
  }

  /** Within the call's own `waitUntil`, long after everybody has stopped waiting for it. */
  async #isAway(source: ReportSource, { kind }: CallFailure): Promise<void> {
    source.away?.();
    // What fails at once costs nobody a wait.
    if (kind === "timeout") await this.colo.tellSilence(this.region.name);
  }

  /** Something has happened that this isolate has not heard the whole of. */
  #isNewer(epochs: Epochs): boolean {
    return (
      epochs.policy > this.policies.known || LEDGERS.some((ledger) => epochs[ledger] > this.orders.numbers[ledger])
    );
  }

  #toldAt = Number.NEGATIVE_INFINITY;
  #tell(source: ReportSource, reply: Reply): void {
    const behindMs = this.#toldAt - reply.at;
    if (behindMs >= 0 && behindMs < OVERTAKEN_MS) return;
    this.#toldAt = reply.at;
    this.#reportIntervalMs = reply.nextReportMs;
    this.region.reportsEvery(reply.nextReportMs);
    if (reply.ledgers !== undefined) this.orders.take(reply.ledgers);
    source.hear?.(reply, this.now());
  }
}
