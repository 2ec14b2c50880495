// Which region this isolate belongs to, and its way there. An isolate stays with one region for life: `REGION_NAME`,
// or the region nearest to where its first request came from, for a colo serves those around it.
// When the object is away the caller gets a refusal and goes on with what it knows.
import type { LedgerNumbers } from "../core/protocol/ledgers.ts";
import { regionObjectName } from "../core/protocol/names.ts";
import { longestNewsRestMs } from "../core/protocol/pace.ts";
import type { RegionNews } from "../core/protocol/objects.ts";
import type { Reply, Report } from "../core/protocol/reports.ts";
import type { Policy } from "../core/policy/schema.ts";
import type { Result } from "../core/result/result.ts";
import type { Env } from "./env.ts";
import { OffPath, type CallFailure } from "./offpath.ts";

interface Place {
  latitude: number;
  longitude: number;
}

/** Where Durable Objects can be asked to stand, roughly: for a Worker that has no policy with regions yet. */
const LOCATIONS: ReadonlyMap<string, Place> = new Map([
  ["wnam", { latitude: 37.4, longitude: -121.9 }],
  ["enam", { latitude: 39.0, longitude: -77.5 }],
  ["sam", { latitude: -23.5, longitude: -46.6 }],
  ["weur", { latitude: 51.5, longitude: 0.1 }],
  ["eeur", { latitude: 52.2, longitude: 21.0 }],
  ["apac", { latitude: 1.35, longitude: 103.8 }],
  ["oc", { latitude: -33.9, longitude: 151.2 }],
  ["afr", { latitude: -26.2, longitude: 28.0 }],
  ["me", { latitude: 25.2, longitude: 55.3 }],
]);
const NOWHERE = "weur";

/** Central angle on the sphere, by its cosine: larger is nearer. */
function closeness(a: Place, b: Place): number {
  const radians = Math.PI / 180;
  return (
    Math.sin(a.latitude * radians) * Math.sin(b.latitude * radians) +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * Math.cos((a.longitude - b.longitude) * radians)
  );
}

/** The nearest of these to where the request came from; the first one when it does not say. */
export function nearestRegion(
  cf: IncomingRequestCfProperties | undefined,
  regions: ReadonlyMap<string, Place>,
): string {
  const here = { latitude: Number(cf?.latitude ?? Number.NaN), longitude: Number(cf?.longitude ?? Number.NaN) };
  let nearest = regions.has(NOWHERE) ? NOWHERE : (regions.keys().next().value ?? NOWHERE);
  let best = -2;
  for (const [name, place] of regions) {
    const close = closeness(here, place);
    if (close > best) [nearest, best] = [name, close];
  }
  return nearest;
}

/** Where a region's objects are to stand: as the policy says, or as its name does. A hint for their first making. */
export function locationOf(region: string, policy: Policy | undefined): { locationHint?: DurableObjectLocationHint } {
  const named = policy !== undefined && Object.hasOwn(policy.regions, region) ? policy.regions[region] : undefined;
  const location = named?.location ?? region;
  return LOCATIONS.has(location) ? { locationHint: location as DurableObjectLocationHint } : {};
}

export class RegionLink {
  /** Of the region; provisional until a policy is in force. */
  name: string;
  readonly offPath: OffPath;
  #env: Pick<Env, "REGION" | "REGION_NAME">;
  #policy: Policy | undefined;

  constructor(env: Pick<Env, "REGION" | "REGION_NAME">, now: () => number = Date.now) {
    this.#env = env;
    this.name = env.REGION_NAME ?? "";
    this.offPath = new OffPath("RegionObject", now);
    this.reportsEvery(0);
  }

  /** Ms between this isolate's reports, as the region wishes: however long it was away, it is asked again as often. */
  reportsEvery(ms: number): void {
    this.offPath.longestRestMs = longestNewsRestMs(ms);
  }

  /** Chooses the region; a call after it was chosen under a policy changes nothing. */
  settle(cf: IncomingRequestCfProperties | undefined, policy: Policy | undefined): void {
    if (this.#policy !== undefined) return;
    this.#policy = policy;
    if (this.#env.REGION_NAME) return;
    const regions = Object.entries(policy?.regions ?? {});
    this.name = nearestRegion(cf, regions.length > 0 ? new Map(regions) : LOCATIONS);
  }

  /** Control news through the region's object; `known` is the newest generation this isolate has taken or refused. */
  news(
    known: number,
    discovered: Record<string, number> | undefined,
    ledgers: LedgerNumbers,
  ): Promise<Result<RegionNews, CallFailure>> {
    return this.offPath.call(() => this.#object().news(this.name, known, discovered, ledgers));
  }

  report(report: Report): Promise<Result<Reply, CallFailure>> {
    return this.offPath.call(() => this.#object().report(report));
  }

  /** Where the region's objects are to stand. */
  get location(): { locationHint?: DurableObjectLocationHint } {
    return locationOf(this.name, this.#policy);
  }

  /** A stub a call: one made in another request cannot be used, and one whose object died stays broken. */
  #object() {
    return this.#env.REGION.getByName(regionObjectName(this.name), this.location);
  }
}
