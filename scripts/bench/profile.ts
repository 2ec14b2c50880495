// Where the CPU goes: a profile of the gateway's isolate under load, taken over workerd's inspector, and what it says in
// one table. Self time only, by function and by file; the file comes from the comments that esbuild leaves in a bundle.
// `(program)` is the runtime's own native code, which no JavaScript profile can look into.
import { setTimeout as sleep } from "node:timers/promises";

/** As V8 writes it; opens in the performance panel of a browser's developer tools. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** µs between samples. */
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface Target {
  readonly id: string;
  readonly webSocketDebuggerUrl: string;
}

const SAMPLING_MICROS = 200;
const READY_TIMEOUT_MS = 5_000;

/** One conversation with the inspector: commands are answered in any order, by number. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(reason: Error): void }>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#hear(String(data)));
    socket.addEventListener("close", () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error("the inspector closed"));
      this.#waiting.clear();
    });
  }

  static open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new Inspector(socket)), { once: true });
      socket.addEventListener("error", () => reject(new Error(`the inspector does not answer at ${url}`)), {
        once: true,
      });
    });
  }

  ask(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
  }

  #hear(text: string): void {
    const message = JSON.parse(text) as { id?: number; result?: unknown; error?: { message: string } };
    const waiting = this.#waiting.get(message.id ?? -1);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id!);
    if (message.error === undefined) waiting.resolve(message.result);
    else waiting.reject(new Error(message.error.message));
  }
}

async function targetOf(port: number, worker: string): Promise<string> {
  const until = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as Target[];
    const target = targets.find(({ id }) => id === worker) ?? targets[0];
    if (target !== undefined) return target.webSocketDebuggerUrl;
    if (performance.now() > until) throw new Error("the inspector names no Worker");
    await sleep(50);
  }
}

/** Profiles the Worker `main` of a workerd while `load` runs. */
export async function profileOf(inspectorPort: number, load: () => Promise<unknown>): Promise<CpuProfile> {
  const inspector = await Inspector.open(await targetOf(inspectorPort, "main"));
  try {
    await inspector.ask("Profiler.enable");
    await inspector.ask("Profiler.setSamplingInterval", { interval: SAMPLING_MICROS });
    await inspector.ask("Profiler.start");
    await load();
    const { profile } = (await inspector.ask("Profiler.stop")) as { profile: CpuProfile };
    return profile;
  } finally {
    inspector.close();
  }
}

/** The source file of each line of a bundle, read from esbuild's comments (`// worker/core/http/path.ts`). */
export function sourceLines(bundle: string): (line: number) => string {
  const starts: { readonly line: number; readonly file: string }[] = [];
  for (const [line, text] of bundle.split("\n").entries()) {
    const file = /^ *\/\/ ((?:\.\.\/)*[\w.@/-]+\.(?:ts|tsx|js|mjs|cjs))$/.exec(text)?.[1];
    if (file !== undefined) starts.push({ line, file });
  }
  return (line) => starts.findLast((start) => start.line <= line)?.file ?? "";
}

export interface SelfTime {
  readonly name: string;
  readonly file: string;
  readonly micros: number;
  /** Of the time that was not idle. */
  readonly share: number;
}

/** Functions by self time, dearest first; idle time is left out. */
export function selfTimes(profile: CpuProfile, fileOf: (line: number) => string): SelfTime[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const totals = new Map<string, { name: string; file: string; micros: number }>();
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const node = nodes.get(id);
    const micros = profile.timeDeltas[index] ?? 0;
    if (node === undefined || node.callFrame.functionName === "(idle)") continue;
    busy += micros;
    const { functionName, url, lineNumber } = node.callFrame;
    // Native functions and V8's own entries have no place in the bundle.
    const file = url === "" ? "" : fileOf(lineNumber);
    const name = functionName || (url === "" ? "(callback of the runtime)" : `(anonymous, line ${lineNumber + 1})`);
    const key = `${name} ${file}`;
    const total = totals.get(key) ?? { name, file, micros: 0 };
    total.micros += micros;
    totals.set(key, total);
  }
  return [...totals.values()]
    .sort((a, b) => b.micros - a.micros)
    .map((total) => ({ ...total, share: total.micros / busy }));
}
