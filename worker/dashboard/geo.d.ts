// Of d3-geo and topojson-client, what is used of them: the pinned versions bring no types of their own.

declare module "d3-geo" {
  /** Longitude and latitude in radians to the plane, y up. */
  export function geoNaturalEarth1Raw(lambda: number, phi: number): [x: number, y: number];

  export interface Projection {
    scale(scale: number): Projection;
    translate(point: readonly [x: number, y: number]): Projection;
    precision(precision: number): Projection;
  }
  export function geoNaturalEarth1(): Projection;

  interface Path {
    digits(digits: number): Path;
    (object: object): string | null;
  }
  export function geoPath(projection: Projection): Path;
}

declare module "topojson-client" {
  /** The topology's object as GeoJSON. */
  export function feature(topology: object, object: object): object;
}
