// A soak as pictures: how clients' requests ended by the second, with each kill, and what memory each process held. Plain SVG that follows the
// reader's light or dark theme.
import { lineAt, svg, textAt } from "../simulate/plot.ts";
import type { Report } from "./report.ts";

const WIDTH = 760;
const LEFT = 56;
const RIGHT = 130;
const TOP = 44;
const HEIGHT = 200;
/** Colours that can be told apart on light and dark alike. */
const COLOURS = ["#2da44e", "#0969da", "#d4a72c", "#cf222e", "#8250df", "#bf3989"] as const;

interface Line {
  readonly name: string;
  /** By second; undefined where nothing is known. */
  readonly values: readonly (number | undefined)[];
}

const valuesOf = ({ series, seconds }: Report, name: string): (number | undefined)[] => {
  const values: (number | undefined)[] = Array.from({ length: seconds + 1 }, () => undefined);
  for (const { at, counts } of series) values[at] = counts[name];
  return values;
};

/** Mean over so many seconds, so that a line of a long run can be read. */
function smoothed(values: readonly (number | undefined)[], over: number): (number | undefined)[] {
  return values.map((_, at) => {
    const some = values.slice(Math.max(0, at - over + 1), at + 1).filter((value) => value !== undefined);
    return some.length === 0 ? undefined : some.reduce((sum, value) => sum + value, 0) / some.length;
  });
}

function chart(title: string, lines: readonly Line[], seconds: number, kills: readonly number[]): string {
  const most = Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const x = (second: number): number => LEFT + (second / Math.max(1, seconds)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => TOP + HEIGHT - (value / most) * HEIGHT;
  const content = [textAt(16, 22, title, 'class="title"')];
  for (const second of kills)
    content.push(`<rect class="fault" x="${x(second).toFixed(1)}" y="${TOP}" width="3" height="${HEIGHT}"/>`);
  for (const part of [0, 0.5, 1]) {
    content.push(lineAt(LEFT, y(part * most), WIDTH - RIGHT, y(part * most)));
    content.push(
      textAt(LEFT - 8, y(part * most) + 4, (part * most).toFixed(most < 10 ? 1 : 0), 'text-anchor="end" class="note"'),
    );
  }
  const step = Math.max(1, Math.ceil(seconds / 10));
  for (let second = 0; second <= seconds; second += step)
    content.push(textAt(x(second), TOP + HEIGHT + 18, String(second), 'text-anchor="middle" class="note"'));
  content.push(textAt(WIDTH - RIGHT + 14, TOP + HEIGHT + 18, "seconds", 'class="note"'));
  lines.forEach(({ name, values }, index) => {
    const colour = `style="stroke:${COLOURS[index % COLOURS.length]}"`;
    let pen = "M";
    const points = values.flatMap((value, second) => {
      if (value === undefined) {
        pen = "M";
        return [];
      }
      const point = `${pen}${x(second).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return [point];
    });
    content.push(`<path class="own" ${colour} d="${points.join("")}"><title>${name}</title></path>`);
    const at = TOP + 8 + index * 20;
    content.push(
      `<path class="own" ${colour} d="M${WIDTH - RIGHT + 14} ${at}h18"/>`,
      textAt(WIDTH - RIGHT + 38, at + 4, name),
    );
  });
  return svg(title, WIDTH, TOP + HEIGHT + 34, content);
}

/** By file name. */
export function plotsOf(report: Report): Map<string, string> {
  const { seconds, events } = report;
  // An event stands at the beginning of its round, which ends in a kill.
  const rounds = events.map(({ atSeconds }) => atSeconds);
  const over = Math.max(3, Math.ceil(seconds / 120));
  const ends = ["2xx", "4xx", "5xx", "broken", "left"].map((end) => ({
    name: { "2xx": "2xx", "4xx": "4xx", "5xx": "5xx", broken: "broken off", left: "client left" }[end] ?? end,
    values: smoothed(
      valuesOf(report, `end: ${end}`).map((value) => value ?? 0),
      over,
    ),
  }));
  const processes = ["control", ...report.regions].map((name) => ({ name, values: valuesOf(report, `MiB: ${name}`) }));
  return new Map([
    [
      "answers.svg",
      chart("How requests ended, per second; each bar is the beginning of a storm", ends, seconds, rounds),
    ],
    ["memory.svg", chart("Resident memory by process, MiB", processes, seconds, rounds)],
  ]);
}
