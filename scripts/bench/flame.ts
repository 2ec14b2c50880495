// A CPU profile as a flame graph: who called whom, as wide as it took, callers below. Plain SVG with a title on every box, so that it
// can be read without a program; colours tell rooms apart and mean nothing else. What is narrower than a pixel is left out.
import type { CpuProfile } from "./profile.ts";

/** One function in one place of the stack, its callees by name. */
interface Frame {
  readonly name: string;
  readonly file: string;
  /** With all it called, µs. */
  micros: number;
  readonly callees: Map<string, Frame>;
}

const frame = (name: string, file: string): Frame => ({ name, file, micros: 0, callees: new Map() });

/** Stacks that are called alike are one; idle time is left out. */
export function framesOf(profile: CpuProfile, fileOf: (line: number) => string): Frame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const callers = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const all = frame("all", "");
  for (const [index, sampled] of profile.samples.entries()) {
    const micros = profile.timeDeltas[index] ?? 0;
    const stack: { name: string; file: string }[] = [];
    for (let id: number | undefined = sampled; id !== undefined; id = callers.get(id)) {
      const { functionName, url, lineNumber } = nodes.get(id)!.callFrame;
      const file = url === "" ? "" : fileOf(lineNumber);
      stack.push({ name: functionName || (url === "" ? "(runtime)" : `(line ${lineNumber + 1})`), file });
    }
    // The root stands for all there is.
    stack.pop();
    if (stack.length === 0 || stack[0]!.name === "(idle)") continue;
    all.micros += micros;
    let at = all;
    for (const { name, file } of stack.toReversed()) {
      const key = `${name} ${file}`;
      let next = at.callees.get(key);
      if (next === undefined) at.callees.set(key, (next = frame(name, file)));
      next.micros += micros;
      at = next;
    }
  }
  return all;
}

const WIDTH = 1_200;
const ROW = 17;
const TOP = 40;
const LEAST_WIDTH = 0.6;
const LETTER = 6.4;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const depthOf = (of: Frame): number => 1 + Math.max(0, ...[...of.callees.values()].map(depthOf));

/** A warm hue by the room a file stands in; the runtime's own is grey. */
function colourOf({ file }: Frame): string {
  if (file === "") return "#b8b8b8";
  const room = /^worker\/(\w+)/.exec(file)?.[1] ?? file.split("/").slice(0, 2).join("/");
  let hash = 0;
  for (const letter of room) hash = (hash * 31 + letter.charCodeAt(0)) % 997;
  return `hsl(${20 + (hash % 180)}, 65%, 68%)`;
}

/** `what`: which Worker under which load. */
export function flameSvg(all: Frame, what: string): string {
  const rows = depthOf(all);
  const height = TOP + rows * ROW + 12;
  const boxes: string[] = [];
  const place = (of: Frame, left: number, depth: number): void => {
    const width = (of.micros / all.micros) * WIDTH;
    if (width < LEAST_WIDTH) return;
    const y = height - 8 - (depth + 1) * ROW;
    const share = ((of.micros / all.micros) * 100).toFixed(2);
    const letters = Math.floor((width - 4) / LETTER);
    const name = letters < 3 ? "" : of.name.length <= letters ? of.name : `${of.name.slice(0, letters - 1)}…`;
    const title = `${of.name}${of.file === "" ? "" : ` (${of.file})`}: ${share} %`;
    boxes.push(
      `<g><title>${escape(title)}</title><rect x="${left.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colourOf(of)}"/>` +
        `<text x="${(left + 2).toFixed(1)}" y="${y + 12}">${escape(name)}</text></g>`,
    );
    let from = left;
    for (const callee of [...of.callees.values()].toSorted((a, b) => b.micros - a.micros)) {
      place(callee, from, depth + 1);
      from += (callee.micros / all.micros) * WIDTH;
    }
  };
  if (all.micros > 0) place(all, 0, 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escape(what)}</title>
<style>
  text { font: 10.5px ui-monospace, monospace; fill: #1f2328 } .head { font: 600 14px system-ui, sans-serif }
  rect.paper { fill: #ffffff } g rect { stroke: #ffffff; stroke-width: .5 }
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text class="head" x="8" y="22">${escape(what)}</text>
${boxes.join("\n")}
</svg>
`;
}
