// The report of an experiment as a page: what was supposed, what happened, and what follows, with two pictures. Plain HTML and SVG without
// a script; every word from outside is escaped.
import type { ExperimentPoint, ExperimentReading, GroupReading } from "../core/protocol/insight.ts";
import type { Asked } from "./context.ts";

const STYLE = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --whole: #2563eb; --faulted: #dc2626; --control: #16a34a; }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
  td.n, th.n { text-align: right; } .quiet { opacity: .7; }
  .badge { border-radius: 1rem; padding: .1rem .7rem; font-weight: 600; color: #fff; background: #475569; }
  .passed { background: #15803d; } .failed { background: #b91c1c; }
  svg { width: 100%; height: auto; } .axis { stroke: #8888; } svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
  .swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin: 0 .3rem 0 .9rem; }
`;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const time = (at: number): string => new Date(at).toISOString().replace("T", " ").slice(0, 19);

const GROUPS = ["whole", "faulted", "control"] as const;
const NAMES = { whole: "all targeted", faulted: "struck", control: "control group" } as const;

export function reportPage(c: Asked, report: ExperimentReading): Response {
  const nonce = crypto.randomUUID();
  const csp = `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return c.html(page(nonce, report), 200, { "content-security-policy": csp });
}

function page(nonce: string, report: ExperimentReading): string {
  const { id, name, hypothesis, state, startedAt, endedAt, endsAt, startedBy, stopped, criteria, passed, timeline } =
    report;
  const verdict = state === "running" ? "running" : passed ? "passed" : "failed";
  const rows = GROUPS.map((group) => groupRow(NAMES[group], report[group])).join("");
  const checks = criteria.map(
    ({ met, words, value }) =>
      `<tr><td>${value === null ? "—" : met ? "✓" : "✗"}</td><td>${escape(value === null ? "not measured" : words)}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(name)}</title><style nonce="${nonce}">${STYLE}</style></head><body>
<h1>${escape(name)} <span class="badge ${verdict}">${verdict}</span></h1>
<p class="quiet">${escape(id)}, started ${time(startedAt)} UTC by ${escape(startedBy)}, ${state === "running" ? `ends ${time(endsAt)}` : `ended ${time(endedAt)}`}</p>
${hypothesis === "" ? "" : `<p><strong>Hypothesis.</strong> ${escape(hypothesis)}</p>`}
${stopped === null ? "" : `<p><strong>Stopped</strong> ${time(stopped.at)} by ${escape(stopped.by)}: ${escape(stopped.reason)}</p>`}
<h2>Faults</h2><pre>${escape(JSON.stringify((JSON.parse(report.spec) as { faults: unknown }).faults, undefined, 2))}</pre>
<h2>What follows</h2><ul>${report.recommendations.map((each) => `<li>${escape(each)}</li>`).join("")}</ul>
<h2>Criteria</h2><table><tbody>${checks.join("")}</tbody></table>
<h2>Figures</h2><table><thead><tr><th>group</th><th class="n">requests</th><th class="n">a second</th><th class="n">errors</th><th class="n">p50</th><th class="n">p95</th></tr></thead><tbody>${rows}</tbody></table>
<p class="quiet">Struck ${percent(report.blastShare)} of all requests. Errors before: ${percent(report.before.errorRate)} of ${report.before.requests}. ${report.recoverySeconds === null ? "" : `Errors were as before ${Math.round(report.recoverySeconds)} s after the end.`}</p>
<h2>Share of errors</h2>${legend()}${plot(timeline, startedAt, endedAt || endsAt, (of) => of.errorRate, percent, 0.02)}
<h2>95th percentile, ms</h2>${legend()}${plot(
    timeline,
    startedAt,
    endedAt || endsAt,
    (of) => of.p95Ms,
    (value) => String(Math.round(value)),
    10,
  )}
</body></html>`;
}

const groupRow = (name: string, { requests, perSecond, errorRate, p50Ms, p95Ms }: GroupReading): string =>
  `<tr><td>${name}</td><td class="n">${requests}</td><td class="n">${perSecond.toFixed(1)}</td><td class="n">${percent(errorRate)}</td><td class="n">${Math.round(p50Ms)} ms</td><td class="n">${Math.round(p95Ms)} ms</td></tr>`;

const legend = (): string =>
  `<p class="quiet">${GROUPS.map((group) => `<svg class="swatch" viewBox="0 0 1 1"><rect width="1" height="1" fill="var(--${group})"/></svg>${NAMES[group]}`).join("")}</p>`;

const WIDTH = 900;
const HEIGHT = 200;
const LEFT = 50;

/** Lines of the three groups over time; the experiment itself is shaded. Points without requests break a line. */
function plot(
  points: readonly ExperimentPoint[],
  startedAt: number,
  endedAt: number,
  valueOf: (of: GroupReading) => number,
  written: (value: number) => string,
  least: number,
): string {
  if (points.length === 0) return `<p class="quiet">No requests were targeted yet.</p>`;
  const from = startedAt;
  const to = Math.max(points.at(-1)!.at, endedAt);
  const most = Math.max(least, ...points.flatMap((point) => GROUPS.map((group) => valueOf(point[group]))));
  const x = (at: number) => LEFT + ((at - from) / Math.max(1, to - from)) * (WIDTH - LEFT - 10);
  const y = (value: number) => HEIGHT - 20 - (value / most) * (HEIGHT - 35);
  const lines = GROUPS.map((group) => {
    let pen = "M";
    const path = points.map((point) => {
      if (point[group].requests === 0) {
        pen = "M";
        return "";
      }
      const step = `${pen}${x(point.at).toFixed(1)} ${y(valueOf(point[group])).toFixed(1)}`;
      pen = "L";
      return step;
    });
    const dots = points
      .filter((point) => point[group].requests > 0)
      .map(
        (point) =>
          `<circle cx="${x(point.at).toFixed(1)}" cy="${y(valueOf(point[group])).toFixed(1)}" r="2.5" fill="var(--${group})"/>`,
      );
    return `<path d="${path.join("")}" fill="none" stroke="var(--${group})" stroke-width="2"/>${dots.join("")}`;
  });
  const ticks = [0, most / 2, most].map(
    (value) =>
      `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${written(value)}</text><line class="axis" x1="${LEFT}" x2="${WIDTH - 10}" y1="${y(value)}" y2="${y(value)}"/>`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><rect x="${x(startedAt)}" y="10" width="${x(Math.min(endedAt, to)) - x(startedAt)}" height="${HEIGHT - 30}" fill="#8882"/>${ticks.join("")}${lines.join("")}<text x="${LEFT}" y="${HEIGHT - 4}">0 s</text><text x="${WIDTH - 10}" y="${HEIGHT - 4}" text-anchor="end">${Math.round((to - from) / 1_000)} s</text></svg>`;
}
