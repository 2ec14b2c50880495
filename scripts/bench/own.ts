// What our own code costs a request, apart from the runtime's HTTP and from neighbours: the Worker calls its own handler in a
// loop, with `fetch` replaced by an answer that is at hand, and the CPU of the process is read around each loop. Loops last a
// few milliseconds and the fastest twentieth counts. Workers take turns in rotating order, for who runs twice in a row finds
// its caches warm, and in several processes one after the other, for what the compiler makes of them differs by a microsecond
// or two. Everything is hot here: in service the same code costs up to twice as much.
import { writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { bundleWorker, root } from "../bundle.ts";
import { cpuMicros } from "./processes.ts";
import { orderOf, percentile, spread, type Spread } from "./rounds.ts";
import { scratchFolder, startWorkerd, type Runtime, type WorkerSource } from "./runtime.ts";
import { EXCHANGES, HOST, clientFields, type Kind } from "./traffic.ts";
import { isGateway, sourceOf, type WorkerName } from "./workers.ts";

export interface OwnCost {
  readonly worker: WorkerName;
  /** CPU per request, µs, of the fastest twentieth of all loops: the middle of all processes, and how far they went. */
  readonly micros: Spread;
}

/** Requests in one loop, and before any is measured. */
const LOOP = 40;
const WARM_UP = 4_000;
const PROCESSES = 5;

/** Nothing listens there: `fetch` is replaced. */
const UPSTREAM = { pid: 0, origin: "http://127.0.0.1:9", authority: "127.0.0.1:9", stop: () => Promise.resolve() };

/** `loops`: of each process. */
export async function measureOwn(
  workers: readonly WorkerName[],
  kind: Kind,
  loops: number,
  step: (text: string) => void,
): Promise<OwnCost[]> {
  const scratch = scratchFolder();
  const sources: WorkerSource[] = [];
  for (const worker of workers) {
    const source = await sourceOf(worker, UPSTREAM, [kind]);
    sources.push({ ...source, script: await bundleWorker(loopingEntry(scratch, worker)) });
  }
  const costs = workers.map((worker) => ({ worker, micros: [] as number[] }));
  for (let life = 1; life <= PROCESSES; life++) {
    step(`processes ${life} of ${PROCESSES}`);
    const fastest = await oneLife(sources, kind, loops, scratch);
    costs.forEach(({ micros }, index) => micros.push(fastest[index]!));
  }
  return costs.map(({ worker, micros }) => ({ worker, micros: spread(micros) }));
}

async function oneLife(
  sources: readonly WorkerSource[],
  kind: Kind,
  loops: number,
  scratch: string,
): Promise<number[]> {
  const running: { readonly runtime: Runtime; readonly micros: number[] }[] = [];
  try {
    for (const source of sources) running.push({ runtime: await startWorkerd(source, scratch), micros: [] });
    for (const { runtime } of running) await loop(runtime, kind, WARM_UP);
    for (let turn = 0; turn < loops; turn++) {
      for (const { runtime, micros } of orderOf(running, turn)) {
        const before = cpuMicros(runtime.pid);
        await loop(runtime, kind, LOOP);
        const after = cpuMicros(runtime.pid);
        if (before === undefined || after === undefined) throw new Error("CPU time cannot be read here");
        micros.push((after - before) / LOOP);
      }
    }
    return running.map(({ micros }) => percentile(micros, 0.05));
  } finally {
    await Promise.all(running.map(({ runtime }) => runtime.stop()));
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
const mayKeep = new Headers(headers);
mayKeep.set("cache-control", "public, max-age=3600");
globalThis.fetch = (url) => {
  const mayBeKept = String(url).includes("/cached/");
  if (mayBeKept) mayKeep.set("date", new Date().toUTCString());
  return Promise.resolve(new Response(body, { headers: mayBeKept ? mayKeep : headers }));
};
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

function loop({ name, port }: Runtime, kind: Kind, times: number): Promise<void> {
  const { path: target } = EXCHANGES[kind];
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
