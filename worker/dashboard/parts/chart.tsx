// Curves over time, drawn by uPlot on a canvas in the colours of style.css, with a legend in HTML that says what the newest point, or the
// one under the pointer, is: so that every figure of a curve is text too. A gap in what was measured is a gap in the curve.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { moment, NONE } from "../format.ts";
import { useStore } from "../store.ts";
import { isDark } from "../theme.ts";
import { Empty } from "./basics.tsx";

/** Colours of series, of style.css. */
export type Ink = 1 | 2 | 3 | 4 | 5 | 6;

export interface Curve {
  readonly label: string;
  readonly ink: Ink;
  readonly values: readonly (number | null)[];
  /** Filled to the axis. */
  readonly area?: boolean;
  /** Each point is seen, also one without neighbours. */
  readonly dots?: boolean;
}

interface ChartProps {
  /** For readers, and for a test. */
  readonly name: string;
  /** Epoch ms of each point, rising; each point tells of the time before it. */
  readonly at: readonly number[];
  readonly curves: readonly Curve[];
  readonly format: (value: number | null | undefined) => string;
  /** The axis goes at least so far. */
  readonly atLeast?: number;
  readonly height?: number;
  /** Instead of an empty frame. */
  readonly none: string;
}

const AXIS_GAP = 56;

export function Chart({ name, at, curves, format, atLeast = 0, height = 180, none }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const dark = useStore(isDark);
  const isEmpty = !curves.some(({ values }) => values.some((value) => value !== null));
  const data = useMemo((): uPlot.AlignedData => {
    const seconds = at.map((ms) => ms / 1_000);
    return [seconds, ...curves.map(({ values }) => [...values])];
  }, [at, curves]);
  const shape = curves.map(({ label, ink, area = false }) => `${label} ${ink} ${area}`).join();
  useEffect(() => {
    const element = frame.current;
    if (element === null || isEmpty) return undefined;
    const options = optionsOf(element, curves, { format, atLeast, height, onPoint: setPointed });
    const made = new uPlot(options, data, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Points come by the next effect; only another shape or other colours need another plot.
  }, [shape, dark, isEmpty, height]);
  useEffect(() => plot.current?.setData(data), [data]);

  if (isEmpty) return <Empty title={none} />;
  const shown = pointed !== undefined && pointed < at.length ? pointed : at.length - 1;
  return (
    <figure class="chart" data-chart={name}>
      <div ref={frame} class="chart-frame" role="img" aria-label={`${name}; the newest figures follow`} />
      <figcaption>
        <ul class="legend">
          {curves.map(({ label, ink, values }) => (
            <li key={label}>
              <span class={`swatch ink-${ink}`} aria-hidden="true" />
              <span>{label}</span> <strong data-curve={label}>{format(values[shown])}</strong>
            </li>
          ))}
        </ul>
        <span class="chart-at">{at.length === 0 ? NONE : moment(at[shown], Date.now())}</span>
      </figcaption>
    </figure>
  );
}

interface Look {
  readonly format: ChartProps["format"];
  readonly atLeast: number;
  readonly height: number;
  readonly onPoint: (index: number | undefined) => void;
}

function optionsOf(element: HTMLElement, curves: readonly Curve[], look: Look): uPlot.Options {
  const colour = colours(element);
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis: uPlot.Axis = {
    ...{ stroke: colour("--text-quiet"), font, gap: 6 },
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: look.height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, Math.max(look.atLeast, (most ?? 0) * 1.1) || 1] } },
    axes: [
      { ...axis, size: 26, space: 80, values: (_, splits) => splits.map((seconds) => clockOf(seconds, splits)) },
      {
        ...axis,
        size: AXIS_GAP,
        space: 36,
        values: (_, splits) => splits.map((value) => (value === 0 ? "0" : look.format(value))),
      },
    ],
    series: [
      {},
      ...curves.map(({ label, ink, area, dots = false }): uPlot.Series => {
        const stroke = colour(`--ink-${ink}`);
        const points = { show: dots, size: 5, fill: stroke };
        return { label, stroke, width: 1.75, points, ...(area ? { fill: faint(stroke) } : {}) };
      }),
    ],
    hooks: { setCursor: [({ cursor }) => look.onPoint(cursor.idx ?? undefined)] },
  };
}

/** Seconds only where ticks are closer than a minute. */
function clockOf(seconds: number, splits: readonly number[]): string {
  const isFine = (splits[1] ?? seconds + 60) - (splits[0] ?? seconds) < 60;
  return new Date(seconds * 1_000).toLocaleTimeString("en-GB", {
    ...{ hour: "2-digit", minute: "2-digit" },
    ...(isFine ? { second: "2-digit" } : {}),
  });
}

/** A canvas knows no custom properties: each is asked of the sheet, as it is in the theme in force. */
function colours(element: HTMLElement): (property: string) => string {
  const probe = document.createElement("span");
  element.append(probe);
  return (property) => {
    probe.style.color = `var(${property})`;
    return getComputedStyle(probe).color;
  };
}

const faint = (colour: string): string => colour.replace(/^rgb\((.+)\)$/, "rgba($1, 0.14)");
