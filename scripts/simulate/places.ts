// Where things stand: cities with colos, at their real coordinates, and what the way between two of them costs.
import { distanceKm } from "../../worker/core/routing/regions.ts";
import type { Place } from "../../worker/core/routing/regions.ts";

export const CITIES = {
  amsterdam: { latitude: 52.31, longitude: 4.76 },
  london: { latitude: 51.47, longitude: -0.45 },
  frankfurt: { latitude: 50.03, longitude: 8.57 },
  paris: { latitude: 49.01, longitude: 2.55 },
  madrid: { latitude: 40.47, longitude: -3.56 },
  warsaw: { latitude: 52.17, longitude: 20.97 },
  stockholm: { latitude: 59.65, longitude: 17.92 },
  ashburn: { latitude: 38.95, longitude: -77.45 },
  newYork: { latitude: 40.64, longitude: -73.78 },
  chicago: { latitude: 41.98, longitude: -87.9 },
  atlanta: { latitude: 33.64, longitude: -84.43 },
  dallas: { latitude: 32.9, longitude: -97.04 },
  sanJose: { latitude: 37.36, longitude: -121.93 },
  saoPaulo: { latitude: -23.43, longitude: -46.47 },
  singapore: { latitude: 1.36, longitude: 103.99 },
  tokyo: { latitude: 35.76, longitude: 140.39 },
  hongKong: { latitude: 22.31, longitude: 113.91 },
  mumbai: { latitude: 19.09, longitude: 72.87 },
  sydney: { latitude: -33.95, longitude: 151.18 },
} as const satisfies Record<string, Place>;

export type City = keyof typeof CITIES;

/** Two ends in one building. */
const LEAST_MS = 1;
/** Light in fibre over a path about one and a half times the great circle: Amsterdam to New York 89 ms, to Singapore 158 ms. */
const MS_PER_KM = 0.015;

export function roundTripMs(a: Place, b: Place): number {
  return LEAST_MS + distanceKm(a, b) * MS_PER_KM;
}

/** The nearest of some places, by its position in the list. */
export function nearestOf(place: Place, among: readonly Place[]): number {
  let nearest = 0;
  for (let i = 1; i < among.length; i++) {
    if (distanceKm(place, among[i]!) < distanceKm(place, among[nearest]!)) nearest = i;
  }
  return nearest;
}
