// Raw workerd, one process a Worker: `workerd serve` on a configuration written here, no entry Worker and no simulator
// in front. Each process is pinned to the first processor where `taskset` exists; generator and upstream get the other.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

interface WorkerdPackage {
  readonly default: string;
  readonly version: string;
}

// The one workerd that wrangler and miniflare use; it is theirs to depend on.
const miniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
const { default: workerdBinary, version: workerdVersion } = miniflare("workerd") as WorkerdPackage;
export { workerdVersion };

const canPin = os.cpus().length > 1 && spawnSync("taskset", ["-c", "0", "true"]).status === 0;

/** `taskset` in front of a command, or the command as it is. */
export function pinned(processor: 0 | 1, command: readonly string[]): [file: string, args: string[]] {
  const [file, ...args] = canPin ? ["taskset", "-c", String(processor), ...command] : command;
  return [file!, args];
}

export const pinning = canPin ? "workerd on processor 0, generator and upstream on processor 1" : "not pinned";

/** A Durable Object class, as a binding of the Worker that exports it. */
export interface ObjectBinding {
  readonly binding: string;
  readonly className: string;
}

export interface WorkerSource {
  readonly name: string;
  readonly script: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  readonly objects?: readonly ObjectBinding[];
  /** The colo's cache, played by another Worker of the same process. */
  readonly cache?: string;
  /** A namespace, played by another Worker of the same process. */
  readonly kv?: { readonly binding: string; readonly script: string; readonly vars: Readonly<Record<string, string>> };
}

export interface Runtime {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Where the KV Worker tells its counts. */
  readonly kvPort: number | undefined;
  readonly inspectorPort: number | undefined;
  stop(): Promise<void>;
}

const text = (value: string): string => JSON.stringify(value);
const list = (items: readonly string[]): string => `[${items.join(", ")}]`;
const textBindings = (vars: Readonly<Record<string, string>>): string[] =>
  Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`);

/** The configuration in Cap'n Proto's text form; the modules lie beside it. */
export function configuration(worker: WorkerSource): string {
  const { kv, objects = [] } = worker;
  const bindings = textBindings(worker.vars);
  if (kv !== undefined) bindings.push(`(name = ${text(kv.binding)}, kvNamespace = "kv")`);
  for (const { binding, className } of objects) {
    bindings.push(`(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`);
  }
  const compatibility = `compatibilityDate = ${text(worker.compatibilityDate)}, compatibilityFlags = ${list(worker.compatibilityFlags.map(text))}`;
  const module = (file: string): string => `modules = [(name = "worker.js", esModule = embed ${text(file)})]`;
  const namespaces = objects.map(
    ({ className }) => `(className = ${text(className)}, uniqueKey = ${text(`bench-${className}`)}, enableSql = true)`,
  );
  const storage =
    objects.length === 0
      ? ""
      : `, durableObjectNamespaces = ${list(namespaces)}, durableObjectStorage = (localDisk = "objects")`;
  const services = [
    `(name = "network", network = (allow = ["public", "private"]))`,
    `(name = "main", worker = (${module("worker.js")}, ${compatibility}, globalOutbound = "network"${worker.cache === undefined ? "" : `, cacheApiOutbound = "cache"`}, bindings = ${list(bindings)}${storage}))`,
  ];
  const sockets = [`(name = "http", address = "127.0.0.1:0", http = (), service = "main")`];
  if (objects.length > 0) services.push(`(name = "objects", disk = (path = "objects", writable = true))`);
  if (worker.cache !== undefined) services.push(`(name = "cache", worker = (${module("cache.js")}, ${compatibility}))`);
  if (kv !== undefined) {
    services.push(
      `(name = "kv", worker = (${module("kv.js")}, ${compatibility}, bindings = ${list(textBindings(kv.vars))}))`,
    );
    sockets.push(`(name = "kv", address = "127.0.0.1:0", http = (), service = "kv")`);
  }
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(",\n    ")}
  ],
  sockets = [
    ${sockets.join(",\n    ")}
  ]
);
`;
}

interface ControlMessage {
  readonly event: string;
  readonly socket?: string;
  readonly port?: number;
}

const START_TIMEOUT_MS = 15_000;

/** Starts a Worker and waits until it listens. Throws with what workerd said when it does not. */
export async function startWorkerd(worker: WorkerSource, scratch: string, inspector = false): Promise<Runtime> {
  const folder = path.join(scratch, worker.name);
  mkdirSync(path.join(folder, "objects"), { recursive: true });
  writeFileSync(path.join(folder, "worker.js"), worker.script);
  if (worker.kv !== undefined) writeFileSync(path.join(folder, "kv.js"), worker.kv.script);
  if (worker.cache !== undefined) writeFileSync(path.join(folder, "cache.js"), worker.cache);
  writeFileSync(path.join(folder, "config.capnp"), configuration(worker));

  const flags = inspector ? ["--inspector-addr=127.0.0.1:0"] : [];
  const [file, args] = pinned(0, [workerdBinary, "serve", "config.capnp", "--control-fd=3", ...flags]);
  const child = spawn(file, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  keepTrackOf(child);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as Readable }).on("line", (line) => {
      said.push(line);
      if (said.length > 20) said.shift();
    });
  }
  const ports = await listening(child, 1 + (worker.kv === undefined ? 0 : 1) + (inspector ? 1 : 0)).catch(
    (error: unknown) => {
      child.kill("SIGKILL");
      throw new Error(`workerd did not start ${worker.name}: ${said.join("\n")}`, { cause: error });
    },
  );
  return {
    name: worker.name,
    pid: child.pid!,
    port: ports.get("http")!,
    kvPort: ports.get("kv"),
    inspectorPort: ports.get("inspector"),
    stop: () => end(child),
  };
}

/** The port of each socket, as workerd tells it on its control descriptor. */
function listening(child: ChildProcess, wanted: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timeout")), START_TIMEOUT_MS);
    const fail = (): void => {
      clearTimeout(timer);
      reject(new Error("ended"));
    };
    child.once("error", fail);
    child.once("exit", fail);
    createInterface({ input: child.stdio[3] as Readable }).on("line", (line) => {
      const { event, socket, port } = JSON.parse(line) as ControlMessage;
      if (port === undefined) return;
      ports.set(event === "listen-inspector" ? "inspector" : (socket ?? ""), port);
      if (ports.size < wanted) return;
      clearTimeout(timer);
      child.off("exit", fail);
      resolve(ports);
    });
  });
}

const children = new Set<ChildProcess>();

/** Notes a child that must not outlive this process. */
export function keepTrackOf(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A temporary folder that is gone when this process is, however it ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "sluice-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends a child and waits for it. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 2_000);
  await once(child, "exit");
  clearTimeout(late);
}
