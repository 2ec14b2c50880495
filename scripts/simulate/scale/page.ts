// What the simulation of scale has found, as tables and as a picture. How often a region asks those behind it does not depend on how many isolates
// it has, so those figures are counted and not simulated.
import { lineAt, svg, textAt } from "../plot.ts";
import type { Load } from "./fleet.ts";

export interface Row {
  readonly isolates: number;
  readonly regions: number;
  readonly services: number;
  readonly load: Load;
}

interface Asked {
  readonly colos: number;
  readonly services: number;
  readonly instances: number;
  readonly rate: number;
}

/** What one object answers in a second, roughly, by the platform's documentation. */
const OBJECT_CALLS_PER_SECOND = 1_000;
/** What a region tells InsightObject in a second of traffic: rollups every second, the caches' use every two, choices every five. */
const INSIGHT_CALLS_PER_REGION = 1 + 1 / 2 + 1 / 5;

/** Calls a second of the region's own object. */
const regionCalls = ({ load }: Row): number => load.reportsPerSecond + load.newsPerSecond;
/** One question a second and region, while there is traffic. */
const controlCalls = ({ regions }: Row): number => regions;
const insightCalls = ({ regions }: Row): number => regions * INSIGHT_CALLS_PER_REGION;

const number = (value: number): string =>
  value >= 10 ? Math.round(value).toLocaleString("en-GB") : Number(value.toFixed(1)).toString();
const seconds = (ms: number): string => `${number(ms / 1_000)} s`;
const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const HEAD = [
  "isolates",
  "regions",
  "isolates of one",
  "report every",
  "reports/s",
  "news/s",
  "spared by the colo/s",
  "calls/s of its object",
  "busiest second",
  "first second",
  "ControlObject/s",
  "InsightObject/s",
  "all objects/s",
  "a thousand requests",
  "checkpoint",
  "",
];

export function tablesOf(rows: readonly Row[], { colos, services, instances, rate }: Asked): string {
  const about = `Isolates with ${rate} requests a second each, in ${colos} colos, ${services} services of ${instances} instances; every figure after "isolates of one" is of one region, but for those that name what they are of.`;
  const body = rows.map((row) => {
    const { isolates, regions, load } = row;
    // Each service has an object in each region, which hears one batch a second of traffic.
    const all = regions * (regionCalls(row) + services) + controlCalls(row) + insightCalls(row);
    return line([
      number(isolates),
      number(regions),
      number(Math.ceil(isolates / regions)),
      seconds(load.intervalMs),
      number(load.reportsPerSecond),
      number(load.newsPerSecond),
      number(load.sparedPerSecond),
      number(regionCalls(row)),
      number(load.peak),
      number(load.startPeak),
      number(controlCalls(row)),
      number(insightCalls(row)),
      number(all),
      number((all * 1_000) / (isolates * rate)),
      `${number(load.checkpointBytes / 1_024)} KiB`,
      regionCalls(row) > OBJECT_CALLS_PER_SECOND ? "**over the wall**" : "",
    ]);
  });
  const largest = rows.reduce((a, b) => (a.load.knownIsolates > b.load.knownIsolates ? a : b));
  return [
    about,
    "",
    line(HEAD),
    line(HEAD.map((_, index) => (index < HEAD.length - 1 ? "--:" : "---"))),
    ...body,
    "",
    `Deciding alone costs a region's object ${number(largest.load.reportMicros)} µs of CPU a report (${number(largest.load.reportBytes)} bytes as JSON) and ${number(largest.load.beatMs)} ms a second for ${number(largest.load.knownIsolates)} isolates; the rest of what a call costs is the platform's.`,
  ].join("\n");
}

const WIDTH = 760;
const LEFT = 64;
const RIGHT = 150;
const TOP = 48;
const HEIGHT = 240;
const COLOURS = ["#0969da", "#2da44e", "#d4a72c", "#8250df"] as const;

/** Both axes in powers of ten. */
export function loadPlot(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ isolates }) => isolates));
  const least = Math.min(...rows.map(({ isolates }) => isolates));
  const top = 5;
  const log = (value: number): number => Math.log10(Math.max(1, value));
  const x = (isolates: number): number =>
    LEFT + ((log(isolates) - log(least)) / Math.max(1, log(most) - log(least))) * (WIDTH - LEFT - RIGHT);
  const y = (calls: number): number => TOP + HEIGHT - (Math.min(top, log(calls)) / top) * HEIGHT;
  const title = "Calls a second that one region's object takes";
  const content = [textAt(16, 24, title, 'class="title"')];
  for (let power = 0; power <= top; power++) {
    content.push(lineAt(LEFT, y(10 ** power), WIDTH - RIGHT, y(10 ** power)));
    content.push(textAt(LEFT - 8, y(10 ** power) + 4, number(10 ** power), 'text-anchor="end" class="note"'));
  }
  const wall = y(OBJECT_CALLS_PER_SECOND);
  content.push(
    `<rect class="fault" x="${LEFT}" y="${TOP}" width="${WIDTH - RIGHT - LEFT}" height="${(wall - TOP).toFixed(1)}"/>`,
  );
  content.push(textAt(LEFT + 8, wall - 6, "more than an object answers", 'class="note"'));
  for (const isolates of new Set(rows.map((row) => row.isolates)))
    content.push(textAt(x(isolates), TOP + HEIGHT + 18, number(isolates), 'text-anchor="middle" class="note"'));
  content.push(textAt(WIDTH - RIGHT + 38, TOP + HEIGHT + 18, "isolates in all", 'class="note"'));
  [...new Set(rows.map(({ regions }) => regions))].forEach((regions, index) => {
    const colour = `style="stroke:${COLOURS[index % COLOURS.length]}"`;
    const points = rows
      .filter((row) => row.regions === regions)
      .map((row, at) => `${at === 0 ? "M" : "L"}${x(row.isolates).toFixed(1)} ${y(regionCalls(row)).toFixed(1)}`);
    const at = TOP + 8 + index * 20;
    content.push(`<path class="own" ${colour} d="${points.join("")}"/>`);
    content.push(`<path class="own" ${colour} d="M${WIDTH - RIGHT + 14} ${at}h18"/>`);
    content.push(textAt(WIDTH - RIGHT + 38, at + 4, regions === 1 ? "one region" : `${regions} regions`));
  });
  return svg(title, WIDTH, TOP + HEIGHT + 34, content);
}

const BEGIN = "<!-- scale: begin -->";
const END = "<!-- scale: end -->";

/** The page with the tables between its marks; throws when it has none. */
export function pageWith(page: string, tables: string): string {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from === -1 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${tables}\n\n${page.slice(to)}`;
}
