// Load that an upstream tells of itself with its answers: ORCA's `endpoint-load-metrics` in its text and JSON forms (Open
// Request Cost Aggregation, as Envoy and gRPC read it), or a plain number such as `X-Load: 0.4`. Each figure is the used
// share of what there is. It comes from outside: what is not understood is left out, and nothing is read past 1 KiB.
import type { LoadReport } from "./score.ts";

const MOST_CHARACTERS = 1024;

/** The names that figures go by; ORCA's application utilization is what the application itself calls its load. */
const FIGURES: Readonly<Record<string, keyof LoadReport>> = {
  cpu: "cpu",
  cpu_utilization: "cpu",
  application_utilization: "cpu",
  mem: "memory",
  mem_utilization: "memory",
  memory: "memory",
  connections: "connections",
  "named_metrics.connections": "connections",
  queue: "queue",
  "named_metrics.queue": "queue",
};

/** Undefined when the field says nothing that can be understood. */
export function parseLoadReport(field: string): LoadReport | undefined {
  const text = field.slice(0, MOST_CHARACTERS).trim();
  const report: LoadReport = { cpu: Number.NaN, memory: Number.NaN, connections: Number.NaN, queue: Number.NaN };
  if (text.startsWith("JSON ") || text.startsWith("{")) readJson(text.slice(text.indexOf("{")), report);
  else readText(text.startsWith("TEXT ") ? text.slice(5) : text, report);
  return Object.values(report).some((share) => !Number.isNaN(share)) ? report : undefined;
}

/** `cpu=0.3, mem=0.8`, or a number by itself. */
function readText(text: string, into: LoadReport): void {
  if (!text.includes("=")) return put("cpu", text === "" ? Number.NaN : Number(text), into);
  for (const pair of text.split(",")) {
    const equals = pair.indexOf("=");
    if (equals > 0) put(pair.slice(0, equals).trim(), Number(pair.slice(equals + 1)), into);
  }
}

function readJson(text: string, into: LoadReport): void {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return;
  }
  if (typeof said !== "object" || said === null) return;
  for (const [name, figure] of Object.entries(said)) {
    if (name === "named_metrics" && typeof figure === "object" && figure !== null) {
      for (const [own, value] of Object.entries(figure)) put(`named_metrics.${own}`, value, into);
    } else put(name, figure, into);
  }
}

/** The first figure of a kind stands: ORCA's own utilization comes before the application's. */
function put(name: string, figure: unknown, into: LoadReport): void {
  const kind = Object.hasOwn(FIGURES, name) ? FIGURES[name] : undefined;
  if (kind === undefined || typeof figure !== "number" || !Number.isFinite(figure) || figure < 0) return;
  if (Number.isNaN(into[kind])) into[kind] = figure;
}
