// The world's land as one SVG path, from Natural Earth's 1:110m (world-atlas), in the projection of the page.
import { geoNaturalEarth1, geoPath } from "d3-geo";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { feature } from "topojson-client";
import { MAP } from "../../worker/dashboard/projection.ts";

export function world(): string {
  const file = createRequire(import.meta.url).resolve("world-atlas/land-110m.json");
  const topology = JSON.parse(readFileSync(file, "utf8")) as { objects: { land: object } };
  const projection = geoNaturalEarth1().scale(MAP.scale).translate(MAP.centre).precision(0.5);
  const path = geoPath(projection).digits(1)(feature(topology, topology.objects.land));
  if (path === null) throw new TypeError("world-atlas holds no land");
  return path;
}
