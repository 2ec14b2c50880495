// What the regions send to each other's instances, kept by `ControlObject` for the seconds it is true: each region tells
// its own with the question it asks once a second, and hears the sum of the others'. Nothing of it is stored.
import type { RegionLoad } from "../core/protocol/objects.ts";

/** A region that has not asked for this long has no traffic. */
const FRESH_MS = 5_000;

export class RegionLoads {
  #told = new Map<string, { readonly at: number; readonly inFlight: RegionLoad["inFlight"] }>();

  take({ region, inFlight }: RegionLoad, now: number): void {
    this.#told.set(region, { at: now, inFlight });
  }

  /** The sum of all but one region's. */
  besides(region: string, now: number): RegionLoad["inFlight"] {
    const sum: RegionLoad["inFlight"] = {};
    for (const [name, { at, inFlight }] of this.#told) {
      if (now - at > FRESH_MS) this.#told.delete(name);
      else if (name !== region) {
        for (const [to, count] of Object.entries(inFlight)) sum[to] = (sum[to] ?? 0) + count;
      }
    }
    return sum;
  }
}
