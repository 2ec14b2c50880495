// The results as pictures for the documentation: one that sets every contestant beside the best rival of each scenario, and
// one over time for each scenario that goes wrong. Plain SVG that follows the reader's light or dark theme.
import { SLUICE } from "./sluice.ts";
import { RIVALS } from "./rivals.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Row } from "./verdict.ts";

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .note { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .rival { fill: #8c959f; fill-opacity: .55 }
  .sluice { fill: #0969da }
  .fault { fill: #cf222e; fill-opacity: .08 }
  path { fill: none; stroke-width: 1.5; stroke: #8c959f; stroke-opacity: .8 }
  path.own { stroke: #0969da; stroke-width: 2.5; stroke-opacity: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .grid { stroke: #30363d }
    .rival { fill: #9198a1 } .sluice { fill: #4493f8 } .fault { fill: #f85149; fill-opacity: .14 }
    path { stroke: #9198a1 } path.own { stroke: #4493f8 }
  }`;

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const at = (value: number): string => value.toFixed(1);
export const textAt = (x: number, y: number, text: string, attributes = ""): string =>
  `<text x="${at(x)}" y="${at(y)}"${attributes === "" ? "" : ` ${attributes}`}>${escape(text)}</text>`;
export const lineAt = (x1: number, y1: number, x2: number, y2: number): string =>
  `<line class="grid" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`;

export function svg(title: string, width: number, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(title)}</title>
<style>${STYLE}
</style>
${content.join("\n")}
</svg>
`;
}

const shown = (name: string): boolean => name === SLUICE.name || RIVALS.some((rival) => rival.name === name);

/** p99 of everybody over that of the best rival, scenario by scenario; what is over `MOST` stands at the edge. */
export function comparisonPlot(rows: readonly Row[]): string {
  const left = 130;
  const right = 40;
  const width = 760;
  const rowHeight = 24;
  const least = 0.5;
  const most = 16;
  const names = SCENARIOS.map(({ name }) => name).filter((name) => rows.some(({ scenario }) => scenario === name));
  const x = (ratio: number): number =>
    left +
    ((Math.log(Math.min(most, Math.max(least, ratio))) - Math.log(least)) / Math.log(most / least)) *
      (width - left - right);
  const top = 56;
  const bottom = top + names.length * rowHeight;
  const title = "p99 against the best rival of each scenario: 1 is the best rival, lower is better";
  const content = [textAt(16, 24, title, 'class="title"')];
  for (const ratio of [0.5, 1, 2, 4, 8, 16]) {
    content.push(lineAt(x(ratio), top - 8, x(ratio), bottom));
    content.push(
      textAt(x(ratio), top - 14, ratio === most ? "16 and more" : String(ratio), 'text-anchor="middle" class="note"'),
    );
  }
  names.forEach((name, index) => {
    const y = top + index * rowHeight + rowHeight / 2;
    const own = rows.filter(({ scenario, contestant }) => scenario === name && shown(contestant));
    const best = Math.min(...own.filter(({ contestant }) => contestant !== SLUICE.name).map(({ mean }) => mean.p99Ms));
    content.push(textAt(left - 12, y + 4, name, 'text-anchor="end"'));
    for (const { contestant, mean } of own) {
      const isOwn = contestant === SLUICE.name;
      const ratio = mean.p99Ms / best;
      content.push(
        `<circle class="${isOwn ? "sluice" : "rival"}" cx="${at(x(ratio))}" cy="${at(y)}" r="${isOwn ? 6 : 4.5}"><title>${escape(contestant)}: ${ratio.toFixed(2)}</title></circle>`,
      );
    }
  });
  content.push(
    `<circle class="sluice" cx="${left + 6}" cy="${bottom + 20}" r="6"/>`,
    textAt(left + 18, bottom + 24, "Sluice"),
    `<circle class="rival" cx="${left + 86}" cy="${bottom + 20}" r="4.5"/>`,
    textAt(left + 98, bottom + 24, "the rivals; a request that fails counts 10 s"),
  );
  return svg(title, width, bottom + 40, content);
}

type Series = "failedBySecond" | "faultyBySecond";

/** One figure over time, everybody's runs of one seed: Sluice in colour, rivals behind it, faults shaded. */
export function timePlot(rows: readonly Row[], scenarioName: string, series: Series): string {
  const scenario = SCENARIOS.find(({ name }) => name === scenarioName)!;
  const own = rows.filter(({ scenario: name, contestant }) => name === scenarioName && shown(contestant));
  const width = 760;
  const left = 56;
  const right = 130;
  const top = 44;
  const height = 190;
  const lines = own.map(({ contestant, runs }) => ({ contestant, values: runs[0]!.result[series] }));
  const most = Math.max(series === "failedBySecond" ? 0.01 : 1, ...lines.flatMap(({ values }) => values));
  const x = (second: number): number => left + (second / scenario.seconds) * (width - left - right);
  const y = (value: number): number => top + height - (value / most) * height;
  const what =
    series === "failedBySecond" ? "share of requests that fail" : "requests per second sent to what is faulty";
  const title = `${scenarioName}: ${what}`;
  const content = [textAt(16, 22, title, 'class="title"')];
  for (const { from, to } of scenario.faults) {
    content.push(
      `<rect class="fault" x="${at(x(from))}" y="${top}" width="${at(x(to) - x(from))}" height="${height}"/>`,
    );
  }
  for (const part of [0, 0.5, 1]) {
    const label =
      series === "failedBySecond" ? `${(part * most * 100).toFixed(most < 0.1 ? 1 : 0)} %` : (part * most).toFixed(0);
    content.push(lineAt(left, y(part * most), width - right, y(part * most)));
    content.push(textAt(left - 8, y(part * most) + 4, label, 'text-anchor="end" class="note"'));
  }
  for (let second = 0; second <= scenario.seconds; second += 10) {
    content.push(textAt(x(second), top + height + 18, String(second), 'text-anchor="middle" class="note"'));
  }
  content.push(textAt(width - right + 14, top + height + 18, "seconds", 'class="note"'));
  const sorted = [...lines].sort((a, b) => Number(a.contestant === SLUICE.name) - Number(b.contestant === SLUICE.name));
  for (const { contestant, values } of sorted) {
    const points = values.map((value, second) => `${second === 0 ? "M" : "L"}${at(x(second + 0.5))} ${at(y(value))}`);
    const isOwn = contestant === SLUICE.name;
    content.push(
      `<path${isOwn ? ' class="own"' : ""} d="${points.join("")}"><title>${escape(contestant)}</title></path>`,
    );
  }
  content.push(
    `<path class="own" d="M${width - right + 14} ${top + 8}h18"/>`,
    textAt(width - right + 38, top + 12, "Sluice"),
    `<path d="M${width - right + 14} ${top + 28}h18"/>`,
    textAt(width - right + 38, top + 32, "the rivals"),
  );
  return svg(title, width, top + height + 34, content);
}
