// Regions as the admin API shows them, and what traffic flows between them.
import type { RegionReading, SeenRegion } from "../core/protocol/objects.ts";
import type { Service } from "./services.ts";

export interface Region {
  readonly name: string;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly endpoint: string | null;
  readonly capacity: number | null;
  readonly inFlight: number;
  readonly healthy: boolean | null;
  readonly reachable: boolean;
  readonly reading?: Pick<RegionReading, "isolates">;
  readonly seenFrom: Readonly<Record<string, SeenRegion>>;
}

export interface Regions {
  readonly items: readonly Region[];
}

/** `silent`: its object does not answer, and nobody says better; `ailing`: traffic or probes say that it does not work. */
export function standingOf({ healthy, reachable, seenFrom }: Region): "healthy" | "ailing" | "silent" | "unknown" {
  const views = Object.values(seenFrom);
  if (healthy === false || (views.length > 0 && views.every((view) => !view.healthy))) return "ailing";
  if (!reachable) return "silent";
  return healthy === null ? "unknown" : "healthy";
}

export interface Flow {
  readonly from: string;
  /** "" for instances that stand in no region. */
  readonly to: string;
  readonly perSecond: number;
  readonly services: readonly string[];
}

/** What each region's gateways send to the instances of each region, the most first. */
export function flowsOf(services: readonly Service[]): Flow[] {
  const flows = new Map<string, { from: string; to: string; perSecond: number; services: Set<string> }>();
  for (const { name, instances } of services) {
    for (const { region: to, seenFrom } of instances) {
      for (const [from, { requestsPerSecond = 0 }] of Object.entries(seenFrom)) {
        if (requestsPerSecond <= 0) continue;
        const key = `${from} ${to}`;
        const flow = flows.get(key) ?? { from, to, perSecond: 0, services: new Set<string>() };
        flow.perSecond += requestsPerSecond;
        flow.services.add(name);
        flows.set(key, flow);
      }
    }
  }
  return [...flows.values()]
    .map((flow) => ({ ...flow, services: [...flow.services].toSorted() }))
    .toSorted((a, b) => b.perSecond - a.perSecond);
}
