// Where a service's instances stand, as this isolate sees it: region by region how it does and how long it takes, and in
// which order the clients of a place ask them (SEEDS A16). Only for services whose instances stand in several regions of
// the policy. What is known is this isolate's own experience, and the load and health that its region tells of all of them;
// orders are worked out once a second for each place.
import type { Policy } from "../core/policy/schema.ts";
import type { Reply } from "../core/protocol/reports.ts";
import {
  PreferredRegions,
  distanceKm,
  estimateUnmeasured,
  nearnessOf,
  observeLatency,
  orderRegions,
  regionOrderFor,
  regionStands,
  type Place,
  type Region,
  type RegionOptions,
  type RegionOrder,
} from "../core/routing/regions.ts";
import type { ChoiceInput } from "../core/routing/strategy.ts";
import type { InstanceState } from "./instances.ts";

const ORDERS_GOOD_MS = 1_000;
const MOST_PLACES = 256;
/** Clients of one square of the map, about 500 km wide, are of one place. */
const SQUARE_DEGREES = 5;

interface KeptOrder {
  readonly order: RegionOrder;
  readonly until: number;
}

export class ServicePlaces {
  #regions: Region[];
  /** Where this isolate stands: for clients whose place nobody knows. */
  #here: Place;
  #preferred = new PreferredRegions();
  #orders = new Map<string, KeptOrder>();

  private constructor(regions: Region[], here: Place) {
    this.#regions = regions;
    this.#here = here;
  }

  /** Undefined where regions make no difference. Writes into the candidates where they stand. */
  static of(
    instances: readonly InstanceState[],
    regions: Policy["regions"],
    here: string,
    former: ServicePlaces | undefined,
  ): ServicePlaces | undefined {
    const names = [...new Set(instances.map(({ compiled }) => compiled.region))].filter((name) =>
      Object.hasOwn(regions, name),
    );
    const mine = Object.hasOwn(regions, here) ? regions[here] : undefined;
    const several = names.length > 1;
    for (const { candidate, known } of instances) {
      candidate.regionIndex = several ? names.indexOf(candidate.region) : -1;
      known.nearnessKnown = candidate.regionIndex >= 0 && mine !== undefined;
      candidate.nearness = known.nearnessKnown ? nearnessOf(distanceKm(mine!, regions[candidate.region]!)) : 1;
    }
    if (!several) return undefined;
    const made = names.map((name): Region => {
      const { latitude, longitude, capacity = Number.POSITIVE_INFINITY } = regions[name]!;
      const known = former === undefined ? undefined : former.#regions.find((region) => region.name === name);
      return {
        name,
        place: { latitude, longitude },
        capacity,
        inFlight: 0,
        latencyMs: known?.latencyMs ?? 0,
        leastMs: known?.leastMs ?? 0,
        healthy: true,
      };
    });
    return new ServicePlaces(made, mine ?? made[0]!.place);
  }

  /** What an answer from this region takes at the least, ms; 0 for no region. */
  leastMs(index: number): number {
    return index < 0 ? 0 : this.#regions[index]!.leastMs;
  }

  /** Of the regions with these indexes. */
  names(indexes: readonly number[]): string[] {
    return indexes.map((index) => this.#regions[index]!.name);
  }

  /** Once a second: what the instances' own states say of their regions, and what this isolate's region knows of them all. */
  refresh(instances: readonly InstanceState[], options: RegionOptions, told: Reply["regions"]): void {
    this.#regions.forEach((region, index) => {
      let members = 0;
      let standing = 0;
      let inFlight = 0;
      let measured = 0;
      let sumMs = 0;
      for (const { candidate, known } of instances) {
        if (candidate.regionIndex !== index) continue;
        members++;
        inFlight += candidate.inFlight;
        if (!candidate.available) continue;
        standing++;
        if (known.time.weight === 0) continue;
        measured++;
        sumMs += candidate.ewmaMs;
      }
      const known = told?.[region.name];
      region.inFlight = Math.max(inFlight, known?.inFlight ?? 0);
      region.healthy = regionStands(region.healthy, members === 0 ? 1 : standing / members, known?.up);
      if (measured > 0) observeLatency(region, sumMs / measured, options);
      else if (known !== undefined && known.latencyMs > 0) observeLatency(region, known.latencyMs, options);
    });
    estimateUnmeasured(this.#regions, this.#here);
    if (this.#orders.size > MOST_PLACES) this.#orders.clear();
  }

  /** Writes into the choice in which order this client asks the regions; `place` as the edge says, or undefined. */
  order(input: ChoiceInput, place: Place | undefined, now: number, options: RegionOptions): void {
    const from = place ?? this.#here;
    const square = `${Math.round(from.latitude / SQUARE_DEGREES)},${Math.round(from.longitude / SQUARE_DEGREES)}`;
    // Requests of one place may be told to hand over at different loads.
    const name = `${square} ${options.spillAtLoad}`;
    let kept = this.#orders.get(name);
    if (kept === undefined || now >= kept.until) {
      const order = orderRegions(this.#regions, from, this.#preferred.get(square, now), options);
      const [home] = order.stay;
      if (home !== undefined && options.preferredSeconds > 0) this.#preferred.keep(square, home, now, options);
      this.#orders.set(name, (kept = { order, until: now + ORDERS_GOOD_MS }));
    }
    input.regionOrder = regionOrderFor(kept.order, input.chance);
    input.elsewhereMs = kept.order.elsewhereMs;
  }
}
