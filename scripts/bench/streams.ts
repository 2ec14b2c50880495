// What a streamed token costs: many streams at once from an upstream that sends a token every so often, through the bare
// pass-through, and through the gateway as it would be deployed (bytes pass, every event is judged). CPU of workerd per
// token, how long a token is under way, and how long a client waits for the first byte and for the first word.
import net from "node:net";
import type { WrittenPolicy } from "../../worker/core/policy/schema.ts";
import { cpuMicros } from "./processes.ts";
import { startUpstream } from "./programs.ts";
import { percentile } from "./rounds.ts";
import { scratchFolder, startWorkerd } from "./runtime.ts";
import type { WorkerSource } from "./runtime.ts";
import { aiSections, benchPolicy, sourceOf } from "./workers.ts";

const STREAMS = 100;
const TOKENS = 200;
const DONE = "data: [DONE]";

const aiPolicy = (origin: string): WrittenPolicy => ({ ...benchPolicy(origin), ...aiSections(origin) });

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
  /** From our asking to the first byte of the answer, and to the first word in it, ms. */
  readonly firstByte: Waits;
  readonly firstWord: Waits;
}

interface Waits {
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
      firstByte: medianOf(all.map(({ firstByte }) => firstByte)),
      firstWord: medianOf(all.map(({ firstWord }) => firstWord)),
    }));
  } finally {
    await Promise.all([...runtimes.map((runtime) => runtime.stop()), upstream.stop()]);
  }
}

async function once(worker: string, pid: number, port: number): Promise<Tokens> {
  const late: number[] = [];
  const bytes: number[] = [];
  const words: number[] = [];
  const before = cpuMicros(pid);
  await Promise.all(Array.from({ length: STREAMS }, () => stream(port, { late, bytes, words })));
  const after = cpuMicros(pid);
  return {
    worker,
    cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / (STREAMS * TOKENS),
    p50Ms: percentile(late, 0.5),
    p99Ms: percentile(late, 0.99),
    firstByte: waitsOf(bytes),
    firstWord: waitsOf(words),
  };
}

const waitsOf = (waits: readonly number[]): Waits => ({
  p50Ms: percentile(waits, 0.5),
  p99Ms: percentile(waits, 0.99),
});
const medianOf = (all: readonly Waits[]): Waits => ({
  p50Ms: median(all.map(({ p50Ms }) => p50Ms)),
  p99Ms: median(all.map(({ p99Ms }) => p99Ms)),
});

/** Waits that streams add theirs to, ms. */
interface Sightings {
  /** Of each token, from its writing. */
  readonly late: number[];
  readonly bytes: number[];
  readonly words: number[];
}

const BODY = JSON.stringify({ model: "bench", stream: true, messages: [{ role: "user", content: "Tell me." }] });
const REQUEST =
  "POST /v1/chat/completions HTTP/1.1\r\nHost: orders.example.com\r\nContent-Type: application/json\r\n" +
  `Content-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`;

/** One stream. */
function stream(port: number, { late, bytes, words }: Sightings): Promise<void> {
  return new Promise((resolve, reject) => {
    let askedAt = 0;
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      askedAt = performance.timeOrigin + performance.now();
      socket.write(REQUEST);
    });
    let isFirst = true;
    let tokens = 0;
    let isWhole = false;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      const now = performance.timeOrigin + performance.now();
      if (isFirst) bytes.push(now - askedAt);
      isFirst = false;
      if (tokens === 0 && text.includes('"content":"t')) words.push(now - askedAt);
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
  const cell = (text: string): string => text.padStart(9);
  const figures = (waits: Waits): string => cell(waits.p50Ms.toFixed(1)) + cell(waits.p99Ms.toFixed(1));
  const lines = all.map((one) => {
    const cpu = one.cpuMicros;
    const more = cpu === undefined || bare?.cpuMicros === undefined ? "" : `+${(cpu - bare.cpuMicros).toFixed(1)}`;
    return (
      one.worker.padEnd(10) +
      cell(cpu?.toFixed(1) ?? "?") +
      cell(more) +
      figures(one) +
      figures(one.firstByte) +
      figures(one.firstWord)
    );
  });
  const pair = cell("p50") + cell("p99");
  return [
    `${STREAMS} streams of ${TOKENS} tokens at once: CPU a token (one chunk each), ms a token is under way, ms to the first byte, ms to the first word`,
    "".padEnd(10) + cell("µs") + cell("over bare") + pair + pair + pair,
    ...lines,
  ].join("\n");
}
