// What a streamed token costs: many streams at once from an upstream that sends a token every so often, through the bare
// pass-through, and through the gateway as it would be deployed (bytes pass, every event is judged). CPU of workerd per
// token, and how long a token is under way.
import net from "node:net";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { cpuMicros } from "./processes.ts";
import { startUpstream } from "./programs.ts";
import { percentile } from "./rounds.ts";
import { scratchFolder, startWorkerd } from "./runtime.ts";
import type { WorkerSource } from "./runtime.ts";
import { benchPolicy, sourceOf } from "./workers.ts";

const STREAMS = 100;
const TOKENS = 200;
const DONE = "data: [DONE]";

/** The bench's policy, and a model with recovery, whose answers pass byte by byte. */
const aiPolicy = (origin: string): WrittenPolicy => ({
  ...benchPolicy(origin),
  ai: { auth: "none" },
  providers: {
    one: { adapter: "openai", baseUrl: `${origin}/v1` },
    other: { adapter: "openai", baseUrl: `${origin}/v1` },
  },
  models: {
    bench: { targets: ["one/fake", "other/fake"], strategy: "priority", stream: { recovery: "continue" } },
  },
});

const withAi = (source: WorkerSource, origin: string): WorkerSource =>
  source.kv === undefined
    ? source
    : { ...source, kv: { ...source.kv, vars: { ...source.kv.vars, VALUE: JSON.stringify(aiPolicy(origin)) } } };

interface Tokens {
  readonly worker: string;
  /** CPU of workerd per token, µs; undefined where it cannot be told. */
  readonly cpuMicros: number | undefined;
  /** From the upstream's writing a token to our reading it, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Medians over `rounds`, each Worker in turn, all streams at once. Throws when a single stream was not whole. */
export async function measureStreams(rounds: number, say: (text: string) => void): Promise<Tokens[]> {
  const scratch = scratchFolder();
  const upstream = await startUpstream();
  const runtimes = [];
  try {
    const sources = [await sourceOf("bare", upstream), withAi(await sourceOf("gateway", upstream), upstream.origin)];
    for (const source of sources) runtimes.push(await startWorkerd(source, scratch));
    const taken = new Map<string, Tokens[]>(runtimes.map(({ name }) => [name, []]));
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const { name, pid, port } of runtimes) {
        const measured = await once(name, pid, port);
        if (round === 0) continue;
        taken.get(name)!.push(measured);
        say(
          `round ${round}: ${name} ${measured.cpuMicros?.toFixed(1) ?? "?"} µs a token, p50 ${measured.p50Ms.toFixed(1)} ms`,
        );
      }
    }
    return [...taken].map(([worker, all]) => ({
      worker,
      cpuMicros: all[0]?.cpuMicros === undefined ? undefined : median(all.map((one) => one.cpuMicros ?? 0)),
      p50Ms: median(all.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(all.map(({ p99Ms }) => p99Ms)),
    }));
  } finally {
    await Promise.all([...runtimes.map((runtime) => runtime.stop()), upstream.stop()]);
  }
}

async function once(worker: string, pid: number, port: number): Promise<Tokens> {
  const late: number[] = [];
  const before = cpuMicros(pid);
  await Promise.all(Array.from({ length: STREAMS }, () => stream(port, late)));
  const after = cpuMicros(pid);
  return {
    worker,
    cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / (STREAMS * TOKENS),
    p50Ms: percentile(late, 0.5),
    p99Ms: percentile(late, 0.99),
  };
}

const BODY = JSON.stringify({ model: "bench", stream: true, messages: [{ role: "user", content: "Tell me." }] });
const REQUEST =
  "POST /v1/chat/completions HTTP/1.1\r\nHost: orders.example.com\r\nContent-Type: application/json\r\n" +
  `Content-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;

/** One stream; how late each token came goes into `late`. */
function stream(port: number, late: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(REQUEST));
    let tokens = 0;
    let isWhole = false;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      const now = performance.timeOrigin + performance.now();
      // One chunk holds whole events as a rule; the few that are split are counted and not timed.
      for (const [, at] of text.matchAll(/"content":"t(\d+\.\d+) "/g)) late.push(now - Number(at));
      tokens += text.split('"content":"t').length - 1;
      isWhole ||= text.includes(DONE);
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (isWhole && tokens >= TOKENS * 0.98) resolve();
      else reject(new Error(`a stream on port ${port} was not whole: ${tokens} tokens, end ${isWhole}`));
    });
  });
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

export function streamsText(all: readonly Tokens[]): string {
  const [bare] = all;
  const lines = all.map(({ worker, cpuMicros: cpu, p50Ms, p99Ms }) => {
    const more = cpu === undefined || bare?.cpuMicros === undefined ? "" : `  +${(cpu - bare.cpuMicros).toFixed(1)}`;
    return `${worker.padEnd(10)}${(cpu?.toFixed(1) ?? "?").padStart(10)}${more.padEnd(9)}${p50Ms.toFixed(1).padStart(8)}${p99Ms.toFixed(1).padStart(8)}`;
  });
  return [
    `${STREAMS} streams of ${TOKENS} tokens at once`,
    `${"".padEnd(10)}${"µs a token".padStart(10)}${"".padEnd(9)}${"p50 ms".padStart(8)}${"p99 ms".padStart(8)}`,
    ...lines,
  ].join("\n");
}
