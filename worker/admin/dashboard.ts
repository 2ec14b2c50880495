// /_sluice/dashboard: one small page that shows what ready and metrics say, anew every two seconds. It needs no token
// because it shows nothing those pages do not; it loads nothing, and its policy lets only its own two blocks run.
import type { Asked } from "./context.ts";

const STYLE = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
  table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
  td.number, th.number { text-align: right; }
  .good { color: #17803d; } .bad { color: #c62828; } .quiet { opacity: .65; }
`;

const SCRIPT = `
  const at = (id) => document.getElementById(id);
  const row = (cells, numbers = 0) => {
    const tr = document.createElement("tr");
    cells.forEach((text, index) => {
      const td = document.createElement("td");
      td.textContent = text;
      if (index >= cells.length - numbers) td.className = "number";
      tr.append(td);
    });
    return tr;
  };
  const fill = (id, rows, none) => at(id).replaceChildren(...(rows.length ? rows : [row([none])]));
  const samples = (text) => text.split("\\n").flatMap((line) => {
    const found = /^([a-z_]+)(?:\\{(.*)\\})? (\\S+)$/.exec(line);
    if (!found) return [];
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\\\]|\\\\.)*)"/g)].map((pair) => [pair[1], pair[2]]));
    return [{ name: found[1], labels, value: Number(found[3]) }];
  });
  async function show() {
    const [ready, metrics] = await Promise.all([fetch("ready"), fetch("metrics")]);
    const state = await ready.json();
    at("state").textContent = state.ready ? "ready, generation " + state.policy.generation + ", region " + state.region.name : "no policy is in force";
    at("state").className = state.ready ? "good" : "bad";
    const problems = (state.policy.error?.problems ?? []).map((each) => row([state.policy.error.from, each.path, each.message]));
    fill("problems", problems, "none");
    fill("pending", state.pending.map((each) => row([each.section, each.reason])), "none");
    const all = metrics.ok ? samples(await metrics.text()) : [];
    const of = (name) => all.filter((each) => each.name === name);
    const by = (name, region) => of(name).find((each) => each.labels.region === region)?.value ?? 0;
    fill("regions", of("sluice_region_up").map(({ labels: { region }, value }) => row([
      region, value === 1 ? "up" : "does not answer", by("sluice_region_isolates", region), by("sluice_region_requests_total", region),
      by("sluice_region_requests_failed_total", region), by("sluice_region_requests_refused_total", region),
    ], 4)), "no region yet");
    const instances = new Map();
    for (const { labels, value } of of("sluice_region_upstream_answers_total")) {
      const key = labels.region + " " + labels.service + " " + labels.instance;
      const counts = instances.get(key) ?? { labels, ok: 0, failed: 0, limited: 0 };
      counts[labels.outcome] = value;
      instances.set(key, counts);
    }
    fill("instances", [...instances.values()].map(({ labels, ok, failed, limited }) =>
      row([labels.region, labels.service, labels.instance, ok, failed, limited], 3)), "no traffic yet");
    at("when").textContent = new Date().toLocaleTimeString();
  }
  const again = () => show().catch(() => { at("state").textContent = "the gateway does not answer"; at("state").className = "bad"; })
    .finally(() => setTimeout(again, 2000));
  again();
`;

const numbers = (...names: string[]): string => names.map((name) => `<th class="number">${name}</th>`).join("");

const page = (nonce: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice</title>
<style nonce="${nonce}">${STYLE}</style></head><body>
<h1>Sluice <span id="state" class="quiet">…</span></h1>
<h2>Regions</h2><table><thead><tr><th>region</th><th>state</th>${numbers("isolates", "requests", "failed", "refused")}</tr></thead><tbody id="regions"></tbody></table>
<h2>Instances</h2><table><thead><tr><th>region</th><th>service</th><th>instance</th>${numbers("ok", "failed", "limited")}</tr></thead><tbody id="instances"></tbody></table>
<h2>Refused policy documents</h2><table><tbody id="problems"></tbody></table>
<h2>Policy sections not acted on yet</h2><table><tbody id="pending"></tbody></table>
<p class="quiet">as of <span id="when">…</span></p>
<script nonce="${nonce}">${SCRIPT}</script></body></html>
`;

export function dashboard(c: Asked): Response {
  const nonce = crypto.randomUUID();
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return c.html(page(nonce), 200, { "content-security-policy": policy });
}
