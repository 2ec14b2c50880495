// One soak: rounds of a storm, a kill behind an acknowledged write, and a calm in which everything that was promised is asked for. Traffic
// and the operator go on all the while. Law: the seed decides what goes wrong and what is asked; only its timing is the machine's.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededChance } from "../../worker/core/stats/chance.ts";
import { Admin } from "./admin.ts";
import { judgeBody } from "./bodies.ts";
import { Canaries } from "./canaries.ts";
import { clock } from "./client.ts";
import { Counts } from "./counts.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { ADMIN_TOKEN, Fleet } from "./fleet.ts";
import { History } from "./history.ts";
import { Kills } from "./kills.ts";
import { Operator } from "./operator.ts";
import { LONGEST_MS, PEPPER, PROVIDER_KEY, REDIS_TOKEN, soakPolicy } from "./policy.ts";
import { Traffic } from "./traffic.ts";
import { startBreaker, startProvider, startRedis, startService, type RedisFront, type Upstream } from "./upstreams.ts";
import { Forecast, type Weather } from "./weather.ts";

export interface SoakSettings {
  readonly seed: number;
  readonly regions: readonly string[];
  /** Whether there is to be another round after so many. */
  readonly goesOn: (done: number) => boolean;
  /** Of each round, besides what killing and asking take. */
  readonly stormMs: number;
  readonly calmMs: number;
  /** Clients in each region, and how long one thinks between two requests. */
  readonly loops: number;
  readonly thinkMs: number;
  /** How much longer than the policy says anything may take on this machine. */
  readonly graceMs: number;
  /** Requests of each calm whose count is compared. */
  readonly counted: number;
  /** Takes state and everything else; the caller removes it. */
  readonly folder: string;
  readonly onProgress: (words: string) => void;
}

export interface Outcome {
  readonly history: History;
  readonly roundsDone: number;
  readonly toxicsMet: ReadonlyMap<string, number>;
  readonly bytesSearched: number;
  readonly filesSearched: number;
}

const CANARY = "c4n4ryOfTheSoak7x9q";
const SECRETS = {
  [REDIS_TOKEN]: `${CANARY}Redis`,
  [PEPPER]: `${CANARY}Pepper`,
  [PROVIDER_KEY]: `${CANARY}Provider`,
};
const ALERTS = 60;
const CACHED = Array.from({ length: 12 }, (_, index) => `/cached/page-${index}/bytes/${1_000 + index}`);
const OBEYED_WITHIN_MS = 5_000;
const POLICY_EVERY_MS = 1_000;

export async function runSoak(settings: SoakSettings): Promise<Outcome> {
  const soak = await Soak.open(settings);
  try {
    for (let done = 0; settings.goesOn(done); done++) {
      await soak.round(done + 1);
      settings.onProgress(soak.words(done + 1));
    }
  } catch (error) {
    // What was seen so far is told all the same.
    soak.history.violate(
      "crashed",
      `the soak could not go on: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    await soak.close();
  }
  return soak.outcome();
}

class Soak {
  readonly #of: SoakSettings;
  readonly #history = new History(clock);
  readonly #kills = new Kills();
  readonly #chance;
  readonly #canaries: Canaries;
  readonly #closing: (() => Promise<void>)[] = [];
  #fleet!: Fleet;
  #redis!: RedisFront;
  #proxies: FaultProxy[] = [];
  #operator!: Operator;
  #traffic!: Traffic;
  #counts!: Counts;
  /** To the counted service, as of the newest comparison: what clients sent, and what of it was answered. */
  #sent = 0;
  #answered = 0;
  #roundsDone = 0;
  #files = 0;
  #forecast!: Forecast;
  readonly #stop = new AbortController();
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(settings: SoakSettings) {
    this.#of = settings;
    this.#chance = seededChance(settings.seed);
    this.#canaries = new Canaries(this.#history, [CANARY, ADMIN_TOKEN]);
  }

  static async open(settings: SoakSettings): Promise<Soak> {
    const soak = new Soak(settings);
    try {
      await soak.#start();
    } catch (error) {
      await soak.close();
      throw error;
    }
    return soak;
  }

  async #start(): Promise<void> {
    const { regions, folder, seed } = this.#of;
    const say = (what: string, text: string): void => this.#canaries.search(what, text);
    const [steady, rough, odd, provider, redis] = await Promise.all([
      startService(clock),
      startService(clock),
      startBreaker(seededChance(seed + 1)),
      startProvider(),
      startRedis(SECRETS[REDIS_TOKEN]),
    ]);
    this.#redis = redis;
    this.#closing.push(...[steady, rough, odd, provider, redis].map((upstream: Upstream) => () => upstream.close()));
    // Three instances of what is rough, and one provider of two, stand behind proxies.
    for (const port of [rough.port, rough.port, rough.port, provider.port]) {
      const proxy = await FaultProxy.start(port, seededChance(seed + 2 + this.#proxies.length));
      this.#proxies.push(proxy);
      this.#closing.push(() => proxy.close());
    }
    mkdirSync(path.join(folder, "fleet"), { recursive: true });
    this.#fleet = await Fleet.start({
      regions,
      folder: path.join(folder, "fleet"),
      secrets: SECRETS,
      onLog: (who, message) => {
        this.#history.count("log lines");
        say(`log of ${who}`, message);
      },
      onCrash: (who) => this.#history.violate("crashed", `${who} died by itself`),
    });
    this.#closing.push(() => this.#fleet.close());
    const { origins } = this.#fleet;
    const admin = new Admin(origins, say);
    const at = (port: number): string => `http://127.0.0.1:${port}`;
    const places = {
      steady: [at(steady.port), at(steady.port)],
      rough: this.#proxies.slice(0, 3).map(({ origin }) => origin),
      odd: [at(odd.port)],
      providers: [this.#proxies[3]!.origin, at(provider.port)],
      redis: at(redis.port),
    };
    this.#operator = new Operator({
      admin,
      history: this.#history,
      chance: seededChance(seed + 10),
      regions: regions.length,
      policy: (variant) => soakPolicy(places, ALERTS, variant),
      cached: CACHED,
      instances: ["spare-1", "spare-2"],
    });
    this.#counts = new Counts(admin, "counted");
    this.#traffic = new Traffic({
      origins,
      history: this.#history,
      chance: seededChance(seed + 11),
      canary: CANARY,
      cached: CACHED,
      key: () => [...this.#operator.ledger.keys.values()].find(({ state }) => state === "live")?.key,
      killed: (index, from, to) => this.#kills.touched(regions[index]!, from, to),
      onText: say,
      patienceMs: { well: LONGEST_MS.well + this.#of.graceMs, rough: LONGEST_MS.rough + this.#of.graceMs },
    });
    this.#closing.push(async () => this.#traffic.close());
    // Of its own: how often others draw depends on the machine.
    this.#forecast = new Forecast(seededChance(seed + 12), regions);
    await this.#eventually("the first policy", () => this.#operator.push());
    await this.#everywhereReady();
    await this.#operator.makeKey();
    this.#busy = Promise.all([
      this.#traffic.run(this.#of.loops, this.#of.thinkMs, this.#stop.signal),
      this.#every(1_000, () => this.#look()),
      this.#every(POLICY_EVERY_MS, () => this.#govern()),
      this.#every(2_500, () => this.#traffic.crowd()),
    ]);
    this.#closing.push(() => this.#settle());
  }

  async #settle(): Promise<void> {
    this.#stop.abort();
    await this.#busy;
  }

  /** Until the soak is over, one at a time. */
  async #every(ms: number, work: () => Promise<unknown>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const next = clock() + ms;
      await work();
      await sleep(Math.max(0, next - clock()));
    }
  }

  #governing = true;
  /** What of the operator's work is under way: an audit waits for it. */
  #governed: Promise<unknown> = Promise.resolve();

  async #govern(): Promise<void> {
    if (!this.#governing) return;
    const policy = this.#chance() < 0.6 ? this.#operator.push() : this.#operator.rollBack();
    this.#governed = policy.then(() => this.#operator.other());
    await this.#governed;
  }

  async #look(): Promise<void> {
    for (const [name, bytes] of this.#fleet.memory()) this.#history.gauge(`MiB: ${name}`, bytes / 2 ** 20);
    const metrics = await fetch(`${this.#fleet.origins[0]!}/_sluice/metrics`, {
      signal: AbortSignal.timeout(10_000),
    }).catch(() => undefined);
    if (metrics !== undefined) this.#canaries.search("metrics", await metrics.text().catch(() => ""));
  }

  async round(number: number): Promise<void> {
    const weather = this.#forecast.next(this.#proxies.length);
    this.#history.event(`round ${number}: ${wordsOf(weather)}`);
    this.#governing = true;
    await this.#storm(weather);
    await sleep(this.#of.stormMs);
    await this.#kill(weather.killed);
    await this.#calm();
    this.#roundsDone++;
  }

  async #storm({ poisons, faults, redis }: Weather): Promise<void> {
    this.#proxies.forEach((proxy, index) => (proxy.poison = poisons[index]));
    this.#redis.fault = redis;
    this.#history.gauge("storm", 1);
    await this.#fleet.setFaults(faults);
  }

  /** Right behind a write that was acknowledged, where one is to be had. */
  async #kill(names: readonly string[]): Promise<void> {
    for (let tries = 0; tries < 3; tries++) if (await this.#operator.other()) break;
    this.#kills.begin(names);
    const killedAt = clock();
    await this.#fleet.kill(names);
    this.#history.count("kills", names.length);
    this.#history.sample("restart ms", clock() - killedAt);
    await this.#clear();
    await this.#everywhereReady();
    this.#kills.end(names);
    this.#history.sample("ready again ms", clock() - killedAt);
  }

  async #clear(): Promise<void> {
    for (const proxy of this.#proxies) proxy.poison = undefined;
    this.#redis.fault = "none";
    await this.#eventually("an end of the faults", async () => {
      await this.#fleet.setFaults({ objects: {}, kv: "none" });
      return true;
    });
  }

  async #calm(): Promise<void> {
    await sleep(this.#of.calmMs);
    this.#governing = false;
    await this.#governed;
    await this.#obedience();
    // Traffic to what is commanded makes regions hear of it.
    await Promise.all(
      this.#fleet.origins.map((_, region) => this.#traffic.ask(region, { target: "/spare/1/bytes/200" })),
    );
    await this.#operator.audit(OBEYED_WITHIN_MS + this.#of.graceMs);
    await this.#compareCounts();
    this.#governing = true;
  }

  /** What was acknowledged is obeyed at every gateway: the newest generation, revocations, purges. */
  async #obedience(): Promise<void> {
    const { ledger } = this.#operator;
    const since = clock();
    const revoked = [...ledger.keys.values()].filter(({ state }) => state === "revoked").slice(-3);
    const checks = this.#fleet.origins.map(async (_, region) => {
      await this.#obeys(since, `generation ${ledger.newest} in region ${region}`, async () => {
        const seen = await this.#traffic.ask(region, { target: "/steady/0/bytes/200" });
        return Number(seen.headers["x-sluice-generation"] ?? 0) >= ledger.newest;
      });
      for (const { key } of revoked) {
        await this.#obeys(since, `a revoked key in region ${region}`, async () => {
          const seen = await this.#traffic.ask(region, { target: "/keyed/0/bytes/200", headers: { "x-api-key": key } });
          return seen.status === 401;
        });
      }
      for (const [target, at] of ledger.purges) {
        await this.#obeys(since, `the purge of ${target} in region ${region}`, async () => {
          const seen = await this.#traffic.ask(region, { target });
          const verdict = judgeBody(seen.body);
          return seen.status === 200 && verdict.kind === "whole" && verdict.atMs >= at;
        });
      }
    });
    await Promise.all(checks);
  }

  async #obeys(since: number, what: string, look: () => Promise<boolean>): Promise<void> {
    const end = since + OBEYED_WITHIN_MS + this.#of.graceMs;
    while (!(await look())) {
      if (clock() > end)
        return this.#history.violate("disobeyed", `${what}: not after ${Math.round(clock() - since)} ms`);
      await sleep(100);
    }
    this.#history.sample("obeyed ms", clock() - since);
  }

  /** Requests that nothing disturbs are counted, each once, and those of earlier rounds stay counted as they were. */
  async #compareCounts(): Promise<void> {
    const { sent, answered } = await this.#traffic.counted(this.#of.counted, "/counted/1/bytes/200");
    this.#sent += sent;
    this.#answered += answered;
    const isRight = (count = 0): boolean => count >= this.#answered && count <= this.#sent;
    const end = clock() + OBEYED_WITHIN_MS + this.#of.graceMs;
    let counted: number | undefined;
    do {
      await sleep(250);
      // Reports travel with requests: each region's isolate must have one to tell by.
      await Promise.all(
        this.#fleet.origins.map((_, region) => this.#traffic.ask(region, { target: "/steady/0/bytes/200" })),
      );
      counted = await this.#counts.read(0);
    } while (clock() < end && !isRight(counted));
    this.#history.gauge("counted by clients", this.#sent);
    this.#history.gauge("counted by the gateway", counted ?? 0);
    if (!isRight(counted))
      this.#history.violate(
        (counted ?? 0) > this.#sent ? "doubled" : "lost",
        `clients sent ${this.#sent} requests, ${this.#answered} were answered, the gateway counted ${counted ?? "none"}`,
      );
    // What is wrong now, or cannot be told, is not to be told of again in every round to come.
    this.#sent = counted ?? this.#sent;
    this.#answered = this.#sent;
  }

  async #everywhereReady(): Promise<void> {
    await this.#eventually("every gateway to be ready", async () => {
      const said = await Promise.all(
        this.#fleet.origins.map((origin) => fetch(`${origin}/_sluice/ready`, { signal: AbortSignal.timeout(5_000) })),
      );
      await Promise.all(said.map((answer) => answer.text()));
      return said.every(({ status }) => status === 200);
    });
  }

  async #eventually(what: string, look: () => Promise<boolean>): Promise<void> {
    const end = clock() + 30_000 + this.#of.graceMs;
    for (;;) {
      const good = await look().catch(() => false);
      if (good) return;
      if (clock() > end) throw new Error(`waited in vain for ${what}`);
      await sleep(50);
    }
  }

  words(round: number): string {
    const { history } = this;
    const broken = [...history.broken.values()].reduce((sum, one) => sum + one, 0);
    const figures = [
      `round ${round}`,
      `${Math.round(history.elapsedSeconds)} s`,
      `${history.sum("requests")} requests`,
      `${history.sum("writes acknowledged")} writes acknowledged`,
      `${history.sum("kills")} kills`,
      broken === 0 ? "every promise kept" : `${broken} times broken: ${[...history.broken.keys()].join(", ")}`,
    ];
    return figures.join(", ");
  }

  get history(): History {
    return this.#history;
  }

  /** Ends everything, the last first, then searches what is left on disk. */
  async close(): Promise<void> {
    for (const close of this.#closing.toReversed()) await close();
    const ended = this.#fleet as Fleet | undefined;
    if (ended === undefined || this.#roundsDone === 0) return;
    for (const { key } of this.#operator.ledger.keys.values()) this.#canaries.add(key);
    this.#files = this.#canaries.searchFiles(ended.stateFolder);
  }

  outcome(): Outcome {
    const toxicsMet = new Map<string, number>();
    for (const { met } of this.#proxies)
      for (const [kind, count] of met) toxicsMet.set(kind, (toxicsMet.get(kind) ?? 0) + count);
    return {
      history: this.#history,
      roundsDone: this.#roundsDone,
      toxicsMet,
      bytesSearched: this.#canaries.searched,
      filesSearched: this.#files,
    };
  }
}

function wordsOf({ poisons, faults, redis, killed }: Weather): string {
  const toxics = poisons.flatMap((poison) =>
    poison === undefined ? [] : [`${poison.toxic.kind} from the ${poison.onset}`],
  );
  const objects = Object.entries(faults.objects).map(([name, fault]) => `${name} ${fault}`);
  const stores = [`KV ${faults.kv}`, `Redis ${redis}`].filter((words) => !words.endsWith(" none"));
  return [
    ...toxics,
    ...(objects.length > 1 ? [`all objects ${Object.values(faults.objects)[0]}`] : objects),
    ...stores,
    `killed: ${killed.join(", ")}`,
  ].join("; ");
}
