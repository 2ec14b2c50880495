// How many calls to objects and KV a thousand requests cost: counted, not reckoned. The gateway runs as it is, on raw
// workerd, with counters between it and its bindings; traffic comes at a constant rate and goes round all services.
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleWorker, root } from "../bundle.ts";
import { startUpstream } from "./programs.ts";
import { scratchFolder, startWorkerd, type Runtime } from "./runtime.ts";
import { HOST } from "./traffic.ts";
import { gatewaySource, policyOf } from "./workers.ts";

/** One kind of call, and how often it was made. */
export interface Calls {
  /** `isolate`, or the class of the object that asked. */
  readonly who: string;
  /** `REGION.report` */
  readonly what: string;
  readonly count: number;
}

export interface CallsReport {
  readonly services: number;
  /** Requests per second that were asked for and that came about. */
  readonly wanted: number;
  readonly perSecond: number;
  readonly requests: number;
  readonly calls: readonly Calls[];
}

export interface CallsSettings {
  readonly services: readonly number[];
  readonly perSecond: number;
  readonly seconds: number;
}

/** Calls that fit, per thousand requests. */
export function perThousand(report: CallsReport, fits: (who: string, what: string) => boolean): number {
  const fitting = report.calls.filter(({ who, what }) => fits(who, what));
  return (fitting.reduce((sum, { count }) => sum + count, 0) / report.requests) * 1000;
}

const WARM_UP_SECONDS = 4;

export async function countCalls(settings: CallsSettings, stage: (text: string) => void): Promise<CallsReport[]> {
  const scratch = scratchFolder();
  const upstream = await startUpstream();
  try {
    const reports: CallsReport[] = [];
    for (const count of settings.services) {
      const names = Array.from({ length: count }, (_, index) => `service-${index + 1}`);
      const source = await gatewaySource(`calls-${count}`, policyOf(names, upstream.origin), (classes) =>
        bundleWorker(countingEntry(scratch, classes)),
      );
      const runtime = await startWorkerd(source, scratch);
      try {
        stage(`${count} services, ${settings.perSecond} requests/s for ${settings.seconds} s`);
        reports.push(await measure(runtime, names, settings));
      } finally {
        await runtime.stop();
      }
    }
    return reports;
  } finally {
    await upstream.stop();
  }
}

/** The Worker's entry with counters in it: each class under its own name, with counted bindings. */
function countingEntry(scratch: string, classes: readonly string[]): string {
  const worker = JSON.stringify(path.join(root, "worker/index.ts"));
  const counting = JSON.stringify(path.join(root, "scripts/bench/workers/counting.ts"));
  const file = path.join(scratch, "counting-entry.ts");
  writeFileSync(
    file,
    `import * as worker from ${worker};
import { counted, countsAnswer } from ${counting};
${classes
  .map(
    (name) => `export class ${name} extends worker.${name} {
  constructor(ctx, env) {
    super(ctx, counted(env, ${JSON.stringify(name)}));
  }
}`,
  )
  .join("\n")}
let bindings;
export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith("/__calls")) return countsAnswer();
    return worker.default.fetch(request, (bindings ??= counted(env, "isolate")), ctx);
  },
};
`,
  );
  return file;
}

async function measure(
  { port }: Runtime,
  services: readonly string[],
  { perSecond, seconds }: CallsSettings,
): Promise<CallsReport> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  try {
    await traffic(port, agent, services, perSecond, WARM_UP_SECONDS);
    const before = await countsOf(port);
    const began = performance.now();
    const requests = await traffic(port, agent, services, perSecond, seconds);
    const elapsedMs = performance.now() - began;
    const after = await countsOf(port);
    const calls = [...after].map(([name, count]): Calls => {
      const space = name.indexOf(" ");
      return { who: name.slice(0, space), what: name.slice(space + 1), count: count - (before.get(name) ?? 0) };
    });
    return {
      services: services.length,
      wanted: perSecond,
      perSecond: (requests / elapsedMs) * 1000,
      requests,
      calls: calls.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
    };
  } finally {
    agent.destroy();
  }
}

async function countsOf(port: number): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${port}/__calls`);
  return new Map(Object.entries((await answer.json()) as Record<string, number>));
}

/** Requests at a constant rate, to one service after the other; how many were answered. Throws at the first that fails. */
async function traffic(
  port: number,
  agent: http.Agent,
  services: readonly string[],
  perSecond: number,
  seconds: number,
): Promise<number> {
  const total = Math.round(perSecond * seconds);
  const began = performance.now();
  const under: Promise<void>[] = [];
  for (let sent = 0; sent < total; sent++) {
    const early = began + (sent * 1000) / perSecond - performance.now();
    if (early > 0) await sleep(early);
    under.push(request(port, agent, `/${services[sent % services.length]}/bytes/1024`));
  }
  await Promise.all(under);
  return total;
}

function request(port: number, agent: http.Agent, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path: target, agent, headers: { host: HOST } }, (answer) => {
        answer.resume();
        answer.once("end", () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
        );
        answer.once("error", reject);
      })
      .once("error", reject);
  });
}
