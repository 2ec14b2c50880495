// One run of the benchmark: build, start, prove, warm up, measure in rounds, and say what was found. What is measured
// and how stands in docs/performance.md.
import os from "node:os";
import { bundleWorker } from "../bundle.ts";
import { commit } from "../commit.ts";
import { API_KEY } from "./callers.ts";
import type { Load } from "./generator.ts";
import { cpuMicros, Neighbours, residentBytes } from "./processes.ts";
import { Generator, startUpstream } from "./programs.ts";
import type { Upstream } from "./programs.ts";
import { prove, proveFeatures } from "./proof.ts";
import { orderOf, percentile, summarise, usable } from "./rounds.ts";
import type { Round, Saturation, Summary } from "./rounds.ts";
import { pinning, scratchFolder, startWorkerd, workerdVersion } from "./runtime.ts";
import type { Runtime, WorkerSource } from "./runtime.ts";
import { bundleSize } from "./size.ts";
import type { BundleSize } from "./size.ts";
import { measureStartup } from "./startup.ts";
import type { Startup } from "./startup.ts";
import type { Kind } from "./traffic.ts";
import { emptied, FEATURES, isGateway, sourceOf } from "./workers.ts";
import type { WorkerName } from "./workers.ts";

export interface Settings {
  readonly workers: readonly WorkerName[];
  readonly kinds: readonly Kind[];
  readonly rounds: number;
  readonly seconds: number;
  /** Requests per second of the open loop; 0 for none. */
  readonly rate: number;
  /** Share of a processor that others may use before a round is thrown away. */
  readonly tolerance: number;
  readonly startups: number;
  /** Not to be compared: hardly warmed up. */
  readonly quick: boolean;
}

export interface Memory {
  readonly idleBytes: number | undefined;
  readonly afterBytes: number | undefined;
}

export interface Measured {
  readonly kind: Kind;
  readonly summaries: readonly Summary[];
  readonly roundsUsed: number;
  readonly roundsDisturbed: number;
  /** False: the machine never became calm, and the calmest rounds were taken. */
  readonly calm: boolean;
  /** Every round as it was measured, in order, used or not. */
  readonly rounds: readonly Omit<Round, "steady">[];
}

export interface Report {
  readonly at: string;
  readonly commit: string;
  readonly settings: Settings;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly measured: readonly Measured[];
  readonly memory: Readonly<Record<string, Memory>>;
  /** What the gateway asked of its KV in the whole run. */
  readonly kvReads: number | undefined;
  readonly gatewayRequests: number;
  readonly startup: Startup | undefined;
  readonly size: BundleSize | undefined;
}

/** What a run says while it goes on. */
export interface Progress {
  stage(text: string): void;
  step(text: string): void;
}

/** V8 has compiled what is hot for good after ten to fifteen seconds of load; until then it does so on the same processor. */
const WARM_UP_MS = 12_000;
const QUICK_WARM_UP_MS = 1_000;
/** Of a Worker's turn at saturation. Two hundred megabytes take longer: then a slice is as long as one of them. */
const SLICE_MS = 200;

/** Runs everything; what it started is gone when it returns or throws. */
export async function runBench(settings: Settings, progress: Progress): Promise<Report> {
  const measuredCommit = commit("scripts/bench");
  const scratch = scratchFolder();
  const upstream = await startUpstream();
  const generator = new Generator();
  const runtimes: Runtime[] = [];
  try {
    progress.stage(`building ${settings.workers.join(", ")}`);
    const sources = new Map<WorkerName, WorkerSource>();
    for (const name of settings.workers) sources.set(name, await sourceOf(name, upstream, settings.kinds));
    const startup = await startupOf(sources.get("gateway"), settings, scratch, progress);

    progress.stage(`starting workerd ${workerdVersion}, ${pinning}`);
    for (const name of settings.workers) runtimes.push(await startWorkerd(sources.get(name)!, scratch));
    const portOf = (name: WorkerName) => runtimes.find((runtime) => runtime.name === name)?.port;
    const [floor, gateway] = [portOf("floor"), portOf("gateway")];
    await prove({ ...(floor === undefined ? {} : { floor }), ...(gateway === undefined ? {} : { gateway }) });
    await proveFeatures(runtimes);
    // Once one of them wants a key all are shown it, so that requests stay the same size.
    const key = settings.workers.some((name) => isGateway(name) && FEATURES[name].key) ? API_KEY : undefined;

    const bench = new Bench(settings, upstream, generator, runtimes, key, progress);
    const idle = bench.memory();
    const measured: Measured[] = [];
    for (const kind of settings.kinds) measured.push(await bench.measure(kind));
    const after = bench.memory();
    return {
      at: new Date().toISOString(),
      commit: measuredCommit,
      settings,
      machine: machine(),
      measured,
      memory: Object.fromEntries(
        runtimes.map(({ name }) => [name, { idleBytes: idle.get(name), afterBytes: after.get(name) }]),
      ),
      kvReads: await kvReads(runtimes),
      gatewayRequests: bench.gatewayRequests,
      startup,
      size: await sizeOf(sources.get("gateway")),
    };
  } finally {
    await Promise.all([...runtimes.map((runtime) => runtime.stop()), generator.stop(), upstream.stop()]);
  }
}

const sizeOf = async (gateway: WorkerSource | undefined): Promise<BundleSize | undefined> =>
  gateway === undefined ? undefined : bundleSize(gateway.script, await bundleWorker(undefined, true));

async function startupOf(
  gateway: WorkerSource | undefined,
  { startups }: Settings,
  scratch: string,
  progress: Progress,
): Promise<Startup | undefined> {
  if (gateway === undefined || startups === 0) return undefined;
  progress.stage(`starting the gateway cold, ${startups} times`);
  return measureStartup(gateway, emptied(gateway), startups, scratch);
}

class Bench {
  readonly #settings: Settings;
  readonly #generator: Generator;
  readonly #runtimes: readonly Runtime[];
  readonly #key: string | undefined;
  readonly #progress: Progress;
  readonly #neighbours: Neighbours;
  gatewayRequests = 0;

  constructor(
    settings: Settings,
    upstream: Upstream,
    generator: Generator,
    runtimes: readonly Runtime[],
    key: string | undefined,
    progress: Progress,
  ) {
    this.#settings = settings;
    this.#generator = generator;
    this.#runtimes = runtimes;
    this.#key = key;
    this.#progress = progress;
    this.#neighbours = new Neighbours([upstream.pid, generator.pid, ...runtimes.map(({ pid }) => pid)]);
  }

  memory(): Map<string, number | undefined> {
    return new Map(this.#runtimes.map(({ name, pid }) => [name, residentBytes(pid)]));
  }

  async measure(kind: Kind): Promise<Measured> {
    const { rounds: wanted, tolerance } = this.#settings;
    this.#progress.stage(`${kind}: warming up`);
    const ms = this.#settings.quick ? QUICK_WARM_UP_MS : WARM_UP_MS;
    for (const runtime of this.#runtimes) await this.#load(runtime, { loop: "closed", kind, ms });

    const rounds: Round[] = [];
    let calm = 0;
    // A round that others disturbed is measured again, as often as there are rounds at most.
    for (let turn = 0; calm < wanted && turn < 2 * wanted; turn++) {
      const round = await this.#round(kind, turn);
      rounds.push(round);
      const disturbed = round.disturbance > tolerance;
      if (!disturbed) calm++;
      const busy = disturbed ? ` (disturbed: others used ${Math.round(round.disturbance * 100)} % of a processor)` : "";
      this.#progress.step(`${kind}: round ${turn + 1}, ${calm} of ${wanted} undisturbed${busy}`);
    }
    const used = usable(rounds, wanted, tolerance);
    const names = this.#runtimes.map(({ name }) => name);
    return {
      kind,
      summaries: summarise(used.rounds, names, ["bare", "floor", "map", "gateway"]),
      roundsUsed: used.rounds.length,
      roundsDisturbed: rounds.length - calm,
      calm: used.calm,
      rounds: rounds.map(({ saturation, disturbance }) => ({ saturation, disturbance })),
    };
  }

  async #round(kind: Kind, turn: number): Promise<Round> {
    const { seconds, rate } = this.#settings;
    const steady: Record<string, Float64Array> = {};
    this.#neighbours.begin();
    const saturation = await this.#saturate(kind, seconds, turn);
    let disturbance = this.#neighbours.share();
    const watched = async (runtime: Runtime, order: LoadOrder): Promise<Load> => {
      this.#neighbours.begin();
      const load = await this.#load(runtime, order);
      disturbance = Math.max(disturbance, this.#neighbours.share());
      return load;
    };
    if (rate > 0) {
      for (const runtime of orderOf(this.#runtimes, turn)) {
        const load = await watched(runtime, { loop: "open", kind, ms: seconds * 1000, perSecond: rate });
        steady[runtime.name] = load.latenciesMs;
      }
    }
    return { saturation, steady, disturbance };
  }

  /** Slice by slice, so that all of them meet the same machine: its speed changes from one second to the next. */
  async #saturate(kind: Kind, seconds: number, turn: number): Promise<Record<string, Saturation>> {
    const slices = Math.max(1, Math.round((seconds * 1000) / SLICE_MS));
    const parts = new Map(this.#runtimes.map((runtime) => [runtime, new Part()]));
    for (let slice = 0; slice < slices; slice++) {
      for (const runtime of orderOf(this.#runtimes, turn + slice)) {
        const before = cpuMicros(runtime.pid);
        const load = await this.#load(runtime, { loop: "closed", kind, ms: (seconds * 1000) / slices });
        parts.get(runtime)!.add(load, before, cpuMicros(runtime.pid));
      }
    }
    return Object.fromEntries([...parts].map(([{ name }, part]) => [name, part.saturation]));
  }

  async #load(runtime: Runtime, order: LoadOrder): Promise<Load> {
    const load = await this.#generator.run({ ...order, port: runtime.port, key: this.#key });
    if (runtime.name === "gateway") this.gatewayRequests += load.requests;
    return load;
  }
}

/** What one Worker did in the slices of one round. */
class Part {
  #requests = 0;
  #elapsedMs = 0;
  #cpuMicros = 0;
  #latenciesMs: Float64Array[] = [];

  add({ requests, elapsedMs, latenciesMs }: Load, before: number | undefined, after: number | undefined): void {
    this.#requests += requests;
    this.#elapsedMs += elapsedMs;
    this.#latenciesMs.push(latenciesMs);
    this.#cpuMicros += before === undefined || after === undefined ? Number.NaN : after - before;
  }

  get saturation(): Saturation {
    const latencies = this.#latenciesMs.flatMap((some) => [...some]);
    return {
      perSecond: (this.#requests / this.#elapsedMs) * 1000,
      cpuMicros: Number.isNaN(this.#cpuMicros) ? undefined : this.#cpuMicros / this.#requests,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
    };
  }
}

type LoadOrder =
  | { readonly loop: "closed"; readonly kind: Kind; readonly ms: number }
  | { readonly loop: "open"; readonly kind: Kind; readonly ms: number; readonly perSecond: number };

async function kvReads(runtimes: readonly Runtime[]): Promise<number | undefined> {
  const port = runtimes.find(({ name }) => name === "gateway")?.kvPort;
  if (port === undefined) return undefined;
  const counts = (await (await fetch(`http://127.0.0.1:${port}/__counts`)).json()) as { reads: number };
  return counts.reads;
}

/** What it was measured on. */
export function machine(): Readonly<Record<string, string | number>> {
  const processors = os.cpus();
  return {
    processor: processors[0]?.model ?? "unknown",
    processors: processors.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    workerd: workerdVersion,
    pinning,
    upstream: "scripts/bench/upstream.ts (node:net)",
  };
}
