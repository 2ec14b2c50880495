// How many calls to objects and KV a thousand requests cost: counted, not reckoned. The gateway runs as it is, on raw
// workerd, with counters between it and its bindings; traffic comes at a constant rate and goes round all services.
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
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
  /** How many callers are limited, each by itself; 0: nobody is. */
  readonly callers: number;
  /** Requests per second that were asked for and that came about. */
  readonly wanted: number;
  readonly perSecond: number;
  readonly requests: number;
  readonly calls: readonly Calls[];
}

/** What is counted: so many services, so many callers with a limit of their own. */
export type CallsCase = Pick<CallsReport, "services" | "callers">;

export interface CallsSettings {
  readonly cases: readonly CallsCase[];
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
    for (const each of settings.cases) {
      const names = Array.from({ length: each.services }, (_, index) => `service-${index + 1}`);
      const policy = each.callers > 0 ? limited(policyOf(names, upstream.origin)) : policyOf(names, upstream.origin);
      const source = await gatewaySource(`calls-${each.services}-${each.callers}`, policy, (classes) =>
        bundleWorker(countingEntry(scratch, classes)),
      );
      const runtime = await startWorkerd(source, scratch);
      try {
        const who = each.callers > 0 ? `, ${each.callers} limited callers` : "";
        stage(`${each.services} services${who}, ${settings.perSecond} requests/s for ${settings.seconds} s`);
        reports.push(await measure(runtime, names, each.callers, settings));
      } finally {
        await runtime.stop();
      }
    }
    return reports;
  } finally {
    await upstream.stop();
  }
}

const CALLER = "x-caller";

/** Each caller has a limit of its own that it does not reach. */
const limited = (policy: WrittenPolicy): WrittenPolicy => ({
  ...policy,
  security: { rateLimits: { each: { requestsPerMinute: 60_000, requestsPerHour: 1_000_000, by: `header:${CALLER}` } } },
  routes: (policy.routes ?? []).map((route) => ({ ...route, rateLimit: "each" })),
});

/** The Worker's entry with counters in it: each class under its own name, with counted bindings. */
function countingEntry(scratch: string, classes: readonly string[]): string {
  const worker = JSON.stringify(path.join(root, "worker/index.ts"));
  const counting = JSON.stringify(path.join(root, "scripts/bench/workers/counting.ts"));
  const file = path.join(scratch, "counting-entry.ts");
  writeFileSync(
    file,
    `import * as worker from ${worker};
import { counted, countAlarm, countRows, countsAnswer } from ${counting};
${classes
  .map(
    (name) => `export class ${name} extends worker.${name} {
  constructor(ctx, env) {
    countRows(ctx);
    super(ctx, counted(env, ${JSON.stringify(name)}));
  }
  alarm(...args) {
    countAlarm(${JSON.stringify(name)});
    return super.alarm(...args);
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
  callers: number,
  { perSecond, seconds }: CallsSettings,
): Promise<CallsReport> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  try {
    await traffic(port, agent, services, callers, perSecond, WARM_UP_SECONDS);
    const before = await countsOf(port);
    const began = performance.now();
    const requests = await traffic(port, agent, services, callers, perSecond, seconds);
    const elapsedMs = performance.now() - began;
    const after = await countsOf(port);
    const calls = [...after].map(([name, count]): Calls => {
      const space = name.indexOf(" ");
      return { who: name.slice(0, space), what: name.slice(space + 1), count: count - (before.get(name) ?? 0) };
    });
    return {
      services: services.length,
      callers,
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
  callers: number,
  perSecond: number,
  seconds: number,
): Promise<number> {
  const total = Math.round(perSecond * seconds);
  const began = performance.now();
  const under: Promise<void>[] = [];
  for (let sent = 0; sent < total; sent++) {
    const early = began + (sent * 1000) / perSecond - performance.now();
    if (early > 0) await sleep(early);
    const caller = callers > 0 ? { [CALLER]: `caller-${sent % callers}` } : {};
    under.push(request(port, agent, `/${services[sent % services.length]}/bytes/1024`, caller));
  }
  await Promise.all(under);
  return total;
}

function request(
  port: number,
  agent: http.Agent,
  target: string,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path: target, agent, headers: { host: HOST, ...more } }, (answer) => {
        answer.resume();
        answer.once("end", () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
        );
        answer.once("error", reject);
      })
      .once("error", reject);
  });
}
