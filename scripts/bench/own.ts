// What our own code costs a request, apart from the runtime's HTTP and from neighbours: the Worker calls its own handler in a
// loop, with `fetch` replaced by an answer that is at hand, and the CPU of the process is read around each loop. Loops last a
// few milliseconds and the fastest twentieth counts, so figures repeat to a microsecond even on a busy machine. Everything is
// hot here: in service the same code costs up to twice as much.
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { bundleWorker, root } from "../bundle.ts";
import { cpuMicros } from "./processes.ts";
import { percentile } from "./rounds.ts";
import { scratchFolder, startWorkerd, type Runtime } from "./runtime.ts";
import { EXCHANGES, HOST, clientFields } from "./traffic.ts";
import { isGateway, sourceOf, type WorkerName } from "./workers.ts";

export interface OwnCost {
  readonly worker: WorkerName;
  /** CPU per request, µs, of the fastest twentieth of all loops, and in their middle. */
  readonly micros: number;
  readonly medianMicros: number;
}

/** Requests in one loop, and how often a Worker loops. */
const LOOP = 40;
const WARM_UP = 4_000;

/** Nothing listens there: `fetch` is replaced. */
const UPSTREAM = { pid: 0, origin: "http://127.0.0.1:9", authority: "127.0.0.1:9", stop: () => Promise.resolve() };

export async function measureOwn(workers: readonly WorkerName[], loops: number): Promise<OwnCost[]> {
  const scratch = scratchFolder();
  const runtimes: { readonly worker: WorkerName; readonly runtime: Runtime; readonly micros: number[] }[] = [];
  try {
    for (const worker of workers) {
      const source = await sourceOf(worker, UPSTREAM);
      const script = await bundleWorker(loopingEntry(scratch, worker));
      runtimes.push({ worker, runtime: await startWorkerd({ ...source, script }, scratch), micros: [] });
    }
    for (const { runtime } of runtimes) await loop(runtime, WARM_UP);
    for (let turn = 0; turn < loops; turn++) {
      for (const { runtime, micros } of turn % 2 === 0 ? runtimes : runtimes.toReversed()) {
        const before = cpuMicros(runtime.pid);
        await loop(runtime, LOOP);
        const after = cpuMicros(runtime.pid);
        if (before === undefined || after === undefined) throw new Error("CPU time cannot be read here");
        micros.push((after - before) / LOOP);
      }
    }
    return runtimes.map(({ worker, micros }) => ({
      worker,
      micros: percentile(micros, 0.05),
      medianMicros: percentile(micros, 0.5),
    }));
  } finally {
    await Promise.all(runtimes.map(({ runtime }) => runtime.stop()));
  }
}

/** The Worker's entry, looping as often as `X-Loop` says. An answer of the upstream's is made as `fetch` would give it. */
function loopingEntry(scratch: string, worker: WorkerName): string {
  const entry = isGateway(worker) ? "worker/index.ts" : `scripts/bench/workers/${worker}.ts`;
  const file = path.join(scratch, `looping-${worker}.ts`);
  writeFileSync(
    file,
    `import worker from ${JSON.stringify(path.join(root, entry))};
export * from ${JSON.stringify(path.join(root, entry))};
const body = "x".repeat(1024);
const headers = new Headers({
  date: "Thu, 26 Nov 2026 00:00:00 GMT", "content-type": "application/json", "content-length": "1024",
  "cache-control": "private, no-store", etag: '"bench-1"', vary: "Accept-Encoding", server: "bench", "x-request-id": "7f3a",
});
globalThis.fetch = () => Promise.resolve(new Response(body, { headers }));
export default {
  async fetch(request, env, ctx) {
    const times = Number(request.headers.get("x-loop"));
    for (let turn = 0; turn < times; turn++) {
      const answer = await worker.fetch(request, env, ctx);
      if (answer.status !== 200) return answer;
    }
    return new Response("looped");
  },
};
`,
  );
  return file;
}

function loop({ name, port }: Runtime, times: number): Promise<void> {
  const { path: target } = EXCHANGES["get-1k"];
  const headers = { host: HOST, ...clientFields(), "x-loop": String(times) };
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path: target, headers }, (answer) => {
        answer.resume();
        answer.once("end", () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`${name}: status ${answer.statusCode}`)),
        );
      })
      .once("error", reject);
  });
}
