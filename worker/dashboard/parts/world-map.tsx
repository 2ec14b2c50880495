// The world with the regions on it, in the colours of their state, and what flows between them as arcs whose width says how much.
// The land is a file of its own, read when the map is first shown. What the map shows stands beside it as a table too.
import { useEffect, useState } from "preact/hooks";
import { rate } from "../format.ts";
import { MAP, placeOnMap } from "../projection.ts";
import type { Flow } from "../regions.ts";
import type { Tone } from "./basics.tsx";

interface Placed {
  readonly name: string;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly tone: Tone;
  /** Its state in a word. */
  readonly word: string;
  readonly note: string;
}

let land: Promise<string> | undefined;

/** "" when it cannot be had: the regions are shown all the same. */
async function readLand(): Promise<string> {
  const answer = await fetch("/_sluice/dashboard/world.json", { credentials: "omit" }).catch(() => undefined);
  if (answer?.ok !== true) {
    land = undefined;
    return "";
  }
  return ((await answer.json()) as { land: string }).land;
}

export function WorldMap({ regions, flows }: { regions: readonly Placed[]; flows: readonly Flow[] }) {
  const [path, setPath] = useState("");
  useEffect(() => void (land ??= readLand()).then(setPath), []);
  const places = new Map<string, readonly [number, number]>();
  for (const { name, latitude, longitude } of regions) {
    if (latitude !== null && longitude !== null) places.set(name, placeOnMap(longitude, latitude));
  }
  const most = Math.max(...flows.map(({ perSecond }) => perSecond), 1);
  const said = regions.map(({ name, word, note }) => `${name}: ${word}, ${note}`).join("; ");
  return (
    <svg class="map" viewBox={`0 0 ${MAP.width} ${MAP.height}`} role="img" aria-label={`Map of the regions. ${said}`}>
      <path class="land" d={path} />
      {flows.map(({ from, to, perSecond }) => {
        const [start, end] = [places.get(from), places.get(to)];
        if (start === undefined || end === undefined || from === to) return null;
        return (
          <path key={`${from} ${to}`} class={`flow is-${widthOf(perSecond / most)}`} d={arc(start, end)}>
            <title>{`${from} to ${to}: ${rate(perSecond)} requests a second`}</title>
          </path>
        );
      })}
      {regions.map(({ name, tone, word, note }) => {
        const at = places.get(name);
        if (at === undefined) return null;
        const [x, y] = at;
        // A label that would run over the edge stands on the other side.
        const isLate = x > MAP.width - 130;
        return (
          <g key={name} class={`place is-${tone}`} data-region={name} data-tone={tone}>
            <circle class="halo" cx={x} cy={y} r={13} />
            <circle class="dot" cx={x} cy={y} r={6} />
            <text x={isLate ? x - 18 : x + 18} y={y - 2} text-anchor={isLate ? "end" : "start"}>
              {name}
            </text>
            <text class="place-note" x={isLate ? x - 18 : x + 18} y={y + 15} text-anchor={isLate ? "end" : "start"}>
              {tone === "good" ? note : `${word}, ${note}`}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

const widthOf = (share: number): "wide" | "middle" | "thin" => (share > 0.6 ? "wide" : share > 0.2 ? "middle" : "thin");

/** Bent to the left of its way, so that the two directions between two places are apart. */
function arc([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): string {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const bend = 0.18;
  const [cx, cy] = [(x1 + x2) / 2 + dy * bend, (y1 + y2) / 2 - dx * bend];
  const round = (value: number): string => value.toFixed(1);
  return `M${round(x1)} ${round(y1)}Q${round(cx)} ${round(cy)} ${round(x2)} ${round(y2)}`;
}
