// Where the regions of the playground stand: for each location that Durable Objects know, one of Cloudflare's data centres
// there, as `request.cf` would describe it to a Worker that runs in it.
import type { Location, Policy } from "../../worker/core/policy/schema.ts";

/** The part of `request.cf` that a gateway looks at. Latitude and longitude are strings there. */
export interface Place {
  readonly colo: string;
  readonly city: string;
  readonly country: string;
  readonly continent: string;
  readonly latitude: string;
  readonly longitude: string;
  readonly timezone: string;
}

const place = (
  colo: string,
  city: string,
  country: string,
  continent: string,
  [latitude, longitude]: readonly [string, string],
  timezone: string,
): Place => ({ colo, city, country, continent, latitude, longitude, timezone });

const PLACES: Readonly<Record<Location, Place>> = {
  wnam: place("SJC", "San Jose", "US", "NA", ["37.36390", "-121.92890"], "America/Los_Angeles"),
  enam: place("EWR", "Newark", "US", "NA", ["40.69250", "-74.16870"], "America/New_York"),
  sam: place("GRU", "São Paulo", "BR", "SA", ["-23.43560", "-46.47310"], "America/Sao_Paulo"),
  weur: place("AMS", "Amsterdam", "NL", "EU", ["52.30860", "4.76389"], "Europe/Amsterdam"),
  eeur: place("WAW", "Warsaw", "PL", "EU", ["52.16570", "20.96710"], "Europe/Warsaw"),
  apac: place("SIN", "Singapore", "SG", "AS", ["1.35019", "103.99400"], "Asia/Singapore"),
  oc: place("SYD", "Sydney", "AU", "OC", ["-33.94610", "151.17700"], "Australia/Sydney"),
  afr: place("JNB", "Johannesburg", "ZA", "AF", ["-26.13392", "28.24200"], "Africa/Johannesburg"),
  me: place("DXB", "Dubai", "AE", "AS", ["25.25280", "55.36440"], "Asia/Dubai"),
};

/** The contract's three, in the order of their ports. */
export const DEFAULT_REGIONS = ["weur", "enam", "apac"] as const;

const isLocation = (name: string): name is Location => Object.hasOwn(PLACES, name);

/** Where a region stands: as the policy places it, else by its name; undefined when neither says. */
export function placeOfRegion(name: string, regions: Policy["regions"]): Place | undefined {
  const own = Object.hasOwn(regions, name) ? regions[name] : undefined;
  if (own !== undefined) {
    return { ...PLACES[own.location], latitude: own.latitude.toFixed(5), longitude: own.longitude.toFixed(5) };
  }
  return isLocation(name) ? PLACES[name] : undefined;
}
