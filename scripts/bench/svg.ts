// The report as a picture for the documentation: requests per second as bars, latency at a constant rate as lines from
// p50 to p99. Plain SVG that follows the reader's light or dark theme.
import type { Endurance } from "./endure.ts";
import type { Summary } from "./rounds.ts";
import type { Measured, Report } from "./run.ts";

const WIDTH = 760;
const LEFT = 96;
const RIGHT = 150;
const ROW = 30;
const BAR = 18;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .note { fill: #59636e; font-size: 12px }
  .bar { fill: #8c959f } .gateway .bar { fill: #0969da }
  .line { stroke: #8c959f; stroke-width: 4 } .gateway .line { stroke: #0969da }
  .dot { fill: #59636e } .gateway .dot { fill: #0550ae }
  .error { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .bar { fill: #656c76 } .gateway .bar { fill: #4493f8 }
    .line { stroke: #656c76 } .gateway .line { stroke: #4493f8 } .dot { fill: #9198a1 } .gateway .dot { fill: #a5d6ff }
    .error { stroke: #e6edf3 }
  }`;

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (value: number): string => value.toFixed(1);

function textAt(x: number, y: number, text: string, attributes = ""): string {
  return `<text x="${at(x)}" y="${at(y)}"${attributes === "" ? "" : ` ${attributes}`}>${escape(text)}</text>`;
}

interface Panel {
  readonly height: number;
  draw(top: number): string;
}

function row(name: string, top: number, index: number, content: (middle: number) => string): string {
  const middle = top + 26 + index * ROW + ROW / 2;
  const label = textAt(LEFT - 10, middle + 4, name, 'text-anchor="end"');
  return `<g class="${escape(name)}">${label}${content(middle)}</g>`;
}

function throughput({ kind, summaries }: Measured): Panel {
  const most = Math.max(...summaries.map(({ perSecond }) => perSecond.high));
  const x = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const bar = ({ perSecond, of }: Summary, middle: number): string => {
    const ratio = of["floor"] === undefined ? "" : `  ${of["floor"].median.toFixed(2)} of floor`;
    return [
      `<rect class="bar" x="${LEFT}" y="${at(middle - BAR / 2)}" width="${at(x(perSecond.median) - LEFT)}" height="${BAR}" rx="2"/>`,
      `<line class="error" x1="${at(x(perSecond.low))}" y1="${at(middle)}" x2="${at(x(perSecond.high))}" y2="${at(middle)}"/>`,
      textAt(x(perSecond.high) + 8, middle + 4, `${Math.round(perSecond.median).toLocaleString("en-GB")}/s${ratio}`),
    ].join("");
  };
  return {
    height: 40 + summaries.length * ROW,
    draw: (top) =>
      textAt(
        LEFT,
        top + 14,
        `${kind}: requests per second at saturation (median and range of the rounds)`,
        'class="title"',
      ) + summaries.map((summary, index) => row(summary.worker, top, index, (middle) => bar(summary, middle))).join(""),
  };
}

function latency({ kind, summaries }: Measured, rate: number): Panel | undefined {
  const measured = summaries.filter(({ steady }) => steady !== undefined);
  if (measured.length === 0) return undefined;
  const most = Math.max(...measured.map(({ steady }) => steady!.p99Ms));
  const x = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const line = ({ steady }: Summary, middle: number): string => {
    const { p50Ms, p90Ms, p99Ms } = steady!;
    const dots = [p50Ms, p90Ms, p99Ms].map(
      (value) => `<circle class="dot" cx="${at(x(value))}" cy="${at(middle)}" r="5"/>`,
    );
    return [
      `<line class="line" x1="${at(x(p50Ms))}" y1="${at(middle)}" x2="${at(x(p99Ms))}" y2="${at(middle)}"/>`,
      ...dots,
      textAt(x(p99Ms) + 12, middle + 4, `${p50Ms.toFixed(2)} / ${p90Ms.toFixed(2)} / ${p99Ms.toFixed(2)} ms`),
    ].join("");
  };
  return {
    height: 40 + measured.length * ROW,
    draw: (top) =>
      textAt(LEFT, top + 14, `${kind}: latency at ${rate} requests/s (p50, p90, p99)`, 'class="title"') +
      measured.map((summary, index) => row(summary.worker, top, index, (middle) => line(summary, middle))).join(""),
  };
}

export function reportSvg(report: Report): string {
  const panels = report.measured.flatMap((measured) => {
    const steady = latency(measured, report.settings.rate);
    return steady === undefined ? [throughput(measured)] : [throughput(measured), steady];
  });
  let top = 16;
  const drawn = panels.map((panel) => {
    const svg = panel.draw(top);
    top += panel.height + 16;
    return svg;
  });
  const { machine } = report;
  const note = `raw workerd ${machine["workerd"]}, ${machine["processor"]}, ${report.at.slice(0, 10)}, commit ${report.commit}`;
  const height = top + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Sluice against a bare pass-through and the honest floor</title>
<style>${STYLE}
</style>
${drawn.join("\n")}
${textAt(LEFT, top + 4, note, 'class="note"')}
</svg>
`;
}

/** Resident memory over time; the part that is judged is a little darker. */
export function enduranceSvg({ series, verdict, minutes }: Endurance): string {
  const [top, height] = [48, 220];
  const seconds = series.at(-1)?.seconds ?? 1;
  const most = Math.max(...series.map(({ bytes }) => bytes)) * 1.15;
  const x = (second: number): number => LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT);
  const y = (bytes: number): number => top + height - (bytes / most) * height;
  const points = series.map(
    ({ seconds: second, bytes }, index) => `${index === 0 ? "M" : "L"}${at(x(second))} ${at(y(bytes))}`,
  );
  const [upper, lower] = [y(verdict.mostBytes), y(verdict.leastBytes)];
  const title = `Resident memory over ${minutes} min at full load: ${verdict.flat ? "flat" : "not flat"} (±32 MiB)`;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const bytes = part * most;
    return textAt(LEFT - 10, y(bytes) + 4, `${(bytes / 2 ** 20).toFixed(0)} MiB`, 'text-anchor="end" class="note"');
  });
  const times = [0, 0.5, 1].map((part) =>
    textAt(
      x(part * seconds),
      top + height + 20,
      `${(part * seconds).toFixed(0)} s`,
      'text-anchor="middle" class="note"',
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + height + 36}" width="${WIDTH}" height="${top + height + 36}" role="img">
<title>${escape(title)}</title>
<style>${STYLE}
</style>
${textAt(16, 24, title, 'class="title"')}
<rect class="bar" fill-opacity=".3" x="${LEFT}" y="${at(upper)}" width="${WIDTH - LEFT - RIGHT}" height="${at(Math.max(1, lower - upper))}"/>
${[...marks, ...times].join("\n")}
<g class="gateway"><path class="line" fill="none" style="stroke-width:2" d="${points.join("")}"/></g>
</svg>
`;
}
