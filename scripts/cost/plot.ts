// The report as a picture for the documentation: a bar a shape, in the colours of what is paid for, the usual design below.
// Plain SVG that follows the reader's light or dark theme.
import type { Dollars, Meter } from "./model.ts";
import { money, type Report } from "./report.ts";

const PARTS: readonly [name: string, meters: readonly Meter[], light: string, dark: string][] = [
  ["requests", ["workerRequests"], "#8c959f", "#656c76"],
  ["CPU", ["cpuMilliseconds"], "#0969da", "#4493f8"],
  ["object calls", ["objectRequests"], "#bf8700", "#d29922"],
  ["object time", ["objectGbSeconds"], "#e16f24", "#db6d28"],
  ["rows", ["rowsWritten"], "#8250df", "#a371f7"],
  ["KV", ["kvReads", "kvWrites"], "#1a7f37", "#3fb950"],
  ["other", ["dataPoints", "redisCommands"], "#bf3989", "#db61a2"],
];

const WIDTH = 860;
const LEFT = 330;
const RIGHT = 70;
const ROW = 26;
const BAR = 16;
/** Dollars at the right edge; a longer bar is cut there, its figure stands beside it. */
const MOST = 2.5;

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const text = (x: number, y: number, words: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more === "" ? "" : ` ${more}`}>${escape(words)}</text>`;

const scale = (WIDTH - LEFT - RIGHT) / MOST;

function bar(name: string, dollars: Dollars, top: number): string[] {
  const drawn = [text(LEFT - 10, top + BAR - 3, name, 'text-anchor="end"')];
  let spent = 0;
  PARTS.forEach(([part, meters], index) => {
    const cost = meters.reduce((sum, meter) => sum + dollars[meter], 0);
    const from = Math.min(MOST, spent);
    const to = Math.min(MOST, spent + cost);
    spent += cost;
    if ((to - from) * scale < 0.3) return;
    drawn.push(
      `<rect class="p${index}" x="${(LEFT + from * scale).toFixed(1)}" y="${top}" width="${((to - from) * scale).toFixed(1)}" height="${BAR}"><title>${escape(`${part}: ${money(cost)}`)}</title></rect>`,
    );
  });
  const isCut = spent > MOST;
  drawn.push(
    text(
      LEFT + Math.min(MOST, spent) * scale + 6,
      top + BAR - 3,
      `${isCut ? "→ " : ""}${money(spent)}`,
      'class="note"',
    ),
  );
  return drawn;
}

export function costPlot({ features, shapes, usual }: Report): string {
  const content = [text(16, 24, "Dollars per million requests", 'class="title"')];
  PARTS.forEach(([name], index) => {
    const x = 16 + index * 104;
    content.push(
      `<rect class="p${index}" x="${x}" y="38" width="11" height="11"/>`,
      text(x + 16, 48, name, 'class="note"'),
    );
  });
  let top = 66;
  const add = (name: string, dollars: Dollars): void => {
    content.push(...bar(name, dollars, top));
    top += ROW;
  };
  for (const { shape, dollars } of features) add(shape.name, dollars);
  add("an object call and a KV read each request", usual.dollars);
  top += 14;
  for (const { shape, dollars } of shapes) add(shape.name, dollars);
  const colours = (at: 2 | 3): string => PARTS.map((part, index) => `.p${index} { fill: ${part[at]} }`).join(" ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top + 10}" width="${WIDTH}" height="${top + 10}" role="img">
<title>Dollars per million requests, by feature and by traffic</title>
<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px } .note { fill: #59636e }
  ${colours(2)}
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } ${colours(3)} }
</style>
${content.join("\n")}
</svg>
`;
}
