// The policy's regions as one of them sees them (SEEDS A16): what its isolates send to the instances of each, how that
// turned out, and whether the region's endpoint answers when it is probed. Memory only: after a restart it is measured anew
// within seconds, and unmeasured means neutral. Endpoints are probed while there is traffic, and never sent to.
import { addressProblem } from "../core/policy/targets.ts";
import type { CompiledPolicy } from "../core/policy/compiled.ts";
import type { Policy } from "../core/policy/schema.ts";
import { answers, smooth } from "../core/protocol/merge.ts";
import type { EndpointReading, SeenRegion } from "../core/protocol/objects.ts";
import { inFlightByRegion, type RegionState } from "../core/protocol/region.ts";
import type { Registry, Report, Reply } from "../core/protocol/reports.ts";
import { checkProblem } from "../core/resilience/check.ts";
import { healthStep, isUp, UNCHECKED, type Health } from "../core/routing/health.ts";
import { regionStands } from "../core/routing/regions.ts";
import type { Env } from "./env.ts";

/** One answer missed is no outage; the next one that comes ends it. */
const PROBES = { healthyAfter: 1, unhealthyAfter: 2 };
const HEALTHY = { expectStatus: ["2xx"] };
const IDLE_PROBE_MS = 60_000;

interface Watched {
  written: Policy["regions"][string];
  ownInFlight: number;
  othersInFlight: number;
  latencyMs: number | undefined;
  goodShare: number | undefined;
  stands: boolean;
  /** Since the last beat. */
  ok: number;
  answered: number;
  timeMs: number;
  probe: Health & { latencyMs: number | undefined; problem?: string; nextAt: number };
}

export class RegionWatch {
  #allowPrivate: boolean;
  #regions = new Map<string, Watched>();
  #policy: CompiledPolicy | undefined;
  /** By service, then instance, the region it stands in: those the policy lists, and those of a registry's generation. */
  #listed = new Map<string, ReadonlyMap<string, string>>();
  #found = new Map<string, { readonly generation: number; readonly places: ReadonlyMap<string, string> }>();

  constructor(env: Pick<Env, "ALLOW_PRIVATE">) {
    this.#allowPrivate = env.ALLOW_PRIVATE === "true";
  }

  configure(policy: CompiledPolicy): void {
    if (policy === this.#policy) return;
    this.#policy = policy;
    const regions = new Map<string, Watched>();
    for (const [name, written] of Object.entries(policy.policy.regions)) {
      const known = this.#regions.get(name);
      const moved = known?.written.endpoint !== written.endpoint;
      if (known === undefined) regions.set(name, fresh(written));
      else regions.set(name, { ...known, written, probe: moved ? fresh(written).probe : known.probe });
    }
    this.#regions = regions;
    this.#listed = new Map(
      [...policy.services.values()].map(({ name, instances }) => [name, this.#placesOf(instances)]),
    );
    this.#found.clear();
  }

  /** Instances that discovery found, with the region each says it stands in. */
  place(service: string, { generation, instances }: Registry): void {
    if (this.#found.get(service)?.generation === generation) return;
    this.#found.set(service, { generation, places: this.#placesOf(instances) });
  }

  #placesOf(instances: Iterable<{ readonly id: string; readonly region?: string }>): ReadonlyMap<string, string> {
    const places = new Map<string, string>();
    for (const { id, region = "" } of instances) if (this.#regions.has(region)) places.set(id, region);
    return places;
  }

  #regionOf(service: string, id: string): string {
    return this.#listed.get(service)?.get(id) ?? this.#found.get(service)?.places.get(id) ?? "";
  }

  take(report: Report): void {
    if (this.#regions.size === 0) return;
    for (const [service, instances] of Object.entries(report.services)) {
      for (const [id, delta] of Object.entries(instances)) {
        const region = this.#regions.get(this.#regionOf(service, id));
        if (region === undefined) continue;
        region.ok += delta.ok;
        region.answered += answers(delta);
        region.timeMs += delta.ewmaMs * answers(delta);
      }
    }
  }

  /** Once a second of traffic: averages move, by the second's mean and where there was any answer. */
  beat(state: RegionState): void {
    if (this.#regions.size === 0) return;
    const sums = inFlightByRegion(state, (service, id) => this.#regionOf(service, id));
    for (const [name, region] of this.#regions) {
      region.ownInFlight = sums.get(name) ?? 0;
      if (region.answered > 0) {
        region.latencyMs = smooth(region.latencyMs, region.timeMs / region.answered);
        region.goodShare = smooth(region.goodShare, region.ok / region.answered);
      }
      region.ok = region.answered = region.timeMs = 0;
      region.stands = regionStands(region.stands, region.goodShare ?? 1, upOf(region));
    }
  }

  /** What this region sends to each, for the others. */
  get inFlight(): Record<string, number> {
    return Object.fromEntries([...this.#regions].map(([name, { ownInFlight }]) => [name, ownInFlight]));
  }

  /** What the others send to each. */
  hear(inFlight: Readonly<Record<string, number>>): void {
    for (const [name, region] of this.#regions) region.othersInFlight = inFlight[name] ?? 0;
  }

  /** When the next probe is due, epoch ms; undefined when there is nothing to probe. */
  get probesAt(): number | undefined {
    let first: number | undefined;
    for (const { written, probe } of this.#regions.values()) {
      if (written.endpoint === undefined || written.probe === false) continue;
      first = Math.min(first ?? Number.POSITIVE_INFINITY, probe.nextAt);
    }
    return first;
  }

  /** Probes the endpoints that are due. */
  async probe(): Promise<void> {
    const now = Date.now();
    const due = [...this.#regions.values()].filter(
      ({ written, probe }) => written.endpoint !== undefined && written.probe !== false && probe.nextAt <= now,
    );
    await Promise.all(due.map((region) => this.#probe(region, now)));
  }

  async #probe(region: Watched, now: number): Promise<void> {
    const { endpoint, probe: options } = region.written;
    if (endpoint === undefined || options === false) return;
    region.probe.nextAt = now + options.intervalSeconds * 1_000;
    const problem = await this.#problem(new URL(options.path, endpoint).href, options.timeoutMs);
    const at = Date.now();
    const passed = problem === undefined;
    const health = healthStep(region.probe, { passed, tookMs: at - now, at }, PROBES);
    const latencyMs = passed ? smooth(region.probe.latencyMs, at - now) : region.probe.latencyMs;
    region.probe = { ...health, latencyMs, nextAt: region.probe.nextAt, ...(passed ? {} : { problem }) };
    region.stands = regionStands(region.stands, region.goodShare ?? 1, upOf(region));
  }

  async #problem(url: string, timeoutMs: number): Promise<string | undefined> {
    const address = addressProblem(url, "local", { allowPrivate: this.#allowPrivate });
    if (address !== undefined) return `its address ${address}`;
    try {
      const headers = { "user-agent": "sluice-region-probe" };
      const answer = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
      await answer.body?.cancel();
      return checkProblem(answer.status, "", HEALTHY);
    } catch (error) {
      const late = error instanceof Error && error.name === "TimeoutError";
      return late ? `no answer within ${timeoutMs} ms` : "unreachable";
    }
  }

  /** What isolates are told; undefined where the policy has no regions. */
  standing(): Reply["regions"] {
    if (this.#regions.size === 0) return undefined;
    const standing: NonNullable<Reply["regions"]> = {};
    for (const [name, region] of this.#regions) {
      const up = upOf(region);
      standing[name] = {
        inFlight: region.ownInFlight + region.othersInFlight,
        latencyMs: region.latencyMs ?? 0,
        ...(up === undefined ? {} : { up }),
      };
    }
    return standing;
  }

  reading(): Record<string, SeenRegion> {
    const seen = [...this.#regions].map(([name, region]): [string, SeenRegion] => {
      const { ownInFlight, othersInFlight, latencyMs = 0, goodShare = 1, stands, probe } = region;
      const endpoint: EndpointReading | undefined =
        probe.checkedAt === 0
          ? undefined
          : {
              up: isUp(probe),
              latencyMs: probe.latencyMs ?? 0,
              checkedAt: probe.checkedAt,
              ...(probe.problem === undefined ? {} : { problem: probe.problem }),
            };
      const seenRegion = { inFlight: ownInFlight + othersInFlight, ownInFlight, latencyMs, goodShare, healthy: stands };
      return [name, { ...seenRegion, ...(endpoint === undefined ? {} : { endpoint }) }];
    });
    return Object.fromEntries(seen);
  }
}

const fresh = (written: Watched["written"]): Watched => ({
  written,
  ...{ ownInFlight: 0, othersInFlight: 0, latencyMs: undefined, goodShare: undefined, stands: true },
  ...{ ok: 0, answered: 0, timeMs: 0 },
  probe: { ...UNCHECKED, latencyMs: undefined, nextAt: 0 },
});

/** What the newest probes say; undefined without any, or when they are old: then traffic alone says. */
function upOf({ probe, written }: Watched): boolean | undefined {
  if (probe.checkedAt === 0 || written.probe === false || written.endpoint === undefined) return undefined;
  const staleMs = 3 * written.probe.intervalSeconds * 1_000 + IDLE_PROBE_MS;
  return Date.now() - probe.checkedAt > staleMs ? undefined : isUp(probe);
}
