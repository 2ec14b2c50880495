// Which region answers (SEEDS A16): the one a client is used to, else the nearest; the next one takes the overflow before a
// full or sick one hurts. Who is asked in which order is worked out once a second for a place; a request only draws whether
// it is part of the overflow. A share moves, never everyone at once: else regions would take turns in drowning. That a
// region is slow today is seen request by request, by `intelligent_adaptive` (`elsewhereMs`).

/** Degrees, as `request.cf` has them for the client and the policy for a region. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** A region as choice sees it, changed in place by the platform once a second. */
export interface Region {
  readonly name: string;
  readonly place: Place;
  /** Concurrent requests it is meant to carry; Infinity when the policy does not say. */
  readonly capacity: number;
  /** Requests in flight in the whole region. */
  inFlight: number;
  /** EWMA of the answer time as seen from here, network included, ms; 0 when nothing was measured. */
  latencyMs: number;
  /** The least it took of late: what an answer takes when nobody waits; estimated from the distance before it is measured. */
  leastMs: number;
  /** Checks and traffic say that it works (`regionStands`). */
  healthy: boolean;
}

export interface RegionOptions {
  readonly loadWeight: number;
  readonly latencyWeight: number;
  /** The newest sample's share of the region's latency. */
  readonly ewmaAlpha: number;
  readonly preferredSeconds: number;
  readonly spillAtLoad: number;
}

const EARTH_RADIUS_KM = 6371;
/** Half the way round: nobody is further away. */
const FURTHEST_KM = Math.PI * EARTH_RADIUS_KM;
/** Light in fibre, both ways, over a path that is about 1.5 times the great circle: 100 km cost about 1.5 ms. */
const MS_PER_KM = 0.015;
/** What answers take beside the way, when nothing was measured. */
const UNMEASURED_MS = 50;
/** What the least time forgets in a second: in a minute it follows a region that has become slower for good. */
const LEAST_RISES = 1.01;

/** Great-circle distance (haversine). */
export function distanceKm(a: Place, b: Place): number {
  const toRadians = Math.PI / 180;
  const dLatitude = (b.latitude - a.latitude) * toRadians;
  const dLongitude = (b.longitude - a.longitude) * toRadians;
  const h =
    Math.sin(dLatitude / 2) ** 2 +
    Math.cos(a.latitude * toRadians) * Math.cos(b.latitude * toRadians) * Math.sin(dLongitude / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** `Candidate.nearness` for a distance: 1 at the door, 0.1 and no less on the other side of the world. */
export function nearnessOf(km: number): number {
  return Math.max(0.1, 1 - km / FURTHEST_KM);
}

/** Counts a region's mean answer time of the last second: EWMA of A16, whose first sample stands for itself. */
export function observeLatency(region: Region, ms: number, options: RegionOptions): void {
  const isFirst = region.latencyMs === 0;
  region.latencyMs = isFirst ? ms : region.latencyMs + options.ewmaAlpha * (ms - region.latencyMs);
  region.leastMs = isFirst ? ms : Math.min(region.latencyMs, region.leastMs * LEAST_RISES);
}

/** For regions nobody was sent to: what the nearest measured one takes at the least, and the longer way. */
export function estimateUnmeasured(regions: readonly Region[], place: Place): void {
  let known: Region | undefined;
  for (const region of regions) {
    if (region.latencyMs === 0) continue;
    if (known === undefined || distanceKm(place, region.place) < distanceKm(place, known.place)) known = region;
  }
  for (const region of regions) {
    if (region.latencyMs > 0) continue;
    const further = known === undefined ? 0 : distanceKm(place, region.place) - distanceKm(place, known.place);
    const likely = (known?.leastMs ?? UNMEASURED_MS) + further * MS_PER_KM;
    region.leastMs = Math.max(1, likely);
  }
}

/** Share of the capacity in use; 0 when the policy names no capacity. */
function loadOf(region: Region): number {
  return region.inFlight / region.capacity;
}

/**
 * Whether a region stands, with a gap between falling and rising so that it does not flap: below half of its answers good it
 * falls, above 80 % it rises. `endpointUp` is what its health check found, undefined when there is none.
 */
export function regionStands(stood: boolean, goodShare: number, endpointUp: boolean | undefined): boolean {
  if (endpointUp === false) return false;
  return stood ? goodShare >= 0.5 : goodShare >= 0.8;
}

/** In which order a place asks the regions, good for about a second. Indexes into the regions. */
export interface RegionOrder {
  /** For a request that stays with its region, and for one of the overflow. */
  readonly stay: readonly number[];
  readonly spill: readonly number[];
  /** Share of requests that are overflow, 0 to 1. */
  readonly spillShare: number;
  /** What an answer from the best of the others takes, ms; Infinity when there is none with room. */
  readonly elsewhereMs: number;
}

/**
 * The order for a place whose clients are used to region `preferred` (-1: to none). Home is the preferred region while it
 * stands and has room, else the nearest that has. Behind it come the others by score, load x 0.6 + latency x 0.4, both
 * relative, the lowest first; then the full ones, least loaded first; the sick come last, for somebody has to answer.
 */
export function orderRegions(
  regions: readonly Region[],
  place: Place,
  preferred: number,
  options: RegionOptions,
): RegionOrder {
  const km = regions.map((region) => distanceKm(place, region.place));
  const hasRoom = (index: number): boolean => regions[index]!.healthy && loadOf(regions[index]!) < 1;

  let home = preferred >= 0 && preferred < regions.length && hasRoom(preferred) ? preferred : -1;
  if (home < 0) {
    for (let i = 0; i < regions.length; i++) {
      if (hasRoom(i) && (home < 0 || km[i]! < km[home]!)) home = i;
    }
  }

  const expected = regions.map((region, i) => region.latencyMs || region.leastMs || UNMEASURED_MS + km[i]! * MS_PER_KM);
  const slowest = Math.max(...expected);
  const score = (i: number): number =>
    options.loadWeight * loadOf(regions[i]!) + options.latencyWeight * (expected[i]! / slowest);
  const rank = (i: number): number => (!regions[i]!.healthy ? 2 : loadOf(regions[i]!) >= 1 ? 1 : 0);
  const others = regions
    .map((_, i) => i)
    .filter((i) => i !== home)
    .sort(
      (a, b) =>
        rank(a) - rank(b) || (rank(a) === 1 ? loadOf(regions[a]!) - loadOf(regions[b]!) : 0) || score(a) - score(b),
    );
  if (home < 0) return { stay: others, spill: others, spillShare: 0, elsewhereMs: Number.POSITIVE_INFINITY };

  const next = others[0];
  const stay = [home, ...others];
  if (next === undefined || !hasRoom(next))
    return { stay, spill: stay, spillShare: 0, elsewhereMs: Number.POSITIVE_INFINITY };
  const spillShare = over(loadOf(regions[home]!), options.spillAtLoad, 1);
  return { stay, spill: [...others, home], spillShare, elsewhereMs: expected[next]! };
}

/** How far `value` has come from `start` to `end`, 0 to 1. */
function over(value: number, start: number, end: number): number {
  if (start >= end) return value >= end ? 1 : 0;
  return Math.min(1, Math.max(0, (value - start) / (end - start)));
}

/** The order for one request: a place's overflow is drawn, not decided. */
export function regionOrderFor(order: RegionOrder, chance: () => number): readonly number[] {
  return order.spillShare > 0 && chance() < order.spillShare ? order.spill : order.stay;
}

/** The region clients of a place are used to, for `preferredSeconds`; the oldest is forgotten when there are too many. */
export class PreferredRegions {
  readonly #kept = new Map<string, { region: number; until: number }>();
  readonly #limit: number;

  constructor(limit = 1024) {
    this.#limit = limit;
  }

  /** -1 when there is none, or its time is over. */
  get(place: string, now: number): number {
    const entry = this.#kept.get(place);
    if (entry === undefined) return -1;
    if (entry.until > now) return entry.region;
    this.#kept.delete(place);
    return -1;
  }

  /** Keeps a place's region from its first answer on; being kept does not renew it, so that a nearer one gets its chance. */
  keep(place: string, region: number, now: number, options: RegionOptions): void {
    const entry = this.#kept.get(place);
    if (entry !== undefined && entry.until > now && entry.region === region) return;
    this.#kept.delete(place);
    if (this.#kept.size >= this.#limit) {
      const oldest = this.#kept.keys().next();
      if (!oldest.done) this.#kept.delete(oldest.value);
    }
    this.#kept.set(place, { region, until: now + options.preferredSeconds * 1000 });
  }

  get size(): number {
    return this.#kept.size;
  }
}
