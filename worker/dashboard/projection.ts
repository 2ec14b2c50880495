// Where a place stands on the map: Natural Earth, the same at build, which draws the land, and in the page, which draws
// the regions.
import { geoNaturalEarth1Raw } from "d3-geo";

export const MAP = { width: 960, height: 452, scale: 174, centre: [480, 258] } as const;

const RADIANS = Math.PI / 180;

export function placeOnMap(longitude: number, latitude: number): readonly [x: number, y: number] {
  const [x, y] = geoNaturalEarth1Raw(longitude * RADIANS, latitude * RADIANS);
  return [MAP.centre[0] + MAP.scale * x, MAP.centre[1] - MAP.scale * y];
}
